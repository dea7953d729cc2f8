"""Units of work in a database transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, ScalarSelect, Select, Table, delete, exists, func, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import DBAPIError

from seatguard.administrators.model import Administrator, SavedView
from seatguard.catalog.addons import AddOn, Product
from seatguard.catalog.features import Feature
from seatguard.catalog.model import Plan, PlanVersion
from seatguard.clients.model import Client
from seatguard.entitlements.model import Agreed, Arrival
from seatguard.entitlements.overrides import Override
from seatguard.errors import Conflict, NotFound
from seatguard.idempotency.model import Reply
from seatguard.ids import floor, is_uuid
from seatguard.journal.model import Archive, Checkpoint, Draft, Entry, Head, Stretch
from seatguard.journal.ports import Search
from seatguard.journal.rules import next_link, placed
from seatguard.leases.model import Lease, Pool
from seatguard.management.model import ManagementKey
from seatguard.projects.model import Domain, Project, ProjectKey
from seatguard.rates.model import Window
from seatguard.records import Page, Record, valid_cursor
from seatguard.storage.sqlalchemy import tables
from seatguard.storage.sqlalchemy.arrivals import Arrivals, agreed
from seatguard.storage.sqlalchemy.daily import SqlDaily
from seatguard.storage.sqlalchemy.database import Database
from seatguard.storage.sqlalchemy.faults import Fault, fault_of
from seatguard.storage.sqlalchemy.reads import SqlReads
from seatguard.storage.sqlalchemy.statements import (
    ADD_ENTRY,
    AGREED,
    ENTRY_COLUMNS,
    ENTRY_FIELDS,
    GENERATION,
    advance,
    fields_of,
    list_records,
    one_record,
)
from seatguard.storage.sqlalchemy.types import can_hold
from seatguard.subscriptions.model import Extra, ScheduledChange, Subscription, UserSubscription
from seatguard.tenants.model import Tenant
from seatguard.usage.model import Account, Charge
from seatguard.waiting.model import Waiting

R = TypeVar("R", bound=Record)

OWNERS = {
    "tenant": tables.tenant,
    "client": tables.client,
    "project": tables.project,
    "plan": tables.plan,
    "subscription": tables.subscription,
}
"""Which table's rows end which streams."""


class _Records(Generic[R]):
    """The records of one kind that a unit may see; see ``seatguard.records.Repository``."""

    def __init__(self, connection: Connection, table: Table, record: type[R], tenant: str | None) -> None:
        self._connection = connection
        self._table = table
        self._record = record
        self._tenant = tenant
        self._fields = fields_of(record)

    def get(self, identifier: str) -> R:
        return self._one(identifier, lock=False)

    def lock(self, identifier: str) -> R:
        return self._one(identifier, lock=True)

    def find(self, **criteria: Any) -> R | None:
        page = self.list(limit=1, **criteria)
        return page.items[0] if page.items else None

    def add(self, record: R) -> None:
        self.add_all([record])

    def add_all(self, records: Sequence[R]) -> None:
        rows = [{name: getattr(record, name) for name in self._fields} for record in records]
        if rows:
            with self._told_apart():
                self._connection.execute(insert(self._table), rows)

    def replace(self, record: R) -> None:
        values = {name: getattr(record, name) for name in self._fields if name not in ("id", "tenant")}
        with self._told_apart():
            done = self._connection.execute(
                update(self._table)
                .where(self._table.c.id == record.id, self._table.c.tenant == record.tenant)
                .where(self._table.c.version == record.version - 1)
                .values(values)
            )
        if done.rowcount != 1:
            stored = self.get(record.id)
            if stored == record:
                return
            raise Conflict(
                "version_conflict",
                f"the record is at version {stored.version}, not {record.version - 1}: read it again",
                stored=stored.version,
            )

    def count(self, **criteria: Any) -> int:
        columns = self._table.c
        if not all(can_hold(columns[name], value) for name, value in criteria.items()):
            return 0
        if self._tenant is not None:
            criteria["tenant"] = self._tenant
        query = select(func.count()).select_from(self._table)
        for name, value in criteria.items():
            query = query.where(columns[name] == value)
        return int(self._connection.execute(query).scalar_one())

    def remove(self, identifier: str) -> None:
        statement = delete(self._table).where(self._table.c.id == identifier)
        if self._tenant is not None:
            statement = statement.where(self._table.c.tenant == self._tenant)
        self._connection.execute(statement)

    def list(
        self, *, limit: int = 50, after: str | None = None, newest_first: bool = False, **criteria: Any
    ) -> Page[R]:
        valid_cursor(after)
        if not all(can_hold(self._table.c[name], value) for name, value in criteria.items()):
            return Page(())
        if self._tenant is not None:
            criteria["tenant"] = self._tenant
        wanted = {name: value for name, value in criteria.items() if value is not None}
        query = list_records(
            self._table,
            self._fields,
            tuple(wanted),
            tuple(criteria.keys() - wanted.keys()),
            after=after is not None,
            newest_first=newest_first,
        )
        rows = self._connection.execute(query, wanted | {"row_limit": limit + 1, "after_id": after}).all()
        items = tuple(self._made(row) for row in rows[:limit])
        return Page(items, items[-1].id if len(rows) > limit else None)

    @contextmanager
    def _told_apart(self) -> Iterator[None]:
        """A unique field that is taken is the caller's to know; other faults go on."""
        try:
            yield
        except DBAPIError as error:
            if fault_of(error) is Fault.DUPLICATE:
                raise Conflict("already_exists", f"a {self._kind()} like this is there already") from error
            raise

    def _one(self, identifier: str, *, lock: bool) -> R:
        row = None
        if is_uuid(identifier):
            wanted = {"id": identifier} | ({} if self._tenant is None else {"tenant": self._tenant})
            query = one_record(self._table, self._fields, tuple(wanted), lock=lock)
            row = self._connection.execute(query, wanted).first()
        if row is None:
            raise NotFound(self._kind(), identifier)
        return self._made(row)

    def _made(self, row: Row[Any]) -> R:
        return self._record(**dict(zip(self._fields, row, strict=True)))

    def _kind(self) -> str:
        return self._table.name.removeprefix("seatguard_").replace("_", " ")


