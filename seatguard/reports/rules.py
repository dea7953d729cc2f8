"""How a service stands, in which views it is, and how full it is. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from seatguard.clients.model import ClientState
from seatguard.reports.model import ServiceRow, Standing, View
from seatguard.subscriptions.model import Subscription, SubscriptionState

SOON = dt.timedelta(days=30)
HIGH = 90
WATCH = 75

BANDS = (0, 50, 75, 90, 100, 101)
"""Percentages at which the bands of utilization begin; the last is of those over their limit."""

TAKEN = "seat.taken"
DENIED = "denied."
"""Before the reason of a refusal in a day's sums."""

_LONGEST = 64


def standing(row: ServiceRow, now: dt.datetime) -> Standing:
    """The one word about a service, the gravest that is true."""
    one = row.subscription
    if row.client_state is ClientState.ARCHIVED or one.state is SubscriptionState.CANCELED:
        return Standing.ARCHIVED
    if row.client_state is ClientState.SUSPENDED or one.state is SubscriptionState.SUSPENDED:
        return Standing.SUSPENDED
    if one.closes_at is not None and now >= one.closes_at:
        return Standing.EXPIRED
    if one.opens_at is not None and now < one.opens_at:
        return Standing.SCHEDULED
    if expires_soon(one, now):
        return Standing.EXPIRING
    if one.state is SubscriptionState.PAST_DUE:
        return Standing.PAST_DUE
    if one.state is SubscriptionState.TRIALING:
        return Standing.TRIAL
    return Standing.ACTIVE


def is_in(view: View, row: ServiceRow, now: dt.datetime) -> bool:
    """Whether a view shows a service."""
    how = standing(row, now)
    active = how not in (Standing.ARCHIVED, Standing.SUSPENDED, Standing.EXPIRED, Standing.SCHEDULED)
    match view:
        case View.ALL:
            return how is not Standing.ARCHIVED
        case View.ACTIVE:
            return active
        case View.EXPIRING:
            return active and expires_soon(row.subscription, now)
        case View.HIGH:
            return active and is_high(row.live, row.subscription.limit)
        case View.EXPIRED:
            return how is Standing.EXPIRED
        case View.SUSPENDED:
            return how is Standing.SUSPENDED
        case View.ARCHIVED:
            return how is Standing.ARCHIVED


def expires_soon(one: Subscription, now: dt.datetime) -> bool:
    """Whether the last day is within 30 days from today, which is a day of UTC; or over, in its grace."""
    return one.expires_on is not None and one.expires_on <= now.date() + SOON


def is_high(used: int, limit: int | None, *, percent: int = HIGH) -> bool:
    """Whether at least that share of the seats is taken, by the exact ratio.

    >>> is_high(9, 10), is_high(899, 1000), is_high(0, 0), is_high(5, None)
    (True, False, True, False)
    """
    return limit is not None and used * 100 >= limit * percent


def percent(used: int, limit: int | None) -> int | None:
    """How many percent of the seats are taken, rounded down; ``None`` without a limit.

    >>> percent(999, 1000), percent(1000, 1000), percent(0, 0), percent(3, None)
    (99, 100, 100, None)
    """
    if limit is None:
        return None
    return 100 if limit == 0 else used * 100 // limit


def band(used: int, limit: int | None) -> int | None:
    """Which of ``BANDS`` a service is in, by the exact ratio; ``None`` without a limit.

    >>> band(49, 100), band(999, 1000), band(1001, 1000), band(0, 0), band(5, None)
    (0, 90, 101, 100, None)
    """
    if limit is not None and used > limit:
        return BANDS[-1]
    share = percent(used, limit)
    return None if share is None else max(one for one in BANDS if one <= share)


def level(used: int, limit: int | None) -> str:
    """``unlimited``, ``none``, ``over``, ``full``, ``high``, ``watch`` or ``ok``."""
    if limit is None:
        return "unlimited"
    if used > limit:
        return "over"
    if limit == 0:
        return "none"
    if used == limit:
        return "full"
    if is_high(used, limit):
        return "high"
    return "watch" if is_high(used, limit, percent=WATCH) else "ok"


def refused(data: Mapping[str, Any]) -> str:
    """Under which name a day's sums have a refusal; a reason as long as that was not written by us.

    >>> refused({"reason": "limit_reached", "count": 3})
    'denied.limit_reached'
    """
    return f"{DENIED}{data.get('reason')}"[:_LONGEST]


def times(data: Mapping[str, Any]) -> int:
    """How many refusals an entry sums up; an altered entry counts for one.

    >>> times({"reason": "limit_reached", "count": 3}), times({"count": "3"})
    (3, 1)
    """
    count = data.get("count")
    return count if isinstance(count, int) else 1
