"""Leases on Redis: one script a verb. Promises: see ``seatguard.leases.ports.LeaseGate``."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from cachetools import LRUCache

from seatguard.allowances import Concurrency
from seatguard.clock import Clock, from_micros
from seatguard.errors import NotFound, StorageUnavailable
from seatguard.ids import is_uuid
from seatguard.journal.model import Draft
from seatguard.leases import rules
from seatguard.leases.model import (
    BeatOutcome,
    CheckoutOutcome,
    Closed,
    Ended,
    Full,
    Granted,
    Kept,
    Lease,
    NoLease,
    ReturnOutcome,
    Wish,
)
from seatguard.leases.ports import Enter
from seatguard.records import Page, valid_cursor
from seatguard.storage.locking import Section
from seatguard.storage.redis import wire
from seatguard.storage.redis.keys import SHARDS, keys_of_shard, shard_of
from seatguard.storage.redis.lease_copies import lease_from, pool_id
from seatguard.storage.redis.pools import Answer, Pools
from seatguard.storage.redis.relay import Relay
from seatguard.storage.redis.server import Server

_TRIES = 500
"""How often a script is asked anew because other leases would have to end by now than those it was given
entries for: each time somebody else was served."""

_INDEX = -2

_SWEEP = 10_000


class Drafts(dict[tuple[str, str], Draft]):
    """Entries by the lease and by what may become of it."""


class Copies(Protocol):
    """The ledger's copy of the leases."""

    def lease(self, tenant: str, lease_id: str) -> Lease | None:
        """See ``LeaseGate.lease``."""

    def forget(self, tenant: str) -> int:
        """Remove leases that ended a day ago; how many."""


