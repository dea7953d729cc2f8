"""Lists over several tables; see ``seatguard.reports.ports.Reads``."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Sequence
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
    Day,
    PlanRow,
    ProjectRow,
    ServiceRow,
    ServiceSearch,
    Sort,
    View,
)
from seatguard.reports.ports import Place
from seatguard.reports.rules import HIGH, SOON
from seatguard.storage.sqlalchemy import tables
from seatguard.storage.sqlalchemy.statements import fields_of
from seatguard.subscriptions.model import Subscription, SubscriptionState

_SERVICE, _CLIENT = fields_of(Subscription), fields_of(Client)

_DAY = 86_400_000_000
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
        key, descending = _service_key(sort)
        query = (
            _service_rows()
            .add_columns(key)
            .where(*self._of_tenant(_sub), *self._of_tenant(_client), *self._found(search, now))
        )
        if sort is Sort.UTILIZATION:
            # The share is in no index. Its steps are, and they rise with it: within one, few are sorted.
            step = _sub.c.bucket
            query = query.order_by(step.asc() if backwards else step.desc())
            if after is not None:
                reached = _step(after[0] // 100)
                query = query.where(step >= reached if backwards else step <= reached)
        rows = self._connection.execute(_placed(query, key, _sub.c.id, descending, after, backwards, limit))
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
    ) -> list[int]:
        """See ``Reads.count_services``."""
        counts = [
            _counted(select(_sub.c.id).where(*self._of_tenant(_sub), *self._found(search, now)), at_most)
            for search in searches
        ]
        row = self._connection.execute(select(*(count.scalar_subquery() for count in counts))).one()
        return [int(count) for count in row]

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

    def count_clients(self, view: ClientView, q: str | None, *, at_most: int) -> int:
        """See ``Reads.count_clients``."""
        query = select(_client.c.id).where(*self._of_tenant(_client), *_found_clients(view, q))
        return int(self._connection.execute(_counted(query, at_most)).scalar_one())

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

    def plans(self, *, limit: int, after: Place | None, backwards: bool) -> list[tuple[Place, PlanRow]]:
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
        counted = self._connection.execute(
            select(_version.c.plan, func.count())
            .join_from(_version, _sub, _sub.c.plan_version == _version.c.id)
            .where(
                *self._of_tenant(_sub),
                _version.c.plan.in_([one.id for one in found]),
                _sub.c.state.in_(_KEPT),
            )
            .group_by(_version.c.plan)
        )
        subscribed: dict[str, int] = {row[0]: row[1] for row in counted}
        return [
            (
                (one.slug, one.id),
                PlanRow(
                    plan=one,
                    number=row[-3],
                    seats=row[-2],
                    offer=row[-1],
                    subscribers=subscribed.get(one.id, 0),
                ),
            )
            for one, row in zip(found, rows, strict=True)
        ]

    def added(self, since: dt.datetime, *, now: dt.datetime, at_most: int) -> Added:
        """See ``Reads.added``."""

        def came(what: str, table: Any, *asked: ColumnElement[bool]) -> Select[Any]:
            mine = [*self._of_tenant(table), table.c.id >= floor(since), table.c.created_at >= since]
            number = type_coerce(table.c.created_at, BigInteger) // _DAY
            newest = select(number.label("day")).where(*mine, *asked).order_by(table.c.id.desc())
            days = newest.limit(at_most).subquery()
            return select(literal(what), days.c.day, cast(null(), Date), func.count()).group_by(days.c.day)

        soonest = (
            select(_sub.c.expires_on)
            .where(*self._of_tenant(_sub), *self._in_view(View.EXPIRING, now))
            .order_by(_sub.c.expires_on)
            .limit(at_most)
            .subquery()
        )
        ending = select(literal("ends"), cast(null(), BigInteger), soonest.c.expires_on, func.count())
        found: defaultdict[str, dict[dt.date, int]] = defaultdict(dict)
        for what, day, last, count in self._connection.execute(
            union_all(
                came("client", _client, *_found_clients(ClientView.ALL, None)),
                came("active", _sub, *self._in_view(View.ACTIVE, now)),
                ending.group_by(soonest.c.expires_on),
            )
        ):
            found[what][last or _EPOCH.date() + dt.timedelta(days=int(day))] = count
        return Added(clients=found["client"], active=found["active"], expiring=found["ends"])

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

    def days(self, since: dt.datetime, *, streams: Sequence[str] | None) -> list[Day]:
        """See ``Reads.days``."""
        day = type_coerce(_entry.c.at, BigInteger) // _DAY
        counted = self._connection.execute(
            select(day, func.count())
            .where(*self._since(since, streams), _entry.c.kind == "seat.taken")
            .group_by(day)
        )
        taken: dict[int, int] = {int(number): count for number, count in counted}
        denied: Counter[int] = Counter()
        for at, data in self._refusals(since, streams):
            denied[(at - _EPOCH).days] += _amount(data)
        return [
            Day(_EPOCH.date() + dt.timedelta(days=number), taken.get(number, 0), denied[number])
            for number in sorted({*taken, *denied})
        ]

    def denials(self, since: dt.datetime) -> dict[str, int]:
        """See ``Reads.denials``."""
        found: Counter[str] = Counter()
        for _, data in self._refusals(since, None):
            found[str(data.get("reason"))] += _amount(data)
        return dict(found)

    def _found(self, search: ServiceSearch, now: dt.datetime) -> list[ColumnElement[bool]]:
        asked = self._in_view(search.view, now)
        for column, value in ((_sub.c.client, search.client), (_sub.c.project, search.project)):
            if value is not None:
                asked.append(column == value if is_uuid(value) else ~true())
        if search.plan is not None:
            of_plan = select(_version.c.id).where(_version.c.plan == search.plan)
            asked.append(_sub.c.plan_version.in_(of_plan) if is_uuid(search.plan) else ~true())
        if search.type is not None:
            asked += [_sub.c.type == search.type, func.lower(_sub.c.type) == func.lower(search.type)]
        if search.mode is not None:
            asked.append(_sub.c.mode == search.mode)
        if search.util_gte is not None:
            asked += _at_least(search.util_gte)
        if search.expires_before is not None:
            asked.append(_sub.c.expires_on < search.expires_before)
        if search.q:
            asked.append(_sub.c.id.in_(self._named(search.q)))
        return asked

    def _named(self, q: str) -> CompoundSelect[Any]:
        """Services by a beginning: one query for each table, as no index spans two."""
        one = _sub.alias()
        mine = self._of_tenant(one)
        found = [
            select(one.c.id).where(*mine, _begins(one.c.type, q)),
            select(one.c.id).where(
                *mine,
                one.c.client.in_(
                    select(_client.c.id).where(*self._of_tenant(_client), _begins(_client.c.name, q))
                ),
            ),
            select(one.c.id).where(
                *mine,
                one.c.project.in_(
                    select(_project.c.id).where(*self._of_tenant(_project), _begins(_project.c.name, q))
                ),
            ),
        ]
        digits = q.removeprefix("#")
        if digits.isascii() and digits.isdigit() and len(digits) < 10:
            found.append(select(one.c.id).where(*mine, one.c.number == int(digits)))
        return union(*found)

    def _in_view(self, view: View, now: dt.datetime) -> list[ColumnElement[bool]]:
        """The condition of ``seatguard.reports.rules.is_in``, for a database."""
        kept = [_sub.c.state.in_(_KEPT), ~self._of_clients(ClientState.ARCHIVED)]
        honored = [_sub.c.state.in_(_HONORED), ~self._of_clients(ClientState.ARCHIVED, ClientState.SUSPENDED)]
        active = [
            *honored,
            or_(_sub.c.closes_at.is_(None), _sub.c.closes_at > now),
            or_(_sub.c.opens_at.is_(None), _sub.c.opens_at <= now),
        ]
        match view:
            case View.ALL:
                return kept
            case View.ACTIVE:
                return active
            case View.EXPIRING:
                return [*active, _sub.c.expires_on <= now.date() + SOON]
            case View.HIGH:
                return [*active, *_at_least(HIGH)]
            case View.EXPIRED:
                return [*honored, _sub.c.closes_at <= now]
            case View.SUSPENDED:
                return [*kept, self._either(SubscriptionState.SUSPENDED, ClientState.SUSPENDED)]
            case View.ARCHIVED:
                return [self._either(SubscriptionState.CANCELED, ClientState.ARCHIVED)]

    def _of_clients(self, *states: ClientState) -> ColumnElement[bool]:
        """Whether the client is in one of these states, which few are."""
        owner = _client.alias()
        return exists().where(*self._of_tenant(owner), owner.c.id == _sub.c.client, owner.c.state.in_(states))

    def _either(self, own: SubscriptionState, clients: ClientState) -> ColumnElement[bool]:
        """Services in a state, and those of clients in one: two queries, as no index spans two tables."""
        owner, other = _client.alias(), _sub.alias()
        return _sub.c.id.in_(
            union(
                select(other.c.id).where(*self._of_tenant(other), other.c.state == own),
                select(other.c.id)
                .join_from(owner, other, other.c.client == owner.c.id)
                .where(*self._of_tenant(owner), owner.c.state == clients),
            )
        )

    def _client_rows(self, query: Select[Any], today: dt.date) -> list[ClientRow]:
        found = [Client(**dict(zip(_CLIENT, row, strict=True))) for row in self._connection.execute(query)]
        sums = self._sums([one.id for one in found], today)
        projects = self._counts(_project.c.client, [one.id for one in found])
        return [
            ClientRow(client=one, projects=projects[one.id], **sums.get(one.id, _NOTHING)) for one in found
        ]

    def _refusals(self, since: dt.datetime, streams: Sequence[str] | None) -> list[Any]:
        query = select(_entry.c.at, _entry.c.data).where(
            *self._since(since, streams), _entry.c.kind == "seat.denied"
        )
        return list(self._connection.execute(query))

    def _since(self, since: dt.datetime, streams: Sequence[str] | None) -> list[ColumnElement[bool]]:
        asked = [*self._of_tenant(_entry), _entry.c.id >= floor(since), _entry.c.at >= since]
        return asked if streams is None else [*asked, _entry.c.stream.in_(streams)]

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
            .where(_sub.c.client.in_(clients))
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


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NOTHING: dict[str, Any] = {"services": 0, "seats": 0, "limit": 0, "next_expiry": None}


def _counted(query: Select[Any], at_most: int) -> Select[Any]:
    return select(func.count()).select_from(query.limit(at_most).subquery())


def _services() -> FromClause:
    return _sub.join(_client, _client.c.id == _sub.c.client).join(_project, _project.c.id == _sub.c.project)


def _service_key(sort: Sort) -> tuple[ColumnElement[Any], bool]:
    """What a list is sorted by, and whether the largest comes first."""
    match sort:
        case Sort.ADDED:
            return _sub.c.number, True
        case Sort.CLIENT:
            return _client.c.name, False
        case Sort.EXPIRES:
            return func.coalesce(_sub.c.expires_on, literal(_NEVER, Date, literal_execute=True)), False
        case Sort.UTILIZATION:
            share = _sub.c.live * 10_000 // _sub.c.limit
            return case((_sub.c.limit.is_(None), -1), (_sub.c.limit == 0, 10_000), else_=share), True


def _at_least(percent: int) -> list[ColumnElement[bool]]:
    """The exact condition, behind the step below it: that one has an index."""
    return [_sub.c.bucket >= _step(percent), _sub.c.live * 100 >= _sub.c.limit * percent]


def _step(percent: int) -> int:
    return max((step for step in tables.BUCKETS if step <= percent), default=0)


def _begins(column: ColumnElement[str], q: str) -> ColumnElement[bool]:
    return func.lower(column).startswith(q.lower(), autoescape=True)


def _found_clients(view: ClientView, q: str | None) -> list[ColumnElement[bool]]:
    asked: list[ColumnElement[bool]] = []
    match view:
        case ClientView.ALL:
            asked.append(_client.c.state != ClientState.ARCHIVED)
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


def _amount(data: Any) -> int:
    """How many refusals an entry sums up; an altered entry counts for one."""
    count = data.get("count")
    return count if isinstance(count, int) else 1
