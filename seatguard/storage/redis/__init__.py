"""A gate on Redis or Valkey, one server or a cluster, beside a ledger that has a copy of its seats."""

from __future__ import annotations

from seatguard.clock import Clock, system_clock
from seatguard.errors import Misconfigured
from seatguard.storage import Store
from seatguard.storage.beside import LedgerBeside, refuse_to_join
from seatguard.storage.locking import LockingGate
from seatguard.storage.redis.gate import RedisGate
from seatguard.storage.redis.relay import Relay
from seatguard.storage.redis.server import Server, connect

__all__ = ["RedisGate", "Relay", "Server", "connect", "open_redis_gate"]


def open_redis_gate(url: str, beside: Store, *, clock: Clock, steady: Clock | None = None) -> Store:
    """The store with its seats, usage and rate windows moved to Redis; nothing is sent there yet.

    Args:
        url: see :func:`seatguard.storage.redis.server.connect`.
        clock: the machine's gives way to the server's own, so that all processes go by one.
        steady: tells the time of rate windows; left out, the server does.

    Raises:
        Misconfigured: the URL cannot be used.
    """
    home = beside.gate
    if not isinstance(home, LockingGate):
        raise Misconfigured("a gate of its own needs a ledger that can keep a copy of its seats")
    server = connect(url)
    gate = RedisGate(server, beside.ledger, home, None if clock is system_clock else clock)
    return Store(
        LedgerBeside(beside.ledger, gate),
        gate,
        join=refuse_to_join,
        relay=gate.relay,
        meters=beside.meters and gate.meters(beside.meters, steady),
    )
