"""Databases to measure on: servers of our own, schemas, and arenas with many services.

The servers are those of the tests: started from packages, on a free port, gone with this process.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import Column, Table, insert, select, update

from benchmarks.measuring import Report
from benchmarks.slow_flush import slow_flush
from seatguard import EngineOptions, Seatguard, Where, keys
from seatguard.actors import Actor
from seatguard.clock import Clock, system_clock
from seatguard.ids import Uuid7
from seatguard.storage.sqlalchemy import tables
from seatguard.storage.sqlalchemy.database import Database
from seatguard.storage.sqlalchemy.migrate import upgrade
from tests.servers import MariaDBServer, PostgresServer, ServerUnavailable

DOMAIN = "shop.example"

FLUSH_1_MS = {"commit_delay": "1000", "commit_siblings": "0"}
"""PostgreSQL waits 1 ms before each flush, others may join: a disk's flush that everybody can repeat.

The real flush of a shared disk swings by a factor of a hundred between two runs. So the data lies in
memory, where a flush is free, and the wait stands for the disk. It needs ``fsync=on``: without it
PostgreSQL does not wait either.
"""

_MEMORY = Path("/dev/shm")


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A kind of database, and how to get an empty one."""

    name: str
    url: str


@contextmanager
def places(report: Report, wanted: Sequence[str]) -> Iterator[list[Place]]:
    """The databases that can be had here; the others are said to be missing."""
    with ExitStack() as stack:
        found = []
        for name in wanted:
            try:
                found.append(Place(name, _open(stack, name)))
            except ServerUnavailable as missing:
                report.remark(f"{name}: not measured, {missing}")
        yield found


def another(place: Place, name: str) -> Place:
    """A second empty database beside the first; of a server or in the folder."""
    if place.url.startswith("sqlite"):
        return Place(place.name, place.url.removesuffix("benchmark.db") + f"{name}.db")
    server: type[PostgresServer] | type[MariaDBServer]
    server = PostgresServer if place.url.startswith("postgresql") else MariaDBServer
    return Place(place.name, server.at(place.url).create_database(name))


def _open(stack: ExitStack, name: str) -> str:
    match name:
        case "SQLite":
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="seatguard-benchmark-"))
            return f"sqlite:///{Path(folder) / 'benchmark.db'}"
        case "SQLite in memory":
            return f"sqlite:///{Path(stack.enter_context(_folder_in_memory())) / 'benchmark.db'}"
        case "SQLite 1 ms":
            folder = stack.enter_context(_folder_in_memory())
            stack.enter_context(slow_flush())  # crowds are started meanwhile
            return f"sqlite:///{Path(folder) / 'benchmark.db'}"
        case "PostgreSQL":
            return stack.enter_context(PostgresServer.start()).create_database("benchmark")
        case "PostgreSQL 1 ms":
            with _temporary_folders_in_memory():
                server = PostgresServer.start(durable=True, settings=FLUSH_1_MS)
            return stack.enter_context(server).create_database("benchmark")
        case "MariaDB":
            return stack.enter_context(MariaDBServer.start()).create_database("benchmark")
        case "MariaDB 1 ms":
            with _temporary_folders_in_memory(), slow_flush():
                slow = MariaDBServer.start(durable=True)
            return stack.enter_context(slow).create_database("benchmark")
    raise ValueError(f"no place {name!r}")


def _folder_in_memory() -> tempfile.TemporaryDirectory[str]:
    with _temporary_folders_in_memory():
        return tempfile.TemporaryDirectory(prefix="seatguard-benchmark-")


@contextmanager
def _temporary_folders_in_memory() -> Iterator[None]:
    before = tempfile.tempdir
    if os.access(_MEMORY, os.W_OK):
        tempfile.tempdir = str(_MEMORY)
    try:
        yield
    finally:
        tempfile.tempdir = before


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    """One customer's service, and the key with which it calls."""

    project: str
    subscription: str
    key: str


