"""Where agreements and seats are kept: opened by URL, loaded only when used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from seatguard.clock import Clock, steady_clock, system_clock
from seatguard.errors import Misconfigured

if TYPE_CHECKING:
    from seatguard.seats.ports import Gate, Swift
    from seatguard.storage.meters import Meters
    from seatguard.storage.ports import Ledger

SCHEMES = ("memory", "sqlite", "postgresql", "mysql", "mariadb")
GATE_SCHEMES = ("redis", "rediss", "valkey", "valkeys")


def no_transaction(_connection: object) -> Gate:
    """For stores that have no transaction a host could share.

    Raises:
        Misconfigured: always.
    """
    raise Misconfigured(
        "this store has no transaction to take part in: set SEATGUARD_STORAGE_URI to the host's own database"
    )


def nothing_to_relay() -> int:
    """For gates that write their entries into the ledger themselves."""
    return 0


@dataclass(frozen=True, slots=True)
class Store:
    """A ledger and its gate.

    Attributes:
        swift: the gate once more, if it is one.
        counts_in_ledger: whether the gate's count is the ledger's own, so that one read brings both.
        join: makes the same gate inside a transaction of the host's, from a SQLAlchemy connection.
        relay: moves into the ledger what the gate keeps for it, and returns how many entries that were.
        meters: the gates of usage, rates and leases; ``None`` when the store keeps none.
    """

    ledger: Ledger
    gate: Gate
    join: Callable[[Any], Gate] = no_transaction
    counts_in_ledger: bool = False
    relay: Callable[[], int] = nothing_to_relay
    meters: Meters | None = None
    swift: Swift | None = None


def open_store(
    url: str, *, gate: str | None = None, clock: Clock = system_clock, steady: Clock | None = None
) -> Store:
    """The ledger and gate behind a URL, or behind two.

    Args:
        url: ``memory:``, ``sqlite:///seats.db``, ``postgresql://user@host/db`` or
            ``mysql://user@host/db`` (MariaDB); a driver may be named as in SQLAlchemy.
        gate: ``redis://host:6379/0`` or ``valkey://host``, with TLS ``rediss://`` or ``valkeys://``, with
            ``+cluster`` a cluster; ``None`` or the same URL keeps the seats with the ledger.
        clock: tells the time after rows are locked.
        steady: tells the time by which leases and rate windows are measured; left out, the database server
            does, and for memory and SQLite this machine's uptime: setting a worker's clock changes nothing.

    Raises:
        Misconfigured: no such kind of store, or its driver is not installed.

    >>> store = open_store("memory:")
    """
    if gate is not None and gate != url:
        return open_gate(gate, open_store(url, clock=clock, steady=steady), clock=clock, steady=steady)
    scheme = urlsplit(url).scheme.partition("+")[0]
    if scheme == "memory":
        from seatguard.storage.memory import MemoryGate, MemoryLedger, MemoryRows, memory_meters

        rows = MemoryRows()
        meters = memory_meters(rows, clock, steady or steady_clock(clock))
        return Store(MemoryLedger(rows), MemoryGate(rows, clock), meters=meters)
    if scheme in SCHEMES:
        from seatguard.storage.sqlalchemy import open_sql_store

        return open_sql_store(url, clock=clock, steady=steady)
    raise Misconfigured(
        f"SEATGUARD_STORAGE_URI names the unknown store {scheme!r}: use one of "
        + ", ".join(f"{name}:" for name in SCHEMES)
    )


def open_gate(url: str, beside: Store, *, clock: Clock = system_clock, steady: Clock | None = None) -> Store:
    """The same store with its seats kept by a gate of its own; the ledger keeps a copy of them.

    Args:
        url: as ``gate`` of :func:`open_store`.

    Raises:
        Misconfigured: no such kind of gate, or its driver is not installed.
    """
    scheme = urlsplit(url).scheme.partition("+")[0]
    if scheme not in GATE_SCHEMES:
        raise Misconfigured(
            f"SEATGUARD_GATE_URI names {scheme!r}, which is no gate of its own: use one of "
            + ", ".join(f"{name}://" for name in GATE_SCHEMES)
            + ", or leave it out"
        )
    try:
        from seatguard.storage.redis import open_redis_gate
    except ModuleNotFoundError as missing:
        if missing.name != "redis":
            raise
        raise Misconfigured("SEATGUARD_GATE_URI needs redis-py: pip install 'seatguard[redis]'") from missing
    return open_redis_gate(url, beside, clock=clock, steady=steady)
