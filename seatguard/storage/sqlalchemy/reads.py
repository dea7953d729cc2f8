"""Lists over several tables; see ``seatguard.reports.ports.Reads``."""

from __future__ import annotations

import datetime as dt
import operator
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import reduce
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Connection,
    Date,
    FromClause,
    Select,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    true,
    type_coerce,
    union,
    union_all,
)

from seatguard.catalog.model import Plan
from seatguard.clients.model import Client, ClientState
from seatguard.ids import floor, is_uuid
from seatguard.projects.model import Project
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
from seatguard.reports.rules import BANDS, HIGH, SOON
from seatguard.storage.sqlalchemy import tables
from seatguard.storage.sqlalchemy.daily import day_number, day_of
from seatguard.storage.sqlalchemy.statements import fields_of
from seatguard.subscriptions.model import Subscription, SubscriptionState

_SERVICE, _CLIENT = fields_of(Subscription), fields_of(Client)

_NEVER = dt.date(9999, 12, 31)

_sub, _client, _project = tables.subscription, tables.client, tables.project
_plan, _version, _entry = tables.plan, tables.plan_version, tables.entry

_KEPT = tuple(state for state in SubscriptionState if state is not SubscriptionState.CANCELED)
_HONORED = tuple(state for state in _KEPT if state is not SubscriptionState.SUSPENDED)


