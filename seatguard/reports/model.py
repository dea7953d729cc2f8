"""Rows of lists, what may be asked of them, and the numbers of a dashboard."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from seatguard.catalog.model import Plan
from seatguard.catalog.offers import Offer
from seatguard.clients.model import Client, ClientState
from seatguard.projects.model import Project
from seatguard.subscriptions.model import Subscription

RowT = TypeVar("RowT")


class View(StrEnum):
    """Lists of services; ``ALL`` leaves out what is archived."""

    ALL = "all"
    ACTIVE = "active"
    EXPIRING = "expiring"
    HIGH = "high"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    ARCHIVED = "archived"


class Standing(StrEnum):
    """How a service stands; the first that fits counts."""

    ARCHIVED = "archived"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    SCHEDULED = "scheduled"
    EXPIRING = "expiring"
    PAST_DUE = "past_due"
    TRIAL = "trial"
    ACTIVE = "active"


class Sort(StrEnum):
    """Orders of a list of services."""

    ADDED = "added"
    CLIENT = "client"
    EXPIRES = "expires"
    UTILIZATION = "utilization"


class ClientView(StrEnum):
    """Lists of clients; ``ALL`` leaves out what is archived."""

    ALL = "all"
    SUSPENDED = "suspended"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSearch:
    """Which services to show; ``None`` means any.

    Attributes:
        q: beginning of a client's, project's or service type's name, whatever its case; or a number.
        expires_before: last day is before this one.
        util_gte: at least that many percent of the seats are taken.
    """

    view: View = View.ALL
    q: str | None = None
    client: str | None = None
    project: str | None = None
    plan: str | None = None
    type: str | None = None
    mode: str | None = None
    util_gte: int | None = None
    expires_before: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How many there are; ``exact`` is false when counting stopped at the bound."""

    number: int
    exact: bool = True

    @classmethod
    def below(cls, bound: int, number: int) -> Count:
        """A count that went no further than the bound, where it is no longer exact.

        >>> Count.below(1001, 7), Count.below(1001, 1001)
        (Count(number=7, exact=True), Count(number=1000, exact=False))
        """
        return cls(min(number, bound - 1), number < bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRow:
    """A service with everything a list shows of it.

    Attributes:
        live: seats taken, lapsed holds included until they are cleared away.
        last_at: when its newest entry was written.
    """

    subscription: Subscription
    live: int
    held: int
    client_name: str
    client_state: ClientState
    project_name: str
    plan_slug: str | None
    plan_name: str | None
    last_at: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRow:
    """A client with what its services add up to.

    Attributes:
        seats: seats taken in all services.
        limit: the sum of their limits; ``None`` when one of them is unlimited.
        next_expiry: the nearest last day that is not over.
    """

    client: Client
    projects: int
    services: int
    seats: int
    limit: int | None
    next_expiry: dt.date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRow:
    """A project with its client and domains, and what its services add up to."""

    project: Project
    client_name: str
    client_state: ClientState
    domains: tuple[str, ...]
    services: int
    seats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """A plan with its current promise and how many services are on it.

    Attributes:
        seats: of its current version; ``None`` is unlimited.
        offer: what else its current version promises.
    """

    plan: Plan
    number: int
    seats: int | None
    offer: Offer
    subscribers: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[RowT]):
    """One page of a list, in its order.

    Attributes:
        after: cursor of the next page, ``before`` of the one before; ``None`` where there is none.
    """

    items: tuple[RowT, ...]
    after: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """Seats given and requests refused on one day, in UTC."""

    day: dt.date
    taken: int
    denied: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The numbers of the dashboard.

    Attributes:
        expiring: active, and the last day is within 30 days.
        high: active, and at least 90 percent of the seats are taken.
    """

    active: Count
    expiring: Count
    high: Count
    clients: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """Days on which things came that are there now, and days on which they go; each with how many.

    Attributes:
        clients: by the day they were added, without archived ones.
        active: services that are active now, by the day they were added.
        expiring: active services by their last day.
    """

    clients: Mapping[dt.date, int]
    active: Mapping[dt.date, int]
    expiring: Mapping[dt.date, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How the numbers of the dashboard came about, a number for each day.

    Attributes:
        clients: how many of the clients there are now were there; ``None`` when too many came to count.
        active: the same of services that are active now.
        expiring: how many active services have their last day then, from today on; ``None`` as above.
    """

    clients: tuple[int, ...] | None
    active: tuple[int, ...] | None
    expiring: tuple[int, ...] | None
