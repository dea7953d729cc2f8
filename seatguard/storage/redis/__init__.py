"""A gate on Redis or Valkey, one server or a cluster, beside a ledger that has a copy of its seats."""

from __future__ import annotations

from seatguard.clock import Clock, system_clock
from seatguard.errors import Misconfigured
from seatguard.storage import Store
from seatguard.storage.beside import LedgerBeside, refuse_to_join
from seatguard.storage.locking import LockingGate
from seatguard.storage.meters import Meters
from seatguard.storage.meters.leases import UnitLeases
from seatguard.storage.redis.gate import RedisGate
from seatguard.storage.redis.leases import RedisLeases
from seatguard.storage.redis.pools import Pools
from seatguard.storage.redis.rates import RedisRates
from seatguard.storage.redis.relay import Relay
from seatguard.storage.redis.server import Server, connect
from seatguard.storage.redis.usage import RedisUsage

__all__ = ["RedisGate", "Relay", "Server", "connect", "open_redis_gate"]


def open_redis_gate(url: str, beside: Store, *, clock: Clock, steady: Clock | None = None) -> Store:
    """The store with its seats, usage, leases and rate windows moved to Redis; nothing is sent there yet.

    Args:
        url: see :func:`seatguard.storage.redis.server.connect`.
        clock: the machine's gives way to the server's own, so that all processes go by one.
        steady: tells the time of leases and rate windows; left out, the server does.

    Raises:
        Misconfigured: the URL cannot be used.
    """
    home, meters = beside.gate, beside.meters
    if not isinstance(home, LockingGate) or meters is None or not isinstance(meters.leases, UnitLeases):
        raise Misconfigured("a gate of its own needs a ledger that can keep a copy of its seats")
    server, told = connect(url), None if clock is system_clock else clock
    relay = Relay(server, home)
    pools = Pools(server, home, relay, told, steady)
    gate = RedisGate(server, beside.ledger, home, relay, pools)
    return Store(
        LedgerBeside(beside.ledger, gate),
        gate,
        join=refuse_to_join,
        relay=gate.relay,
        meters=Meters(
            RedisUsage(pools, relay, beside.ledger, meters.usage, told, confirms=server.confirms),
            RedisRates(server, steady),
            RedisLeases(server, pools, relay, meters.leases, clock, steady),
        ),
    )
