"""Ledger and gate on a SQL database: SQLite, PostgreSQL, MariaDB."""

from __future__ import annotations

from seatguard.clock import Clock
from seatguard.storage import Store
from seatguard.storage.sqlalchemy.database import Database, is_same_database
from seatguard.storage.sqlalchemy.gate import SqlGate
from seatguard.storage.sqlalchemy.ledger import SqlLedger
from seatguard.storage.sqlalchemy.meters import sql_meters
from seatguard.storage.sqlalchemy.tables import metadata

__all__ = ["Database", "SqlGate", "SqlLedger", "is_same_database", "metadata", "open_sql_store", "sql_meters"]


def open_sql_store(url: str, *, clock: Clock, steady: Clock | None = None) -> Store:
    """The ledger and gate on the database behind a SQLAlchemy URL.

    A new SQLite file gets its tables; a server's database wants ``seatguard db upgrade`` once.
    """
    database = Database(url)
    database.prepare()
    gate = SqlGate(database, clock)
    meters = sql_meters(database, clock, steady)
    return Store(SqlLedger(database), gate, gate.joined, counts_in_ledger=True, meters=meters, swift=gate)
