"""Units of work over the rows."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Generic, TypeVar, cast

from seatguard.administrators.model import Administrator, SavedView
from seatguard.catalog.addons import AddOn, Product
from seatguard.catalog.features import Feature
from seatguard.catalog.model import Plan, PlanVersion
from seatguard.clients.model import Client
from seatguard.entitlements.model import Agreed, Arrival
from seatguard.entitlements.overrides import Override
from seatguard.errors import Conflict, NotFound
from seatguard.idempotency.model import Reply
from seatguard.ids import floor
from seatguard.journal.model import Archive, Checkpoint, Draft, Entry, Head, Stretch
from seatguard.journal.ports import Search
from seatguard.journal.rules import GENESIS, matches
from seatguard.leases.model import Lease, Pool
from seatguard.management.model import ManagementKey
from seatguard.projects.model import Domain, KnownKey, Project, ProjectKey
from seatguard.rates.model import Window
from seatguard.records import Page, Record, every, valid_cursor
from seatguard.storage.memory.daily import MemoryDaily
from seatguard.storage.memory.reads import MemoryReads
from seatguard.storage.memory.rows import OWNERS, UNIQUE, MemoryRows
from seatguard.subscriptions.model import Extra, ScheduledChange, Subscription, UserSubscription
from seatguard.tenants.model import Tenant
from seatguard.usage.model import Account, Charge
from seatguard.waiting.model import Waiting

R = TypeVar("R", bound=Record)


class _Records(Generic[R]):
    """The records of one kind that a unit may see."""

    def __init__(self, rows: MemoryRows, kind: str, tenant: str | None) -> None:
        self._rows = rows
        self._kind = kind
        self._tenant = tenant
        self._all = cast(dict[str, R], rows.records[kind])

    def get(self, identifier: str) -> R:
        record = self._all.get(identifier)
        if record is None or not self._mine(record):
            raise NotFound(self._kind.removesuffix("s").replace("_", " "), identifier)
        return record

    lock = get  # the unit holds the one lock already

    def find(self, **criteria: Any) -> R | None:
        for names in UNIQUE[self._kind]:
            values = tuple(criteria.get(name) for name in names)
            if None not in values:
                known = self._all.get(self._rows.unique.get((f"{self._kind}.{names}", *values), ""))
                return known if known is not None and self._fits(known, criteria) else None
        page = self.list(limit=1, **criteria)
        return page.items[0] if page.items else None

    def add(self, record: R) -> None:
        if record.id in self._all:
            raise Conflict("already_exists", f"{self._kind}: the id {record.id} is taken")
        for fields in self._unique_keys(record):
            if fields in self._rows.unique:
                raise Conflict("already_exists", f"{self._kind}: {fields[1:]} is taken")
            self._rows.set(self._rows.unique, fields, record.id)
        self._rows.set(self._all, record.id, record)

    def add_all(self, records: Sequence[R]) -> None:
        for record in records:
            self.add(record)

    def replace(self, record: R) -> None:
        stored = self.get(record.id)
        if stored == record:
            return
        if stored.version != record.version - 1:
            raise Conflict(
                "version_conflict",
                f"the record is at version {stored.version}, not {record.version - 1}: read it again",
                stored=stored.version,
            )
        before, after = set(self._unique_keys(stored)), set(self._unique_keys(record))
        for fields in after - before:
            if fields in self._rows.unique:
                raise Conflict("already_exists", f"{self._kind}: {fields[1:]} is taken")
        for fields in before - after:
            self._rows.discard(self._rows.unique, fields)
        for fields in after - before:
            self._rows.set(self._rows.unique, fields, record.id)
        self._rows.set(self._all, record.id, record)

    def count(self, **criteria: Any) -> int:
        return sum(self._fits(record, criteria) for record in self._all.values())

    def remove(self, identifier: str) -> None:
        record = self._all.get(identifier)
        if record is not None and self._mine(record):
            for fields in self._unique_keys(record):
                self._rows.discard(self._rows.unique, fields)
            self._rows.discard(self._all, identifier)

    def list(
        self, *, limit: int = 50, after: str | None = None, newest_first: bool = False, **criteria: Any
    ) -> Page[R]:
        valid_cursor(after)
        found = sorted(
            (
                record
                for record in self._all.values()
                if self._fits(record, criteria)
                and (after is None or (record.id < after if newest_first else record.id > after))
            ),
            key=lambda record: record.id,
            reverse=newest_first,
        )
        items = tuple(found[:limit])
        return Page(items, items[-1].id if len(found) > limit else None)

    def _fits(self, record: R, criteria: dict[str, Any]) -> bool:
        return self._mine(record) and all(getattr(record, name) == value for name, value in criteria.items())

    def _mine(self, record: R) -> bool:
        return self._tenant is None or record.tenant == self._tenant

    def _unique_keys(self, record: R) -> Iterator[tuple[Any, ...]]:
        for names in UNIQUE[self._kind]:
            values = tuple(getattr(record, name) for name in names)
            if None not in values:
                yield (f"{self._kind}.{names}", *values)


class _Journal:
    """The entries that a unit may see."""

    def __init__(self, rows: MemoryRows, tenant: str | None) -> None:
        self._rows = rows
        self._tenant = tenant

    def append(self, draft: Draft) -> Entry:
        return self._rows.append(draft)

    def search(self, search: Search, *, limit: int, after: str | None, newest_first: bool) -> Page[Entry]:
        valid_cursor(after)

        def place(entry: Entry) -> tuple[int, str]:
            """Within one stream the chain's order is the order of time."""
            return (0 if search.stream is None else entry.seq, entry.id)

        last = None if after is None else self._rows.entries.get(after)
        if after is not None and (last is None or not self._visible(last)):
            return Page(())
        found = sorted(
            (
                entry
                for entry in self._mine()
                if matches(search, entry)
                and (
                    last is None
                    or (place(entry) < place(last) if newest_first else place(entry) > place(last))
                )
            ),
            key=place,
            reverse=newest_first,
        )
        items = tuple(found[:limit])
        return Page(items, items[-1].id if len(found) > limit else None)

    def stream(self, stream: str, *, after_seq: int | None, limit: int) -> list[Entry]:
        kept = self._rows.streams.get(stream, ())
        gone = self._rows.entries[kept[0]].seq - 1 if kept else 0
        entries = (self._rows.entries[entry] for entry in kept[max(0, (after_seq or 0) - gone) :])
        return [entry for entry in entries if self._visible(entry)][:limit]

    def heads(self, aggregate: str, *, limit: int, after: str | None) -> Page[Head]:
        owners = sorted(
            record.id
            for record in self._rows.records[OWNERS[aggregate]].values()
            if (self._tenant is None or record.tenant == self._tenant) and record.id > (after or "")
        )
        items = tuple(
            self._rows.heads.get(owner) or Head(aggregate, owner, 0, GENESIS) for owner in owners[:limit]
        )
        return Page(items, items[-1].stream if len(owners) > limit else None)

    def head(self, aggregate: str, stream: str) -> Head:
        owner = self._rows.records[OWNERS[aggregate]].get(stream)
        if owner is None or (self._tenant is not None and owner.tenant != self._tenant):
            raise NotFound(aggregate, stream)
        return self._rows.heads.get(stream) or Head(aggregate, stream, 0, GENESIS)

    def ownerless(self, *, limit: int) -> list[tuple[str, int]]:
        owned = {record.id for kind in OWNERS.values() for record in self._rows.records[kind].values()}
        entries = (self._rows.entries[kept[0]] for kept in self._rows.streams.values() if kept)
        strays = (entry for entry in entries if self._visible(entry) and entry.stream not in owned)
        return sorted((entry.stream, entry.seq) for entry in strays)[:limit]

    def moved_since(self, instant: dt.datetime) -> list[Head]:
        first = floor(instant)
        streams = {entry.stream for entry in self._mine() if entry.id >= first}
        return [self._rows.heads[stream] for stream in sorted(streams)]

    def erase(self, person: str) -> dict[str, tuple[str, int]]:
        erased: defaultdict[str, int] = defaultdict(int)
        aggregates: dict[str, str] = {}
        for entry in list(self._mine()):
            if entry.person == person:
                erased[entry.stream] += 1
                aggregates[entry.stream] = entry.aggregate
                bare = replace(entry, erasable=None, person=None, salt=b"")
                self._rows.set(self._rows.entries, entry.id, bare)
        return {stream: (aggregates[stream], count) for stream, count in erased.items()}

    def cut(self, stream: str, *, first: int, last: int) -> list[Entry]:
        found = self.stream(stream, after_seq=first - 1, limit=last - first + 1)
        leaving = {entry.id for entry in found if first <= entry.seq <= last}
        kept = self._rows.streams.get(stream, [])
        self._rows.set(self._rows.streams, stream, [one for one in kept if one not in leaving])
        for entry in leaving:
            self._rows.discard(self._rows.entries, entry)
        return [entry for entry in found if entry.id in leaving]

    def _mine(self) -> Iterator[Entry]:
        return (entry for entry in self._rows.entries.values() if self._visible(entry))

    def _visible(self, entry: Entry) -> bool:
        return self._tenant is None or entry.tenant == self._tenant


