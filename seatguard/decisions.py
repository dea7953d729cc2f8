"""The answer, and why: :class:`Reason` and :class:`Decision`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from seatguard.errors import Denied

F_co = TypeVar("F_co", covariant=True)


class Reason(StrEnum):
    """Why the answer is what it is. The value is the public ``code``."""

    ALLOWED = "allowed"
    ALREADY_HELD = "already_held"
    ALREADY_WAITING = "already_waiting"
    LIMIT_REACHED = "limit_reached"
    EXPIRED = "expired"
    NOT_STARTED = "not_started"
    SUSPENDED = "suspended"
    INACTIVE = "inactive"
    NO_SERVICE = "no_service"
    NOT_HELD = "not_held"
    HOLD_EXPIRED = "hold_expired"
    HOLD_CONFIRMED = "hold_confirmed"
    HOLDER_SEATED = "holder_seated"
    LIMIT_BELOW_USAGE = "limit_below_usage"
    PLAN_INACTIVE = "plan_inactive"
    STILL_SEATED = "still_seated"
    INSUFFICIENT_SCOPE = "insufficient_scope"
    TRANSITION_NOT_ALLOWED = "transition_not_allowed"
    NOT_INCLUDED = "not_included"
    QUOTA_EXHAUSTED = "quota_exhausted"
    ALREADY_RECORDED = "already_recorded"
    RATE_LIMITED = "rate_limited"
    LEASE_ENDED = "lease_ended"
    LEASE_TAKEN_OVER = "lease_taken_over"

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later without anybody changing the agreement."""
        return self in _RETRYABLE


_RETRYABLE = frozenset(
    {Reason.LIMIT_REACHED, Reason.NOT_STARTED, Reason.QUOTA_EXHAUSTED, Reason.RATE_LIMITED}
)


@dataclass(frozen=True, slots=True)
class Decision(Generic[F_co]):
    """A verdict with its reason and the facts behind it.

    >>> decision = Decision(False, Reason.LIMIT_REACHED, {"limit": 100, "live": 100})
    >>> decision.allowed, decision.reason.value
    (False, 'limit_reached')
    """

    allowed: bool
    reason: Reason
    facts: F_co

    def require(self) -> F_co:
        """The facts of a "yes".

        Raises:
            Denied: the decision is a "no".
        """
        if not self.allowed:
            raise Denied(self)
        return self.facts
