"""The short way to a database: SQLAlchemy writes a statement once, the driver's own cursor runs it.

Executing a Core statement costs several times what the database needs for it. So the statements of every
day are compiled once for each dialect, with what turns values into a driver's and back, and run on a
connection of the same pool. Errors come out wrapped as SQLAlchemy wraps them.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Executable, Select
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection

T = TypeVar("T")

_CURSOR = "seatguard_cursor"

Row = Sequence[Any]
Values = Mapping[str, Any]


class Runner(Protocol):
    """Runs statements, on whatever kind of connection."""

    dialect: Dialect

    def first(self, statement: Executable, values: Values) -> Row | None:
        """The first row."""

    def all(self, statement: Executable, values: Values) -> Sequence[Row]:
        """All rows."""

    def changed(self, statement: Executable, values: Values) -> int:
        """How many rows it changed."""

    def inserted(self, statement: Executable, values: Values) -> int:
        """The number that the database gave to the one row it inserted."""


class CoreRunner:
    """On a SQLAlchemy connection: the host's own, which must know what is done on it."""

    def __init__(self, connection: Connection) -> None:
        self.dialect = connection.dialect
        self._connection = connection

    def first(self, statement: Executable, values: Values) -> Row | None:
        """See ``Runner.first``."""
        return self._connection.execute(statement, values).first()

    def all(self, statement: Executable, values: Values) -> Sequence[Row]:
        """See ``Runner.all``."""
        return self._connection.execute(statement, values).all()

    def changed(self, statement: Executable, values: Values) -> int:
        """See ``Runner.changed``."""
        return self._connection.execute(statement, values).rowcount

    def inserted(self, statement: Executable, values: Values) -> int:
        """See ``Runner.inserted``."""
        (number,) = self._connection.execute(statement, values).inserted_primary_key or (0,)
        return int(number)


