"""From records to terms. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeVar
from zoneinfo import ZoneInfo

from seatguard.entitlements.model import Agreed, Terms
from seatguard.subscriptions.model import Subscription

E = TypeVar("E", Terms, Subscription)

_NEVER = dt.datetime.max.replace(tzinfo=dt.UTC)


@lru_cache(maxsize=10_000)
def terms(subscription: Subscription, plan_slug: str | None) -> Terms:
    """The terms of one subscription."""
    own = subscription.unlimited or subscription.own_limit is not None
    zone = ZoneInfo(subscription.timezone)
    first_day = subscription.starts_on or subscription.created_at.astimezone(zone).date()
    source = "unlimited" if subscription.limit is None else "subscription" if own else "plan"
    return Terms(
        tenant=subscription.tenant,
        project=subscription.project,
        subscription=subscription.id,
        number=subscription.number,
        mode=subscription.mode,
        type=subscription.type,
        plan=plan_slug,
        state=subscription.state,
        limit=subscription.limit,
        cap=subscription.cap,
        source=source,
        expires_on=subscription.expires_on,
        timezone=subscription.timezone,
        open=subscription.open,
        opens_at=subscription.opens_at,
        closes_at=subscription.closes_at,
        version=subscription.version,
        anchor=dt.datetime.combine(first_day, dt.time(), zone),
    )


def of_project(several: Iterable[Agreed]) -> tuple[Terms, ...]:
    """The terms of a project's subscriptions, in the order in which they are asked for a seat."""
    return in_order(terms(one.subscription, one.plan) for one in several)


def in_order(several: Iterable[Terms]) -> tuple[Terms, ...]:
    """In which order a project's subscriptions are asked for a seat: earliest end, then lowest number."""
    return in_order_of_end(several)


def in_order_of_end(several: Iterable[E]) -> tuple[E, ...]:
    """Earliest end, then lowest number."""
    return tuple(sorted(several, key=lambda one: (one.closes_at or _NEVER, one.number)))
