"""Where agreements and seats are kept: opened by URL, loaded only when used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from seatguard.clock import Clock, system_clock
from seatguard.errors import Misconfigured

if TYPE_CHECKING:
    from seatguard.seats.ports import Gate
    from seatguard.storage.ports import Ledger

SCHEMES = ("memory", "sqlite", "postgresql", "mysql", "mariadb")


@dataclass(frozen=True, slots=True)
class Store:
    """A ledger and the gate that shares its transactions."""

    ledger: Ledger
    gate: Gate


def open_store(url: str, *, clock: Clock = system_clock) -> Store:
    """The ledger and gate behind a URL.

    Args:
        url: ``memory:``, ``sqlite:///seats.db``, ``postgresql://user@host/db`` or
            ``mysql://user@host/db`` (MariaDB); a driver may be named as in SQLAlchemy.
        clock: tells the time after rows are locked.

    Raises:
        Misconfigured: no such kind of store, or its driver is not installed.

    >>> store = open_store("memory:")
    """
    scheme = urlsplit(url).scheme.partition("+")[0]
    if scheme == "memory":
        from seatguard.storage.memory import MemoryGate, MemoryLedger, MemoryRows

        rows = MemoryRows()
        return Store(MemoryLedger(rows), MemoryGate(rows, clock))
    if scheme in SCHEMES:
        from seatguard.storage.sqlalchemy import open_sql_store

        return open_sql_store(url, clock=clock)
    raise Misconfigured(
        f"SEATGUARD_STORAGE_URI names the unknown store {scheme!r}: use one of "
        + ", ".join(f"{name}:" for name in SCHEMES)
    )
