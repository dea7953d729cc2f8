"""A refusal in words a person reads, with the numbers behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seatguard.decisions import Decision, Reason
from seatguard.management.model import ScopeFacts
from seatguard.seats.model import SeatFacts
from seatguard.subscriptions.rules import LimitFacts

_SENTENCES = {
    Reason.ALLOWED: "allowed",
    Reason.ALREADY_HELD: "the user has a seat already",
    Reason.ALREADY_WAITING: "the user waits for a seat already",
    Reason.LIMIT_REACHED: "no seat is free",
    Reason.EXPIRED: "the service has expired",
    Reason.NOT_STARTED: "the service has not started yet",
    Reason.SUSPENDED: "the service is suspended",
    Reason.INACTIVE: "the service gives no seats in its state",
    Reason.NO_SERVICE: "the project has no such service",
    Reason.NOT_HELD: "the user has no seat",
    Reason.HOLD_EXPIRED: "the hold has expired",
    Reason.HOLD_CONFIRMED: "the hold has become the user's seat",
    Reason.HOLDER_SEATED: "the receiving user has a seat already",
    Reason.LIMIT_BELOW_USAGE: "more seats are taken than the new limit allows",
    Reason.PLAN_INACTIVE: "the plan takes no new subscriptions",
    Reason.STILL_SEATED: "the user still sits somewhere: release the user first",
    Reason.INSUFFICIENT_SCOPE: "the key's scopes do not cover this",
    Reason.TRANSITION_NOT_ALLOWED: "that state cannot follow the present one",
    Reason.NOT_INCLUDED: "no service of the project includes this",
    Reason.QUOTA_EXHAUSTED: "the quota of this period is used up",
    Reason.ALREADY_RECORDED: "this was recorded before",
    Reason.RATE_LIMITED: "too many requests in a short time",
    Reason.LEASE_ENDED: "the lease has ended",
    Reason.LEASE_TAKEN_OVER: "another session has taken the lease's place",
}


def sentence(decision: Decision[Any]) -> str:
    """Why, and the numbers.

    >>> sentence(Decision(False, Reason.LIMIT_BELOW_USAGE, LimitFacts(before=100, after=10, cap=10, live=45)))
    'more seats are taken than the new limit allows (45 taken, 10 allowed)'
    """
    facts = _facts(decision.facts)
    return _SENTENCES[decision.reason] + (f" ({facts})" if facts else "")


def _facts(facts: object) -> str:
    match facts:
        case LimitFacts(cap=cap, live=live):
            return f"{live} taken, {amount(cap)} allowed"
        case SeatFacts(terms=terms, usage=usage) if terms is not None:
            day = f", last day {terms.expires_on}" if terms.expires_on else ""
            return f"{usage.live} of {amount(terms.cap)} taken{day}"
        case ScopeFacts(missing=missing):
            return f"needed: {', '.join(missing)}"
        case Mapping():
            return ", ".join(f"{name}: {value}" for name, value in facts.items())
        case _:
            return ""


def amount(limit: int | None) -> str:
    """A limit in words: ``None`` is unlimited.

    >>> amount(None), amount(0)
    ('unlimited', '0')
    """
    return "unlimited" if limit is None else str(limit)
