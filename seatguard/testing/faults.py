"""A store whose calls fail when told to: what is left behind, and can the caller simply ask again?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from seatguard.clock import Clock
from seatguard.errors import StorageUnavailable
from seatguard.storage import Store
from seatguard.storage.memory import MemoryGate, MemoryLedger, MemoryRows, memory_meters

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

K = TypeVar("K")
V = TypeVar("V")


class FailingCalls:
    """Counts the calls a store makes and lets one of them fail, before or after it took effect.

    A call is a statement or a commit of a SQL database, or a change of a row in memory. A failed call
    looks to Seatguard like a store that went away. Sweep over ``call`` until :attr:`struck` stays
    false: then every call an operation makes has failed once.

    >>> from seatguard import Seatguard
    >>> faults = FailingCalls()
    >>> engine = Seatguard(faults.memory_store())
    >>> me = engine.actor("test", "doc")
    >>> with faults.failing(1):
    ...     engine.clients.add(me, name="Acme")
    Traceback (most recent call last):
    ...
    seatguard.errors.StorageUnavailable: call 1 failed before it took effect
    >>> engine.clients.list(me).items
    ()
    """

    def __init__(self) -> None:
        self.calls = 0
        """How many calls were made since :meth:`failing` began."""
        self.struck = False
        """Whether the call that was to fail was made."""
        self._call: int | None = None
        self._after = False
        self._error: Callable[[str], Exception] = StorageUnavailable

    @contextmanager
    def failing(
        self, call: int, *, after: bool = False, error: Callable[[str], Exception] | None = None
    ) -> Iterator[None]:
        """Let one call fail, counted from here on.

        Args:
            call: 1 is the first one.
            after: fail when it has taken effect, so that only the answer is lost.
            error: makes what is raised in the store; by default an error of a database that went
                away, or ``StorageUnavailable`` in memory.
        """
        self.calls, self.struck = 0, False
        self._call, self._after = call, after
        if error is not None:
            self._error = error
        try:
            yield
        finally:
            self._call = None

    def memory_store(self, clock: Clock | None = None) -> Store:
        """A store in memory that fails as told; without a clock, by the machine's."""
        from seatguard.clock import steady_clock, system_clock

        rows, clock = _FailingRows(self), clock or system_clock
        return Store(
            MemoryLedger(rows),
            MemoryGate(rows, clock),
            meters=memory_meters(rows, clock, steady_clock(clock)),
        )

    def watch(self, engine: Engine, *, reads: bool = True) -> None:
        """Let statements and commits of a SQLAlchemy engine fail as told.

        For a store of Seatguard's own: ``faults.watch(Database(url).engine)``.

        Args:
            engine: the engine that the store talks through.
            reads: whether statements that only read are calls too.
        """
        from sqlalchemy import event
        from sqlalchemy.exc import OperationalError

        from seatguard.storage.sqlalchemy.raw import watched

        def lost(message: str) -> Exception:
            return OperationalError("(not shown)", None, ConnectionError(message))

        faults = self

        class Watch:
            """The calls that go the short way; SQLAlchemy's events tell of the others."""

            def begins(self, statement: str) -> None:
                if reads or not statement.startswith("SELECT"):
                    faults.begin()

            def ends(self, statement: str) -> None:
                if reads or not statement.startswith("SELECT"):
                    faults.end()

            def commits(self, commit: Callable[[], object], invalidate: Callable[[], object]) -> None:
                # A database that goes away during a commit takes the connection and its transaction along.
                if faults._counts() and faults._is_chosen():
                    if faults._after:
                        commit()
                    invalidate()
                    faults._strike()

        watch = Watch()

        def begins(_connection: object, _cursor: object, statement: str, *_: Any) -> None:
            watch.begins(statement)

        def ends(_connection: object, _cursor: object, statement: str, *_: Any) -> None:
            watch.ends(statement)

        def commits(connection: Connection) -> None:
            watch.commits(connection.connection.dbapi_connection.commit, connection.invalidate)  # type: ignore[union-attr]

        self._error = lost
        event.listen(engine, "before_cursor_execute", begins)
        event.listen(engine, "after_cursor_execute", ends)
        event.listen(engine, "commit", commits)
        watched[engine] = watch

    def begin(self) -> None:
        """A call is about to take effect."""
        if self._counts() and self._is_chosen() and not self._after:
            self._strike()

    def end(self) -> None:
        """The call has taken effect."""
        if self._is_chosen() and self._after:
            self._strike()

    def _counts(self) -> bool:
        if self._call is not None:
            self.calls += 1
        return self._call is not None

    def _is_chosen(self) -> bool:
        return self.calls == self._call and not self.struck

    def _strike(self) -> None:
        self.struck = True
        place = "after" if self._after else "before"
        raise self._error(f"call {self.calls} failed {place} it took effect")


class _FailingRows(MemoryRows):
    """Rows whose changes are the calls."""

    __slots__ = ("_faults",)

    def __init__(self, faults: FailingCalls) -> None:
        super().__init__()
        self._faults = faults

    def set(self, mapping: MutableMapping[K, V], key: K, value: V) -> None:
        self._faults.begin()
        super().set(mapping, key, value)
        self._faults.end()

    def discard(self, mapping: MutableMapping[K, V], key: K) -> None:
        self._faults.begin()
        super().discard(mapping, key)
        self._faults.end()

    def count(self, subscription: str, *, live: int, held: int) -> None:
        self._faults.begin()
        super().count(subscription, live=live, held=held)
        self._faults.end()

    def keep(self) -> None:
        self._faults.begin()
        super().keep()
        self._faults.end()
