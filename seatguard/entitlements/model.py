"""Terms: the one value that seats know of plans and subscriptions."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from seatguard.allowances import Allowance, Concurrency, Quota, Rate, Takeover
from seatguard.periods import Period
from seatguard.projects.model import KnownKey
from seatguard.subscriptions.model import Subscription, SubscriptionState


@dataclass(frozen=True, slots=True)
class Agreed:
    """A subscription as one read sees it, with what lies beside it.

    Attributes:
        plan: slug of its plan, if it has one.
        live: its counter, lapsed holds included until they are cleared away.
        held: how many of those are holds.
    """

    subscription: Subscription
    plan: str | None
    live: int
    held: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """All that is to be known of a caller, as one read sees it.

    Attributes:
        agreed: the subscriptions of the project and of the key's mode.
    """

    known: KnownKey
    agreed: tuple[Agreed, ...]


__all__ = ["Allowance", "Concurrency", "Period", "Quota", "Rate", "Takeover", "Terms", "Where"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a subscription may do.

    Attributes:
        number: shown as ``service_id``.
        limit: seats agreed; ``None`` is unlimited, ``0`` is none.
        cap: limit plus overage: what is enforced.
        source: where the limit comes from: ``"subscription"``, ``"plan"`` or ``"unlimited"``.
        expires_on: last day, included, in ``timezone``.
        opens_at: first instant at which seats are given; ``None`` is from the beginning.
        closes_at: first instant at which they are no longer given, grace included.
        version: of the subscription's record; of two terms the one with the higher version counts.
        anchor: from which periods are counted: the start of the first day, in ``timezone``.
    """

    tenant: str
    project: str
    subscription: str
    number: int
    mode: str
    type: str
    plan: str | None
    state: SubscriptionState
    limit: int | None
    cap: int | None
    source: str
    expires_on: dt.date | None
    timezone: str
    open: bool
    opens_at: dt.datetime | None
    closes_at: dt.datetime | None
    version: int = 1
    anchor: dt.datetime = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What is asked about: the subscriptions of a project, of one mode, perhaps of one type."""

    project: str
    mode: str = "live"
    type: str | None = None

    def among(self, found: tuple[Terms, ...]) -> tuple[Terms, ...]:
        """Those of a project's terms that are of that type."""
        return found if self.type is None else tuple(terms for terms in found if terms.type == self.type)
