"""The gate on a SQL database: one transaction a verb, the subscription's row locked first."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, or_, select
from sqlalchemy.exc import DBAPIError

from seatguard.clock import Clock
from seatguard.errors import Conflict, Misconfigured, NotFound, StorageUnavailable
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
from seatguard.storage.ports import Work
from seatguard.storage.sqlalchemy import mariadb, postgres, tables
from seatguard.storage.sqlalchemy.at_once import Given
from seatguard.storage.sqlalchemy.database import Database
from seatguard.storage.sqlalchemy.faults import Fault, fault_of
from seatguard.storage.sqlalchemy.haste import Haste
from seatguard.storage.sqlalchemy.ledger import SqlWork
from seatguard.storage.sqlalchemy.raw import CoreRunner, RawRunner, Runner
from seatguard.storage.sqlalchemy.statements import (
    ADD_ENTRY,
    ADD_SEAT,
    COUNT,
    COUNT_LAPSED,
    COUNT_ROWS,
    DROP_SEAT,
    ENTRY_FIELDS,
    GLANCE,
    KEEP_REPLY,
    LAPSED,
    LOCK_POOL,
    NEW_SEAT_FIELDS,
    OTHERS,
    POOL_COLUMNS,
    PUT_SEAT,
    RAISE_CEILING,
    READ_POOL,
    RECORDED,
    RECORDED_AT_ONCE,
    RECOUNT,
    REPLY,
    REPLY_FIELDS,
    SEAT,
    SEAT_COLUMNS,
    SEAT_FIELDS,
    SEAT_HERE,
    SEAT_HERE_NOW,
    SEAT_OF,
    SEAT_OF_NOW,
    SEAT_OF_ONE,
    SEATS_AFTER,
    TOUCH,
)

T = TypeVar("T")

_MOST_TIGHT = 10_000
_SEQ, _HEAD = len(POOL_COLUMNS) - 2, len(POOL_COLUMNS) - 1
_seat = tables.seat


def _seat_from(row: Sequence[Any]) -> Seat:
    return Seat(**dict(zip(SEAT_FIELDS, row, strict=True)))


def _pool_from(subscription: str, row: Sequence[Any]) -> Pool:
    version, cap, is_open, opens_at, closes_at, live, held = row[:_SEQ]
    return Pool(
        subscription=subscription,
        version=version,
        cap=cap,
        open=is_open,
        opens_at=opens_at,
        closes_at=closes_at,
        live=live,
        held=held,
    )


def _nobody_lapses(seat: Seat) -> Draft:
    raise ValueError(f"a service without holds has none that lapses: {seat!r}")


class _Section:
    """One act on one subscription; see ``seatguard.storage.locking.Section``.

    The counter and the chain's end are read once under the lock, kept here, and written once by
    :meth:`finish`.
    """

    def __init__(self, runner: Runner, tenant: str, subscription: str, *, joined: bool) -> None:
        self._runner = runner
        self._tenant = tenant
        self._id = subscription
        self._joined = joined
        row = None
        if is_uuid(subscription):
            if joined and runner.dialect.name == "sqlite":
                # The host's transaction may not have begun yet, and a read would not begin it: a write does.
                runner.changed(TOUCH, {"subscription_id": subscription})
            row = runner.first(LOCK_POOL, {"subscription": subscription, "tenant": tenant})
        if row is None:
            raise NotFound("subscription", subscription)
        self._pool = self._before = _pool_from(subscription, row)
        self._seq, self._link = row[_SEQ], bytes(row[_HEAD])
        self._entries: list[Entry] = []
        self._statement = COUNT

    def pool(self) -> Pool:
        return self._pool

    def seat(self, seat_id: str) -> Seat | None:
        row = self._runner.first(
            SEAT_HERE_NOW if self._joined else SEAT_HERE, {"subscription": self._id, "id": seat_id}
        )
        return None if row is None else _seat_from(row)

    def seat_of(self, holder_key: str) -> Seat | None:
        row = self._runner.first(
            SEAT_OF_NOW if self._joined else SEAT_OF, {"subscription": self._id, "holder_key": holder_key}
        )
        return None if row is None else _seat_from(row)

    def lapsed(self, now: dt.datetime, limit: int) -> Sequence[Seat]:
        asked = {"subscription": self._id, "now": now, "row_limit": limit}
        return [_seat_from(row) for row in self._runner.all(LAPSED, asked)]

    def rows(self) -> tuple[int, int]:
        row = self._runner.first(COUNT_ROWS, {"subscription": self._id})
        return (0, 0) if row is None else (row[0], row[1])

    def add(self, seat: Seat) -> Seat:
        number = self._runner.inserted(ADD_SEAT, {name: getattr(seat, name) for name in NEW_SEAT_FIELDS})
        self._count(1, int(seat.state is SeatState.HELD))
        return dataclasses.replace(seat, number=number)

    def put(self, seat: Seat, *, confirmed: bool = False) -> None:
        values = {name: getattr(seat, name) for name in NEW_SEAT_FIELDS if name != "id"}
        self._runner.changed(PUT_SEAT, {"seat_id": seat.id, **values})
        if confirmed:
            self._count(0, -1)

    def drop(self, seat: Seat) -> None:
        if self._runner.changed(DROP_SEAT, {"seat_id": seat.id}) == 1:
            self._count(-1, -int(seat.state is SeatState.HELD))

    def recount(self, live: int, held: int) -> None:
        # Who sits beyond the cap stays: the database's own check has to make room first.
        self._runner.changed(RAISE_CEILING, {"subscription_id": self._id, "at_least": live})
        self._statement = RECOUNT
        self._pool = dataclasses.replace(self._pool, live=live, held=held)

    def seats(self, *, after: int, limit: int) -> Sequence[Seat]:
        asked = {"subscription": self._id, "after": after, "row_limit": limit}
        return [_seat_from(row) for row in self._runner.all(SEATS_AFTER, asked)]

    def recorded(self, entries: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for first in range(0, len(entries), RECORDED_AT_ONCE):
            some = entries[first : first + RECORDED_AT_ONCE]
            padded = [*some, *[some[0]] * (RECORDED_AT_ONCE - len(some))]
            asked = {f"entry{place}": entry for place, entry in enumerate(padded)}
            found.update(row[0] for row in self._runner.all(RECORDED, {"tenant": self._tenant, **asked}))
        return found

    def append(self, draft: Draft) -> None:
        self._seq += 1
        self._link = next_link(self._link, draft.digest())
        self._entries.append(placed(draft, seq=self._seq, link=self._link))

    def keep(self, reply: Reply) -> None:
        kept = self._runner.changed(
            KEEP_REPLY,
            {
                "reply_id": reply.id,
                "tenant_id": reply.tenant,
                "before": reply.version - 1,
                "state": reply.state,
                "status": reply.status,
                "body": reply.body,
                "version": reply.version,
            },
        )
        stored = None if kept else self._runner.first(REPLY, {"id": reply.id, "tenant": reply.tenant})
        if not kept and (stored is None or Reply(**dict(zip(REPLY_FIELDS, stored, strict=True))) != reply):
            raise Conflict("version_conflict", "another request has taken the idempotency key over")

    def finish(self) -> None:
        """Write entries, counter and chain end: one conditional write that the cap can refuse."""
        for entry in self._entries:
            self._runner.changed(ADD_ENTRY, {name: getattr(entry, name) for name in ENTRY_FIELDS})
        if not self._entries and self._pool == self._before:
            return
        counted = self._runner.changed(
            self._statement,
            {
                "subscription": self._id,
                "new_live": self._pool.live,
                "new_held": self._pool.held,
                "new_seq": self._seq,
                "new_head": self._link,
            },
        )
        if counted != 1:
            raise StorageUnavailable(
                "the count would pass the cap although its row was locked; nothing was written"
            )

    def is_alone(self) -> bool:
        """Whether the project has no other subscription of the mode."""
        return self._runner.first(OTHERS, {"subscription": self._id}) is None

    def _count(self, live: int, held: int) -> None:
        pool = self._pool
        self._pool = dataclasses.replace(pool, live=pool.live + live, held=pool.held + held)


class _Verbs(LockingGate):
    """The verbs on SQL; where and how a unit runs is left to the subclass."""

    _joined = False

    @abstractmethod
    def _run(self, unit: Callable[[Runner], T], *, write: bool) -> T:
        """Run a unit of statements that are made once, and return what it returned."""

    @abstractmethod
    def _look(self, unit: Callable[[Connection], T]) -> T:
        """Run a unit that only reads, by statements made for this one call."""

    def _within(self, tenant: str, subscription: str, act: Callable[[Section], T]) -> T:
        def unit(runner: Runner) -> T:
            section = _Section(runner, tenant, subscription, joined=self._joined)
            result = act(section)
            section.finish()
            return result

        return self._run(unit, write=True)

    def within_all(
        self, tenant: str, subscriptions: Sequence[str], act: Callable[[Mapping[str, Section]], T]
    ) -> T:
        """See ``LockingGate.within_all``."""
        return self._run(lambda runner: self._several(runner, tenant, subscriptions, act), write=True)

    def _several(
        self,
        runner: Runner,
        tenant: str,
        subscriptions: Sequence[str],
        act: Callable[[Mapping[str, Section]], T],
    ) -> T:
        sections: dict[str, _Section] = {}
        for one in sorted(subscriptions):
            with contextlib.suppress(NotFound):
                sections[one] = _Section(runner, tenant, one, joined=self._joined)
        result = act(sections)
        for section in sections.values():
            section.finish()
        return result

    def _on(
        self,
        connection: Connection,
        runner: Runner,
        tenant: str,
        subscriptions: Sequence[str],
        act: Callable[[Mapping[str, Section], Work], T],
    ) -> T:
        work = SqlWork(connection, tenant)
        return self._several(runner, tenant, subscriptions, lambda sections: act(sections, work))

    def usage(self, tenant: str, subscription: str) -> Usage:
        """See ``Gate.usage``."""

        def unit(runner: Runner) -> Usage:
            row = None
            if is_uuid(subscription):
                row = runner.first(READ_POOL, {"subscription": subscription, "tenant": tenant})
            if row is None:
                raise NotFound("subscription", subscription)
            pool, lapsed = _pool_from(subscription, row), None
            if pool.held:
                lapsed = runner.first(COUNT_LAPSED, {"subscription": subscription, "now": self._clock()})
            gone = 0 if lapsed is None else lapsed[0]
            return Usage(pool.live - gone, pool.held - gone)

        return self._run(unit, write=False)

    def seat(self, tenant: str, subscriptions: Sequence[str], seat_id: str) -> Seat | None:
        """See ``Gate.seat``."""
        if not is_uuid(seat_id) or not subscriptions:
            return None
        row = self._run(lambda runner: runner.first(SEAT, {"id": seat_id, "tenant": tenant}), write=False)
        seat = None if row is None else _seat_from(row)
        return seat if seat is not None and seat.subscription in subscriptions else None

    def seats_of(self, tenant: str, subscriptions: Sequence[str], holder_key: str) -> tuple[Seat, ...]:
        """See ``Gate.seats_of``."""
        if not subscriptions:
            return ()
        if len(subscriptions) > 1:
            mine = (_seat.c.holder_key == holder_key) & _seat.c.subscription.in_(subscriptions)
            return self._seats(tenant, mine & self._not_lapsed())
        asked = {"subscription": subscriptions[0], "holder_key": holder_key, "tenant": tenant}
        row = self._run(lambda runner: runner.first(SEAT_OF_ONE, asked), write=False)
        seat = None if row is None else _seat_from(row)
        return () if seat is None or seat.has_lapsed(self._clock()) else (seat,)

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

    def holds(self, tenant: str, subscriptions: Sequence[str], *, limit: int) -> tuple[Seat, ...]:
        """See ``Gate.holds``."""
        if not subscriptions:
            return ()
        query = (
            select(*SEAT_COLUMNS)
            .where(_seat.c.tenant == tenant, _seat.c.subscription.in_(subscriptions))
            .where(_seat.c.lapses_at > self._clock())
            .order_by(_seat.c.lapses_at, _seat.c.number)
            .limit(limit)
        )

        def unit(connection: Connection) -> tuple[Seat, ...]:
            return tuple(_seat_from(row) for row in connection.execute(query))

        return self._look(unit)

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

        return self._look(unit)

    def _seats(
        self, tenant: str, condition: ColumnElement[bool], *, limit: int | None = None
    ) -> tuple[Seat, ...]:
        query = (
            select(*SEAT_COLUMNS)
            .where(condition, _seat.c.tenant == tenant)
            .order_by(_seat.c.number)
            .limit(limit)
        )

        def unit(connection: Connection) -> tuple[Seat, ...]:
            return tuple(_seat_from(row) for row in connection.execute(query))

        return self._look(unit)

    def _not_lapsed(self) -> ColumnElement[bool]:
        return or_(_seat.c.lapses_at.is_(None), _seat.c.lapses_at > self._clock())


class SqlGate(_Verbs):
    """A gate on a SQL database; see ``seatguard.seats.ports.Gate``."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(clock)
        self._database = database
        self._tight: set[str] = set()
        self._haste = Haste(time.monotonic)
        self._may_settle: bool | None = None

    def take(self, claim: Claim, entry: Draft, lapse: Lapse, seal: Seal | None = None) -> TakeOutcome:
        """See ``Gate.take``.

        Tried without waiting for anybody first: a "no" and a seat held already are read, not locked;
        PostgreSQL gives a seat in one statement. What that leaves open, the locking path decides.
        """
        outcome: TakeOutcome | None = None
        began, tried = self._clock(), False
        if seal is None and is_uuid(claim.subscription):
            if claim.subscription in self._tight:
                outcome = self._glance(claim)
            if outcome is None and self._database.takes_at_once:
                given = self._take_at_once(claim, entry)
                if given is not None:
                    self._note(claim.subscription, tight=False)
                    return given
                outcome, tried = self._glance(claim), True
        if outcome is None:
            outcome = super().take(claim, entry, lapse, seal)
        self._note(claim.subscription, tight=not isinstance(outcome, Taken))
        if isinstance(outcome, Taken | AlreadyHeld):
            self._settle(outcome, began, written_here=isinstance(outcome, Taken) and not tried)
        return outcome

    def take_as_agreed(self, claim: Claim, entry: Draft) -> Taken | None:
        """See ``Swift.take_as_agreed``."""
        if claim.subscription in self._tight:
            return None
        if self._database.takes_at_once:
            return self._take_at_once(claim, entry, as_agreed=True)
        return self._database.run(
            lambda runner: self._take_locked_as_agreed(runner, claim, entry), write=True
        )

    def _take_locked_as_agreed(self, runner: Runner, claim: Claim, entry: Draft) -> Taken | None:
        """Where a file is locked anyway: the agreement is compared under the lock."""
        section = _Section(runner, claim.tenant, claim.subscription, joined=False)
        pool = section.pool()
        if pool.held or pool.version != claim.admission.version or not section.is_alone():
            return None
        outcome = self._take(section, claim, entry, _nobody_lapses, None)
        section.finish()
        return outcome if isinstance(outcome, Taken) else None

    def _settle(self, outcome: Taken | AlreadyHeld, began: dt.datetime, *, written_here: bool) -> None:
        """Answer with a young seat of somebody else's making only when it is on disk; see ``postgres``.

        Raises:
            StorageUnavailable: it is not there any more.
        """
        seat = outcome.seat
        if (written_here and seat.since >= began) or seat.since < began - postgres.UNSETTLED:
            return
        if not self._database.is_postgres or not self._can_settle():
            return
        if not self._database.run_at_once(lambda runner: postgres.settled(runner, seat.id)):
            raise StorageUnavailable("the seat was given up while it was looked at; ask again")

    def _note(self, subscription: str, *, tight: bool) -> None:
        """Remember where the last claim got no new seat: the next one is worth a glance first."""
        if not tight:
            self._tight.discard(subscription)
            return
        if len(self._tight) >= _MOST_TIGHT:
            self._tight.clear()
        self._tight.add(subscription)

    def _take_at_once(self, claim: Claim, entry: Draft, *, as_agreed: bool = False) -> Taken | None:
        if not self._database.is_postgres:
            return self._taken(claim, self._take_in_a_block(claim, entry, as_agreed))
        now, known = self._clock(), list[Given]()
        with self._haste.inside(claim.subscription) as hasty:
            soon = hasty and self._can_settle()

            def act(runner: RawRunner) -> Given | None:
                given = (
                    known[0]
                    if known
                    else postgres.take(runner, claim, entry, now, soon=soon, as_agreed=as_agreed)
                )
                if given is not None and soon:
                    known[:] = [given]  # if the connection is lost from here on, only the waiting is repeated
                    if not postgres.settled(runner, claim.seat):
                        raise StorageUnavailable("whether the seat was given is not certain; ask again")
                return given

            given = self._database.run_at_once(act)
        if given is not None and given.met:
            self._haste.met(claim.subscription)
        return self._taken(claim, given)

    def _take_in_a_block(self, claim: Claim, entry: Draft, as_agreed: bool) -> Given | None:
        now = self._clock()
        return self._database.run_at_once(
            lambda runner: mariadb.take(runner, claim, entry, now, as_agreed=as_agreed)
        )

    def _taken(self, claim: Claim, given: Given | None) -> Taken | None:
        if given is None:
            return None
        live, held = given.live, given.held
        if held:
            # How many of them have lapsed is read afterwards. The seats for good are those of this very act,
            # so that of all takers exactly one sees a threshold reached.
            held_now = self.usage(claim.tenant, claim.subscription).held
            return Taken(given.seat, Usage(live - held + held_now, held_now))
        return Taken(given.seat, Usage(live, held))

    def _can_settle(self) -> bool:
        """Whether the server lets us; asked once, before anything depends on it."""
        if self._may_settle is None:
            try:
                self._database.run_at_once(lambda runner: postgres.settled(runner, postgres.NOBODY))
                self._may_settle = True
            except DBAPIError:  # not a lost connection, which is StorageUnavailable: a refusal
                self._may_settle = False
        return self._may_settle

    def _glance(self, claim: Claim) -> TakeOutcome | None:
        """The answer, where one look without a lock is enough to be sure of it."""

        def unit(runner: Runner) -> TakeOutcome | None:
            wanted = {"subscription": claim.subscription, "tenant": claim.tenant}
            row = runner.first(GLANCE, wanted | {"holder_key": claim.holder.key})
            if row is None:
                return None
            pool, columns = _pool_from(claim.subscription, row), row[len(POOL_COLUMNS) :]
            if pool.held:
                return None
            own = None if columns[0] is None else _seat_from(columns)
            usage = Usage(pool.live, pool.held)
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

    def joined(self, connection: Connection) -> JoinedGate:
        """The same gate inside a transaction of the host's, on the host's own connection.

        Raises:
            Misconfigured: the connection leads to another database.
        """
        if not self._database.is_behind(connection):
            raise Misconfigured(
                "the session's database is not Seatguard's: a seat can join its transaction only where "
                "SEATGUARD_STORAGE_URI names that database"
            )
        return JoinedGate(connection, self._clock)

    def within_units(
        self, tenant: str, subscriptions: Sequence[str], act: Callable[[Mapping[str, Section], Work], T]
    ) -> T:
        """See ``LockingGate.within_units``."""
        runs = self._database.runner_on
        return self._database.change(lambda one: self._on(one, runs(one), tenant, subscriptions, act))

    def _run(self, unit: Callable[[Runner], T], *, write: bool) -> T:
        return self._database.run(unit, write=write)

    def _look(self, unit: Callable[[Connection], T]) -> T:
        return self._database.look(unit)


class JoinedGate(_Verbs):
    """The gate inside somebody else's transaction: nothing is committed, retried or rolled back here.

    The subscription's row stays locked until that transaction ends.
    """

    _joined = True

    def __init__(self, connection: Connection, clock: Clock) -> None:
        super().__init__(clock)
        self._connection = connection

    def _run(self, unit: Callable[[Runner], T], *, write: bool) -> T:  # noqa: ARG002 - both run alike
        return self._look(lambda connection: unit(CoreRunner(connection)))

    def within_units(
        self, tenant: str, subscriptions: Sequence[str], act: Callable[[Mapping[str, Section], Work], T]
    ) -> T:
        """See ``LockingGate.within_units``."""
        return self._look(lambda one: self._on(one, CoreRunner(one), tenant, subscriptions, act))

    def _look(self, unit: Callable[[Connection], T]) -> T:
        try:
            return unit(self._connection)
        except DBAPIError as error:
            if fault_of(error) in (Fault.RACE, Fault.LOST, Fault.BACKSTOP):
                raise StorageUnavailable(
                    f"the transaction lost a race for the subscription ({type(error.orig).__name__}): "
                    "roll back and run it again"
                ) from error
            raise
