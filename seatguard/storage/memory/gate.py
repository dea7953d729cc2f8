"""The gate over the rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar, cast

from seatguard.clock import Clock
from seatguard.errors import NotFound
from seatguard.idempotency.model import Reply
from seatguard.journal.model import Draft
from seatguard.records import Page
from seatguard.seats.model import Pool, Seat, SeatState, Usage
from seatguard.storage.locking import LockingGate, Section
from seatguard.storage.memory.ledger import MemoryWork
from seatguard.storage.memory.rows import MemoryRows
from seatguard.storage.ports import Work
from seatguard.subscriptions.model import Subscription

T = TypeVar("T")


class _Section:
    """One act on one subscription; the rows' lock is held. See ``seatguard.storage.locking.Section``."""

    def __init__(self, rows: MemoryRows, subscription: Subscription) -> None:
        self._rows = rows
        self._subscription = subscription

    def pool(self) -> Pool:
        terms, counter = self._subscription, self._rows.counters[self._subscription.id]
        return Pool(
            subscription=terms.id,
            version=terms.version,
            cap=terms.cap,
            open=terms.open,
            opens_at=terms.opens_at,
            closes_at=terms.closes_at,
            live=counter.live,
            held=counter.held,
        )

    def seat(self, seat_id: str) -> Seat | None:
        return self._rows.members[self._subscription.id].get(seat_id)

    def seat_of(self, holder_key: str) -> Seat | None:
        seat_id = self._rows.seat_of.get((self._subscription.id, holder_key))
        return None if seat_id is None else self._rows.seats[seat_id]

    def lapsed(self, now: dt.datetime, limit: int) -> list[Seat]:
        holds = (hold for hold in self._rows.holds[self._subscription.id].values() if hold.has_lapsed(now))
        return sorted(holds, key=lambda hold: hold.number)[:limit]

    def rows(self) -> tuple[int, int]:
        return len(self._rows.members[self._subscription.id]), len(self._rows.holds[self._subscription.id])

    def add(self, seat: Seat) -> Seat:
        self._rows.last_seat += 1
        seat = replace(seat, number=self._rows.last_seat)
        self._rows.count(seat.subscription, live=1, held=int(seat.state is SeatState.HELD))
        self._write(seat)
        return seat

    def put(self, seat: Seat, *, confirmed: bool = False) -> None:
        before = self._rows.seats[seat.id]
        self._rows.discard(self._rows.seat_of, (seat.subscription, before.holder_key))
        if confirmed:
            self._rows.count(seat.subscription, live=0, held=-1)
        self._write(seat)

    def drop(self, seat: Seat) -> None:
        self._rows.count(seat.subscription, live=-1, held=-int(seat.state is SeatState.HELD))
        self._rows.discard(self._rows.seats, seat.id)
        self._rows.discard(self._rows.seat_of, (seat.subscription, seat.holder_key))
        self._rows.discard(self._rows.members[seat.subscription], seat.id)
        self._rows.discard(self._rows.holds[seat.subscription], seat.id)

    def recount(self, live: int, held: int) -> None:
        counter = self._rows.counters[self._subscription.id]
        self._rows.count(self._subscription.id, live=live - counter.live, held=held - counter.held)

    def seats(self, *, after: int, limit: int) -> list[Seat]:
        members = self._rows.members[self._subscription.id].values()
        return sorted((seat for seat in members if seat.number > after), key=lambda seat: seat.number)[:limit]

    def recorded(self, entries: Sequence[str]) -> set[str]:
        return {entry for entry in entries if entry in self._rows.entries}

    def append(self, draft: Draft) -> None:
        self._rows.append(draft)

    def keep(self, reply: Reply) -> None:
        MemoryWork(self._rows, reply.tenant).replies.replace(reply)

    def _write(self, seat: Seat) -> None:
        self._rows.set(self._rows.seats, seat.id, seat)
        self._rows.set(self._rows.seat_of, (seat.subscription, seat.holder_key), seat.id)
        self._rows.set(self._rows.members[seat.subscription], seat.id, seat)
        if seat.state is SeatState.HELD:
            self._rows.set(self._rows.holds[seat.subscription], seat.id, seat)
        else:
            self._rows.discard(self._rows.holds[seat.subscription], seat.id)