class SqlReads:
    """Lists of one tenant on one connection."""

    def __init__(self, connection: Connection, tenant: str | None) -> None:
        self._connection = connection
        self._tenant = tenant
        self._versions: dict[str, list[str]] = {}

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
        found = self._found(search, now)
        if sort is not Sort.UTILIZATION:
            return self._listed(found, _service_key(sort, search), sort, limit, after, backwards)
        # The percentage is in no index, or every seat would move it there. Its steps are, and they are the
        # percentage itself from 90 on: the fullest are looked for first, the others if need be.
        rows: list[tuple[Place, ServiceRow]] = []
        for low, high in _bands(None if after is None else after[0], search, backwards):
            asked = [_sub.c.bucket >= low, *([] if high is None else [_sub.c.bucket < high])]
            band = [[*conditions, *asked] for conditions in found]
            order = (_percent() if high else _sub.c.bucket, True)
            rows += self._listed(band, order, sort, limit - len(rows), after, backwards)
            if len(rows) == limit:
                break
        return rows

    def _listed(
        self,
        found: Sequence[Sequence[ColumnElement[bool]]],
        order: tuple[ColumnElement[Any], bool],
        sort: Sort,
        limit: int,
        after: Place | None,
        backwards: bool,
    ) -> list[tuple[Place, ServiceRow]]:
        """The rows of a stretch: first which they are, then what is shown of them.

        Which they are is often told by an index alone; all that is shown lies in the tables.
        """
        key, descending = order
        chosen = []
        for conditions in found:
            query = select(_sub.c.id.label("service"), key.label("place")).where(*conditions)
            if sort is Sort.CLIENT:
                query = query.join(_client, _client.c.id == _sub.c.client)
            chosen.append(_placed(query, key, _sub.c.id, descending, after, backwards, limit).subquery())
        one = chosen[0] if len(chosen) == 1 else union_all(*map(select, chosen)).subquery()
        falling = descending != backwards
        rows = self._connection.execute(
            _service_rows()
            .add_columns(one.c.place)
            .join(one, one.c.service == _sub.c.id)
            .order_by(
                *((one.c.place.desc(), one.c.service.desc()) if falling else (one.c.place, one.c.service))
            )
            .limit(limit)
        )
        # MariaDB divides to decimals.
        whole = int if sort is Sort.UTILIZATION else _as_it_is
        return [((whole(row[-1]), row[0]), _service_row(row[:-1])) for row in rows]

    def service(self, identifier: str) -> ServiceRow | None:
        """See ``Reads.service``."""
        if not is_uuid(identifier):
            return None
        query = _service_rows().where(*self._of_tenant(_sub), _sub.c.id == identifier)
        row = self._connection.execute(query).first()
        return None if row is None else _service_row(row)

    def client(self, identifier: str, *, today: dt.date) -> ClientRow | None:
        """See ``Reads.client``."""
        if not is_uuid(identifier):
            return None
        query = select(*(_client.c[name] for name in _CLIENT)).where(
            *self._of_tenant(_client), _client.c.id == identifier
        )
        rows = self._client_rows(query, today)
        return rows[0] if rows else None

    def count_services(
        self, searches: Sequence[ServiceSearch], *, now: dt.datetime, at_most: int
    ) -> list[Count]:
        """See ``Reads.count_services``."""
        if searches[0].q and len({replace(search, view=View.ALL) for search in searches}) == 1:
            return self._count_named(searches, now, at_most)
        counts = [
            _added(
                _counted(select(_sub.c.id).where(*conditions), at_most).scalar_subquery()
                for conditions in self._found(search, now)
            )
            for search in searches
        ]
        row = self._connection.execute(select(*counts)).one()
        return [Count.below(at_most, count) for count in row]

    def _count_named(self, searches: Sequence[ServiceSearch], now: dt.datetime, at_most: int) -> list[Count]:
        """Counts of what is found by name: each is looked at once, for all the views."""
        found = self._named(str(searches[0].q), at_most).limit(at_most).subquery()
        views = [
            or_(*(and_(*conditions) for conditions in _in_view(search.view, now, _client.c.state.in_)))
            for search in searches
        ]
        asked = [*self._of_tenant(_sub), *self._asked(searches[0])]
        row = self._connection.execute(
            select(
                select(func.count()).select_from(found).scalar_subquery(),
                *(func.sum(case((and_(*asked, view), 1), else_=0)) for view in views),
            )
            .join_from(found, _sub, _sub.c.id == found.c.id)
            .join(_client, _client.c.id == _sub.c.client)
        ).one()
        return [Count(int(count or 0), row[0] < at_most) for count in row[1:]]

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
        query = select(*(_client.c[name] for name in _CLIENT)).where(
            *self._of_tenant(_client), *_found_clients(view, q)
        )
        query = _placed(query, _client.c.name, _client.c.id, False, after, backwards, limit)
        return [((row.client.name, row.client.id), row) for row in self._client_rows(query, today)]

    def count_clients(self, view: ClientView, q: str | None, *, at_most: int) -> Count:
        """See ``Reads.count_clients``."""
        query = select(_client.c.id).where(*self._of_tenant(_client), *_found_clients(view, q))
        return Count.below(at_most, self._connection.execute(_counted(query, at_most)).scalar_one())

    def projects(
        self, client: str | None, q: str | None, *, limit: int, after: Place | None, backwards: bool
    ) -> list[tuple[Place, ProjectRow]]:
        """See ``Reads.projects``."""
        fields = fields_of(Project)
        query = (
            select(*(_project.c[name] for name in fields), _client.c.name, _client.c.state)
            .join_from(_project, _client, _client.c.id == _project.c.client)
            .where(*self._of_tenant(_project))
        )
        if client is None:
            query = query.where(_client.c.state != ClientState.ARCHIVED)
        elif not is_uuid(client):
            return []
        else:
            query = query.where(_project.c.client == client)
        if q:
            query = query.where(_begins(_project.c.name, q))
        rows = self._connection.execute(
            _placed(query, _project.c.name, _project.c.id, False, after, backwards, limit)
        ).all()
        found = [Project(**dict(zip(fields, row[:-2], strict=True))) for row in rows]
        domains = self._domains([one.id for one in found])
        counted = self._services_of([one.id for one in found])
        return [
            (
                (one.name, one.id),
                ProjectRow(
                    project=one,
                    client_name=row[-2],
                    client_state=row[-1],
                    domains=tuple(domains[one.id]),
                    services=counted.get(one.id, (0, 0))[0],
                    seats=counted.get(one.id, (0, 0))[1],
                ),
            )
            for one, row in zip(found, rows, strict=True)
        ]

    def plans(
        self, *, limit: int, after: Place | None, backwards: bool, at_most: int
    ) -> list[tuple[Place, PlanRow]]:
        """See ``Reads.plans``."""
        fields = fields_of(Plan)
        query = (
            select(*(_plan.c[name] for name in fields), _version.c.number, _version.c.seats, _version.c.offer)
            .join_from(_plan, _version, _version.c.id == _plan.c.current)
            .where(*self._of_tenant(_plan))
        )
        rows = self._connection.execute(
            _placed(query, _plan.c.slug, _plan.c.id, False, after, backwards, limit)
        ).all()
        found = [Plan(**dict(zip(fields, row[:-3], strict=True))) for row in rows]
        subscribed = self._subscribers([one.id for one in found], at_most)
        return [
            (
                (one.slug, one.id),
                PlanRow(
                    plan=one,
                    number=row[-3],
                    seats=row[-2],
                    offer=row[-1],
                    subscribers=Count.below(at_most, subscribed.get(one.id, 0)),
                ),
            )
            for one, row in zip(found, rows, strict=True)
        ]

    def added(self, since: dt.datetime, *, now: dt.datetime, at_most: int) -> Added:
        """See ``Reads.added``."""

        def came(what: str, table: Any, *asked: ColumnElement[bool]) -> Select[Any]:
            mine = [*self._of_tenant(table), table.c.id >= floor(since), table.c.created_at >= since]
            newest = (
                select(day_number(table.c.created_at).label("day"))
                .where(*mine, *asked)
                .order_by(table.c.id.desc())
            )
            days = newest.limit(at_most).subquery()
            return select(literal(what), days.c.day, cast(null(), Date), func.count()).group_by(days.c.day)

        (active,) = _in_view(View.ACTIVE, now, self._of_clients)
        (ends,) = _in_view(View.EXPIRING, now, self._of_clients)
        soonest = (
            select(_sub.c.expires_on)
            .where(*self._of_tenant(_sub), *ends)
            .order_by(_sub.c.expires_on)
            .limit(at_most)
            .subquery()
        )
        ending = select(literal("ends"), cast(null(), BigInteger), soonest.c.expires_on, func.count())
        found: defaultdict[str, dict[dt.date, int]] = defaultdict(dict)
        for what, day, last, count in self._connection.execute(
            union_all(
                came("client", _client, *_found_clients(ClientView.ALL, None)),
                came("active", _sub, *active),
                ending.group_by(soonest.c.expires_on),
            )
        ):
            found[what][last or day_of(day)] = count
        return Added(clients=found["client"], active=found["active"], expiring=found["ends"])

    def _subscribers(self, plans: Sequence[str], at_most: int) -> dict[str, int]:
        versions: defaultdict[str, list[str]] = defaultdict(list)
        of_plans = select(_version.c.plan, _version.c.id).where(_version.c.plan.in_(plans))
        for plan, version in self._connection.execute(of_plans):
            versions[plan].append(version)
        if not versions:
            return {}
        kept = [*self._of_tenant(_sub), _sub.c.state.in_(_KEPT)]
        counts = [
            _counted(select(_sub.c.id).where(*kept, _sub.c.plan_version.in_(ids)), at_most).scalar_subquery()
            for ids in versions.values()
        ]
        row = self._connection.execute(select(*counts)).one()
        return {plan: int(count) for plan, count in zip(versions, row, strict=True)}

    def bands(self, *, now: dt.datetime, at_most: int) -> list[Count]:
        """See ``Reads.bands``."""
        (active,) = _in_view(View.ACTIVE, now, self._of_clients)
        counts = [
            _counted(
                select(_sub.c.id).where(
                    *self._of_tenant(_sub), *active, _sub.c.bucket >= low, _sub.c.bucket < high
                ),
                at_most,
            ).scalar_subquery()
            for low, high in pairwise((*BANDS, tables.OVER + 1))
        ]
        return [Count.below(at_most, count) for count in self._connection.execute(select(*counts)).one()]

    def last_days(self, search: ServiceSearch, *, now: dt.datetime, at_most: int) -> dict[dt.date, int]:
        """See ``Reads.last_days``."""
        found = union_all(
            *(
                select(
                    select(_sub.c.expires_on.label("day"))
                    .where(*conditions, _sub.c.expires_on.is_not(None))
                    .order_by(_sub.c.expires_on)
                    .limit(at_most)
                    .subquery()
                )
                for conditions in self._found(search, now)
            )
        ).subquery()
        rows = self._connection.execute(select(found.c.day, func.count()).group_by(found.c.day))
        return {day: int(count) for day, count in rows}

    def names(self, aggregate: str, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """See ``Reads.names``."""
        match aggregate:
            case "client":
                query = select(_client.c.id, _client.c.name, _client.c.name)
            case "project":
                query = select(_project.c.id, _project.c.name, _client.c.name).join_from(
                    _project, _client, _client.c.id == _project.c.client
                )
            case "subscription":
                query = select(_sub.c.id, _sub.c.type, _client.c.name).join_from(
                    _sub, _client, _client.c.id == _sub.c.client
                )
            case "plan":
                query = select(_plan.c.id, _plan.c.name, _plan.c.slug)
            case _:
                return {}
        table = {"client": _client, "project": _project, "subscription": _sub, "plan": _plan}[aggregate]
        query = query.where(table.c.id.in_([one for one in ids if is_uuid(one)]), *self._of_tenant(table))
        return {one: (name, owner) for one, name, owner in self._connection.execute(query)}

    def _found(self, search: ServiceSearch, now: dt.datetime) -> list[list[ColumnElement[bool]]]:
        """Conditions on services, each for some of those that are looked for and no two for the same."""
        asked = [*self._of_tenant(_sub), *self._asked(search)]
        if search.q:
            asked.append(self._called(search.q))
        return [[*asked, *of_view] for of_view in _in_view(search.view, now, self._of_clients)]

    def _asked(self, search: ServiceSearch) -> list[ColumnElement[bool]]:
        """All that a search asks besides its view and a name."""
        asked: list[ColumnElement[bool]] = []
        for column, value in ((_sub.c.client, search.client), (_sub.c.project, search.project)):
            if value is not None:
                asked.append(column == value if is_uuid(value) else ~true())
        if search.plan is not None:
            asked.append(_sub.c.plan_version.in_(self._versions_of(search.plan)))
        if search.type is not None:
            asked += [_sub.c.type == search.type, func.lower(_sub.c.type) == func.lower(search.type)]
        if search.mode is not None:
            asked.append(_sub.c.mode == search.mode)
        if search.util_gte is not None:
            asked += _at_least(search.util_gte)
        if search.expires_before is not None:
            asked.append(_sub.c.expires_on < search.expires_before)
        return asked

    def _versions_of(self, plan: str) -> list[str]:
        """A plan's versions. Asked beforehand: the database plans better for values that it sees."""
        if plan not in self._versions:
            query = select(_version.c.id).where(_version.c.plan == plan, *self._of_tenant(_version))
            found = self._connection.execute(query).scalars() if is_uuid(plan) else ()
            self._versions[plan] = list(found)
        return self._versions[plan]

    def _called(self, q: str) -> ColumnElement[bool]:
        """Whether a name of theirs begins so.

        A few are all found and sorted. Of many, a list meets enough on its way through its own order.
        """
        few = self._named(q, _FEW).limit(_FEW).subquery()
        if self._connection.execute(select(func.count()).select_from(few)).scalar_one() < _FEW:
            return _sub.c.id.in_(select(few.c.id))
        number = _number(q)
        return or_(
            _begins(_sub.c.type, q),
            _sub.c.client.in_(self._clients_named(q)),
            _sub.c.project.in_(self._projects_named(q)),
            *([] if number is None else [_sub.c.number == number]),
        )

    def _named(self, q: str, at_most: int) -> CompoundSelect[Any]:
        """Services by a beginning, so many of each kind of name: no index spans two tables."""
        mine = self._of_tenant(_sub)
        found = [
            select(_sub.c.id).where(*mine, _begins(_sub.c.type, q)),
            select(_sub.c.id).where(*mine, _sub.c.client.in_(self._clients_named(q))),
            select(_sub.c.id).where(*mine, _sub.c.project.in_(self._projects_named(q))),
        ]
        number = _number(q)
        if number is not None:
            found.append(select(_sub.c.id).where(*mine, _sub.c.number == number))
        return union(*(select(one.limit(at_most).subquery()) for one in found))

    def _clients_named(self, q: str) -> Select[Any]:
        owner = _client.alias()
        return select(owner.c.id).where(*self._of_tenant(owner), _begins(owner.c.name, q))

    def _projects_named(self, q: str) -> Select[Any]:
        return select(_project.c.id).where(*self._of_tenant(_project), _begins(_project.c.name, q))

    def _of_clients(self, states: list[ClientState]) -> ColumnElement[bool]:
        """Whether the client is in one of these states, which few are."""
        owner = _client.alias()
        return exists().where(*self._of_tenant(owner), owner.c.id == _sub.c.client, owner.c.state.in_(states))

    def _client_rows(self, query: Select[Any], today: dt.date) -> list[ClientRow]:
        found = [Client(**dict(zip(_CLIENT, row, strict=True))) for row in self._connection.execute(query)]
        sums = self._sums([one.id for one in found], today)
        projects = self._counts(_project.c.client, [one.id for one in found])
        return [
            ClientRow(client=one, projects=projects[one.id], **sums.get(one.id, _NOTHING)) for one in found
        ]

    def _sums(self, clients: list[str], today: dt.date) -> dict[str, dict[str, Any]]:
        counted = case((_sub.c.state != SubscriptionState.CANCELED, 1), else_=0)
        ahead = case(
            (and_(_sub.c.state != SubscriptionState.CANCELED, _sub.c.expires_on >= today), _sub.c.expires_on)
        )
        rows = self._connection.execute(
            select(
                _sub.c.client,
                func.sum(counted),
                func.sum(counted * _sub.c.live),
                func.sum(counted * _sub.c.limit),
                func.sum(case((_sub.c.limit.is_(None), counted), else_=0)),
                type_coerce(func.min(ahead), Date),
            )
            .where(*self._of_tenant(_sub), _sub.c.client.in_(clients))
            .group_by(_sub.c.client)
        )
        return {
            client: {
                "services": int(services),
                "seats": int(seats),
                "limit": None if unlimited else int(limit or 0),
                "next_expiry": expiry,
            }
            for client, services, seats, limit, unlimited, expiry in rows
        }

    def _counts(self, column: ColumnElement[str], values: list[str]) -> Counter[str]:
        rows = self._connection.execute(
            select(column, func.count()).where(column.in_(values)).group_by(column)
        )
        return Counter({row[0]: row[1] for row in rows})

    def _services_of(self, projects: list[str]) -> dict[str, tuple[int, int]]:
        rows = self._connection.execute(
            select(_sub.c.project, func.count(), func.sum(_sub.c.live))
            .where(_sub.c.project.in_(projects), _sub.c.state != SubscriptionState.CANCELED)
            .group_by(_sub.c.project)
        )
        return {project: (int(services), int(seats)) for project, services, seats in rows}

    def _domains(self, projects: list[str]) -> defaultdict[str, list[str]]:
        table = tables.domain
        rows = self._connection.execute(
            select(table.c.project, table.c.name).where(table.c.project.in_(projects)).order_by(table.c.id)
        )
        found: defaultdict[str, list[str]] = defaultdict(list)
        for project, name in rows:
            found[project].append(name)
        return found

    def _of_tenant(self, table: Any) -> list[ColumnElement[bool]]:
        return [] if self._tenant is None else [table.c.tenant == self._tenant]


_FEW = 1000
"""Services found by a name: fewer are sorted, more are met on the way."""

_NOTHING: dict[str, Any] = {"services": 0, "seats": 0, "limit": 0, "next_expiry": None}


def _counted(query: Select[Any], at_most: int) -> Select[Any]:
    return select(func.count()).select_from(query.limit(at_most).subquery())


def _in_view(
    view: View, now: dt.datetime, owned: Callable[[list[ClientState]], ColumnElement[bool]]
) -> list[list[ColumnElement[bool]]]:
    """The condition of ``seatguard.reports.rules.is_in``, for a database.

    In two parts where it is about services and about clients: no index spans two tables.

    Args:
        owned: says whether the service is of a client in one of some states.
    """
    kept = [_sub.c.state.in_(_KEPT), ~owned([ClientState.ARCHIVED])]
    honored = [_sub.c.state.in_(_HONORED), ~owned([ClientState.ARCHIVED, ClientState.SUSPENDED])]
    active = [
        *honored,
        or_(_sub.c.closes_at.is_(None), _sub.c.closes_at > now),
        or_(_sub.c.opens_at.is_(None), _sub.c.opens_at <= now),
    ]
    match view:
        case View.ALL:
            return [kept]
        case View.ACTIVE:
            return [active]
        case View.EXPIRING:
            return [[*active, _sub.c.expires_on <= now.date() + SOON]]
        case View.HIGH:
            return [[*active, *_at_least(HIGH)]]
        case View.EXPIRED:
            return [[*honored, _sub.c.closes_at <= now]]
        case View.SUSPENDED:
            own = _sub.c.state == SubscriptionState.SUSPENDED
            theirs = owned([ClientState.SUSPENDED])
            return [
                [own, ~owned([ClientState.ARCHIVED])],
                [_sub.c.state.in_(_HONORED), theirs],
            ]
        case View.ARCHIVED:
            theirs = owned([ClientState.ARCHIVED])
            return [[_sub.c.state == SubscriptionState.CANCELED], [_sub.c.state.in_(_KEPT), theirs]]


_Owned = Callable[[list[ClientState]], ColumnElement[bool]]


def _added(counts: Iterable[ColumnElement[int]]) -> ColumnElement[int]:
    return reduce(operator.add, counts)


def _services() -> FromClause:
    return _sub.join(_client, _client.c.id == _sub.c.client).join(_project, _project.c.id == _sub.c.project)


def _service_key(sort: Sort, search: ServiceSearch) -> tuple[ColumnElement[Any], bool]:
    """What a list is sorted by, and whether the largest comes first."""
    match sort:
        case Sort.ADDED:
            return _sub.c.number, True
        case Sort.CLIENT:
            return _client.c.name, False
        case Sort.EXPIRES if search.view is View.EXPIRING or search.expires_before is not None:
            return _sub.c.expires_on, False  # all of them have one
        case _:
            return func.coalesce(_sub.c.expires_on, literal(_NEVER, Date, literal_execute=True)), False


def _percent() -> ColumnElement[Any]:
    """How many percent of the seats are taken, rounded down; below 90, where no limit is 0."""
    none = or_(_sub.c.limit.is_(None), _sub.c.limit == 0)
    return case((none, -1), else_=_sub.c.live * 100 // _sub.c.limit)


_BANDS = ((90, None), (50, 90), (-1, 50))
"""Steps of utilization that are sorted together: from the first to below the second, in percent."""


def _bands(place: int | None, search: ServiceSearch, backwards: bool) -> Sequence[tuple[int, int | None]]:
    """The bands a list by utilization goes through from a place on, which is a percentage."""
    least = max(search.util_gte or 0, HIGH if search.view is View.HIGH else 0)
    found = [(low, high) for low, high in _BANDS if high is None or least < high]
    if place is not None and backwards:
        found = [(low, high) for low, high in found if high is None or place < high]
    elif place is not None:
        found = [(low, high) for low, high in found if place >= low]
    return found[::-1] if backwards else found


def _at_least(percent: int) -> list[ColumnElement[bool]]:
    """The exact condition, behind the step below it: that one has an index, and may be all that is asked."""
    step = max((step for step in tables.BUCKETS if step <= percent), default=0)
    reached = [_sub.c.bucket >= step]
    return reached if step == percent else [*reached, _sub.c.live * 100 >= _sub.c.limit * percent]


def _begins(column: ColumnElement[str], q: str) -> ColumnElement[bool]:
    return func.lower(column).startswith(q.lower(), autoescape=True)


def _number(q: str) -> int | None:
    """The number of a service that was typed, perhaps with a sign before it."""
    digits = q.removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None


def _found_clients(view: ClientView, q: str | None) -> list[ColumnElement[bool]]:
    asked: list[ColumnElement[bool]] = []
    match view:
        case ClientView.ALL:
            asked.append(_client.c.state.in_([one for one in ClientState if one is not ClientState.ARCHIVED]))
        case ClientView.SUSPENDED:
            asked.append(_client.c.state == ClientState.SUSPENDED)
        case ClientView.ARCHIVED:
            asked.append(_client.c.state == ClientState.ARCHIVED)
    if q:
        asked.append(or_(_begins(_client.c.name, q), _begins(_client.c.external_id, q)))
    return asked


def _placed(
    query: Select[Any],
    key: ColumnElement[Any],
    identifier: ColumnElement[str],
    descending: bool,
    after: Place | None,
    backwards: bool,
    limit: int,
) -> Select[Any]:
    """The stretch of a query behind a place, in the order of a key and then of ids."""
    falling = descending != backwards
    if after is not None:
        value, last = after
        beyond = key < value if falling else key > value
        next_id = identifier < last if falling else identifier > last
        # Said twice: an index is entered by the first, as no database sees it in the second.
        query = query.where(
            key <= value if falling else key >= value, or_(beyond, and_(key == value, next_id))
        )
    order = (key.desc(), identifier.desc()) if falling else (key, identifier)
    return query.order_by(*order).limit(limit)


def _service_rows() -> Select[Any]:
    return select(
        *(_sub.c[name] for name in _SERVICE),
        _sub.c.live,
        _sub.c.held,
        _client.c.name,
        _client.c.state,
        _project.c.name,
        _plan.c.slug,
        _plan.c.name,
        # Not joined: looked up for the rows that are shown, not for those that are sorted.
        select(_entry.c.at).where(_entry.c.stream == _sub.c.id, _entry.c.seq == _sub.c.seq).scalar_subquery(),
    ).select_from(
        _services()
        .outerjoin(_version, _version.c.id == _sub.c.plan_version)
        .outerjoin(_plan, _plan.c.id == _version.c.plan)
    )


def _service_row(row: Sequence[Any]) -> ServiceRow:
    live, held, client_name, client_state, project_name, slug, plan_name, last_at = row[len(_SERVICE) :]
    return ServiceRow(
        subscription=Subscription(**dict(zip(_SERVICE, row[: len(_SERVICE)], strict=True))),
        live=live,
        held=held,
        client_name=client_name,
        client_state=client_state,
        project_name=project_name,
        plan_slug=slug,
        plan_name=plan_name,
        last_at=last_at,
    )


def _as_it_is(value: Any) -> Any:
    return value
