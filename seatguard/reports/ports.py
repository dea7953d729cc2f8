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
    Count,
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
    ) -> list[Count]:
        """How many each search finds, below ``at_most``; asked all at once."""

    def bands(self, *, now: dt.datetime, at_most: int) -> list[Count]:
        """How many active services are in each of ``rules.BANDS``, below ``at_most``."""

    def last_days(self, search: ServiceSearch, *, now: dt.datetime, at_most: int) -> dict[dt.date, int]:
        """How many of those that a search finds have which last day, of the ``at_most`` soonest."""

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

    def count_clients(self, view: ClientView, q: str | None, *, at_most: int) -> Count:
        """How many there are, below ``at_most``."""

    def projects(
        self, client: str | None, q: str | None, *, limit: int, after: Place | None, backwards: bool
    ) -> list[tuple[Place, ProjectRow]]:
        """Projects by name whose name begins with ``q``; of archived clients only when asked for theirs."""

    def plans(
        self, *, limit: int, after: Place | None, backwards: bool, at_most: int
    ) -> list[tuple[Place, PlanRow]]:
        """Plans by slug; subscribers are counted below ``at_most``."""

    def added(self, since: dt.datetime, *, now: dt.datetime, at_most: int) -> Added:
        """What was added since then, the newest ``at_most`` of each kind, and what expires, the soonest."""

    def names(self, aggregate: str, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """What records are called, by id: their own name, and their client's; a plan's slug."""


class Daily(Protocol):
    """What happened by the day, in UTC, of one tenant.

    The numbers are always those of the entries themselves. A backend may count the entries of a day that is
    over once and keep the sums; entries of days that it has not counted are read.
    """

    def days(self, since: dt.date, today: dt.date, *, stream: str | None) -> list[Day]:
        """Days from one to another on which something happened, of all services or of one."""

    def denials(self, since: dt.date, today: dt.date) -> dict[str, int]:
        """Refusals from that day on, by reason."""

    def due(self, *, before: dt.date, again_since: dt.date) -> list[dt.date]:
        """Days before that one that are not counted, the oldest first.

        Those from ``again_since`` on also if entries have come since: some arrive late.
        """

    def count(self, day: dt.date) -> None:
        """Count the entries of a day, anew if they were counted.

        Raises:
            Conflict: another process did so at the same time.
        """


class Work(Protocol):
    """The narrow view of a unit of work that the reports use."""

    @property
    def reads(self) -> Reads:
        """Lists."""

    @property
    def daily(self) -> Daily:
        """What happened by the day."""

    def commit(self) -> None:
        """Make everything this unit wrote final."""


class Ledger(Protocol):
    """Where units of work begin."""

    def begin(self, tenant: str) -> AbstractContextManager[Work]:
        """A unit that reads and writes one tenant's records; left without commit, it changed nothing."""

    def read(self, tenant: str) -> AbstractContextManager[Work]:
        """A unit that only reads."""
