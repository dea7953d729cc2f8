"""Plan and plan version records."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Something to subscribe to.

    Attributes:
        current: id of the newest published version.
        active: whether new subscriptions may be made.
    """

    id: str
    tenant: str
    slug: str
    name: str
    active: bool
    current: str
    created_at: dt.datetime
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanVersion:
    """What a plan promises; never changed once it is published.

    Attributes:
        number: 1, 2, 3 ... within the plan.
        seats: how many holders; ``None`` is unlimited, ``0`` is none.
    """

    id: str
    tenant: str
    plan: str
    number: int
    seats: int | None
    published_at: dt.datetime
    version: int = 1
