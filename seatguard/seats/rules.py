"""Every "no" about a seat: policy before the gate, comparison inside it, verdict after it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from seatguard.decisions import Decision, Reason
from seatguard.entitlements.model import Terms
from seatguard.entitlements.rules import may_use
from seatguard.errors import InvalidInput
from seatguard.seats.model import (
    AlreadyHeld,
    Closed,
    Full,
    Lapsed,
    Outcome,
    Pool,
    Released,
    Renewed,
    Seat,
    SeatFacts,
    SeatState,
    Taken,
    TakeOutcome,
    Transferred,
    Usage,
)

MAX_HOLD = dt.timedelta(days=366)
NEAR_LIMIT_SEATS = 10
NEAR_LIMIT_SHARE = 20


def has_room(terms: Terms, usage: Usage) -> bool:
    """Whether another holder fits below the cap."""
    return terms.cap is None or usage.live < terms.cap


def is_near_limit(terms: Terms, usage: Usage) -> bool:
    """Whether so few seats are left that a count of a moment ago is not good enough."""
    if terms.cap is None:
        return False
    return terms.cap - usage.live <= max(NEAR_LIMIT_SEATS, terms.cap // NEAR_LIMIT_SHARE)


def may_seat(terms: Terms, usage: Usage, now: dt.datetime, *, age: float = 0.0) -> Decision[SeatFacts]:
    """What a claim of a new holder would meet now. Advice: it takes nothing.

    Args:
        age: seconds since the numbers were read.
    """
    policy = may_use(terms, now)
    facts = SeatFacts(terms, usage, age=age)
    if not policy.allowed:
        return Decision(False, policy.reason, facts)
    if not has_room(terms, usage):
        return Decision(False, Reason.LIMIT_REACHED, facts)
    return Decision(True, Reason.ALLOWED, facts)


def behind(decision: Decision[SeatFacts], *, waiting: bool) -> Decision[SeatFacts]:
    """The same for a newcomer while somebody waits: what is free belongs to the line."""
    return Decision(False, Reason.LIMIT_REACHED, decision.facts) if waiting and decision.allowed else decision


def crossed(limit: int | None, taken: int) -> int | None:
    """The highest of 80, 90 and 100 % that the seat which makes it ``taken`` has just reached.

    Seats for good alone are counted: holds come and go with every attempt.

    >>> [crossed(10, taken) for taken in (7, 8, 9, 10, 11)]
    [None, 80, 90, 100, None]
    """
    if limit is None:
        return None
    return next(
        (percent for percent in (100, 90, 80) if 100 * (taken - 1) < percent * limit <= 100 * taken), None
    )


class Step(Enum):
    """What a gate does with the claim of somebody who has no seat."""

    SEAT = auto()
    FULL = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class Already:
    """The claimant's own seat is the answer."""

    seat: Seat


@dataclass(frozen=True, slots=True)
class Confirm:
    """The claimant's own hold becomes a seat for good."""

    seat: Seat


def step(
    pool: Pool, own: Seat | None, lapses_at: dt.datetime | None, now: dt.datetime
) -> Step | Already | Confirm:
    """What to do with a claim: the one comparison of a gate, on rows that nobody else can change.

    Args:
        pool: the numbers, lapsed holds cleared away where that makes a difference.
        own: the claimant's own seat, not lapsed, if there is one.
        lapses_at: end of the hold that is claimed, ``None`` for a seat for good.
        now: read after the rows were locked.
    """
    if own is not None:
        for_good = lapses_at is None and own.state is SeatState.HELD
        return Confirm(own) if for_good else Already(own)
    if not pool.admits(now):
        return Step.CLOSED
    return Step.FULL if pool.is_full() else Step.SEAT


def judge(outcome: TakeOutcome, terms: Terms, now: dt.datetime) -> Decision[SeatFacts]:
    """The verdict on what the gate did."""
    match outcome:
        case Taken(seat, usage):
            return Decision(True, Reason.ALLOWED, SeatFacts(terms, usage, seat))
        case AlreadyHeld(seat, usage):
            return Decision(True, Reason.ALREADY_HELD, SeatFacts(terms, usage, seat))
        case Full(usage):
            return Decision(False, Reason.LIMIT_REACHED, SeatFacts(terms, usage))
        case Closed(usage):
            policy = may_use(terms, now)
            reason = Reason.INACTIVE if policy.allowed else policy.reason
            return Decision(False, reason, SeatFacts(terms, usage))