def insert_entry(connection: Connection, entry: Entry) -> None:
    """Write one entry."""
    connection.execute(ADD_ENTRY, {name: getattr(entry, name) for name in ENTRY_FIELDS})


class _Journal:
    """The entries that a unit may see; see ``seatguard.journal.ports.Journal``."""

    def __init__(self, connection: Connection, tenant: str | None) -> None:
        self._connection = connection
        self._tenant = tenant

    def append(self, draft: Draft) -> Entry:
        owner = OWNERS[draft.aggregate]
        end = self._connection.execute(
            select(owner.c.seq, owner.c.head)
            .where(owner.c.id == draft.stream, owner.c.tenant == draft.tenant)
            .with_for_update()
        ).first()
        if end is None:
            raise NotFound(draft.aggregate, draft.stream)
        link = next_link(end.head, draft.digest())
        entry = placed(draft, seq=end.seq + 1, link=link)
        insert_entry(self._connection, entry)
        self._connection.execute(
            update(owner).where(owner.c.id == draft.stream).values(seq=entry.seq, head=link)
        )
        return entry

    def search(self, search: Search, *, limit: int, after: str | None, newest_first: bool) -> Page[Entry]:
        table = tables.entry
        # Within one stream the chain's order is the order of time, and its primary key has it sorted.
        place = table.c.id if search.stream is None else table.c.seq
        query = self._mine().order_by(place.desc() if newest_first else place).limit(limit + 1)
        valid_cursor(after)
        asked = ("id", "aggregate", "stream", "subject", "actor", "request_id", "person", "kind")
        values = {name: value for name in asked if (value := getattr(search, name)) is not None}
        if not all(can_hold(table.c[name], value) for name, value in values.items()):
            return Page(())
        for name, value in values.items():
            slice_end = {"kind": ".", "actor": ":"}.get(name)
            column = table.c[name]
            if slice_end is not None and value.endswith(slice_end):
                query = query.where(column.startswith(value, autoescape=True))
            else:
                query = query.where(column == value)
        if search.since is not None:
            query = query.where(table.c.id >= floor(search.since), table.c.at >= search.since)
        if search.until is not None:
            query = query.where(table.c.at < search.until)
        if after is not None:
            last = after if search.stream is None else self._seq_of(after)
            query = query.where(place < last if newest_first else place > last)
        entries = self._entries(query)
        items = tuple(entries[:limit])
        return Page(items, items[-1].id if len(entries) > limit else None)

    def stream(self, stream: str, *, after_seq: int | None, limit: int) -> list[Entry]:
        table = tables.entry
        query = self._mine().where(table.c.stream == stream)
        if after_seq is not None:
            query = query.where(table.c.seq > after_seq)
        return self._entries(query.order_by(table.c.seq).limit(limit))

    def heads(self, aggregate: str, *, limit: int, after: str | None) -> Page[Head]:
        owner = OWNERS[aggregate]
        query = select(owner.c.id, owner.c.seq, owner.c.head).order_by(owner.c.id).limit(limit + 1)
        if self._tenant is not None:
            query = query.where(owner.c.tenant == self._tenant)
        if after is not None:
            query = query.where(owner.c.id > after)
        rows = self._connection.execute(query).all()
        items = tuple(Head(aggregate, row.id, row.seq, bytes(row.head)) for row in rows[:limit])
        return Page(items, items[-1].stream if len(rows) > limit else None)

    def head(self, aggregate: str, stream: str) -> Head:
        owner = OWNERS[aggregate]
        query = select(owner.c.seq, owner.c.head).where(owner.c.id == stream)
        if self._tenant is not None:
            query = query.where(owner.c.tenant == self._tenant)
        end = self._connection.execute(query).first()
        if end is None:
            raise NotFound(aggregate, stream)
        return Head(aggregate, stream, end.seq, bytes(end.head))

    def ownerless(self, *, limit: int) -> list[tuple[str, int]]:
        table = tables.entry
        query = select(table.c.stream, func.min(table.c.seq)).group_by(table.c.stream)
        for owner in OWNERS.values():
            query = query.where(
                ~exists().where(owner.c.id == table.c.stream, owner.c.tenant == table.c.tenant)
            )
        if self._tenant is not None:
            query = query.where(table.c.tenant == self._tenant)
        rows = self._connection.execute(query.order_by(table.c.stream).limit(limit)).all()
        return [(stream, seq) for stream, seq in rows]

    def moved_since(self, instant: dt.datetime) -> list[Head]:
        table = tables.entry
        query = select(table.c.aggregate, table.c.stream).distinct().where(table.c.id >= floor(instant))
        if self._tenant is not None:
            query = query.where(table.c.tenant == self._tenant)
        heads = []
        for aggregate, stream in self._connection.execute(query.order_by(table.c.stream)).all():
            owner = OWNERS[aggregate]
            end = self._connection.execute(
                select(owner.c.seq, owner.c.head).where(owner.c.id == stream)
            ).first()
            if end is not None:
                heads.append(Head(aggregate, stream, end.seq, bytes(end.head)))
        return heads

    def erase(self, person: str) -> dict[str, tuple[str, int]]:
        table = tables.entry
        his = (table.c.person == person, table.c.tenant == self._tenant)
        counted = self._connection.execute(
            select(table.c.stream, table.c.aggregate, func.count())
            .where(*his)
            .group_by(table.c.stream, table.c.aggregate)
        ).all()
        self._connection.execute(update(table).where(*his).values(erasable=None, person=None, salt=b""))
        return {stream: (aggregate, count) for stream, aggregate, count in counted}

    def cut(self, stream: str, *, first: int, last: int) -> list[Entry]:
        table = tables.entry
        leaving = (table.c.stream == stream, table.c.seq >= first, table.c.seq <= last)
        entries = self._entries(self._mine().where(*leaving).order_by(table.c.seq).with_for_update())
        self._connection.execute(delete(table).where(*leaving, table.c.tenant == self._tenant))
        return entries

    def _seq_of(self, entry: str) -> ScalarSelect[int]:
        table = tables.entry.alias()
        query = select(table.c.seq).where(table.c.id == entry)
        if self._tenant is not None:
            query = query.where(table.c.tenant == self._tenant)
        return query.scalar_subquery()

    def _mine(self) -> Select[Any]:
        query = select(*ENTRY_COLUMNS)
        return query if self._tenant is None else query.where(tables.entry.c.tenant == self._tenant)

    def _entries(self, query: Select[Any]) -> list[Entry]:
        rows = self._connection.execute(query).all()
        return [Entry(**dict(zip(ENTRY_FIELDS, row, strict=True))) for row in rows]


