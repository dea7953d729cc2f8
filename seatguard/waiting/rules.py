"""Every "no" of the line, and whose turn it is. Pure."""

from __future__ import annotations

import datetime as dt
from typing import Any

from seatguard.decisions import Decision, Reason
from seatguard.waiting.model import Place, Waiting, WaitingState

GIVEN_UP_AFTER = dt.timedelta(seconds=30)
"""An attempt under way for longer has lost its process; the next one takes it over."""


def may_wait(advice: Decision[Any]) -> Decision[Place]:
    """Whether waiting makes sense: what is closed or ended frees no seat.

    Args:
        advice: what a new holder would meet now.

    >>> may_wait(Decision(False, Reason.EXPIRED, None)).allowed
    False
    """
    nowhere = Place(None, 0)
    if advice.allowed or advice.reason is Reason.LIMIT_REACHED:
        return Decision(True, Reason.ALLOWED, nowhere)
    return Decision(False, advice.reason, nowhere)


def is_asked_for(waiting: Waiting, now: dt.datetime) -> bool:
    """Whether another process asks for a seat for them at this moment."""
    return (
        waiting.state is not WaitingState.WAITING
        and waiting.asked_at is not None
        and now - waiting.asked_at < GIVEN_UP_AFTER
    )
