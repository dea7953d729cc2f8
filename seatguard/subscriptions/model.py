"""The subscription record, its states and its overage."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from enum import StrEnum

from seatguard.errors import InvalidInput

DEFAULT_TYPE = "web"


class SubscriptionState(StrEnum):
    """What was agreed. Whether it has begun or is over is told by the dates, not by the state."""

    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    SUSPENDED = "suspended"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class Overage:
    """How far beyond its limit a subscription still gives seats.

    >>> Overage.parse("+10%").cap(25)
    28
    >>> Overage.parse("hard").cap(25)
    25
    >>> Overage.parse("unlimited").cap(25) is None
    True
    """

    text: str
    extra: int = 0
    percent: int = 0
    unlimited: bool = False

    @classmethod
    def parse(cls, text: object) -> Overage:
        """Read ``hard``, ``+5``, ``+10%`` or ``unlimited``.

        Raises:
            InvalidInput: anything else.
        """
        if text == "hard":
            return cls("hard")
        if text == "unlimited":
            return cls("unlimited", unlimited=True)
        match = re.fullmatch(r"\+([1-9][0-9]{0,5})(%?)", text) if isinstance(text, str) else None
        if match is None:
            raise InvalidInput.single(
                "overage", "invalid_overage", f"must be 'hard', '+5', '+10%' or 'unlimited', not {text!r}"
            )
        amount = int(match[1])
        return cls(match[0], percent=amount) if match[2] else cls(match[0], extra=amount)

    def cap(self, limit: int | None) -> int | None:
        """The number enforced: limit plus overage, a share rounded up; ``None`` is unlimited."""
        if limit is None or self.unlimited:
            return None
        return limit + self.extra + -(-limit * self.percent // 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A client's project on a plan.

    Attributes:
        number: the integer shown as ``service_id``.
        plan_version: id of the plan version, ``None`` without a plan.
        own_limit: seats instead of the plan's; ``None`` takes the plan's.
        unlimited: no limit at all, whatever the plan says.
        starts_on: first day; ``None`` is from the beginning.
        expires_on: last day, included; ``None`` is never.
        timezone: IANA zone in which the days are counted.
        limit: what own limit and plan resolve to; ``None`` is unlimited.
        cap: limit plus overage, what the gate enforces; ``None`` is unlimited.
        ceiling: ``cap``, or the seats held when the cap was lowered below them; the database's
            own check holds the count under it.
        open: whether the state lets seats be given.
        opens_at: first instant at which seats are given.
        closes_at: first instant at which they are no longer given; ``None`` is never.
        extra_seats: from add-ons, on top of own limit or plan.
    """

    id: str
    tenant: str
    number: int
    client: str
    project: str
    mode: str
    type: str
    plan_version: str | None
    own_limit: int | None
    unlimited: bool
    overage: str
    starts_on: dt.date | None
    expires_on: dt.date | None
    timezone: str
    grace_days: int
    state: SubscriptionState
    created_at: dt.datetime
    limit: int | None
    cap: int | None
    ceiling: int | None
    open: bool
    opens_at: dt.datetime | None
    closes_at: dt.datetime | None
    version: int = 1
    extra_seats: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """So many of an add-on in a subscription."""

    id: str
    tenant: str
    subscription: str
    addon: str
    quantity: int
    version: int = 1


class ChangeState(StrEnum):
    """What has become of a scheduled change."""

    PENDING = "pending"
    APPLIED = "applied"
    BLOCKED = "blocked"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledChange:
    """A change of a subscription that was agreed on for later.

    Attributes:
        what: ``limit``, ``plan``, ``expiry`` or ``state``.
        value: number, slug, day or state; ``None`` is the plan's limit, or no last day; ``"unlimited"``.
        at: from when on it is due.
        policy: what to do when more seats are held then than it allows: ``postpone`` it until they fit,
            ``allow`` it and refuse new holders, or ``block`` it for good.
        reason: why it was postponed or blocked, as a code.
        settled_at: when it was applied, blocked or canceled.
    """

    id: str
    tenant: str
    subscription: str
    what: str
    value: str | int | None
    at: dt.datetime
    policy: str
    state: ChangeState
    reason: str | None
    created_at: dt.datetime
    settled_at: dt.datetime | None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSubscription:
    """A user on a plan. Not being there is not being subscribed: one that ended is in the journal.

    Attributes:
        user: the host's id of the user, as it was given.
        user_key: equal for two spellings of one user.
        slot: unique for the user: empty where a user has at most one plan, else the plan's id.
        number: of the plan version that was current when the user came; newer versions published to all
            take its place.
        since: when the user came to this plan.
        ends_at: first instant at which it grants nothing any more; ``None`` is never.
    """

    id: str
    tenant: str
    user: str
    user_key: str
    slot: str
    plan: str
    number: int
    since: dt.datetime
    ends_at: dt.datetime | None
    created_at: dt.datetime
    updated_at: dt.datetime
    version: int = 1
