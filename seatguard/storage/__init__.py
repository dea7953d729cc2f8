"""Where agreements and seats are kept: opened by URL, loaded only when used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from seatguard.clock import Clock, system_clock
from seatguard.errors import Misconfigured

if TYPE_CHECKING:
    from seatguard.seats.ports import Gate
    from seatguard.storage.ports import Ledger

SCHEMES = ("memory", "sqlite", "postgresql", "mysql", "mariadb")


def no_transaction(_connection: object) -> Gate:
    """For stores that have no transaction a host could share.

    Raises:
        Misconfigured: always.
    """
    raise Misconfigured(
        "this store has no transaction to take part in: set SEATGUARD_STORAGE_URI to the host's own database"
    )


@dataclass(frozen=True, slots=True)
class Store:
    """A ledger and the gate that shares its transactions.

    Attributes:
        counts_in_ledger: whether the gate's count is the ledger's own, so that one read brings both.
        join: makes the same gate inside a transaction of the host's, from a SQLAlchemy connection.
    """

    ledger: Ledger
    gate: Gate
    join: Callable[[Any], Gate] = no_transaction
    counts_in_ledger: bool = False


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