class SqlWork:
    """A unit of work on one connection; see ``seatguard.storage.ports.Work``."""

    def __init__(self, connection: Connection, tenant: str | None) -> None:
        self._connection = connection
        self._tenant = tenant

    @property
    def tenants(self) -> _Records[Tenant]:
        """See ``Work.tenants``."""
        return _Records(self._connection, tables.tenant, Tenant, self._tenant)

    @property
    def clients(self) -> _Records[Client]:
        """See ``Work.clients``."""
        return _Records(self._connection, tables.client, Client, self._tenant)

    @property
    def projects(self) -> _Records[Project]:
        """See ``Work.projects``."""
        return _Records(self._connection, tables.project, Project, self._tenant)

    @property
    def domains(self) -> _Records[Domain]:
        """See ``Work.domains``."""
        return _Records(self._connection, tables.domain, Domain, self._tenant)

    @property
    def project_keys(self) -> _Records[ProjectKey]:
        """See ``Work.project_keys``."""
        return _Records(self._connection, tables.project_key, ProjectKey, self._tenant)

    @property
    def management_keys(self) -> _Records[ManagementKey]:
        """See ``Work.management_keys``."""
        return _Records(self._connection, tables.management_key, ManagementKey, self._tenant)

    @property
    def plans(self) -> _Records[Plan]:
        """See ``Work.plans``."""
        return _Records(self._connection, tables.plan, Plan, self._tenant)

    @property
    def plan_versions(self) -> _Records[PlanVersion]:
        """See ``Work.plan_versions``."""
        return _Records(self._connection, tables.plan_version, PlanVersion, self._tenant)

    @property
    def products(self) -> _Records[Product]:
        """See ``Work.products``."""
        return _Records(self._connection, tables.product, Product, self._tenant)

    @property
    def addons(self) -> _Records[AddOn]:
        """See ``Work.addons``."""
        return _Records(self._connection, tables.addon, AddOn, self._tenant)

    @property
    def extras(self) -> _Records[Extra]:
        """See ``Work.extras``."""
        return _Records(self._connection, tables.extra, Extra, self._tenant)

    @property
    def scheduled_changes(self) -> _Records[ScheduledChange]:
        """See ``Work.scheduled_changes``."""
        return _Records(self._connection, tables.scheduled_change, ScheduledChange, self._tenant)

    @property
    def features(self) -> _Records[Feature]:
        """See ``Work.features``."""
        return _Records(self._connection, tables.feature, Feature, self._tenant)

    @property
    def overrides(self) -> _Records[Override]:
        """See ``Work.overrides``."""
        return _Records(self._connection, tables.override, Override, self._tenant)

    @property
    def user_subscriptions(self) -> _Records[UserSubscription]:
        """See ``Work.user_subscriptions``."""
        return _Records(self._connection, tables.user_subscription, UserSubscription, self._tenant)

    @property
    def subscriptions(self) -> _Records[Subscription]:
        """See ``Work.subscriptions``."""
        return _Records(self._connection, tables.subscription, Subscription, self._tenant)

    @property
    def replies(self) -> _Records[Reply]:
        """See ``Work.replies``."""
        return _Records(self._connection, tables.reply, Reply, self._tenant)

    @property
    def waiting(self) -> _Records[Waiting]:
        """See ``Work.waiting``."""
        return _Records(self._connection, tables.waiting, Waiting, self._tenant)

    @property
    def checkpoints(self) -> _Records[Checkpoint]:
        """See ``Work.checkpoints``."""
        return _Records(self._connection, tables.checkpoint, Checkpoint, self._tenant)

    @property
    def archives(self) -> _Records[Archive]:
        """See ``Work.archives``."""
        return _Records(self._connection, tables.archive, Archive, self._tenant)

    @property
    def stretches(self) -> _Records[Stretch]:
        """See ``Work.stretches``."""
        return _Records(self._connection, tables.stretch, Stretch, self._tenant)

    @property
    def accounts(self) -> _Records[Account]:
        """See ``Work.accounts``."""
        return _Records(self._connection, tables.usage_account, Account, self._tenant)

    @property
    def charges(self) -> _Records[Charge]:
        """See ``Work.charges``."""
        return _Records(self._connection, tables.usage_charge, Charge, self._tenant)

    @property
    def windows(self) -> _Records[Window]:
        """See ``Work.windows``."""
        return _Records(self._connection, tables.rate_window, Window, self._tenant)

    @property
    def pools(self) -> _Records[Pool]:
        """See ``Work.pools``."""
        return _Records(self._connection, tables.lease_pool, Pool, self._tenant)

    @property
    def leases(self) -> _Records[Lease]:
        """See ``Work.leases``."""
        return _Records(self._connection, tables.lease, Lease, self._tenant)

    @property
    def administrators(self) -> _Records[Administrator]:
        """See ``Work.administrators``."""
        return _Records(self._connection, tables.administrator, Administrator, self._tenant)

    @property
    def saved_views(self) -> _Records[SavedView]:
        """See ``Work.saved_views``."""
        return _Records(self._connection, tables.saved_view, SavedView, self._tenant)

    @property
    def journal(self) -> _Journal:
        """See ``Work.journal``."""
        return _Journal(self._connection, self._tenant)

    @property
    def reads(self) -> SqlReads:
        """See ``Work.reads``."""
        return SqlReads(self._connection, self._tenant)

    @property
    def daily(self) -> SqlDaily:
        """See ``Work.daily``."""
        return SqlDaily(self._connection, self._tenant)

    def next_number(self) -> int:
        """See ``Work.next_number``."""
        table = tables.number
        self._connection.execute(
            update(table).where(table.c.name == "service").values(value=table.c.value + 1)
        )
        return int(
            self._connection.execute(select(table.c.value).where(table.c.name == "service")).scalar_one()
        )

    def seats_live(self, subscription: str) -> int:
        """See ``Work.seats_live``."""
        table = tables.subscription
        return int(
            self._connection.execute(select(table.c.live).where(table.c.id == subscription)).scalar_one()
        )

    def holds_lapsed(self, subscription: str, now: dt.datetime) -> int:
        """See ``Work.holds_lapsed``."""
        table = tables.seat
        lapsed = (table.c.subscription == subscription) & (table.c.lapses_at <= now)
        return int(
            self._connection.execute(select(func.count()).select_from(table).where(lapsed)).scalar_one()
        )

    def generation(self) -> int:
        """See ``Work.generation``."""
        return int(self._connection.execute(GENERATION, {"tenant": self._tenant}).scalar() or 0)

    def advance(self) -> None:
        """See ``Work.advance``."""
        self._connection.execute(advance(self._connection.dialect.name), {"tenant": self._tenant})

    def commit(self) -> None:
        """See ``Work.commit``."""
        self._connection.commit()


