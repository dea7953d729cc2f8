"""Plan and plan version records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seatguard.catalog.offers import Offer
from seatguard.records import KEEP, Keep


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Something to subscribe to.

    Attributes:
        current: id of the newest published version.
        active: whether new subscriptions may be made.
        display_order: where it stands among the plans shown to customers.
        description: what a customer reads about it.
        updated_at: of the last change, publications included; ``None`` before the first.
        product: id of the product it is a plan of, if any.
        followed_from: number of the last version published to all: subscribers of an older one have it.
    """

    id: str
    tenant: str
    slug: str
    name: str
    active: bool
    current: str
    created_at: dt.datetime
    version: int = 1
    display_order: int = 0
    description: str | None = None
    updated_at: dt.datetime | None = None
    followed_from: int = 1
    product: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanVersion:
    """What a plan promises; never changed once it is published.

    Attributes:
        number: 1, 2, 3 ... within the plan.
        seats: how many holders; ``None`` is unlimited, ``0`` is none.
        offer: everything else it promises.
    """

    id: str
    tenant: str
    plan: str
    number: int
    seats: int | None
    published_at: dt.datetime
    version: int = 1
    offer: Offer = field(default_factory=Offer)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChange:
    """What to change of a plan; a field left out stays as it is.

    Attributes:
        product: slug of a product; ``None`` is none.
        offer: members of the offer to put in the place of those there are, each as a whole;
            ``None`` takes a member back to its default.

    >>> PlanChange(name="Professional").seats is KEEP
    True
    """

    name: str | Keep = KEEP
    active: bool | Keep = KEEP
    display_order: int | Keep = KEEP
    description: str | Keep | None = KEEP
    product: str | Keep | None = KEEP
    seats: int | Keep | None = KEEP
    offer: Mapping[str, Any] = field(default_factory=dict)
