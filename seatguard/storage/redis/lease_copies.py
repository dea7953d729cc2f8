"""Leases on their way between the scripts and the ledger's copy of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID, uuid5

from seatguard.clock import from_micros
from seatguard.leases.model import Lease, LeaseState, Pool
from seatguard.records import MAX_PAGE
from seatguard.storage.ports import Work
from seatguard.storage.redis import wire
from seatguard.storage.redis.moved import Moved

_POOLS = UUID("7c0f5a0e-6d3b-5d0e-9a55-6f1f6b0f8f0a")


def pool_id(subscription: str, name: str, whose: str) -> str:
    """The id of a pool, the same whoever asks for it: scripts know pools by name and holder alone."""
    return str(uuid5(_POOLS, f"{subscription}\0{name}\0{whose}"))


def lease_from(tenant: str, subscription: str, lease_id: str, value: bytes) -> Lease:
    """A lease from its value; see ``lua/leases/_leases.lua``."""
    name, whose, key, holder, session, state, since, late_at, lapses_at, lasts, version = json.loads(value)
    return Lease(
        id=lease_id,
        tenant=tenant,
        subscription=subscription,
        pool=pool_id(subscription, name, whose),
        name=name,
        holder=holder,
        holder_key=key,
        session=session,
        state=LeaseState(state),
        since=from_micros(int(since)),
        late_at=from_micros(int(late_at)),
        lapses_at=from_micros(int(lapses_at)),
        lasts=int(lasts),
        version=int(version),
    )


def read(fields: dict[bytes, bytes]) -> Moved:
    """What ``enter`` of the scripts wrote."""
    subject, value = fields[b"subject"].decode(), fields[b"lease"]
    entry = wire.draft_from(fields[b"entry"], subject=subject)
    lease = lease_from(entry.tenant, entry.stream, subject, value)
    whose = json.loads(value)[1]
    return Moved((entry,), fields[b"generation"], records=partial(_copy, lease=lease, whose=whose))


def rows(work: Work, subscription: str) -> Iterator[Sequence[Sequence[str]]]:
    """The ledger's copy of a subscription's leases, as ``leases/restore.lua`` wants them, by the page."""
    shared = {pool.id for pool in _all_shared(work, subscription)}
    after: str | None = None
    while True:
        page = work.leases.list(limit=MAX_PAGE, after=after, subscription=subscription)
        if page.items:
            yield [_row(lease, "" if lease.pool in shared else lease.holder_key) for lease in page.items]
        after = page.after
        if after is None:
            return


def _all_shared(work: Work, subscription: str) -> Iterator[Pool]:
    after: str | None = None
    while True:
        page = work.pools.list(limit=MAX_PAGE, after=after, subscription=subscription, holder_key="")
        yield from page.items
        after = page.after
        if after is None:
            return


def _row(lease: Lease, whose: str) -> Sequence[str]:
    return (
        lease.id,
        lease.name,
        whose,
        lease.holder_key,
        lease.holder,
        lease.session,
        lease.state.value,
        wire.instant(lease.since),
        wire.instant(lease.late_at),
        wire.instant(lease.lapses_at),
        str(lease.lasts),
        str(lease.version),
    )


def _copy(work: Work, lease: Lease, whose: str) -> None:
    """Do to the ledger's copy what the gate did."""
    pool = work.pools.find(subscription=lease.subscription, name=lease.name, holder_key=whose)
    if pool is None:
        pool = Pool(
            id=lease.pool,
            tenant=lease.tenant,
            subscription=lease.subscription,
            name=lease.name,
            holder_key=whose,
            live=0,
        )
        work.pools.add(pool)
    there = work.leases.find(id=lease.id)
    if there is None:
        work.leases.add(replace(lease, pool=pool.id, version=1))
    else:
        work.leases.replace(replace(lease, pool=pool.id, version=there.version + 1))
    was_live = there is not None and there.state is LeaseState.LIVE
    change = int(lease.state is LeaseState.LIVE) - int(was_live)
    if change:
        work.pools.replace(replace(pool, live=pool.live + change, version=pool.version + 1))
