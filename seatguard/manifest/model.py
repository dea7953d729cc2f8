"""What a manifest says: plans and clients with all that is theirs.

``None`` in an optional field means that the file is silent: a new thing gets the default, an
existing one stays as it is. The exception is ``PlanSpec.seats``, where silence is unlimited.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from seatguard.subscriptions.model import DEFAULT_TYPE

NEVER: Final = "never"
"""The expiry of a service that has none."""

Expiry: TypeAlias = dt.date | Literal["never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSpec:
    """Somebody who sits in the service."""

    username: str
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """A subscription of the project. The first of a type and mode in the file is the first in the store.

    Attributes:
        plan: slug; with it, ``limit`` and ``unlimited`` stand above the plan's number.
        state: ``active``, ``trialing``, ``past_due``, ``suspended`` or ``canceled``.
    """

    type: str = DEFAULT_TYPE
    mode: str = "live"
    plan: str | None = None
    limit: int | None = None
    unlimited: bool = False
    overage: str | None = None
    starts: dt.date | None = None
    expiry: Expiry | None = None
    timezone: str | None = None
    grace_days: int | None = None
    state: str | None = None
    users: tuple[UserSpec, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSpec:
    """A project of the client, known by its name.

    Attributes:
        keys: how many live keys without an end it should have.
    """

    name: str
    domains: tuple[str, ...] = ()
    allow_dev_domains: bool | None = None
    allow_wildcards: bool | None = None
    keys: int = 1
    services: tuple[ServiceSpec, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSpec:
    """A client, known by its external id, or by its name when it has none.

    Attributes:
        state: ``active``, ``suspended`` or ``archived``.
    """

    name: str
    external_id: str | None = None
    state: str | None = None
    projects: tuple[ProjectSpec, ...] = ()

    @property
    def identity(self) -> tuple[str, str]:
        """By what the client is known: which field, and its value."""
        return ("name", self.name) if self.external_id is None else ("external_id", self.external_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSpec:
    """A plan, known by its slug.

    Attributes:
        seats: how many holders; ``None`` is unlimited, ``0`` is none.
        active: whether it takes new subscriptions.
    """

    slug: str
    name: str | None = None
    seats: int | None = None
    active: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything a file says.

    >>> Manifest(plans=(PlanSpec(slug="team", seats=100),)).plans[0].seats
    100
    """

    plans: tuple[PlanSpec, ...] = ()
    clients: tuple[ClientSpec, ...] = ()
