"""One database: connections with deadlines, whole units retried, foreign errors made ours."""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from sqlalchemy import Connection, create_engine, event, insert, inspect, select
from sqlalchemy.engine import URL, Dialect, Engine, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from seatguard.errors import Misconfigured, StorageUnavailable
from seatguard.storage.breaker import Breaker
from seatguard.storage.sqlalchemy.faults import Fault, fault_of
from seatguard.storage.sqlalchemy.raw import Raw, RawRunner
from seatguard.storage.sqlalchemy.tables import SCHEMA_HEAD, metadata, number, schema_version
from seatguard.storage.sqlalchemy.together import Job, Together

PATIENCE = 2.5
"""Seconds one unit may take, waiting and retrying included; a caller answers within three."""

BUSY = 20
"""Milliseconds that SQLite itself waits for a lock; see ``_begin_immediately``."""

QUEUE = 15.0
"""Seconds a writer queues for a SQLite file as long as those before it get done."""

RECONNECT = 0.5
"""Seconds in which a lost connection is made anew: a restarted server refuses at once or answers."""

VANISHED = 5
"""Seconds after which a server gives up a transaction whose client says nothing.

A host that has lost its network cannot say that it is gone, and nobody else gets the rows that it has locked.
No unit of ours pauses so long."""

FRESH = 1.0
"""Seconds for which a connection that has answered is good for a read."""

T = TypeVar("T")

_ANSWERED = "seatguard_answered"

_DRIVERS = {
    "postgresql": ("postgresql+psycopg", "psycopg", "postgres"),
    "mysql": ("mysql+pymysql", "pymysql", "mysql"),
    "mariadb": ("mariadb+pymysql", "pymysql", "mysql"),
}