class MemoryWork:
    """A unit of work; see ``seatguard.storage.ports.Work``."""

    def __init__(self, rows: MemoryRows, tenant: str | None) -> None:
        self._rows = rows
        self._tenant = tenant or ""
        self.tenants: _Records[Tenant] = _Records(rows, "tenants", tenant)
        self.clients: _Records[Client] = _Records(rows, "clients", tenant)
        self.projects: _Records[Project] = _Records(rows, "projects", tenant)
        self.domains: _Records[Domain] = _Records(rows, "domains", tenant)
        self.project_keys: _Records[ProjectKey] = _Records(rows, "project_keys", tenant)
        self.management_keys: _Records[ManagementKey] = _Records(rows, "management_keys", tenant)
        self.plans: _Records[Plan] = _Records(rows, "plans", tenant)
        self.plan_versions: _Records[PlanVersion] = _Records(rows, "plan_versions", tenant)
        self.products: _Records[Product] = _Records(rows, "products", tenant)
        self.addons: _Records[AddOn] = _Records(rows, "addons", tenant)
        self.extras: _Records[Extra] = _Records(rows, "extras", tenant)
        self.scheduled_changes: _Records[ScheduledChange] = _Records(rows, "scheduled_changes", tenant)
        self.features: _Records[Feature] = _Records(rows, "features", tenant)
        self.overrides: _Records[Override] = _Records(rows, "overrides", tenant)
        self.user_subscriptions: _Records[UserSubscription] = _Records(rows, "user_subscriptions", tenant)
        self.subscriptions: _Records[Subscription] = _Records(rows, "subscriptions", tenant)
        self.replies: _Records[Reply] = _Records(rows, "replies", tenant)
        self.waiting: _Records[Waiting] = _Records(rows, "waiting", tenant)
        self.checkpoints: _Records[Checkpoint] = _Records(rows, "checkpoints", tenant)
        self.archives: _Records[Archive] = _Records(rows, "archives", tenant)
        self.stretches: _Records[Stretch] = _Records(rows, "stretches", tenant)
        self.accounts: _Records[Account] = _Records(rows, "usage_accounts", tenant)
        self.charges: _Records[Charge] = _Records(rows, "usage_charges", tenant)
        self.windows: _Records[Window] = _Records(rows, "rate_windows", tenant)
        self.pools: _Records[Pool] = _Records(rows, "lease_pools", tenant)
        self.leases: _Records[Lease] = _Records(rows, "leases", tenant)
        self.administrators: _Records[Administrator] = _Records(rows, "administrators", tenant)
        self.saved_views: _Records[SavedView] = _Records(rows, "saved_views", tenant)
        self.journal = _Journal(rows, tenant)
        self.reads = MemoryReads(rows, tenant)
        self.daily = MemoryDaily(rows, tenant)

    def next_number(self) -> int:
        """See ``Work.next_number``."""
        self._rows.last_service += 1
        return self._rows.last_service

    def seats_live(self, subscription: str) -> int:
        """See ``Work.seats_live``."""
        return self._rows.counters[subscription].live

    def holds_lapsed(self, subscription: str, now: dt.datetime) -> int:
        """See ``Work.holds_lapsed``."""
        return sum(hold.has_lapsed(now) for hold in self._rows.holds[subscription].values())

    def generation(self) -> int:
        """See ``Work.generation``."""
        return self._rows.generations.get(self._tenant, 0)

    def advance(self) -> None:
        """See ``Work.advance``."""
        self._rows.set(self._rows.generations, self._tenant, self.generation() + 1)

    def commit(self) -> None:
        """See ``Work.commit``."""
        self._rows.keep()


