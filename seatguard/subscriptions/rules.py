"""When a subscription opens and closes, what it may become, and how low its limit may go."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, replace
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from seatguard.catalog.addons import AddOn
from seatguard.catalog.offers import Offer
from seatguard.decisions import Decision, Reason
from seatguard.errors import InvalidInput
from seatguard.subscriptions.model import Overage, Subscription, SubscriptionState

MAX_GRACE_DAYS = 366
_FIRST_DAY, _LAST_DAY = dt.date(1970, 1, 2), dt.date(9990, 12, 31)
# Python's own parser also reads weeks, such as 2025-W01-1.
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_S = SubscriptionState
OPEN_STATES = frozenset({_S.TRIALING, _S.ACTIVE, _S.PAST_DUE})
"""States in which seats are given."""

_NEXT = {
    _S.TRIALING: frozenset({_S.ACTIVE, _S.PAST_DUE, _S.SUSPENDED, _S.CANCELED}),
    _S.ACTIVE: frozenset({_S.PAST_DUE, _S.SUSPENDED, _S.CANCELED}),
    _S.PAST_DUE: frozenset({_S.ACTIVE, _S.SUSPENDED, _S.CANCELED}),
    _S.SUSPENDED: frozenset({_S.ACTIVE, _S.CANCELED}),
    _S.CANCELED: frozenset({_S.ACTIVE}),
}


@dataclass(frozen=True, slots=True)
class LimitFacts:
    """The numbers of a limit change; ``None`` is unlimited."""

    before: int | None
    after: int | None
    cap: int | None
    live: int


def valid_date(value: object, *, field: str) -> dt.date:
    """A calendar day from 1970-01-02 to 9990-12-31, given as a date or as ``YYYY-MM-DD``.

    >>> valid_date("2027-12-31", field="expiry")
    datetime.date(2027, 12, 31)
    """
    parsed = value
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            parsed = dt.date.fromisoformat(value)
        except ValueError:
            parsed = None
    if isinstance(parsed, dt.datetime) or not isinstance(parsed, dt.date):
        raise InvalidInput.single(
            field, "invalid_date", f"{value!r} is not a calendar day: write it as YYYY-MM-DD"
        )
    if not _FIRST_DAY <= parsed <= _LAST_DAY:
        raise InvalidInput.single(
            field, "invalid_date", f"{parsed} is out of range: use {_FIRST_DAY} to {_LAST_DAY}"
        )
    return parsed


def valid_timezone(name: object) -> str:
    """The name of an IANA zone.

    >>> valid_timezone("Pacific/Kiritimati")
    'Pacific/Kiritimati'
    """
    try:
        return ZoneInfo(name).key if isinstance(name, str) and name else _no_zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return _no_zone(name)


def _no_zone(name: object) -> str:
    raise InvalidInput.single(
        "timezone", "invalid_timezone", f"{name!r} is not an IANA zone: use one like 'Europe/Berlin' or 'UTC'"
    )


class Opening(Protocol):
    """What decides whether a subscription is in force at an instant."""

    @property
    def open(self) -> bool:
        """Whether its state lets it give anything."""

    @property
    def opens_at(self) -> dt.datetime | None:
        """First instant at which it does."""

    @property
    def closes_at(self) -> dt.datetime | None:
        """First instant at which it no longer does."""


def gives(opening: Opening, now: dt.datetime) -> bool:
    """Whether a subscription gives at that instant what it includes, room or not."""
    return (
        opening.open
        and (opening.opens_at is None or now >= opening.opens_at)
        and (opening.closes_at is None or now < opening.closes_at)
    )


def start_of(day: dt.date, timezone: str) -> dt.datetime:
    """The UTC instant at which a day begins in a zone."""
    return dt.datetime.combine(day, dt.time(), tzinfo=ZoneInfo(timezone)).astimezone(dt.UTC)


def resolved(subscription: Subscription, plan_seats: int | None, *, live: int) -> Subscription:
    """The subscription with everything the gate enforces derived anew.

    Args:
        plan_seats: the plan version's limit; ``None`` is unlimited (or no plan).
        live: seats held now, so that the database's own check stays true after lowering.
    """
    limit = plan_seats if subscription.own_limit is None else subscription.own_limit
    limit = None if subscription.unlimited or limit is None else limit + subscription.extra_seats
    cap = Overage.parse(subscription.overage).cap(limit)
    zone, starts, ends = subscription.timezone, subscription.starts_on, subscription.expires_on
    grace = dt.timedelta(days=subscription.grace_days + 1)
    return replace(
        subscription,
        limit=limit,
        cap=cap,
        ceiling=None if cap is None else max(cap, live),
        open=subscription.state in OPEN_STATES,
        opens_at=None if starts is None else start_of(starts, zone),
        closes_at=None if ends is None else start_of(ends + grace, zone),
    )


def differs(before: Subscription, after: Subscription) -> bool:
    """Whether a change changes anything that was agreed; the ceiling follows use and was not agreed."""
    return replace(after, ceiling=before.ceiling) != before


def is_over_limit(subscription: Subscription) -> bool:
    """Whether more seats were held than the cap allows when it was last resolved."""
    cap, ceiling = subscription.cap, subscription.ceiling
    return cap is not None and ceiling is not None and ceiling > cap


def begun(
    subscription: Subscription, offer: Offer, *, trial: bool | None
) -> tuple[Subscription, dt.datetime | None]:
    """A new subscription with the trial or evaluation its plan begins with.

    Args:
        trial: whether it begins as a trial; ``None`` is as the plan says.

    Returns:
        the subscription, and the instant at which its trial is over; ``None`` where nothing says so.
    """
    zone = subscription.timezone
    first = subscription.starts_on or subscription.created_at.astimezone(ZoneInfo(zone)).date()
    trialing = offer.trial_days > 0 if trial is None else trial
    ends = None
    if trialing:
        subscription = replace(subscription, state=SubscriptionState.TRIALING)
        if offer.trial_days:
            ends = start_of(first + dt.timedelta(days=offer.trial_days), zone)
    if offer.evaluation_days and subscription.expires_on is None:
        last = first + dt.timedelta(days=offer.evaluation_days - 1)
        subscription = replace(subscription, expires_on=last)
    return subscription, ends


def check_bounds(own: int | None, unlimited: bool, offer: Offer) -> None:
    """Refuse an own limit that the plan's bounds leave out.

    Raises:
        InvalidInput: on ``limit``.
    """
    most = offer.max_seats
    too_many = most is not None and (unlimited or (own is not None and own > most))
    if too_many or (own is not None and not unlimited and own < offer.min_seats):
        bounds = f"{offer.min_seats} or more" if most is None else f"{offer.min_seats} to {most}"
        given = "unlimited" if unlimited else own
        raise InvalidInput.single("limit", "out_of_range", f"the plan sells {bounds} seats, not {given}")


def may_add(addon: AddOn, had: int, quantity: int) -> Decision[dict[str, str]]:
    """Whether a subscription may have so many of an add-on. Fewer than before is no refusal."""
    facts = {"addon": addon.slug, "had": str(had), "wanted": str(quantity)}
    if quantity > had and not addon.active:
        return Decision(False, Reason.PLAN_INACTIVE, facts)
    if quantity > had and addon.most is not None and quantity > addon.most:
        return Decision(False, Reason.LIMIT_REACHED, {**facts, "most": str(addon.most)})
    return Decision(True, Reason.ALLOWED, facts)


def check_period(starts_on: dt.date | None, expires_on: dt.date | None) -> None:
    """Refuse a period that ends before it begins.

    Raises:
        InvalidInput: on ``expiry``.
    """
    if starts_on is not None and expires_on is not None and expires_on < starts_on:
        raise InvalidInput.single(
            "expiry", "invalid_date_range", f"{expires_on} is before the first day {starts_on}"
        )


def may_become(subscription: Subscription, state: SubscriptionState) -> Decision[dict[str, str]]:
    """Whether a subscription may change to ``state``. Staying as it is, is no refusal."""
    facts = {"from": subscription.state.value, "to": state.value}
    if state is subscription.state or state in _NEXT[subscription.state]:
        return Decision(True, Reason.ALLOWED, facts)
    return Decision(False, Reason.TRANSITION_NOT_ALLOWED, facts)


def may_change_limit(
    before: Subscription, after: Subscription, live: int, *, over_limit: str
) -> Decision[LimitFacts]:
    """Whether the new cap may stand, given the seats held now.

    Args:
        over_limit: ``"refuse"``, or ``"allow"`` to keep all holders and refuse new ones.
    """
    facts = LimitFacts(before.limit, after.limit, after.cap, live)
    lowered = after.cap is not None and (before.cap is None or after.cap < before.cap)
    if lowered and after.cap is not None and live > after.cap and over_limit != "allow":
        return Decision(False, Reason.LIMIT_BELOW_USAGE, facts)
    return Decision(True, Reason.ALLOWED, facts)
