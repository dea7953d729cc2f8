"""What somebody is granted beside or instead of the plan."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from seatguard.catalog.offers import Offer
from seatguard.errors import InvalidInput, Problem

MEMBERS = ("quotas", "rate_limits", "features", "permissions", "capabilities")
"""Members of an offer that an override may have."""


class Level(StrEnum):
    """Where something is granted, the first to be asked first."""

    USER = "user"
    SUBSCRIPTION = "subscription"
    PLAN = "plan"
    TENANT = "tenant"
    FEATURE = "feature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What one user, one subscription or the whole tenant is granted, whatever the plans say.

    Attributes:
        level: ``user``, ``subscription`` or ``tenant``.
        subject: key of the user, id of the subscription or of the tenant.
        user: as the user's id was given.
        grants: no more than the members that :data:`MEMBERS` names.
    """

    id: str
    tenant: str
    level: str
    subject: str
    user: str | None
    grants: Offer
    updated_at: dt.datetime
    version: int = 1


def merged(grants: Offer, change: Mapping[str, Any]) -> Offer:
    """Grants with a change merged in: ``None`` takes back what it stands for, be it a limit, a service or
    a whole member; lists are replaced.

    Raises:
        InvalidInput: all problems at once, each with its path.

    >>> before = Offer.from_data({"quotas": {"speech": {"minutes": 60, "words": 9}}})
    >>> merged(before, {"quotas": {"speech": {"minutes": None, "files": 0}}}).quotas
    {'speech': {'words': 9, 'files': 0}}
    """
    unknown = [str(name) for name in change if name not in MEMBERS]
    if unknown:
        cure = f"is no known field: use {', '.join(MEMBERS)}"
        raise InvalidInput([Problem(name, "unknown_field", cure) for name in unknown])
    return Offer.from_data(_merged(grants.to_data(), change))


def _merged(before: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(before)
    for name, value in change.items():
        if value is None:
            found.pop(name, None)
        elif isinstance(value, Mapping):
            inner = found.get(name)
            found[name] = _merged(inner if isinstance(inner, Mapping) else {}, value)
        else:
            found[name] = value
    return found
