"""Products and add-ons: what plans belong to, and what is sold beside them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seatguard.catalog.offers import Offer
from seatguard.catalog.values import UNLIMITED, Amount, Limits
from seatguard.errors import InvalidInput, Problem

MEMBERS = ("quotas", "rate_limits", "features", "permissions", "capabilities", "prices", "interval", "length")
"""Members of an offer that an add-on may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What several plans are plans of."""

    id: str
    tenant: str
    slug: str
    name: str
    description: str | None
    active: bool
    created_at: dt.datetime
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOn:
    """Something to buy on top of a plan, once or several times: seat packs, more of a quota, a feature.

    Attributes:
        seats: that each one adds.
        most: how many a subscription may have; ``None`` is any number.
        active: whether more of it may be bought.
        offer: what each one adds; its quotas and rate limits add up with the plan's.
    """

    id: str
    tenant: str
    slug: str
    name: str
    seats: int
    most: int | None
    active: bool
    offer: Offer
    created_at: dt.datetime
    version: int = 1


def addon_offer(data: Mapping[str, Any]) -> Offer:
    """The offer of an add-on.

    Raises:
        InvalidInput: all problems at once, each with its path.
    """
    unknown = [str(name) for name in data if name not in MEMBERS]
    if unknown:
        cure = f"is no known field of an add-on: use {', '.join(MEMBERS)}"
        raise InvalidInput([Problem(name, "unknown_field", cure) for name in unknown])
    return Offer.from_data(data)


def added_up(plan: Offer, extras: tuple[tuple[AddOn, int], ...]) -> Offer:
    """What a plan and add-ons grant together: numbers add up, unlimited stays so, lists are joined.

    >>> plan = Offer(quotas={"speech": {"minutes": 60}})
    >>> pack = AddOn(
    ...     id="1", tenant="t", slug="more", name="More", seats=0, most=None, active=True,
    ...     offer=Offer(quotas={"speech": {"minutes": 30, "words": 5}}), created_at=dt.datetime(2027, 1, 1),
    ... )
    >>> added_up(plan, ((pack, 2),)).quotas
    {'speech': {'minutes': 120, 'words': 10}}
    """
    quotas, rates = _copied(plan.quotas), _copied(plan.rate_limits)
    features = dict(plan.features)
    permissions, capabilities = list(plan.permissions), list(plan.capabilities)
    for addon, quantity in extras:
        _add(quotas, addon.offer.quotas, quantity)
        _add(rates, addon.offer.rate_limits, quantity)
        features |= addon.offer.features
        permissions += addon.offer.permissions
        capabilities += addon.offer.capabilities
    return Offer(
        quotas=quotas,
        rate_limits=rates,
        features=features,
        permissions=tuple(dict.fromkeys(permissions)),
        capabilities=tuple(dict.fromkeys(capabilities)),
    )


def _copied(limits: Limits) -> dict[str, dict[str, Amount]]:
    return {service: dict(amounts) for service, amounts in limits.items()}


def _add(sums: dict[str, dict[str, Amount]], more: Limits, times: int) -> None:
    for service, amounts in more.items():
        of_service = sums.setdefault(service, {})
        for name, amount in amounts.items():
            have = of_service.get(name, 0)
            if have == UNLIMITED or amount == UNLIMITED:
                of_service[name] = UNLIMITED
            else:
                of_service[name] = have + amount * times
