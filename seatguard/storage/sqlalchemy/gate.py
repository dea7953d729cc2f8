"""The gate on a SQL database: one transaction a verb, the subscription's row locked first."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, or_, select, update
from sqlalchemy.engine import Row

from seatguard.clock import Clock
from seatguard.errors import NotFound, StorageUnavailable
from seatguard.idempotency.model import Reply
from seatguard.ids import is_uuid
from seatguard.journal.model import Draft, Entry
from seatguard.journal.rules import next_link, placed
from seatguard.records import Page
from seatguard.seats.model import (
    AlreadyHeld,
    Claim,
    Closed,
    Full,
    Pool,
    Seat,
    SeatState,
    Taken,
    TakeOutcome,
    Usage,
)
from seatguard.seats.ports import Lapse, Seal
from seatguard.seats.rules import Already, Step, step
from seatguard.storage.locking import LockingGate, Section
from seatguard.storage.sqlalchemy import postgres, tables
from seatguard.storage.sqlalchemy.database import Database
from seatguard.storage.sqlalchemy.ledger import SqlWork, insert_entry

T = TypeVar("T")

_MOST_TIGHT = 10_000
_seat, _subscription = tables.seat, tables.subscription
_SEAT_FIELDS = [field.name for field in dataclasses.fields(Seat)]
_SEAT_COLUMNS = [_seat.c[name] for name in _SEAT_FIELDS]
_POOL_COLUMNS = [
    _subscription.c[name] for name in ("cap", "open", "opens_at", "closes_at", "live", "held", "seq", "head")
]


def _seat_from(row: Row[Any]) -> Seat:
    return Seat(**dict(zip(_SEAT_FIELDS, row, strict=True)))


def _pool_query(tenant: str, subscription: str) -> Select[Any]:
    return select(*_POOL_COLUMNS).where(_subscription.c.id == subscription, _subscription.c.tenant == tenant)


def _pool_from(subscription: str, row: Row[Any]) -> Pool:
    return Pool(
        subscription=subscription,
        cap=row.cap,
        open=row.open,
        opens_at=row.opens_at,
        closes_at=row.closes_at,
        live=row.live,
        held=row.held,
    )


class _Section:
    """One act on one subscription; see ``seatguard.storage.locking.Section``.

    The counter and the chain's end are read once under the lock, kept here, and written once by
    :meth:`finish`.
    """

    def __init__(self, connection: Connection, tenant: str, subscription: str) -> None:
        self._connection = connection
        self._tenant = tenant
        self._id = subscription
        row = None
        if is_uuid(subscription):
            row = connection.execute(_pool_query(tenant, subscription).with_for_update()).first()
        if row is None:
            raise NotFound("subscription", subscription)
        self._pool = self._before = _pool_from(subscription, row)
        self._seq, self._link = row.seq, bytes(row.head)
        self._entries: list[Entry] = []

    def pool(self) -> Pool:
        return self._pool

    def seat(self, seat_id: str) -> Seat | None:
        return self._find(_seat.c.id == seat_id)

    def seat_of(self, holder_key: str) -> Seat | None:
        return self._find(_seat.c.holder_key == holder_key)

    def lapsed(self, now: dt.datetime, limit: int) -> Sequence[Seat]:
        query = (
            select(*_SEAT_COLUMNS)
            .where(_seat.c.subscription == self._id, _seat.c.lapses_at <= now)
            .order_by(_seat.c.number)
            .limit(limit)
        )
        return [_seat_from(row) for row in self._connection.execute(query)]

    def rows(self) -> tuple[int, int]:
        held = func.count(_seat.c.lapses_at)
        row = self._connection.execute(
            select(func.count(), held).select_from(_seat).where(_seat.c.subscription == self._id)
        ).one()
        return row[0], row[1]

    def add(self, seat: Seat) -> Seat:
        values = {name: getattr(seat, name) for name in _SEAT_FIELDS if name != "number"}
        done = self._connection.execute(insert(_seat).values(values))
        self._count(1, int(seat.state is SeatState.HELD))
        (number,) = done.inserted_primary_key or (0,)
        return dataclasses.replace(seat, number=number)

    def put(self, seat: Seat, *, confirmed: bool = False) -> None:
        values = {name: getattr(seat, name) for name in _SEAT_FIELDS if name not in ("number", "id")}
        self._connection.execute(update(_seat).where(_seat.c.id == seat.id).values(values))
        if confirmed:
            self._count(0, -1)

    def drop(self, seat: Seat) -> None:
        done = self._connection.execute(delete(_seat).where(_seat.c.id == seat.id))
        if done.rowcount == 1:
            self._count(-1, -int(seat.state is SeatState.HELD))

    def recount(self, live: int, held: int) -> None:
        self._pool = dataclasses.replace(self._pool, live=live, held=held)

    def append(self, draft: Draft) -> None:
        self._seq += 1
        self._link = next_link(self._link, draft.digest())
        self._entries.append(placed(draft, seq=self._seq, link=self._link))

    def keep(self, reply: Reply) -> None:
        SqlWork(self._connection, reply.tenant).replies.replace(reply)

    def finish(self) -> None:
        """Write entries, counter and chain end: one conditional write that the cap can refuse."""
        for entry in self._entries:
            insert_entry(self._connection, entry)
        if not self._entries and self._pool == self._before:
            return
        statement = update(_subscription).where(_subscription.c.id == self._id)
        if self._pool.live > self._before.live:
            room: ColumnElement[bool] = _subscription.c.cap >= self._pool.live
            statement = statement.where(or_(_subscription.c.cap.is_(None), room))
        values = {"live": self._pool.live, "held": self._pool.held, "seq": self._seq, "head": self._link}
        if self._connection.execute(statement.values(values)).rowcount != 1:
            raise StorageUnavailable(
                "the count would pass the cap although its row was locked; nothing was written"
            )

    def _find(self, condition: ColumnElement[bool]) -> Seat | None:
        query = select(*_SEAT_COLUMNS).where(_seat.c.subscription == self._id, condition)
        row = self._connection.execute(query).first()
        return None if row is None else _seat_from(row)

    def _count(self, live: int, held: int) -> None:
        pool = self._pool
        self._pool = dataclasses.replace(pool, live=pool.live + live, held=pool.held + held)


class SqlGate(LockingGate):
    """A gate on a SQL database; see ``seatguard.seats.ports.Gate``."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(clock)
        self._database = database
        self._tight: set[str] = set()

    def take(self, claim: Claim, entry: Draft, lapse: Lapse, seal: Seal | None = None) -> TakeOutcome:
        """See ``Gate.take``.

        Tried without waiting for anybody first: a "no" and a seat held already are read, not locked;
        PostgreSQL gives a seat in one statement. What that leaves open, the locking path decides.
        """
        outcome: TakeOutcome | None = None
        if seal is None and is_uuid(claim.subscription):
            if claim.subscription in self._tight:
                outcome = self._glance(claim)
            if outcome is None and self._database.dialect.name == "postgresql":
                outcome = self._take_at_once(claim, entry) or self._glance(claim)
        if outcome is None:
            outcome = super().take(claim, entry, lapse, seal)
        self._note(claim.subscription, tight=not isinstance(outcome, Taken))
        return outcome

    def _note(self, subscription: str, *, tight: bool) -> None:
        """Remember where the last claim got no new seat: the next one is worth a glance first."""
        if not tight:
            self._tight.discard(subscription)
            return
        if len(self._tight) >= _MOST_TIGHT:
            self._tight.clear()
        self._tight.add(subscription)

    def _take_at_once(self, claim: Claim, entry: Draft) -> Taken | None:
        now = self._clock()
        given = self._database.run_at_once(lambda connection: postgres.take(connection, claim, entry, now))
        if given is None:
            return None
        seat, live, held = given
        return Taken(seat, self.usage(claim.tenant, claim.subscription) if held else Usage(live, held))

    def _glance(self, claim: Claim) -> TakeOutcome | None:
        """The answer, where one look without a lock is enough to be sure of it."""

        def unit(connection: Connection) -> TakeOutcome | None:
            found = connection.execute(_pool_query(claim.tenant, claim.subscription)).first()
            if found is None or found.held:
                return None
            pool = _pool_from(claim.subscription, found)
            query = select(*_SEAT_COLUMNS).where(
                _seat.c.subscription == claim.subscription, _seat.c.holder_key == claim.holder.key
            )
            row = connection.execute(query).first()
            own, usage = None if row is None else _seat_from(row), Usage(pool.live, pool.held)
            match step(pool, own, claim.lapses_at, self._clock()):
                case Step.FULL:
                    return Full(usage)
                case Step.CLOSED:
                    return Closed(usage)
                case Already(seat) if seat.id != claim.seat:
                    return AlreadyHeld(seat, usage)
                case _:
                    return None

        return self._database.run(unit, write=False)

    def _within(self, tenant: str, subscription: str, act: Callable[[Section], T]) -> T:
        def unit(connection: Connection) -> T:
            section = _Section(connection, tenant, subscription)
            result = act(section)
            section.finish()
            return result

        return self._database.run(unit)

    def usage(self, tenant: str, subscription: str) -> Usage:
        """See ``Gate.usage``."""

        def unit(connection: Connection) -> Usage:
            row = None
            if is_uuid(subscription):
                row = connection.execute(_pool_query(tenant, subscription)).first()
            if row is None:
                raise NotFound("subscription", subscription)
            lapsed = 0
            if row.held:
                lapsed = connection.execute(
                    select(func.count())
                    .select_from(_seat)
                    .where(_seat.c.subscription == subscription, _seat.c.lapses_at <= self._clock())
                ).scalar_one()
            return Usage(row.live - lapsed, row.held - lapsed)

        return self._database.run(unit, write=False)

    def seat(self, tenant: str, seat_id: str) -> Seat | None:
        """See ``Gate.seat``."""
        if not is_uuid(seat_id):
            return None
        found = self._seats(tenant, _seat.c.id == seat_id, limit=1)
        return found[0] if found else None

    def seats_of(self, tenant: str, subscriptions: Sequence[str], holder_key: str) -> tuple[Seat, ...]:
        """See ``Gate.seats_of``."""
        if not subscriptions:
            return ()
        mine = (_seat.c.holder_key == holder_key) & _seat.c.subscription.in_(subscriptions)
        return self._seats(tenant, mine & self._not_lapsed())

    def seats_named(self, tenant: str, holder_key: str) -> int:
        """See ``Gate.seats_named``."""
        return len(self._seats(tenant, (_seat.c.holder_key == holder_key) & self._not_lapsed()))

    def list(self, tenant: str, subscriptions: Sequence[str], *, limit: int, after: int) -> Page[Seat]:
        """See ``Gate.list``."""
        if not subscriptions:
            return Page(())
        wanted = _seat.c.subscription.in_(subscriptions) & (_seat.c.number > after) & self._not_lapsed()
        seats = self._seats(tenant, wanted, limit=limit + 1)
        items = seats[:limit]
        return Page(items, str(items[-1].number) if len(seats) > limit else None)

    def lapsed(self, tenant: str, *, limit: int) -> tuple[str, ...]:
        """See ``Gate.lapsed``."""

        def unit(connection: Connection) -> tuple[str, ...]:
            query = (
                select(_seat.c.subscription)
                .distinct()
                .where(_seat.c.lapses_at <= self._clock(), _seat.c.tenant == tenant)
                .limit(limit)
            )
            return tuple(connection.execute(query).scalars())

        return self._database.run(unit, write=False)

    def _seats(
        self, tenant: str, condition: ColumnElement[bool], *, limit: int | None = None
    ) -> tuple[Seat, ...]:
        query = (
            select(*_SEAT_COLUMNS)
            .where(condition, _seat.c.tenant == tenant)
            .order_by(_seat.c.number)
            .limit(limit)
        )

        def unit(connection: Connection) -> tuple[Seat, ...]:
            return tuple(_seat_from(row) for row in connection.execute(query))

        return self._database.run(unit, write=False)

    def _not_lapsed(self) -> ColumnElement[bool]:
        return or_(_seat.c.lapses_at.is_(None), _seat.c.lapses_at > self._clock())
