"""Whether a subscription gives anything at all, and what it includes. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from seatguard.decisions import Decision, Reason
from seatguard.entitlements.model import Terms
from seatguard.subscriptions.model import SubscriptionState

T = TypeVar("T")


def may_use(terms: Terms, now: dt.datetime) -> Decision[Terms]:
    """Whether the subscription gives at that instant what it includes, room or not."""
    if terms.state is SubscriptionState.SUSPENDED:
        return Decision(False, Reason.SUSPENDED, terms)
    if not terms.open:
        return Decision(False, Reason.INACTIVE, terms)
    if terms.opens_at is not None and now < terms.opens_at:
        return Decision(False, Reason.NOT_STARTED, terms)
    if terms.closes_at is not None and now >= terms.closes_at:
        return Decision(False, Reason.EXPIRED, terms)
    return Decision(True, Reason.ALLOWED, terms)


@dataclass(frozen=True, slots=True)
class Included(Generic[T]):
    """What a subscription includes under a name.

    Attributes:
        terms: of the subscription; ``None`` when the project has none.
        value: what it includes; ``None`` with a "no".
    """

    terms: Terms | None
    value: T | None


def included(
    found: tuple[Terms, ...], allowed: Callable[[Terms], T | None], now: dt.datetime
) -> Decision[Included[T]]:
    """The first of a project's subscriptions, in their order, that is in force and includes something.

    Args:
        allowed: what one subscription includes.

    Returns:
        ``NO_SERVICE`` without any subscription, ``NOT_INCLUDED`` when none includes it, else why those
        that do give nothing now.
    """
    refusal: Decision[Included[T]] | None = None
    for terms in found:
        value = allowed(terms)
        if value is None:
            continue
        policy = may_use(terms, now)
        if policy.allowed:
            return Decision(True, Reason.ALLOWED, Included(terms, value))
        refusal = refusal or Decision(False, policy.reason, Included(terms, None))
    if refusal is not None:
        return refusal
    reason = Reason.NOT_INCLUDED if found else Reason.NO_SERVICE
    return Decision(False, reason, Included(found[0] if found else None, None))
