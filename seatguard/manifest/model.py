"""What a manifest says: what is sold, to whom, and what users have beside it.

``None`` in an optional field means that the file is silent: a new thing gets the default, an
existing one stays as it is. The exception is ``PlanSpec.seats``, where silence is unlimited. In an
``offer`` or in ``grants`` a member that is not there is silence, and ``None`` in its place is the default.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

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
        addons: quantities by slug.
        grants: what the service has beside its plan.
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
    addons: Mapping[str, int] = field(default_factory=dict)
    grants: Mapping[str, Any] = field(default_factory=dict)
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
        product: slug.
        offer: what else it promises; see ``seatguard.catalog.Offer``.
    """

    slug: str
    name: str | None = None
    seats: int | None = None
    active: bool | None = None
    product: str | None = None
    description: str | None = None
    display_order: int | None = None
    offer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductSpec:
    """A product, known by its slug."""

    slug: str
    name: str | None = None
    description: str | None = None
    active: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSpec:
    """A feature, known by its name.

    Attributes:
        definition: members of a ``Definition``.
    """

    name: str
    kind: str
    definition: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOnSpec:
    """An add-on, known by its slug.

    Attributes:
        most: how many a service may have; ``None`` is silent.
    """

    slug: str
    name: str | None = None
    seats: int | None = None
    most: int | None = None
    active: bool | None = None
    offer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberSpec:
    """A user with a plan of its own, or with grants, or both.

    Attributes:
        plan: slug.
        ends_at: first instant at which the plan grants nothing any more.
    """

    user: str
    plan: str | None = None
    ends_at: dt.datetime | None = None
    grants: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionsSpec:
    """How the tenant sells; see ``seatguard.tenants.model.TenantOptions``."""

    one_plan_per_user: bool | None = None
    scopes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything a file says.

    Attributes:
        defaults: what holds where neither plan nor service nor user says anything.

    >>> Manifest(plans=(PlanSpec(slug="team", seats=100),)).plans[0].seats
    100
    """

    options: OptionsSpec | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    products: tuple[ProductSpec, ...] = ()
    features: tuple[FeatureSpec, ...] = ()
    addons: tuple[AddOnSpec, ...] = ()
    plans: tuple[PlanSpec, ...] = ()
    clients: tuple[ClientSpec, ...] = ()
    users: tuple[SubscriberSpec, ...] = ()