class Ready:
    """A statement as one driver takes it."""

    __slots__ = ("_binds", "_given", "_named", "_results", "returns", "text")

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.text: str = compiled.string
        self.returns = " RETURNING " in self.text
        binds = compiled.binds
        self._named = not compiled.positional
        names = list(binds) if self._named else compiled.positiontup
        self._given = {name: bind.value for name, bind in binds.items() if not bind.required}
        self._binds = [
            (name, binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names
        ]
        columns = statement.selected_columns if isinstance(statement, Select) else ()
        made = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._results = [(place, make) for place, make in enumerate(made) if make is not None]

    def arguments(self, values: Values) -> Any:
        """The values as the driver takes them."""
        if self._given:
            values = {**self._given, **values}
        if self._named:
            return {name: values[name] if make is None else make(values[name]) for name, make in self._binds}
        return [values[name] if make is None else make(values[name]) for name, make in self._binds]

    def row(self, row: Sequence[Any]) -> Row:
        """A row of the driver's as our types have it."""
        if not self._results:
            return row
        made = list(row)
        for place, make in self._results:
            made[place] = make(made[place])
        return made


class RawRunner:
    """On a driver's own connection.

    Args:
        cursor: one of that connection that was used before.
    """

    __slots__ = ("_cursor", "_raw", "_watch", "dialect", "driver", "is_open", "proxied")

    def __init__(self, raw: Raw, proxied: PoolProxiedConnection, cursor: Any = None) -> None:
        self._raw = raw
        self.proxied = proxied
        self.dialect = raw.dialect
        self.driver: Any = proxied.dbapi_connection
        self._cursor = cursor
        self._watch = watched.get(raw.engine) if watched else None
        self.is_open = False
        """Whether a transaction may have begun that was not ended."""

    def first(self, statement: Executable, values: Values) -> Row | None:
        """See ``Runner.first``."""
        ready = self._raw.ready(statement)
        row = self.run(ready.text, ready.arguments(values)).fetchone()
        return None if row is None else ready.row(row)

    def all(self, statement: Executable, values: Values) -> Sequence[Row]:
        """See ``Runner.all``."""
        ready = self._raw.ready(statement)
        return [ready.row(row) for row in self.run(ready.text, ready.arguments(values)).fetchall()]

    def changed(self, statement: Executable, values: Values) -> int:
        """See ``Runner.changed``."""
        ready = self._raw.ready(statement)
        return int(self.run(ready.text, ready.arguments(values)).rowcount)

    def inserted(self, statement: Executable, values: Values) -> int:
        """See ``Runner.inserted``."""
        ready = self._raw.ready(statement)
        cursor = self.run(ready.text, ready.arguments(values))
        return int(cursor.fetchone()[0] if ready.returns else cursor.lastrowid)

    def run(self, text: str, arguments: Any) -> Any:
        """Run a statement as the driver takes it; the cursor, good until the next one."""
        if self._cursor is None:
            self._cursor = self.driver.cursor()
            if self._raw.keeps_cursors:
                self.proxied.info[_CURSOR] = self._cursor
        self.is_open = True
        try:
            if self._watch is not None:
                self._watch.begins(text)
            self._cursor.execute(text, arguments)
            if self._watch is not None:
                self._watch.ends(text)
        except self._raw.error as error:
            raise self.wrapped(error) from error
        return self._cursor

    def act(self, call: Callable[[], T]) -> T:
        """Let the driver do something that is no statement."""
        try:
            return call()
        except self._raw.error as error:
            raise self.wrapped(error) from error

    def commit_each(self, *, alone: bool) -> None:
        """Whether each statement is a transaction of its own; psycopg's connections know how."""
        try:
            self.driver.autocommit = alone
        except self._raw.error as error:
            raise self.wrapped(error) from error

    def commit(self) -> None:
        """Make the transaction final."""
        if self._watch is not None:
            self._watch.commits(self.driver.commit, self.proxied.invalidate)
        self.act(self.driver.commit)
        self.is_open = False

    def wrapped(self, error: Any) -> DBAPIError:
        """The driver's error as SQLAlchemy would raise it; a connection that is lost is let go of."""
        raw = self._raw
        lost = raw.dialect.is_disconnect(error, self.driver, self._cursor)
        if lost:
            self.proxied.invalidate(error)
        return raw.wrapped(error, lost=lost)


class Raw:
    """The short way to one engine's database."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.dialect = engine.dialect
        self.error: Any = engine.dialect.loaded_dbapi.Error
        self._ready: dict[Executable, Ready] = {}
        self._is_postgres = engine.dialect.name == "postgresql"
        self._rolls_back = engine.dialect.name != "sqlite"  # there the pool does it
        self.keeps_cursors = self._is_postgres
        """psycopg's cursors remember how values are turned into text; SQLite's hold a read open."""

    def ready(self, statement: Executable) -> Ready:
        """The statement for this dialect; to be asked with constants only, as all are kept."""
        found = self._ready.get(statement)
        if found is None:
            found = self._ready[statement] = Ready(statement, self.dialect)
        return found

    def using(self, act: Callable[[RawRunner], T], *, alone: bool) -> T:
        """Do something on a connection of the pool; what was not committed is undone.

        Args:
            alone: each statement is a transaction of its own, where that saves round trips: at READ
                COMMITTED a transaction of reads shows no more than the reads alone.
        """
        try:
            proxied = self.engine.raw_connection()
        except self.error as error:
            raise self.wrapped(error, lost=False) from error
        try:
            runner = RawRunner(self, proxied, proxied.info.get(_CURSOR) if self.keeps_cursors else None)
            if self._is_postgres and runner.driver.autocommit is not alone:
                runner.commit_each(alone=alone)
            try:
                return act(runner)
            finally:
                if runner.is_open and self._rolls_back and not (self._is_postgres and alone):
                    self._undo(runner)
        finally:
            proxied.close()

    @staticmethod
    def _undo(runner: RawRunner) -> None:
        if runner.proxied.is_valid:
            try:
                runner.driver.rollback()
            except runner.dialect.loaded_dbapi.Error as error:
                runner.proxied.invalidate(error)

    def wrapped(self, error: Exception, *, lost: bool) -> DBAPIError:
        """The driver's error as SQLAlchemy would raise it."""
        made: Any = DBAPIError.instance(
            None,
            None,
            error,
            self.error,
            hide_parameters=True,
            connection_invalidated=lost,
            dialect=self.dialect,
        )
        found: DBAPIError = made
        return found


class Watch(Protocol):
    """Is told of what is done the short way, and may let it fail: for tests."""

    def begins(self, statement: str) -> None:
        """A statement is about to be run."""

    def ends(self, statement: str) -> None:
        """It has been run."""

    def commits(self, commit: Callable[[], object], invalidate: Callable[[], object]) -> None:
        """A transaction is about to be committed."""


watched: weakref.WeakKeyDictionary[Engine, Watch] = weakref.WeakKeyDictionary()
"""Engines whose short ways are watched."""