class Database:
    """A pool of connections to one database, safe to carry over a fork.

    Args:
        url: a SQLAlchemy URL; without a driver the one that Seatguard's extras install.

    Raises:
        Misconfigured: the URL cannot be read, or its driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self.url = _complete(url)
        self.engine = _engine(self.url)
        self._raw = Raw(self.engine)
        self._together = Together(self._write_together, patience=PATIENCE, longest=QUEUE)
        self._writing = threading.Lock()
        self._written = 0.0
        self._breaker = Breaker(time.monotonic)
        self._unit = threading.local()
        event.listen(self.engine, "do_connect", self._connect)
        if self.is_postgres:
            event.listen(self.engine, "reset", _postgres_returned)
        _open_databases.add(self)

    @property
    def dialect(self) -> Dialect:
        """Which SQL the database speaks."""
        return self.engine.dialect

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a file of SQLite's."""
        return self.dialect.name == "sqlite"

    @property
    def is_postgres(self) -> bool:
        """Whether this is a database of PostgreSQL's."""
        return self.dialect.name == "postgresql"

    @property
    def takes_at_once(self) -> bool:
        """Whether a seat can be given in one round trip. MySQL, unlike MariaDB, runs no blocks."""
        return self.is_postgres or bool(getattr(self.dialect, "is_mariadb", False))

    def is_behind(self, connection: Connection) -> bool:
        """Whether that connection, of whatever engine, leads to this very database."""
        return _place_of(connection.engine.url) == _place_of(self.url)

    def prepare(self) -> None:
        """Give a new SQLite file its tables and bring an older one up to date.

        A server's database is left alone: its schema changes when an operator says so.
        """
        if not self.is_sqlite:
            return
        with self.connection(write=False) as connection:
            current = self.schema_version(connection)
        if current == SCHEMA_HEAD:
            return
        with self.connection(write=True) as connection:
            current = self.schema_version(connection)
            if current is None:
                metadata.create_all(connection)
                connection.execute(insert(number).values(name="service", value=0))
                schema_version.create(connection, checkfirst=True)
                connection.execute(insert(schema_version).values(version_num=SCHEMA_HEAD))
            connection.commit()
        if current not in (None, SCHEMA_HEAD):
            from seatguard.storage.sqlalchemy.migrate import upgrade

            upgrade(self)

    def check_schema(self) -> None:
        """Ask whether the schema is the one this version works with.

        Raises:
            Misconfigured: it is missing, older or newer; the message tells the cure.
        """
        with self.connection(write=False) as connection:
            current = self.schema_version(connection)
        if current != SCHEMA_HEAD:
            raise Misconfigured(
                f"the database's schema is at {current or 'nothing'}, this version works with {SCHEMA_HEAD}: "
                "run `seatguard db upgrade`"
            )

    @staticmethod
    def schema_version(connection: Connection) -> str | None:
        """The migration the schema is at, ``None`` without our tables."""
        if not inspect(connection).has_table(schema_version.name):
            return None
        return connection.execute(select(schema_version.c.version_num)).scalar()

    @contextmanager
    def connection(self, *, write: bool) -> Iterator[Connection]:
        """A connection in a transaction; left without ``commit()``, it changed nothing.

        Not retried: for units that the caller drives step by step.
        """
        with self._translating(), self._serialized(write), self._alive(write) as connection:
            with contextlib.nullcontext() if write or not self.is_postgres else _planned_anew(connection):
                yield connection
            connection.rollback()

    @contextmanager
    def unhurried(self) -> Iterator[Connection]:
        """A connection in a transaction, as :meth:`connection`, whose statements may take their time.

        For changes of the schema: an index on a million rows takes longer than anybody waits for a seat. To
        wait for a lock is another matter, as takers of seats queue behind whoever does.
        """
        if self.is_sqlite:
            with self.connection(write=True) as connection:
                yield connection
            return
        engine = _engine(self.url, hurried=False)
        try:
            with self._translating(), engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

    def run(self, act: Callable[[RawRunner], T], *, write: bool) -> T:
        """Run a whole unit and commit it; again from its start when a race or a restart undid it.

        Raises:
            StorageUnavailable: it could not be done in time.
        """

        def unit() -> T:
            if not write:
                return self._raw.using(act, alone=True)
            if self.is_sqlite:
                return self._together.run(act)
            return self._raw.using(committed, alone=False)

        def committed(runner: RawRunner) -> T:
            result = act(runner)
            runner.commit()
            return result

        return self._again(unit)

    def _write_together(self, jobs: list[Job]) -> None:
        """See ``together``; the others of this process's writers queue at the same lock."""

        def write(runner: RawRunner) -> None:
            runner.act(lambda: _begin_immediately(runner.driver))
            if len(jobs) == 1:
                jobs[0].run(runner)
            else:
                for job in jobs:
                    runner.run("SAVEPOINT one", ())
                    try:
                        job.run(runner)
                    except Exception as error:  # noqa: BLE001 - its own thread raises it
                        job.fail(error)
                        runner.run("ROLLBACK TO one", ())
                    runner.run("RELEASE one", ())
            runner.commit()

        with self._serialized(write=True):
            self._raw.using(write, alone=False)

    def look(self, act: Callable[[Connection], T]) -> T:
        """Run a unit that only reads, through all of SQLAlchemy's layers; again when a restart undid it.

        Raises:
            StorageUnavailable: it could not be done in time.
        """

        def unit() -> T:
            with self._begun(write=False) as connection:
                return act(connection)

        return self._again(unit)

    def change(self, act: Callable[[Connection], T]) -> T:
        """Run a whole unit through all of SQLAlchemy's layers and commit it; again as :meth:`run` does.

        Raises:
            StorageUnavailable: it could not be done in time.
        """

        def unit() -> T:
            with self._serialized(write=True), self._begun(write=True) as connection:
                result = act(connection)
                connection.commit()
                return result

        return self._again(unit)

    def runner_on(self, connection: Connection) -> RawRunner:
        """The short way on a connection of :meth:`change`, in the same transaction."""
        return RawRunner(self._raw, connection.connection)

    def run_at_once(self, act: Callable[[RawRunner], T]) -> T | None:
        """Run one statement that is its own transaction; again when a restart undid it.

        Returns:
            what ``act`` returned; ``None`` when the statement lost a race and changed nothing.

        Raises:
            StorageUnavailable: it could not be done in time.
        """

        def unit() -> T | None:
            try:
                return self._raw.using(act, alone=True)
            except DBAPIError as error:
                if fault_of(error) is Fault.BACKSTOP:
                    return None
                raise

        return self._again(unit)

    def _again(self, unit: Callable[[], T]) -> T:
        """Run a unit until it is done; races for ``PATIENCE`` seconds, a lost connection once or twice."""
        began = time.monotonic()
        self._breaker.check()
        while True:
            self._unit.began = time.monotonic()
            try:
                result = unit()
            except DBAPIError as error:
                spent, fault = time.monotonic() - began, fault_of(error)
                longest = {Fault.RACE: PATIENCE, Fault.LOST: RECONNECT}.get(fault, 0.0)
                if spent >= longest:
                    self._translate(error)
                if fault is Fault.RACE:
                    self._breaker.succeeded()
            except PoolTimeout as error:
                self._translate(error)
            else:
                self._breaker.succeeded()
                return result
            time.sleep(random.uniform(0.0005, 0.005))

    def close(self) -> None:
        """Let go of all connections; the next unit opens new ones."""
        self.engine.dispose()

    def after_fork(self) -> None:
        """Leave the parent's connections to the parent; two processes on one would mix answers."""
        self._writing = threading.Lock()
        self._together = Together(self._write_together, patience=PATIENCE, longest=QUEUE)
        self._breaker = Breaker(time.monotonic)
        self.engine.dispose(close=False)

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Make foreign errors ours, and keep count of lost connections."""
        self._breaker.check()
        self._unit.began = time.monotonic()
        try:
            yield
        except (PoolTimeout, DBAPIError) as error:
            self._translate(error)
        self._breaker.succeeded()

    def _translate(self, error: PoolTimeout | DBAPIError) -> NoReturn:
        """Raise ours for a foreign error."""
        if isinstance(error, PoolTimeout):
            raise StorageUnavailable("all connections to the database are in use") from error
        fault = fault_of(error)
        if fault is Fault.NO_SCHEMA:
            raise Misconfigured(
                "the database has no Seatguard tables: run `seatguard db upgrade` on it"
            ) from error
        if self.is_sqlite and "unable to open database file" in str(error.orig):
            raise Misconfigured(
                f"the SQLite file {self.url.database!r} cannot be opened: is its folder there?"
            ) from error
        if fault is Fault.LOST:
            self._breaker.failed()
        elif isinstance(error, ProgrammingError | DataError | IntegrityError):
            raise error  # ours to mend: waiting will not
        kind = type(error.orig).__name__
        raise StorageUnavailable(f"the {self.dialect.name} database did not answer ({kind})") from error

    def _connect(self, _dialect: object, _record: object, args: Any, options: Any) -> Any:
        """Open no new connection for a unit that has already waited long for a free one.

        ``None`` lets SQLAlchemy open it in its own way.
        """
        began = getattr(self._unit, "began", None)
        if began is not None and time.monotonic() - began > RECONNECT:
            raise StorageUnavailable("all connections to the database are in use, and no new one was tried")
        match self.dialect.driver:
            case "psycopg":
                from seatguard.storage.sqlalchemy.patience import connect

                return connect(*args, **options)
            case "pymysql":
                from seatguard.storage.sqlalchemy.tls import SharingConnection

                return SharingConnection(*args, **options)
            case _:
                return None

    @contextmanager
    def _alive(self, write: bool) -> Iterator[Connection]:
        """A begun connection that has just answered; a pooled one may have died since its last use.

        A page reads several times. Only its first read asks first: one that fails changes nothing.
        """
        began = time.monotonic()
        while True:
            with contextlib.ExitStack() as opened:
                try:
                    connection = opened.enter_context(self._begun(write))
                    answered = connection.info.get(_ANSWERED, -FRESH)
                    if not self.is_sqlite and (write or began - answered > FRESH):
                        connection.exec_driver_sql("SELECT 1")
                except DBAPIError as error:
                    if fault_of(error) is Fault.LOST and time.monotonic() - began < RECONNECT:
                        continue
                    raise
                yield connection
                connection.info[_ANSWERED] = time.monotonic()
                return

    @contextmanager
    def _begun(self, write: bool) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            if not write and self.is_postgres:
                # At READ COMMITTED a transaction of reads shows no more than the reads alone, and here
                # leaving it out saves two round trips.
                connection = self._autocommitting(connection)
            connection = connection.execution_options(seatguard_write=write)
            connection.begin()
            yield connection

    def _autocommitting(self, connection: Connection) -> Connection:
        """The connection without transactions."""
        with _wrapping(connection):
            return connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def _serialized(self, write: bool) -> Iterator[None]:
        """SQLite has one writer: this process's threads queue here, in order, not in its busy loop."""
        if not (write and self.is_sqlite):
            yield
            return
        joined = time.monotonic()
        while not self._writing.acquire(timeout=0.1):
            now = time.monotonic()
            if now - max(joined, self._written) > PATIENCE or now - joined > QUEUE:
                raise StorageUnavailable("the SQLite file is busy: too many writers wait for it")
        try:
            yield
            self._written = time.monotonic()
        finally:
            self._writing.release()


