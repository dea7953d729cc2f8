"""Why the answer is what it is: the questions that were asked, in their order, and what stands in the way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seatguard.decisions import Decision
from seatguard.entitlements.model import Terms
from seatguard.seats.model import Seat, SeatFacts, Usage
from seatguard.seats.rules import has_room
from seatguard.subscriptions.model import SubscriptionState


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One question about one subscription.

    Attributes:
        service: number of the subscription, as the API shows it.
        question: ``"state"``, ``"opens"``, ``"closes"``, ``"limit"`` or ``"room"``.
        passed: whether the answer lets a new user in.
        says: the answer, for the operator.
    """

    service: int
    question: str
    passed: bool
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A decision with everything behind it. For operators: it names holders.

    Attributes:
        decision: what a new user would meet now.
        steps: the questions, subscription by subscription in the order they are asked for a seat.
        holds: in the way of a new user, the first to lapse first; at most 50.
        frees_at: when the first of them lapses, and a seat becomes free without anybody's doing.
        waiting: how many wait for a seat, and are served before a new user.
    """

    decision: Decision[SeatFacts]
    steps: tuple[Step, ...]
    holds: tuple[Seat, ...]
    frees_at: dt.datetime | None
    waiting: int = 0

    def __str__(self) -> str:
        """One line for each question."""
        marks = {True: "yes", False: "NO "}
        lines = [f"{self.decision.reason.value}"]
        lines += [
            f"  {marks[one.passed]} service {one.service} {one.question}: {one.says}" for one in self.steps
        ]
        lines += [f"  held by {hold.holder} until {hold.lapses_at}" for hold in self.holds]
        lines += [f"  {self.waiting} waiting in line"] if self.waiting else []
        return "\n".join(lines)


def explain(
    decision: Decision[SeatFacts],
    found: Sequence[tuple[Terms, Usage]],
    holds: Sequence[Seat],
    now: dt.datetime,
    *,
    waiting: int = 0,
) -> Explanation:
    """Put it together. Pure.

    Args:
        found: the project's subscriptions in the order they are asked, each with its numbers.
        holds: theirs, not lapsed, the first to lapse first.
    """
    steps = [step for terms, usage in found for step in _steps(terms, usage, now)]
    return Explanation(
        decision=decision,
        steps=tuple(steps),
        holds=tuple(holds),
        frees_at=holds[0].lapses_at if holds else None,
        waiting=waiting,
    )


def _steps(terms: Terms, usage: Usage, now: dt.datetime) -> Iterator[Step]:
    def step(question: str, *, passed: bool, says: str) -> Step:
        return Step(service=terms.number, question=question, passed=passed, says=says)

    given = terms.open and terms.state is not SubscriptionState.SUSPENDED
    yield step("state", passed=given, says=terms.state.value)
    if terms.opens_at is not None:
        yield step("opens", passed=now >= terms.opens_at, says=terms.opens_at.isoformat())
    if terms.closes_at is not None:
        day = (
            "" if terms.expires_on is None else f", after its last day {terms.expires_on} in {terms.timezone}"
        )
        yield step("closes", passed=now < terms.closes_at, says=f"{terms.closes_at.isoformat()}{day}")
    yield step("limit", passed=terms.cap != 0, says=_limit(terms))
    taken = f"{usage.live} taken, {usage.held} of them held"
    yield step("room", passed=has_room(terms, usage), says=taken)


def _limit(terms: Terms) -> str:
    source = f"plan {terms.plan}" if terms.source == "plan" else "agreed for this service"
    if terms.limit is None:
        return "unlimited"
    over = "" if terms.cap == terms.limit else f", {terms.cap} with overage"
    return f"{terms.limit}, {source}{over}"