def first_yes(decisions: Iterable[Decision[SeatFacts]]) -> Decision[SeatFacts]:
    """Of the answers of a project's subscriptions the one to give; after a "yes" no other is asked.

    >>> first_yes([]).reason.value
    'no_service'
    """
    refusal: Decision[SeatFacts] | None = None
    for decision in decisions:
        if decision.allowed:
            return decision
        refusal = graver(refusal, decision)
    return refusal or Decision(False, Reason.NO_SERVICE, SeatFacts(None, Usage(0, 0)))


def graver(one: Decision[SeatFacts] | None, other: Decision[SeatFacts]) -> Decision[SeatFacts]:
    """Of two refusals the one to tell: a full subscription says more than a closed one."""
    if one is None or (other.reason is Reason.LIMIT_REACHED and one.reason is not Reason.LIMIT_REACHED):
        return other
    return one


def judge_sealed(outcome: Outcome, terms: Terms, now: dt.datetime) -> Decision[SeatFacts]:
    """The verdict on a take from inside the gate's act, where only a "yes" is sealed."""
    if isinstance(outcome, Taken | AlreadyHeld):
        return judge(outcome, terms, now)
    raise TypeError(f"a gate must not seal {outcome!r}")


def judge_confirm(outcome: Outcome, terms: Terms) -> Decision[SeatFacts]:
    """The verdict on confirming a hold."""
    match outcome:
        case Taken(seat, usage):
            return Decision(True, Reason.ALLOWED, SeatFacts(terms, usage, seat))
        case AlreadyHeld(seat, usage):
            return Decision(True, Reason.ALREADY_HELD, SeatFacts(terms, usage, seat))
        case Lapsed(seat):
            return Decision(False, Reason.HOLD_EXPIRED, SeatFacts(terms, Usage(0, 0), seat))
        case _:
            raise TypeError(f"a gate must not answer a confirm with {outcome!r}")


def judge_renewal(outcome: Outcome, terms: Terms) -> Decision[SeatFacts]:
    """The verdict on renewing a hold."""
    match outcome:
        case Renewed(seat, usage):
            return Decision(True, Reason.ALLOWED, SeatFacts(terms, usage, seat))
        case Lapsed(seat):
            return Decision(False, Reason.HOLD_EXPIRED, SeatFacts(terms, Usage(0, 0), seat))
        case _:
            raise TypeError(f"a gate must not answer a renewal with {outcome!r}")


def judge_release(outcome: Outcome, terms: Terms) -> Decision[SeatFacts]:
    """The verdict on freeing a seat or letting go of a hold."""
    match outcome:
        case Released(seat, usage):
            return Decision(True, Reason.ALLOWED, SeatFacts(terms, usage, seat))
        case AlreadyHeld(seat, usage):
            return Decision(False, Reason.HOLD_CONFIRMED, SeatFacts(terms, usage, seat))
        case _:
            raise TypeError(f"a gate must not answer a release with {outcome!r}")


def judge_transfer(outcome: Outcome, terms: Terms, usage: Usage) -> Decision[SeatFacts]:
    """The verdict on giving a seat to somebody else; ``usage`` as it was before."""
    match outcome:
        case Transferred(seat):
            return Decision(True, Reason.ALLOWED, SeatFacts(terms, usage, seat))
        case AlreadyHeld(seat, now):
            return Decision(False, Reason.HOLDER_SEATED, SeatFacts(terms, now, seat))
        case _:
            return Decision(False, Reason.NOT_HELD, SeatFacts(terms, usage))


def valid_hold(seconds: object) -> dt.timedelta:
    """How long a hold lasts: 1 second to 366 days, in whole seconds.

    >>> valid_hold(60)
    datetime.timedelta(seconds=60)
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        raise InvalidInput.single(
            "expires_in", "integer_expected", f"must be a whole number of seconds, not {seconds!r}"
        )
    longest = int(MAX_HOLD.total_seconds())
    if not 1 <= seconds <= longest:
        raise InvalidInput.single(
            "expires_in", "out_of_range", f"must be 1 to {longest} seconds, not {seconds}"
        )
    return dt.timedelta(seconds=seconds)