class MemoryGate(LockingGate):
    """A gate in memory: one lock, so every act is alone."""

    def __init__(self, rows: MemoryRows, clock: Clock) -> None:
        super().__init__(clock)
        self._rows = rows

    def _within(self, tenant: str, subscription: str, act: Callable[[Section], T]) -> T:
        with self._rows.unit():
            return act(_Section(self._rows, self._subscription(tenant, subscription)))

    def within_all(
        self, tenant: str, subscriptions: Sequence[str], act: Callable[[Mapping[str, Section]], T]
    ) -> T:
        """See ``LockingGate.within_all``."""
        with self._rows.unit():
            found = (self._rows.records["subscriptions"].get(one) for one in subscriptions)
            there = [cast(Subscription, one) for one in found if one is not None and one.tenant == tenant]
            return act({one.id: _Section(self._rows, one) for one in there})

    def within_units(
        self, tenant: str, subscriptions: Sequence[str], act: Callable[[Mapping[str, Section], Work], T]
    ) -> T:
        """See ``LockingGate.within_units``."""
        work = MemoryWork(self._rows, tenant)
        return self.within_all(tenant, subscriptions, lambda sections: act(sections, work))

    def usage(self, tenant: str, subscription: str) -> Usage:
        """See ``Gate.usage``."""
        with self._rows.lock:
            self._subscription(tenant, subscription)
            counter, now = self._rows.counters[subscription], self._clock()
            lapsed = sum(hold.has_lapsed(now) for hold in self._rows.holds[subscription].values())
            return Usage(counter.live - lapsed, counter.held - lapsed)

    def seat(self, tenant: str, subscriptions: Sequence[str], seat_id: str) -> Seat | None:
        """See ``Gate.seat``."""
        with self._rows.lock:
            seat = self._rows.seats.get(seat_id)
            mine = seat is not None and seat.tenant == tenant and seat.subscription in subscriptions
            return seat if mine else None

    def seats_of(self, tenant: str, subscriptions: Sequence[str], holder_key: str) -> tuple[Seat, ...]:
        """See ``Gate.seats_of``."""
        with self._rows.lock:
            found = (self._rows.seat_of.get((subscription, holder_key)) for subscription in subscriptions)
            return tuple(
                self._visible(tenant, (self._rows.seats[seat] for seat in found if seat is not None))
            )

    def seats_named(self, tenant: str, holder_key: str) -> int:
        """See ``Gate.seats_named``."""
        with self._rows.lock:
            seats = (seat for seat in self._rows.seats.values() if seat.holder_key == holder_key)
            return len(self._visible(tenant, seats))

    def list(self, tenant: str, subscriptions: Sequence[str], *, limit: int, after: int) -> Page[Seat]:
        """See ``Gate.list``."""
        with self._rows.lock:
            members = (seat for name in subscriptions for seat in self._rows.members[name].values())
            seats = sorted(
                (seat for seat in self._visible(tenant, members) if seat.number > after),
                key=lambda seat: seat.number,
            )
        items = tuple(seats[:limit])
        return Page(items, str(items[-1].number) if len(seats) > limit else None)

    def holds(self, tenant: str, subscriptions: Sequence[str], *, limit: int) -> tuple[Seat, ...]:
        """See ``Gate.holds``."""
        with self._rows.lock:
            holds = [hold for name in subscriptions for hold in self._rows.holds[name].values()]
            found = self._visible(tenant, holds)
        return tuple(sorted(found, key=lambda hold: (hold.lapses_at, hold.number))[:limit])

    def lapsed(self, tenant: str, *, limit: int) -> tuple[str, ...]:
        """See ``Gate.lapsed``."""
        now = self._clock()
        with self._rows.lock:
            subscriptions = (
                subscription
                for subscription, holds in self._rows.holds.items()
                if any(hold.tenant == tenant and hold.has_lapsed(now) for hold in holds.values())
            )
            return tuple(sorted(subscriptions)[:limit])

    def _subscription(self, tenant: str, subscription: str) -> Subscription:
        record = self._rows.records["subscriptions"].get(subscription)
        if record is None or record.tenant != tenant:
            raise NotFound("subscription", subscription)
        return cast(Subscription, record)

    def _visible(self, tenant: str, seats: Iterable[Seat]) -> tuple[Seat, ...]:
        now = self._clock()
        return tuple(seat for seat in seats if seat.tenant == tenant and not seat.has_lapsed(now))
