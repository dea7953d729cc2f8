"""Seats, pools, claims, and the outcomes of the gate's verbs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from seatguard.entitlements.model import Terms
from seatguard.seats.holders import Holder
from seatguard.subscriptions.model import Subscription
from seatguard.subscriptions.rules import gives


class SeatState(StrEnum):
    """Whether somebody sits there for good or for a while."""

    HELD = "held"
    ASSIGNED = "assigned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One place in a subscription.

    Attributes:
        number: given by the store when the seat is taken; never given twice.
        holder: the name as it was given.
        holder_key: the name by which holders are compared.
        lapses_at: end of a hold; ``None`` for an assigned seat.
    """

    id: str
    tenant: str
    subscription: str
    number: int
    holder: str
    holder_key: str
    email: str | None
    state: SeatState
    since: dt.datetime
    lapses_at: dt.datetime | None

    def has_lapsed(self, now: dt.datetime) -> bool:
        """Whether this is a hold past its end."""
        return self.lapses_at is not None and now >= self.lapses_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What the gate compares, as it stands in the store.

    Attributes:
        version: of the subscription's record.
        cap: most seats live; ``None`` is unlimited.
        live: seats assigned or held, lapsed holds included until they are cleared away.
        held: those of them that are holds.
    """

    subscription: str
    version: int
    cap: int | None
    open: bool
    opens_at: dt.datetime | None
    closes_at: dt.datetime | None
    live: int
    held: int

    def is_full(self) -> bool:
        """Whether there is no free seat."""
        return self.cap is not None and self.live >= self.cap

    def admits(self, now: dt.datetime) -> bool:
        """Whether seats are given at that instant, room or not."""
        return gives(self, now)


@dataclass(frozen=True, slots=True)
class Usage:
    """How many seats are taken now, lapsed holds left out.

    Attributes:
        live: seats assigned or held.
        held: those of them that are holds.
    """

    live: int
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What was agreed about giving seats in one subscription.

    A gate that shares the ledger's rows compares those; a gate with a store of its own compares this.

    Attributes:
        version: of the subscription's record. Of two admissions the one with the higher version counts.
        cap: most seats live; ``None`` is unlimited.
        open: whether the state lets seats be given.
        opens_at: first instant at which seats are given; ``None`` is from the beginning.
        closes_at: first instant at which they are no longer given; ``None`` is never.
    """

    version: int
    cap: int | None
    open: bool
    opens_at: dt.datetime | None
    closes_at: dt.datetime | None

    @classmethod
    def of(cls, agreed: Terms | Pool | Subscription) -> Admission:
        """The part of terms, of a pool or of a subscription that admits."""
        return cls(
            version=agreed.version,
            cap=agreed.cap,
            open=agreed.open,
            opens_at=agreed.opens_at,
            closes_at=agreed.closes_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The wish for a seat.

    Attributes:
        seat: id the seat will have.
        lapses_at: end of the hold; ``None`` for a seat for good.
        admission: what the claimant knows to be agreed; it may be older than what is agreed now.
    """

    tenant: str
    subscription: str
    seat: str
    holder: Holder
    email: str | None
    lapses_at: dt.datetime | None
    admission: Admission


@dataclass(frozen=True, slots=True)
class Taken:
    """The seat is the claimant's, or the hold has become one for good."""

    seat: Seat
    usage: Usage


@dataclass(frozen=True, slots=True)
class AlreadyHeld:
    """The holder has this seat already; nothing was written."""

    seat: Seat
    usage: Usage


@dataclass(frozen=True, slots=True)
class Full:
    """No seat is free; nothing was written."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Closed:
    """The subscription gives no seats at this instant, room or not; nothing was written."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Lapsed:
    """The hold is past its end; it was cleared away."""

    seat: Seat


@dataclass(frozen=True, slots=True)
class NotHeld:
    """There is no such seat; nothing was written."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """The hold has a new end."""

    seat: Seat
    usage: Usage


@dataclass(frozen=True, slots=True)
class Released:
    """The seat is free."""

    seat: Seat
    usage: Usage


@dataclass(frozen=True, slots=True)
class Transferred:
    """The seat has another holder."""

    seat: Seat


TakeOutcome: TypeAlias = Taken | AlreadyHeld | Full | Closed
ConfirmOutcome: TypeAlias = Taken | AlreadyHeld | Lapsed | NotHeld
RenewOutcome: TypeAlias = Renewed | Lapsed | NotHeld
ReleaseOutcome: TypeAlias = Released | AlreadyHeld | NotHeld
TransferOutcome: TypeAlias = Transferred | AlreadyHeld | NotHeld
Outcome: TypeAlias = Taken | AlreadyHeld | Full | Closed | Lapsed | NotHeld | Renewed | Released | Transferred


@dataclass(frozen=True, slots=True)
class SeatFacts:
    """The numbers behind a decision about seats.

    Attributes:
        terms: of the subscription the answer is about; ``None`` when there is none.
        usage: seats taken, at the latest known instant.
        seat: the seat the answer is about, if there is one.
        age: seconds since the numbers were read.
    """

    terms: Terms | None
    usage: Usage
    seat: Seat | None = None
    age: float = 0.0


@dataclass(frozen=True, slots=True)
class Drift:
    """A subscription whose counter and seat rows disagree.

    Attributes:
        counted: what the counter says: (live, held).
        rows: how many seat rows there are: (live, held).
        repaired: whether the counter was set to the rows.
    """

    subscription: str
    counted: tuple[int, int]
    rows: tuple[int, int]
    repaired: bool