@contextmanager
def _planned_anew(connection: Connection) -> Iterator[None]:
    """Let PostgreSQL plan each query for its very values.

    psycopg prepares what is asked often, and the server then makes one plan for all values. That is what the
    hot path wants; a list of operators asks for the rare and the frequent, for ten rows and for ten thousand,
    and by the beginning of a name, of which a plan for all values knows nothing.
    """
    driver: Any = connection.connection.dbapi_connection
    before, driver.prepare_threshold = driver.prepare_threshold, None
    try:
        yield
    finally:
        driver.prepare_threshold = before


_open_databases: weakref.WeakSet[Database] = weakref.WeakSet()


def _after_fork() -> None:
    for database in list(_open_databases):
        database.after_fork()


os.register_at_fork(after_in_child=_after_fork)


def is_same_database(url: URL, uri: str) -> bool:
    """Whether two URLs lead to one database, however they are spelled."""
    return _place_of(url) == _place_of(make_url(uri))


def _place_of(url: URL) -> tuple[object, ...]:
    """Where a database is, however it is spelled."""
    backend = url.get_backend_name().replace("mariadb", "mysql")
    database = url.database
    if backend == "sqlite" and database is not None:
        database = str(Path(database).resolve())
    return backend, url.host, url.port, database


def _complete(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise Misconfigured(
            "SEATGUARD_STORAGE_URI is no database URL: write it like sqlite:///seats.db or "
            "postgresql://user:password@host/database"
        ) from error
    if parsed.drivername in _DRIVERS:
        parsed = parsed.set(drivername=_DRIVERS[parsed.drivername][0])
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise Misconfigured("a SQLite database in memory is per connection: use memory: or name a file")
    return parsed


def _engine(url: URL, *, hurried: bool = True) -> Engine:
    backend = url.get_backend_name()
    options: dict[str, Any] = {"hide_parameters": True, "pool_timeout": 2, "pool_use_lifo": True}
    options |= {"pool_size": 8, "max_overflow": 16}
    if backend == "postgresql":
        options |= {"isolation_level": "READ COMMITTED", "connect_args": _postgres_arguments(url, hurried)}
    elif backend in ("mysql", "mariadb"):
        options |= {"isolation_level": "READ COMMITTED", "connect_args": _mariadb_arguments(hurried)}
    elif backend != "sqlite":
        raise Misconfigured(f"Seatguard has no storage on {backend!r}: use sqlite, postgresql or mariadb")
    if backend != "sqlite":
        # Whoever leaves something open rolls it back: to ask the server in any case is a round trip.
        options["pool_reset_on_return"] = None
    try:
        engine = create_engine(url, **options)
    except (ImportError, NoSuchModuleError) as error:
        _, module, extra = _DRIVERS.get(backend, ("", str(error), "all"))
        raise Misconfigured(
            f"storage on {backend} needs {module}: run pip install 'seatguard[{extra}]'"
        ) from error
    if backend == "sqlite":
        event.listen(engine, "connect", _sqlite_connected)
        event.listen(engine, "begin", _sqlite_begins)
    elif backend == "postgresql":
        event.listen(engine, "begin", _postgres_begins)
    return engine


def _postgres_arguments(url: URL, hurried: bool) -> dict[str, Any]:
    limits = f"-c lock_timeout=1500 -c idle_in_transaction_session_timeout={VANISHED * 1000}"
    if hurried:
        limits += " -c statement_timeout=1900"
    given = url.query.get("options", "")
    return {"connect_timeout": 2, "options": f"{given} {limits}".strip()}


def _postgres_begins(connection: Connection) -> None:
    """A pooled connection may have been left where each statement is a transaction; see ``Raw.using``."""
    options = connection.get_execution_options()
    driver: Any = connection.connection.dbapi_connection
    if options.get("isolation_level") != "AUTOCOMMIT" and driver.autocommit:
        with _wrapping(connection):
            driver.autocommit = False


def _postgres_returned(driver: Any, record: ConnectionPoolEntry | None, _state: object) -> None:
    """Nothing resets what comes back to the pool: who was interrupted there may have left an answer open."""
    if record is not None and not driver.is_idle:
        record.invalidate()


@contextmanager
def _wrapping(connection: Connection) -> Iterator[None]:
    """The driver's errors as SQLAlchemy has them, where it does not wrap them itself."""
    try:
        yield
    except connection.dialect.loaded_dbapi.Error as error:
        connection.invalidate()
        raise OperationalError(None, None, error, connection_invalidated=True) from error


def _mariadb_arguments(hurried: bool) -> dict[str, Any]:
    own = f"idle_transaction_timeout={VANISHED}"
    if hurried:
        own += ", max_statement_time=1.9"
    arguments: dict[str, Any] = {
        "charset": "utf8mb4",
        "connect_timeout": 2,
        # What MySQL does not know is a comment to it. Lists of domains it would cut at 1,024 characters.
        "init_command": f"SET SESSION innodb_lock_wait_timeout=1, /*M! {own}, */"
        "group_concat_max_len=1000000, sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
    }
    return arguments | {"read_timeout": 2, "write_timeout": 2} if hurried else arguments


def _sqlite_connected(connection: Any, _record: object) -> None:
    """The driver's own transactions begin deferred and late; ours begin where we say."""
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={int(PATIENCE * 1000)}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute(f"PRAGMA busy_timeout={BUSY}")


def _sqlite_begins(connection: Connection) -> None:
    if not connection.get_execution_options().get("seatguard_write", True):
        connection.exec_driver_sql("BEGIN")
        return
    file: Any = connection.connection.dbapi_connection
    try:
        _begin_immediately(file)
    except file.OperationalError:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises as SQLAlchemy does


def _begin_immediately(file: Any) -> None:
    """A write takes the file's lock at once: a later upgrade of a read would ignore the busy timeout.

    SQLite's own way of waiting sleeps longer and longer, so that under many writers an unlucky one never
    gets its turn. Here everybody asks again after a few milliseconds, for as long as others get done.
    """
    began = moved = time.monotonic()
    version = None
    while True:
        try:
            file.execute("BEGIN IMMEDIATE")
        except file.OperationalError as error:
            now, seen = time.monotonic(), file.execute("PRAGMA data_version").fetchone()
            if seen != version:
                version, moved = seen, now
            is_busy = error.sqlite_errorname == "SQLITE_BUSY"
            if not is_busy or now - moved > PATIENCE or now - began > QUEUE:
                raise
            time.sleep(random.uniform(0.001, 0.005))
        else:
            return
