"""What the reports need from the ledger: lists over several kinds of record, read by the backend at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from seatguard.reports.model import (
    Added,
    ClientRow,
    ClientView,
    Day,
    PlanRow,
    ProjectRow,
    ServiceRow,
    ServiceSearch,
    Sort,
)

Place = tuple[Any, str]
"""Where a row stands in an order: the value it is sorted by, and its id."""


class Reads(Protocol):
    """Lists of one tenant. Every list reads no more rows than its limit."""

    def services(
        self,
        search: ServiceSearch,
        *,
        now: dt.datetime,
        sort: Sort,
        limit: int,
        after: Place | None,
        backwards: bool,
    ) -> list[tuple[Place, ServiceRow]]:
        """Services behind a place in the order; ``backwards`` those before it, the nearest first.

        A service is listed exactly if ``rules.is_in`` says so of its view.
        """

    def service(self, identifier: str) -> ServiceRow | None:
        """One service, whatever its standing; ``None`` when the tenant has none of that id."""

    def client(self, identifier: str, *, today: dt.date) -> ClientRow | None:
        """One client with what its services add up to; ``None`` when the tenant has none of that id."""

    def count_services(
        self, searches: Sequence[ServiceSearch], *, now: dt.datetime, at_most: int
    ) -> list[int]:
        """How many each search finds, counting no further than ``at_most``; asked all at once."""

    def clients(
        self,
        view: ClientView,
        q: str | None,
        *,
        today: dt.date,
        limit: int,
        after: Place | None,
        backwards: bool,
    ) -> list[tuple[Place, ClientRow]]:
        """Clients by name whose name or external id begins with ``q``, whatever its case."""

    def count_clients(self, view: ClientView, q: str | None, *, at_most: int) -> int:
        """How many there are, counting no further than ``at_most``."""

    def projects(
        self, client: str | None, q: str | None, *, limit: int, after: Place | None, backwards: bool
    ) -> list[tuple[Place, ProjectRow]]:
        """Projects by name whose name begins with ``q``; of archived clients only when asked for theirs."""

    def plans(self, *, limit: int, after: Place | None, backwards: bool) -> list[tuple[Place, PlanRow]]:
        """Plans in the order they were added."""

    def added(self, since: dt.datetime, *, now: dt.datetime, at_most: int) -> Added:
        """What was added since then, the newest ``at_most`` of each kind, and what expires, the soonest."""

    def names(self, aggregate: str, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """What records are called, by id: their own name, and their client's; a plan's slug."""

    def days(self, since: dt.datetime, *, streams: Sequence[str] | None) -> list[Day]:
        """Days since then on which something happened, of all services or of some."""

    def denials(self, since: dt.datetime) -> dict[str, int]:
        """Refusals since then, by reason."""


class Work(Protocol):
    """The narrow view of a unit of work that the reports use."""

    @property
    def reads(self) -> Reads:
        """Lists."""


class Ledger(Protocol):
    """Where units of work begin."""

    def read(self, tenant: str) -> AbstractContextManager[Work]:
        """A unit that only reads."""
