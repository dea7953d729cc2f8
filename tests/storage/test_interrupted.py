"""A host's own time limit strikes while a database is asked: nobody gets a connection that still speaks."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from seatguard import StorageUnavailable
from seatguard.storage.sqlalchemy.database import Database

Ask = Callable[[str], object]


class TooLong(Exception):
    """What such a limit raises, wherever the program is just then."""


@contextmanager
def limited_to(seconds: float) -> Iterator[None]:
    """Raise TooLong in here after so many seconds, as a worker's time limit does."""

    def give_up(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _short(database: Database, *, write: bool) -> Ask:
    return lambda query: database.run(lambda runner: runner.run(query, ()).fetchone()[0], write=write)


def _long(database: Database, *, write: bool) -> Ask:
    def ask(query: str) -> object:
        with database.connection(write=write) as connection:
            return connection.exec_driver_sql(query).scalar()

    return ask


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
@pytest.mark.parametrize("way", [_short, _long])
@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_next_question_after_an_interrupted_one_is_answered(
    new_database: Callable[[str], str], kind: str, way: Callable[..., Ask], write: bool
) -> None:
    """Whoever was interrupted in a query is told, and leaves neither its answer nor a gap in the pool."""
    database = Database(new_database(kind))
    ask = way(database, write=write)
    assert ask("SELECT 1") == 1
    slow = "SELECT 1 FROM pg_sleep(1.5)" if kind == "postgresql" else "SELECT sleep(1.5)"
    with pytest.raises((TooLong, StorageUnavailable)), limited_to(0.2):
        ask(slow)
    assert ask("SELECT 2") == 2
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    database.close()
