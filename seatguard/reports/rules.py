"""How a service stands, in which views it is, and how full it is. Pure."""

from __future__ import annotations

import datetime as dt

from seatguard.clients.model import ClientState
from seatguard.reports.model import ServiceRow, Standing, View
from seatguard.subscriptions.model import Subscription, SubscriptionState

SOON = dt.timedelta(days=30)
HIGH = 90
WATCH = 75


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