@dataclasses.dataclass(frozen=True, slots=True)
class Arena:
    """A database with services on it, as a value that other processes can be given."""

    url: str
    tenant: str
    services: tuple[Service, ...]
    gate: str | None = None

    @classmethod
    def build(cls, url: str, *, services: int, limit: int, clock: Clock = system_clock) -> Arena:
        """Make the schema and so many services, at a time.

        The first is made as everybody makes one. The others are copies of its rows with ids, keys and
        numbers of their own, written in bulk; they have no entries, as nothing has happened to them.
        """
        database = Database(url)
        upgrade(database)
        engine = Seatguard.open(url, clock=clock)
        actor = engine.actor("benchmark", "arena")
        client = engine.clients.add(actor, name="Client")
        project = engine.projects.add(actor, client.id, name="Project", domains=(DOMAIN,))
        made = engine.projects.add_key(actor, project.id)
        subscription = engine.subscriptions.add(actor, project.id, limit=limit, expiry="2099-12-31")
        engine.close()
        first = Service(project.id, subscription.id, made.secret.reveal())
        others = _copies(database, services - 1, subscription.number)
        if database.is_postgres:
            _analyze(database)
        database.close()
        return cls(url, actor.tenant, (first, *others))

    def open(self, *, max_age: float = 1.0) -> Seatguard:
        """An engine of this process's own."""
        return Seatguard.open(self.url, gate=self.gate, options=EngineOptions(max_age=max_age))

    def actor(self, engine: Seatguard) -> Actor:
        """Who does it all."""
        return engine.actor("benchmark", f"process{os.getpid()}", tenant=self.tenant)

    def where(self, service: int) -> Where:
        """The service of that number, from 0."""
        return Where(project=self.services[service].project)


def _analyze(database: Database) -> None:
    """Let the planner know what was loaded, as autovacuum would about a minute later."""
    with database.connection(write=True) as connection:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql("ANALYZE")
        connection.commit()


def _copies(database: Database, count: int, number: int) -> list[Service]:
    new_id = Uuid7(system_clock)
    made: list[Service] = []
    rows: dict[str, list[dict[str, object]]] = {}
    copied = (tables.project, tables.domain, tables.project_key, tables.subscription)
    with database.connection(write=True) as connection:
        first = {
            table.name: {
                column.key: value
                for column, value in zip(
                    _written(table), connection.execute(select(*_written(table))).one(), strict=True
                )
            }
            for table in copied
        }
        for place in range(1, count + 1):
            project, secret = new_id(), keys.generate("live")
            version, digest = keys.digest(secret, pepper=None)
            own: dict[str, dict[str, object]] = {
                tables.project.name: {"id": project, "name": f"Project {place}"},
                tables.domain.name: {"id": new_id(), "project": project},
                tables.project_key.name: {
                    "id": new_id(),
                    "project": project,
                    "digest": digest,
                    "digest_version": version,
                    "prefix": secret.prefix,
                    "last4": secret.last4,
                },
                tables.subscription.name: {"id": new_id(), "project": project, "number": number + place},
            }
            for table in copied:
                changes = own[table.name]
                if "seq" in table.c:
                    changes |= {"seq": 0, "head": bytes(32)}
                rows.setdefault(table.name, []).append({**first[table.name], **changes})
            subscription = str(own[tables.subscription.name]["id"])
            made.append(Service(project, subscription, secret.reveal()))
        for table in copied:
            for batch in _batches(rows.get(table.name, []), 1000):
                connection.execute(insert(table), batch)
        connection.execute(update(tables.number).values(value=number + count))
        connection.commit()
    return made


def _written(table: Table) -> list[Column[object]]:
    """The columns that a row is written with: the database works the others out."""
    return [column for column in table.c if column.computed is None]


def _batches(rows: list[dict[str, object]], size: int) -> Iterator[list[dict[str, object]]]:
    for begin in range(0, len(rows), size):
        yield rows[begin : begin + size]
