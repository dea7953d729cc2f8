"""Lists over several kinds of record; see ``seatguard.reports.ports.Reads``."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar, cast

from seatguard.catalog.model import Plan, PlanVersion
from seatguard.clients.model import Client, ClientState
from seatguard.projects.model import Domain, Project
from seatguard.reports import rules
from seatguard.reports.model import (
    Added,
    ClientRow,
    ClientView,
    Count,
    PlanRow,
    ProjectRow,
    ServiceRow,
    ServiceSearch,
    Sort,
    View,
)
from seatguard.reports.ports import Place
from seatguard.storage.memory.rows import MemoryRows
from seatguard.subscriptions.model import Subscription, SubscriptionState

RowT = TypeVar("RowT")


class MemoryReads:
    """Lists of one tenant."""

    def __init__(self, rows: MemoryRows, tenant: str | None) -> None:
        self._rows = rows
        self._tenant = tenant

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
        """See ``Reads.services``."""
        key, descending = _SERVICE_KEYS[sort]
        found = ((key(row), row.subscription.id, row) for row in self._found(search, now))
        return _stretch(found, after, backwards != descending, limit)

    def service(self, identifier: str) -> ServiceRow | None:
        """See ``Reads.service``."""
        for one in self._all(Subscription, "subscriptions"):
            if one.id == identifier:
                return self._service_row(one)
        return None

    def client(self, identifier: str, *, today: dt.date) -> ClientRow | None:
        """See ``Reads.client``."""
        for one in self._all(Client, "clients"):
            if one.id == identifier:
                return self._client_row(one, today)
        return None

    def count_services(
        self, searches: Sequence[ServiceSearch], *, now: dt.datetime, at_most: int
    ) -> list[Count]:
        """See ``Reads.count_services``."""
        return [Count.below(at_most, sum(1 for _ in self._found(search, now))) for search in searches]

    def bands(self, *, now: dt.datetime, at_most: int) -> list[Count]:
        """See ``Reads.bands``."""
        found = Counter(
            rules.band(row.live, row.subscription.limit)
            for row in self._found(ServiceSearch(view=View.ACTIVE), now)
        )
        return [Count.below(at_most, found[one]) for one in rules.BANDS]

    def last_days(self, search: ServiceSearch, *, now: dt.datetime, at_most: int) -> dict[dt.date, int]:
        """See ``Reads.last_days``."""
        days = [row.subscription.expires_on for row in self._found(search, now)]
        return Counter(sorted(day for day in days if day is not None)[:at_most])

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
        """See ``Reads.clients``."""
        found = ((one.name, one.id, one) for one in self._clients(view, q))
        return [
            (place, self._client_row(one, today)) for place, one in _stretch(found, after, backwards, limit)
        ]

    def count_clients(self, view: ClientView, q: str | None, *, at_most: int) -> Count:
        """See ``Reads.count_clients``."""
        return Count.below(at_most, len(self._clients(view, q)))

    def projects(
        self, client: str | None, q: str | None, *, limit: int, after: Place | None, backwards: bool
    ) -> list[tuple[Place, ProjectRow]]:
        """See ``Reads.projects``."""
        found = []
        for one in self._all(Project, "projects"):
            owner = cast(Client, self._rows.records["clients"][one.client])
            shown = owner.state is not ClientState.ARCHIVED if client is None else one.client == client
            if shown and _begins(one.name, q):
                found.append((one.name, one.id, self._project_row(one, owner)))
        return _stretch(found, after, backwards, limit)

    def plans(
        self, *, limit: int, after: Place | None, backwards: bool, at_most: int
    ) -> list[tuple[Place, PlanRow]]:
        """See ``Reads.plans``."""
        subscribed: Counter[str] = Counter()
        for one in self._subscriptions():
            if one.plan_version is not None:
                subscribed[self._version(one.plan_version).plan] += 1
        found = (
            (
                plan.slug,
                plan.id,
                PlanRow(
                    plan=plan,
                    number=self._version(plan.current).number,
                    seats=self._version(plan.current).seats,
                    offer=self._version(plan.current).offer,
                    subscribers=Count.below(at_most, subscribed[plan.id]),
                ),
            )
            for plan in self._all(Plan, "plans")
        )
        return _stretch(found, after, backwards, limit)

    def added(self, since: dt.datetime, *, now: dt.datetime, at_most: int) -> Added:
        """See ``Reads.added``."""
        clients = [one for one in self._clients(ClientView.ALL, None) if one.created_at >= since]
        active = [row.subscription for row in self._found(ServiceSearch(view=View.ACTIVE), now)]
        came = [one for one in active if one.created_at >= since]
        ending = [row.subscription.expires_on for row in self._found(ServiceSearch(view=View.EXPIRING), now)]
        return Added(
            clients=Counter(one.created_at.date() for one in clients[-at_most:]),
            active=Counter(one.created_at.date() for one in came[-at_most:]),
            expiring=Counter(sorted(day for day in ending if day is not None)[:at_most]),
        )

    def names(self, aggregate: str, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """See ``Reads.names``."""
        clients = {one.id: one.name for one in self._all(Client, "clients")}
        match aggregate:
            case "client":
                known = {one: (name, name) for one, name in clients.items()}
            case "project":
                projects = self._all(Project, "projects")
                known = {one.id: (one.name, clients[one.client]) for one in projects}
            case "subscription":
                services = self._all(Subscription, "subscriptions")
                known = {one.id: (one.type, clients[one.client]) for one in services}
            case "plan":
                known = {one.id: (one.name, one.slug) for one in self._all(Plan, "plans")}
            case _:
                known = {}
        return {one: known[one] for one in ids if one in known}

    def _found(self, search: ServiceSearch, now: dt.datetime) -> Iterator[ServiceRow]:
        for one in self._all(Subscription, "subscriptions"):
            row = self._service_row(one)
            if rules.is_in(search.view, row, now) and self._fits(search, row):
                yield row

    def _fits(self, search: ServiceSearch, row: ServiceRow) -> bool:
        one = row.subscription
        equal = (
            (search.client, one.client),
            (search.project, one.project),
            (search.plan, None if one.plan_version is None else self._version(one.plan_version).plan),
            (search.type, one.type),
            (search.mode, one.mode),
        )
        if any(asked not in (None, value) for asked, value in equal):
            return False
        if search.util_gte is not None and not rules.is_high(row.live, one.limit, percent=search.util_gte):
            return False
        before = search.expires_before
        if before is not None and (one.expires_on is None or one.expires_on >= before):
            return False
        names = (row.client_name, row.project_name, one.type)
        number = (search.q or "").removeprefix("#") == str(one.number)
        return number or any(_begins(name, search.q) for name in names)

    def _service_row(self, one: Subscription) -> ServiceRow:
        client = cast(Client, self._rows.records["clients"][one.client])
        project = cast(Project, self._rows.records["projects"][one.project])
        plan = None
        if one.plan_version is not None:
            plan = cast(Plan, self._rows.records["plans"][self._version(one.plan_version).plan])
        counter, stream = self._rows.counters[one.id], self._rows.streams[one.id]
        return ServiceRow(
            subscription=one,
            live=counter.live,
            held=counter.held,
            client_name=client.name,
            client_state=client.state,
            project_name=project.name,
            plan_slug=plan.slug if plan else None,
            plan_name=plan.name if plan else None,
            last_at=self._rows.entries[stream[-1]].at if stream else None,
        )

    def _client_row(self, client: Client, today: dt.date) -> ClientRow:
        mine = [one for one in self._subscriptions() if one.client == client.id]
        ahead = [one.expires_on for one in mine if one.expires_on is not None and one.expires_on >= today]
        limits = [one.limit for one in mine]
        return ClientRow(
            client=client,
            projects=sum(one.client == client.id for one in self._all(Project, "projects")),
            services=len(mine),
            seats=sum(self._rows.counters[one.id].live for one in mine),
            limit=None if None in limits else sum(limit for limit in limits if limit is not None),
            next_expiry=min(ahead, default=None),
        )

    def _project_row(self, project: Project, owner: Client) -> ProjectRow:
        mine = [one for one in self._subscriptions() if one.project == project.id]
        domains = sorted(
            (one for one in self._all(Domain, "domains") if one.project == project.id),
            key=lambda one: one.id,
        )
        return ProjectRow(
            project=project,
            client_name=owner.name,
            client_state=owner.state,
            domains=tuple(one.name for one in domains),
            services=len(mine),
            seats=sum(self._rows.counters[one.id].live for one in mine),
        )

    def _clients(self, view: ClientView, q: str | None) -> list[Client]:
        def shown(one: Client) -> bool:
            if view is ClientView.ALL:
                return one.state is not ClientState.ARCHIVED
            return one.state.value == view.value

        return [
            one
            for one in self._all(Client, "clients")
            if shown(one) and (_begins(one.name, q) or (one.external_id and _begins(one.external_id, q)))
        ]

    def _subscriptions(self) -> Iterator[Subscription]:
        return (
            one
            for one in self._all(Subscription, "subscriptions")
            if one.state is not SubscriptionState.CANCELED
        )

    def _version(self, identifier: str) -> PlanVersion:
        return cast(PlanVersion, self._rows.records["plan_versions"][identifier])

    def _all(self, _record: type[RowT], kind: str) -> list[RowT]:
        return [
            cast(RowT, one)
            for one in self._rows.records[kind].values()
            if self._tenant is None or one.tenant == self._tenant
        ]


_SERVICE_KEYS: dict[Sort, tuple[Callable[[ServiceRow], Any], bool]] = {
    Sort.ADDED: (lambda row: row.subscription.number, True),
    Sort.CLIENT: (lambda row: row.client_name, False),
    Sort.EXPIRES: (lambda row: row.subscription.expires_on or dt.date(9999, 12, 31), False),
    Sort.UTILIZATION: (lambda row: _fullness(row.live, row.subscription.limit), True),
}
"""What a list is sorted by, and whether the largest comes first."""


def _fullness(live: int, limit: int | None) -> int:
    """Whole percents, as they are shown; beyond 100 all are alike, and unlimited is less than any."""
    if limit is not None and live > limit:
        return 101
    percent = rules.percent(live, limit)
    return -1 if percent is None else percent


def _stretch(
    found: Iterable[tuple[Any, str, RowT]], after: Place | None, falling: bool, limit: int
) -> list[tuple[Place, RowT]]:
    """The rows behind a place, in the order of a key and then of ids."""
    rows = [
        ((key, identifier), row)
        for key, identifier, row in found
        if after is None or ((key, identifier) < after if falling else (key, identifier) > after)
    ]
    rows.sort(key=lambda one: one[0], reverse=falling)
    return rows[:limit]


def _begins(name: str, q: str | None) -> bool:
    return not q or name.lower().startswith(q.lower())