class SqlLedger:
    """A ledger on a SQL database; see ``seatguard.storage.ports.Ledger``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._arrivals = Arrivals(database)

    @contextmanager
    def begin(self, tenant: str) -> Iterator[SqlWork]:
        """See ``Ledger.begin``."""
        with self._database.connection(write=True) as connection:
            yield SqlWork(connection, tenant)

    @contextmanager
    def read(self, tenant: str) -> Iterator[SqlWork]:
        """See ``Ledger.read``."""
        with self._database.connection(write=False) as connection:
            yield SqlWork(connection, tenant)

    @contextmanager
    def read_all(self) -> Iterator[SqlWork]:
        """See ``Ledger.read_all``."""
        with self._database.connection(write=False) as connection:
            yield SqlWork(connection, None)

    def agreed(self, tenant: str, project: str, mode: str) -> list[Agreed]:
        """See ``Ledger.agreed``."""
        if not is_uuid(project):
            return []
        asked = {"tenant": tenant, "project": project, "mode": mode}
        rows = self._database.run(lambda runner: runner.all(AGREED, asked), write=False)
        return [agreed(row) for row in rows]

    def arrive(self, digest: bytes) -> Arrival | None:
        """See ``Ledger.arrive``."""
        return self._arrivals.find(digest)

    def ready(self) -> None:
        """See ``Ledger.ready``."""
        self._database.check_schema()

    def durability(self) -> str:
        """See ``Ledger.durability``."""
        return {
            "sqlite": "every answered take survives a power cut (WAL, synchronous=FULL)",
            "postgresql": "every answered take survives a crash of the server (its synchronous_commit)",
        }.get(
            self._database.dialect.name,
            "every answered take survives a crash of the server (innodb_flush_log_at_trx_commit=1)",
        )

    def close(self) -> None:
        """See ``Ledger.close``."""
        self._database.close()
