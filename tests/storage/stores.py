"""Opening a store on a fresh database."""

from __future__ import annotations

from collections.abc import Iterator

from seatguard.clock import Clock
from seatguard.storage import Store, open_store
from seatguard.storage.sqlalchemy.database import Database
from seatguard.storage.sqlalchemy.migrate import upgrade


def migrate(url: str) -> None:
    """Give a database its tables, as an operator would."""
    database = Database(url)
    upgrade(database)
    database.close()


def sql_store(url: str, clock: Clock) -> Iterator[Store]:
    """The store on a fresh database, closed afterwards."""
    migrate(url)
    store = open_store(url, clock=clock)
    yield store
    store.ledger.close()
