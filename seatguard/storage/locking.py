"""A gate for stores that can lock a subscription's row: the verbs, once, over small sections.

Memory and SQL differ only in how a section locks, reads and writes.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar, assert_never

from seatguard.clock import Clock
from seatguard.errors import NotFound
from seatguard.idempotency.model import Reply
from seatguard.journal.model import Draft
from seatguard.records import Page
from seatguard.seats.holders import Holder
from seatguard.seats.model import (
    AlreadyHeld,
    Claim,
    Closed,
    ConfirmOutcome,
    Drift,
    Full,
    Lapsed,
    NotHeld,
    Outcome,
    Pool,
    Released,
    ReleaseOutcome,
    Renewed,
    RenewOutcome,
    Seat,
    SeatState,
    Taken,
    TakeOutcome,
    TransferOutcome,
    Transferred,
    Usage,
)
from seatguard.seats.ports import Lapse, Seal
from seatguard.seats.rules import Already, Confirm, Step, step
from seatguard.storage.ports import Work

SWEEP = 500
"""How many lapsed holds one act clears away."""

T = TypeVar("T")


class Section(Protocol):
    """One atomic act on one subscription, whose row is locked. Left by an error, it wrote nothing."""

    def pool(self) -> Pool:
        """The numbers as they stand."""

    def seat(self, seat_id: str) -> Seat | None:
        """The seat of that id in this subscription."""

    def seat_of(self, holder_key: str) -> Seat | None:
        """The holder's seat in this subscription, lapsed or not."""

    def lapsed(self, now: dt.datetime, limit: int) -> Sequence[Seat]:
        """Holds past their end, the oldest first."""

    def rows(self) -> tuple[int, int]:
        """How many seat rows there are: (live, held)."""

    def add(self, seat: Seat) -> Seat:
        """Keep a new seat and count it.

        Returns:
            the seat with its number.
        """

    def put(self, seat: Seat, *, confirmed: bool = False) -> None:
        """Keep a changed seat; ``confirmed`` moves it from the holds to the assigned."""

    def drop(self, seat: Seat) -> None:
        """Remove a seat and count it off."""

    def recount(self, live: int, held: int) -> None:
        """Set the counter, beyond the cap too."""

    def seats(self, *, after: int, limit: int) -> Sequence[Seat]:
        """Seats in the order of their numbers, lapsed holds included."""

    def recorded(self, entries: Sequence[str]) -> set[str]:
        """Which of these ids are entries of the tenant already."""

    def append(self, draft: Draft) -> None:
        """Put an entry at the end of the subscription's stream."""

    def keep(self, reply: Reply) -> None:
        """Keep the answer to a request with an idempotency key."""