def _slug(work: MemoryWork, subscription: Subscription) -> str | None:
    if subscription.plan_version is None:
        return None
    return work.plans.get(work.plan_versions.get(subscription.plan_version).plan).slug


class MemoryLedger:
    """A ledger in memory; see ``seatguard.storage.ports.Ledger``."""

    def __init__(self, rows: MemoryRows) -> None:
        self._rows = rows

    @contextmanager
    def begin(self, tenant: str) -> Iterator[MemoryWork]:
        """See ``Ledger.begin``."""
        with self._rows.unit():
            yield MemoryWork(self._rows, tenant)
            self._rows.undo()  # what was not committed

    @contextmanager
    def read(self, tenant: str) -> Iterator[MemoryWork]:
        """See ``Ledger.read``."""
        with self._rows.lock:
            yield MemoryWork(self._rows, tenant)

    @contextmanager
    def read_all(self) -> Iterator[MemoryWork]:
        """See ``Ledger.read_all``."""
        with self._rows.lock:
            yield MemoryWork(self._rows, None)

    def agreed(self, tenant: str, project: str, mode: str) -> list[Agreed]:
        """See ``Ledger.agreed``."""
        with self.read(tenant) as work:
            return [
                Agreed(one, _slug(work, one), counter.live, counter.held)
                for one in every(work.subscriptions, project=project, mode=mode)
                for counter in [self._rows.counters[one.id]]
            ]

    def arrive(self, digest: bytes) -> Arrival | None:
        """See ``Ledger.arrive``."""
        with self.read_all() as work:
            key = work.project_keys.find(digest=digest)
            if key is None:
                return None
            project = work.projects.get(key.project)
            names = tuple(domain.name for domain in every(work.domains, project=project.id))
            known = KnownKey(key, project, work.clients.get(project.client), names)
            return Arrival(known, tuple(self.agreed(key.tenant, key.project, key.mode)))

    def ready(self) -> None:
        """Memory always answers."""

    def durability(self) -> str:
        """See ``Ledger.durability``."""
        return "none: seats end with this process"

    def close(self) -> None:
        """Nothing to let go of."""
