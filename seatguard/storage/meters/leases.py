"""Leases over units of work. Promises: see ``seatguard.leases.ports.LeaseGate``.

Every verb that changes a pool's count locks the subscription first, for its stream, and the pool after
it; a heartbeat of a live lease locks the pool alone.
"""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import replace
from typing import Any

from seatguard.allowances import Concurrency
from seatguard.clock import Clock
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
    LeaseState,
    NoLease,
    Pool,
    ReturnOutcome,
    Wish,
)
from seatguard.leases.ports import Enter
from seatguard.records import MAX_PAGE, Page
from seatguard.storage.meters.units import Units, Work, again
from seatguard.subscriptions.rules import gives

SWEEP = 500
"""How many lapsed leases one act clears away."""

REMEMBERED = dt.timedelta(days=1)
"""How long an ended lease can still be told why it ended, or come back."""


class UnitLeases:
    """Pools and leases as records."""

    def __init__(self, units: Units, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    def checkout(self, wish: Wish, enter: Enter) -> CheckoutOutcome:
        """See ``LeaseGate.checkout``."""

        def act(work: Work) -> CheckoutOutcome:
            record = work.subscriptions.lock(wish.subscription)
            if not gives(record, self._clock()):
                return Closed()
            desk = _Desk(work, _pool(work, wish), enter)
            own = desk.lease_of(wish)
            if own is not None:
                lease = desk.beat(own, wish.allowance)
                return (Granted if own.id == wish.lease else Kept)(lease, desk.live())
            if not rules.has_room(desk.counted, wish.allowance):
                desk.clear()
            evicted = desk.evict(wish)
            if not rules.has_room(desk.counted, wish.allowance):
                desk.finish()
                return Full(desk.live(), desk.frees_at())
            lease = desk.give(wish)
            desk.finish()
            return Granted(lease, desk.live(), evicted)

        return again(self._units, wish.tenant, act)

    def heartbeat(self, tenant: str, lease_id: str, allowance: Concurrency, enter: Enter) -> BeatOutcome:
        """See ``LeaseGate.heartbeat``."""

        def beat(work: Work) -> BeatOutcome | None:
            lease = _found(work, lease_id)
            if lease is None:
                return NoLease()
            desk = _Desk(work, work.pools.lock(lease.pool), enter)
            lease = work.leases.get(lease_id)
            if lease.state is LeaseState.LIVE:
                return Kept(desk.beat(lease, allowance), desk.live())
            return None if lease.state is LeaseState.LAPSED else Ended(lease)

        def resume(work: Work) -> BeatOutcome:
            lease = work.leases.get(lease_id)
            record = work.subscriptions.lock(lease.subscription)
            if not gives(record, self._clock()):
                return Closed()
            desk = _Desk(work, work.pools.lock(lease.pool), enter)
            lease = work.leases.get(lease_id)
            if lease.state is not LeaseState.LAPSED:
                return Ended(lease) if lease.has_lapsed(desk.now) else Kept(lease, desk.live())
            if not rules.has_room(desk.counted, allowance):
                desk.clear()
            if not rules.has_room(desk.counted, allowance):
                desk.finish()
                return Full(desk.live(), desk.frees_at())
            lease = desk.resume(lease, allowance)
            desk.finish()
            return Granted(lease, desk.live())

        outcome = again(self._units, tenant, beat)
        return again(self._units, tenant, resume) if outcome is None else outcome

    def give_back(self, tenant: str, lease_id: str, enter: Enter) -> ReturnOutcome:
        """See ``LeaseGate.give_back``."""

        def act(work: Work) -> ReturnOutcome:
            lease = _found(work, lease_id)
            if lease is None:
                return NoLease()
            work.subscriptions.lock(lease.subscription)
            desk = _Desk(work, work.pools.lock(lease.pool), enter)
            lease = work.leases.get(lease_id)
            if lease.state is LeaseState.LIVE:
                state = LeaseState.LAPSED if lease.has_lapsed(desk.now) else LeaseState.RETURNED
                lease = desk.end(lease, state)
                desk.finish()
            return Ended(lease)

        return again(self._units, tenant, act)

    def lease(self, tenant: str, lease_id: str) -> Lease | None:
        """See ``LeaseGate.lease``."""
        return self._units.look(tenant, lambda work: _found(work, lease_id))

    def live(self, tenant: str, subscription: str, name: str, holder_key: str) -> int:
        """See ``LeaseGate.live``."""

        def act(work: Work) -> int:
            work.subscriptions.get(subscription)
            pool = work.pools.find(subscription=subscription, name=name, holder_key=holder_key)
            return 0 if pool is None else _live(work, pool.id, pool.live, work.steady())

        return self._units.look(tenant, act)

    def leases(
        self, tenant: str, subscription: str, name: str, *, limit: int, after: str | None
    ) -> Page[Lease]:
        """See ``LeaseGate.leases``."""

        def act(work: Work) -> Page[Lease]:
            page = work.leases.list(
                limit=limit, after=after, subscription=subscription, name=name, state=LeaseState.LIVE
            )
            now = work.steady()
            return Page(tuple(lease for lease in page.items if not lease.has_lapsed(now)), page.after)

        return self._units.look(tenant, act)

    def sweep(self, tenant: str, enter: Enter) -> int:
        """See ``LeaseGate.sweep``."""
        swept = 0
        while pools := self._units.look(
            tenant, lambda work: work.pools_lapsed(work.steady(), limit=MAX_PAGE)
        ):
            for pool in pools:
                swept += again(self._units, tenant, functools.partial(_clear_pool, pool, enter))
        self.forget(tenant)
        return swept

    def forget(self, tenant: str) -> int:
        """Remove leases that ended a day ago; how many."""
        return again(self._units, tenant, lambda work: work.forget_leases(work.steady() - REMEMBERED))


class _Desk:
    """One locked pool, and what is done to it; the count is written once, by :meth:`finish`."""

    def __init__(self, work: Work, pool: Pool, enter: Enter) -> None:
        self._work = work
        self._pool = pool
        self._enter = enter
        self.counted = pool.live
        self.now = work.steady()

    def lease_of(self, wish: Wish) -> Lease | None:
        """The live lease of the session."""
        return self._work.leases.find(
            pool=self._pool.id, holder_key=wish.holder_key, session=wish.session, state=LeaseState.LIVE
        )

    def beat(self, lease: Lease, allowance: Concurrency) -> Lease:
        """Let a live lease live on."""
        lease = rules.beaten(lease, allowance, self.now)
        self._work.leases.replace(lease)
        return lease

    def give(self, wish: Wish) -> Lease:
        """Give a place."""
        lease = rules.granted(wish, self._pool.id, self.now)
        self._work.leases.add(lease)
        self._work.journal.append(self._enter("lease.taken", lease))
        self.counted += 1
        return lease

    def resume(self, lease: Lease, allowance: Concurrency) -> Lease:
        """Give an ended lease a place again."""
        lease = self.beat(lease, allowance)
        self._work.journal.append(self._enter("lease.resumed", lease))
        self.counted += 1
        return lease

    def end(self, lease: Lease, state: LeaseState) -> Lease:
        """Take a live lease's place away."""
        lease = rules.ended(lease, state, self.now)
        self._work.leases.replace(lease)
        self._work.journal.append(self._enter(f"lease.{state.value}", lease))
        self.counted -= 1
        return lease

    def clear(self) -> int:
        """End leases that have lapsed; how many."""
        lapsed = self._work.leases_ending(self._pool.id, by=self.now, limit=SWEEP)
        for lease in lapsed:
            self.end(lease, LeaseState.LAPSED)
        return len(lapsed)

    def evict(self, wish: Wish) -> tuple[Lease, ...]:
        """End the oldest leases that the takeover policy names, if that makes room."""
        whose, limit = rules.evictable(wish), wish.allowance.limit
        if whose is None or not limit or self.counted < limit:
            return ()
        needed = self.counted - limit + 1
        criteria: dict[str, Any] = {"holder_key": whose} if whose else {}
        oldest = self._work.leases.list(
            limit=needed, pool=self._pool.id, state=LeaseState.LIVE, **criteria
        ).items
        if len(oldest) < needed:
            return ()
        return tuple(self.end(lease, LeaseState.TAKEN_OVER) for lease in oldest)

    def live(self) -> int:
        """Leases with a place, lapsed ones left out."""
        return _live(self._work, self._pool.id, self.counted, self.now)

    def frees_at(self) -> dt.datetime | None:
        """When the first place frees itself."""
        first = self._work.leases_ending(self._pool.id, by=None, limit=1)
        return first[0].lapses_at if first else None

    def finish(self) -> None:
        """Write the count."""
        if self.counted != self._pool.live:
            pool = replace(self._pool, live=self.counted, version=self._pool.version + 1)
            self._work.pools.replace(pool)
            self._pool = pool


def _pool(work: Work, wish: Wish) -> Pool:
    """The locked pool of a wish; one that is not there yet is made when a place is given."""
    pool = work.pools.find(subscription=wish.subscription, name=wish.name, holder_key=wish.pool_key)
    if pool is not None:
        return work.pools.lock(pool.id)
    pool = Pool(
        id=wish.pool,
        tenant=wish.tenant,
        subscription=wish.subscription,
        name=wish.name,
        holder_key=wish.pool_key,
        live=0,
    )
    if rules.has_room(0, wish.allowance):
        work.pools.add(pool)
    return pool


def _clear_pool(pool: Pool, enter: Enter, work: Work) -> int:
    work.subscriptions.lock(pool.subscription)
    desk = _Desk(work, work.pools.lock(pool.id), enter)
    cleared = desk.clear()
    desk.finish()
    return cleared


def _found(work: Work, lease_id: str) -> Lease | None:
    return work.leases.find(id=lease_id)


def _live(work: Work, pool: str, counted: int, now: dt.datetime) -> int:
    return counted - len(work.leases_ending(pool, by=now, limit=counted)) if counted else 0