class LockingGate(ABC):
    """The verbs of the gate over sections. Promises: see ``seatguard.seats.ports.Gate``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @abstractmethod
    def _within(self, tenant: str, subscription: str, act: Callable[[Section], T]) -> T:
        """Run ``act`` in a section of that subscription; again from its start after a lost race.

        Raises:
            NotFound: no such subscription in the tenant.
            StorageUnavailable: the store did not answer in time.
        """

    def within(self, tenant: str, subscription: str, act: Callable[[Section], T]) -> T:
        """Run ``act`` with the subscription's row locked, for a gate whose copy this one keeps.

        Raises: as :meth:`_within`.
        """
        return self._within(tenant, subscription, act)

    def within_unit(self, tenant: str, subscription: str, act: Callable[[Section, Work], T]) -> T:
        """See ``seatguard.storage.beside.Home.within_unit``."""

        def unit(sections: Mapping[str, Section], work: Work) -> T:
            if subscription not in sections:
                raise NotFound("subscription", subscription)
            return act(sections[subscription], work)

        return self.within_units(tenant, (subscription,), unit)

    @abstractmethod
    def within_all(
        self, tenant: str, subscriptions: Sequence[str], act: Callable[[Mapping[str, Section]], T]
    ) -> T:
        """See ``seatguard.storage.beside.Home.within_all``."""

    @abstractmethod
    def within_units(
        self, tenant: str, subscriptions: Sequence[str], act: Callable[[Mapping[str, Section], Work], T]
    ) -> T:
        """See ``seatguard.storage.beside.Home.within_units``."""

    @abstractmethod
    def seat(self, tenant: str, subscriptions: Sequence[str], seat_id: str) -> Seat | None:
        """See ``Gate.seat``."""

    def take(self, claim: Claim, entry: Draft, lapse: Lapse, seal: Seal | None = None) -> TakeOutcome:
        """See ``Gate.take``."""
        return self._within(
            claim.tenant, claim.subscription, lambda s: self._take(s, claim, entry, lapse, seal)
        )

    def _take(
        self, section: Section, claim: Claim, entry: Draft, lapse: Lapse, seal: Seal | None
    ) -> TakeOutcome:
        own, now = section.seat_of(claim.holder.key), self._clock()
        while section.pool().held and (section.pool().is_full() or (own is not None and own.has_lapsed(now))):
            if not _clear(section, now, lapse):
                break
            own = section.seat_of(claim.holder.key)
        outcome: TakeOutcome
        match step(section.pool(), own, claim.lapses_at, now):
            case Step.FULL:
                return Full(_usage(section, now))
            case Step.CLOSED:
                return Closed(_usage(section, now))
            case Step.SEAT:
                seat = section.add(_claimed(claim, now))
                section.append(entry)
                outcome = Taken(seat, _usage(section, now))
            case Already(seat):
                mine = seat.id == claim.seat  # an earlier call of this very claim, its answer lost
                outcome = (Taken if mine else AlreadyHeld)(seat, _usage(section, now))
            case Confirm(seat):
                outcome = self._confirm(section, seat, replace(entry, subject=seat.id), now)
            case never:
                assert_never(never)
        _keep(section, outcome, seal)
        return outcome

    def confirm(
        self,
        tenant: str,
        seat_id: str,
        entry: Draft,
        lapse: Lapse,
        seal: Seal | None = None,
        *,
        holder: Holder | None = None,
        email: str | None = None,
    ) -> ConfirmOutcome:
        """See ``Gate.confirm``."""

        def act(section: Section) -> ConfirmOutcome:
            seat, now = section.seat(seat_id), self._clock()
            if seat is None:
                return NotHeld()
            if seat.has_lapsed(now):
                _clear_one(section, seat, lapse)
                return Lapsed(seat)
            if holder is not None and holder.key != seat.holder_key:
                if seat.state is SeatState.ASSIGNED:
                    return NotHeld()
                theirs = section.seat_of(holder.key)
                if theirs is not None and not theirs.has_lapsed(now):
                    return AlreadyHeld(theirs, _usage(section, now))
                if theirs is not None:
                    _clear_one(section, theirs, lapse)
                seat = replace(seat, holder=holder.name, holder_key=holder.key, email=email)
            outcome: ConfirmOutcome
            if seat.state is SeatState.ASSIGNED:
                outcome = AlreadyHeld(seat, _usage(section, now))
            else:
                outcome = self._confirm(section, seat, entry, now)
            _keep(section, outcome, seal)
            return outcome

        return self._on_seat(tenant, entry, act)

    def renew(
        self,
        tenant: str,
        seat_id: str,
        lapses_at: dt.datetime,
        entry: Draft,
        lapse: Lapse,
        seal: Seal | None = None,
    ) -> RenewOutcome:
        """See ``Gate.renew``."""

        def act(section: Section) -> RenewOutcome:
            seat, now = section.seat(seat_id), self._clock()
            if seat is None or seat.state is not SeatState.HELD:
                return NotHeld()
            if seat.has_lapsed(now):
                _clear_one(section, seat, lapse)
                return Lapsed(seat)
            outcome = Renewed(replace(seat, lapses_at=lapses_at), _usage(section, now))
            if outcome.seat != seat:  # else an earlier call of this very renewal, its answer lost
                section.put(outcome.seat)
                section.append(entry)
            _keep(section, outcome, seal)
            return outcome

        return self._on_seat(tenant, entry, act)

    def release(
        self,
        tenant: str,
        seat_id: str,
        entry: Draft,
        seal: Seal | None = None,
        *,
        only_hold: bool = False,
        held_by: str | None = None,
    ) -> ReleaseOutcome:
        """See ``Gate.release``."""

        def act(section: Section) -> ReleaseOutcome:
            seat, now = section.seat(seat_id), self._clock()
            if seat is None or held_by not in (None, seat.holder_key):
                return NotHeld()
            if only_hold and seat.state is SeatState.ASSIGNED:
                return AlreadyHeld(seat, _usage(section, now))
            section.drop(seat)
            section.append(entry)
            outcome = Released(seat, _usage(section, now))
            _keep(section, outcome, seal)
            return outcome

        return self._on_seat(tenant, entry, act)

    def transfer(
        self,
        tenant: str,
        seat_id: str,
        holder: Holder,
        email: str | None,
        entry: Draft,
        lapse: Lapse,
        seal: Seal | None = None,
        *,
        held_by: str | None = None,
    ) -> TransferOutcome:
        """See ``Gate.transfer``."""

        def act(section: Section) -> TransferOutcome:
            seat, theirs, now = section.seat(seat_id), section.seat_of(holder.key), self._clock()
            if seat is None or seat.state is not SeatState.ASSIGNED:
                return NotHeld()
            if seat.holder_key == holder.key:  # an earlier call of this very transfer, its answer lost
                outcome = Transferred(seat)
                _keep(section, outcome, seal)
                return outcome
            if held_by not in (None, seat.holder_key):
                return NotHeld()
            if theirs is not None:
                if not theirs.has_lapsed(now):
                    return AlreadyHeld(theirs, _usage(section, now))
                _clear_one(section, theirs, lapse)
            moved = replace(seat, holder=holder.name, holder_key=holder.key, email=email, since=now)
            section.put(moved)
            section.append(entry)
            outcome = Transferred(moved)
            _keep(section, outcome, seal)
            return outcome

        return self._on_seat(tenant, entry, act)

    def sweep(self, tenant: str, subscription: str, lapse: Lapse) -> int:
        """See ``Gate.sweep``."""
        return self._within(tenant, subscription, lambda section: _clear(section, self._clock(), lapse))

    def verify(
        self,
        tenant: str,
        subscriptions: Sequence[str],
        repaired: Callable[[str, dict[str, object]], Draft] | None,
    ) -> Iterator[Drift]:
        """See ``Gate.verify``."""
        for subscription in subscriptions:
            drift = self._within(tenant, subscription, lambda section: _compared(section, repaired))
            if drift is not None:
                yield drift

    def _confirm(self, section: Section, held: Seat, entry: Draft, now: dt.datetime) -> Taken:
        seat = replace(held, state=SeatState.ASSIGNED, lapses_at=None, since=now)
        section.put(seat, confirmed=True)
        section.append(entry)
        return Taken(seat, _usage(section, now))

    def _on_seat(self, tenant: str, entry: Draft, act: Callable[[Section], T]) -> T | NotHeld:
        try:
            return self._within(tenant, entry.stream, act)
        except NotFound:
            return NotHeld()

    @abstractmethod
    def usage(self, tenant: str, subscription: str) -> Usage:
        """See ``Gate.usage``."""

    @abstractmethod
    def seats_of(self, tenant: str, subscriptions: Sequence[str], holder_key: str) -> tuple[Seat, ...]:
        """See ``Gate.seats_of``."""

    @abstractmethod
    def seats_named(self, tenant: str, holder_key: str) -> int:
        """See ``Gate.seats_named``."""

    @abstractmethod
    def lapsed(self, tenant: str, *, limit: int) -> tuple[str, ...]:
        """See ``Gate.lapsed``."""

    @abstractmethod
    def holds(self, tenant: str, subscriptions: Sequence[str], *, limit: int) -> tuple[Seat, ...]:
        """See ``Gate.holds``."""

    @abstractmethod
    def list(self, tenant: str, subscriptions: Sequence[str], *, limit: int, after: int) -> Page[Seat]:
        """See ``Gate.list``."""


def _claimed(claim: Claim, now: dt.datetime) -> Seat:
    return Seat(
        id=claim.seat,
        tenant=claim.tenant,
        subscription=claim.subscription,
        number=0,
        holder=claim.holder.name,
        holder_key=claim.holder.key,
        email=claim.email,
        state=SeatState.ASSIGNED if claim.lapses_at is None else SeatState.HELD,
        since=now,
        lapses_at=claim.lapses_at,
    )


def _usage(section: Section, now: dt.datetime) -> Usage:
    pool = section.pool()
    lapsed = len(section.lapsed(now, pool.held)) if pool.held else 0
    return Usage(pool.live - lapsed, pool.held - lapsed)


def _clear(section: Section, now: dt.datetime, lapse: Lapse) -> int:
    holds = section.lapsed(now, SWEEP)
    for hold in holds:
        _clear_one(section, hold, lapse)
    return len(holds)


def _clear_one(section: Section, hold: Seat, lapse: Lapse) -> None:
    section.drop(hold)
    section.append(lapse(hold))


def _keep(section: Section, outcome: Outcome, seal: Seal | None) -> None:
    reply = None if seal is None else seal(outcome)
    if reply is not None:
        section.keep(reply)


def _compared(section: Section, repaired: Callable[[str, dict[str, object]], Draft] | None) -> Drift | None:
    pool, rows = section.pool(), section.rows()
    counted = (pool.live, pool.held)
    if counted == rows:
        return None
    if repaired is not None:
        section.recount(*rows)
        section.append(repaired(pool.subscription, {"counted": list(counted), "rows": list(rows)}))
    return Drift(pool.subscription, counted, rows, repaired is not None)
