"""How many databases hold a billion seats: services spread over servers, and how long takers wait.

    python -m benchmarks.simulate [--servers 8] [--rate 10000] [--seats 1000000000]

No database is touched. What is put in is what the other benchmarks measure on one server; what comes out is
what follows from it when services are dealt out by the hash of their id. Takes arrive at random; few services
are wanted often and most hardly ever (Zipf). A server works on several takes at once; takes of one service
pass one after the other for the short part in which the row is locked.
"""

from __future__ import annotations

import argparse
import bisect
import hashlib
import heapq
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.measuring import percentile

BYTES_A_SEAT = 1_077
"""Of a seat and its first entry on PostgreSQL, indexes included: measured at 100,000 of each."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is simulated.

    Attributes:
        rate: takes a second, all servers together.
        services: how many there are.
        hot: the exponent of Zipf's law; 0 wants all services alike.
        work: seconds that a server works on a take.
        locked: seconds of them in which the service's row is locked.
        lanes: takes that a server works on at once.
        seconds: to simulate.
    """

    servers: int
    rate: float
    services: int = 20_000
    hot: float = 0.9
    work: float = 0.0008
    locked: float = 0.0001
    lanes: int = 8
    seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out.

    Attributes:
        waits: seconds from asking to the answer, one for each take.
        taken: takes of each server.
    """

    waits: list[float]
    taken: list[int]


def home(service: int, servers: int) -> int:
    """The server that has a service: it follows from the id, so that nobody has to be asked."""
    return int.from_bytes(hashlib.sha256(str(service).encode()).digest()[:8], "big") % servers


def run(wish: Wish, *, seed: int = 1) -> Outcome:
    """Let takes arrive, queue and leave."""
    lanes = [[0.0] * wish.lanes for _ in range(wish.servers)]
    free: dict[int, float] = {}
    waits, taken = [], [0] * wish.servers
    for at, service in _arrivals(wish, random.Random(seed)):
        server = home(service, wish.servers)
        taken[server] += 1
        begins = max(at, heapq.heappop(lanes[server]))
        unlocked = max(begins, free.get(service, 0.0)) + wish.locked
        free[service] = unlocked
        ends = unlocked + wish.work - wish.locked
        heapq.heappush(lanes[server], ends)
        waits.append(ends - at)
    return Outcome(waits, taken)


def _arrivals(wish: Wish, chance: random.Random) -> Iterator[tuple[float, int]]:
    weights = itertools.accumulate(1 / rank**wish.hot for rank in range(1, wish.services + 1))
    shares = list(weights)
    at = 0.0
    while (at := at + chance.expovariate(wish.rate)) < wish.seconds:
        yield at, bisect.bisect_left(shares, chance.random() * shares[-1])


def told(wish: Wish, seats: int) -> str:
    """The lines for a terminal."""
    done = run(wish)
    mean = len(done.waits) / wish.servers
    size = seats * BYTES_A_SEAT / 1e9
    rate, busiest = f"{wish.rate:,.0f} takes a second on {wish.servers} servers", max(done.taken) / mean
    half, most = (percentile(done.waits, percent) * 1000 for percent in (50, 99))
    return "\n".join(
        [
            f"{seats:,} seats: {size:,.0f} GB with one entry each, {size / wish.servers:,.0f} GB a server",
            f"{rate}, the busiest has {busiest:.2f} times the mean",
            f"answered after {half:.2f} ms, 99 of 100 within {most:.2f} ms",
        ]
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="How many databases hold a billion seats.")
    parser.add_argument("--servers", type=int, default=8)
    parser.add_argument("--rate", type=float, default=10_000.0, help="takes a second in all")
    parser.add_argument("--seats", type=int, default=1_000_000_000)
    asked = parser.parse_args()
    print(told(Wish(servers=asked.servers, rate=asked.rate), asked.seats))