class RedisLeases:
    """See ``seatguard.leases.ports.LeaseGate``.

    The last digit of a lease's id is its shard, so that it is found by its id alone. One that was given
    before its subscription moved here is found by the ledger's copy.

    Args:
        clock: what a lease is drafted with before the server has told the time.
        steady: ``None`` goes by the server's clock.
    """

    def __init__(
        self, server: Server, pools: Pools, relay: Relay, home: Copies, clock: Clock, steady: Clock | None
    ) -> None:
        self._server = server
        self._pools = pools
        self._relay = relay
        self._home = home
        self._clock = clock
        self._steady = steady
        self._where: LRUCache[str, str] = LRUCache(maxsize=10_000)
        self._noting = threading.Lock()

    def checkout(self, wish: Wish, enter: Enter) -> CheckoutOutcome:
        """See ``LeaseGate.checkout``."""
        tenant, subscription = wish.tenant, wish.subscription
        wish = replace(wish, lease=f"{wish.lease[:-1]}{shard_of(subscription):x}")
        lease = rules.granted(wish, pool_id(subscription, wish.name, wish.pool_key), self._clock())
        drafts = Drafts({(lease.id, "taken"): enter("lease.taken", lease)})
        whose = rules.evictable(wish)
        arguments = (
            wish.lease,
            wish.name,
            wish.pool_key,
            wish.holder_key,
            wish.holder,
            wish.session,
            *_allowed(wish.allowance),
            "" if whose is None else "holder" if whose else "pool",
        )
        answer = self._act("checkout", tenant, subscription, arguments, enter, drafts)
        match answer[0]:
            case b"full":
                return _full(answer)
            case b"closed":
                return Closed()
        lease, *evicted = _leases(tenant, subscription, answer)
        self._confirmed(lease, drafts)
        self._remembered(lease.id, subscription)
        if answer[0] == b"kept":
            return Kept(lease, int(answer[1]))
        return Granted(lease, int(answer[1]), tuple(evicted))

    def heartbeat(self, tenant: str, lease_id: str, allowance: Concurrency, enter: Enter) -> BeatOutcome:
        """See ``LeaseGate.heartbeat``."""
        subscription, drafts = self._subscription_of(tenant, lease_id), Drafts()
        if subscription is None:
            return NoLease()
        arguments = (lease_id, *_allowed(allowance))
        try:
            answer = self._act("heartbeat", tenant, subscription, arguments, enter, drafts)
        except NotFound:
            return NoLease()
        match answer[0]:
            case b"none":
                return NoLease()
            case b"full":
                return _full(answer)
            case b"closed":
                return Closed()
        (lease,) = _leases(tenant, subscription, answer)
        match answer[0]:
            case b"ended":
                return Ended(lease)
            case b"kept":
                return Kept(lease, int(answer[1]))
        self._confirmed(lease, drafts)
        return Granted(lease, int(answer[1]))

    def give_back(self, tenant: str, lease_id: str, enter: Enter) -> ReturnOutcome:
        """See ``LeaseGate.give_back``."""
        subscription, drafts = self._subscription_of(tenant, lease_id), Drafts()
        if subscription is None:
            return NoLease()
        try:
            answer = self._act("give_back", tenant, subscription, (lease_id,), enter, drafts)
        except NotFound:
            return NoLease()
        if answer[0] == b"none":
            return NoLease()
        (lease,) = _leases(tenant, subscription, answer)
        self._confirmed(lease, drafts)
        return Ended(lease)

    def lease(self, tenant: str, lease_id: str) -> Lease | None:
        """See ``LeaseGate.lease``."""
        subscription = self._subscription_of(tenant, lease_id)
        if subscription is None:
            return None
        try:
            answer = self._ask("find", tenant, subscription, lease_id)
        except NotFound:
            return None
        return None if answer[0] == b"none" else _leases(tenant, subscription, answer)[0]

    def live(self, tenant: str, subscription: str, name: str, holder_key: str) -> int:
        """See ``LeaseGate.live``."""
        return int(self._ask("live", tenant, subscription, name, holder_key)[1])

    def leases(
        self, tenant: str, subscription: str, name: str, *, limit: int, after: str | None
    ) -> Page[Lease]:
        """See ``LeaseGate.leases``."""
        asked = (name, valid_cursor(after) or "", str(limit + 1))
        try:
            answer = self._ask("list", tenant, subscription, *asked)
        except NotFound:
            return Page(())
        found = _leases(tenant, subscription, answer)
        return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)

    def sweep(self, tenant: str, enter: Enter) -> int:
        """See ``LeaseGate.sweep``."""
        swept = 0
        for shard in range(SHARDS):
            asked = (tenant, "", self._now(), "", str(_SWEEP))
            _, *due = self._server.run("leases/due", keys_of_shard("leases", shard), asked)
            for one in due:
                try:
                    swept += self._clear(tenant, one.decode(), enter)
                except NotFound:
                    continue  # the subscription is gone, and nobody can ask for its leases any more
        self._home.forget(tenant)
        return swept

    def _clear(self, tenant: str, subscription: str, enter: Enter) -> int:
        cleared, more = 0, b"1"
        while more == b"1":
            _, ended, more = self._act("clear", tenant, subscription, (), enter, Drafts())
            cleared += int(ended)
        return cleared

    def _subscription_of(self, tenant: str, lease_id: str) -> str | None:
        """Where to ask for a lease; ``None`` when there is no such lease."""
        if not is_uuid(lease_id):
            return None
        with self._noting:
            known = self._where.get(lease_id)
        if known is not None:
            return known
        index = keys_of_shard("leases", int(lease_id[-1], 16))[_INDEX]
        found = self._server.field(index, lease_id)
        if found is not None:
            return self._remembered(lease_id, found.decode())
        copy = self._home.lease(tenant, lease_id)
        return None if copy is None else self._remembered(lease_id, copy.subscription)

    def _remembered(self, lease_id: str, subscription: str) -> str:
        with self._noting:
            self._where[lease_id] = subscription
        return subscription

    def _act(
        self,
        script: str,
        tenant: str,
        subscription: str,
        arguments: Sequence[str],
        enter: Enter,
        drafts: Drafts,
    ) -> Answer:
        """Run a script with the entries it needs, into ``drafts``: it may tell which when it is asked."""
        for _ in range(_TRIES):
            offered = (text for key, draft in drafts.items() for text in (*key, wire.draft(draft)))
            answer = self._ask(script, tenant, subscription, *arguments, *offered)
            if answer[0] != b"draft":
                return answer
            for place in range(1, len(answer), 3):
                kind, identifier = answer[place].decode(), answer[place + 1].decode()
                lease = lease_from(tenant, subscription, identifier, answer[place + 2])
                drafts[identifier, kind] = enter(f"lease.{kind}", lease)
        raise StorageUnavailable("leases end faster than it can be told which; ask again")

    def _ask(self, script: str, tenant: str, subscription: str, *arguments: str) -> Answer:
        return self._pools.ask(
            f"leases/{script}", tenant, subscription, self._now(), subscription, *arguments
        )

    def _now(self) -> str:
        return "" if self._steady is None else wire.instant(self._steady())

    def _confirmed(self, lease: Lease, drafts: Drafts) -> None:
        """Where answers wait for the ledger: wait until it has what this one tells of."""
        if not self._server.confirms or not drafts:
            return

        def stands(_: Section) -> bool:
            copy = self._home.lease(lease.tenant, lease.id)
            return copy is not None and copy.state is lease.state

        *_, last = drafts.values()
        if not self._relay.confirm(last, stands):
            raise StorageUnavailable("the gate was emptied before the ledger had the lease; ask again")


def _allowed(allowance: Concurrency) -> tuple[str, str, str]:
    limit = "" if allowance.limit is None else str(allowance.limit)
    return limit, str(allowance.lasts), str(allowance.grace)


def _leases(tenant: str, subscription: str, answer: Answer) -> tuple[Lease, ...]:
    """The leases of an answer, each as id and value."""
    pairs = zip(answer[2::2], answer[3::2], strict=True)
    return tuple(lease_from(tenant, subscription, one.decode(), value) for one, value in pairs)


def _full(answer: Answer) -> Full:
    _, live, first = answer
    return Full(int(live), from_micros(int(first)) if first else None)
