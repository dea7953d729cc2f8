"""Several processes with several threads, taking seats together for a while.

The processes are started once and stay for all rounds, with their connections open: a server's workers do
not start for each request either.
"""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

from benchmarks.measuring import percentile
from benchmarks.peers import Takers
from benchmarks.places import Arena

PROCESSES, THREADS = 4, 4

_spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a crowd did in a while.

    Attributes:
        fairness: of what the busiest thread got, the share that the idlest got.
    """

    taken: int
    refused: int
    rate: float
    p99_ms: float
    worst_ms: float
    fairness: float


class Crowd:
    """The processes, told what to do."""

    def __init__(self, pipes: list[Connection]) -> None:
        self._pipes = pipes
        self._runs = 0

    def run(self, way: str, services: range, seconds: float) -> Ran:
        """Let all threads take seats in services of these numbers, chosen at random."""
        self._runs += 1
        order = (way, services, seconds, self._runs, time.monotonic() + 0.1)
        for pipe in self._pipes:
            pipe.send(order)
        taken, refused, waits, errors, shares = 0, 0, [], [], []
        for pipe in self._pipes:
            its_taken, its_refused, its_waits, its_errors = pipe.recv()
            taken += its_taken
            refused += its_refused
            waits += [wait for one in its_waits for wait in one]
            shares += [len(one) for one in its_waits]
            errors += its_errors
        if errors:
            raise RuntimeError(f"{way}: {len(errors)} threads failed, the first by\n{errors[0]}")
        p99, worst = percentile(waits, 99) * 1000, max(waits) * 1000
        return Ran(taken, refused, (taken + refused) / seconds, p99, worst, min(shares) / max(shares))


@contextmanager
def crowd(
    arena: Arena,
    *,
    processes: int = PROCESSES,
    threads: int = THREADS,
    takers: Callable[[Arena], Takers] = Takers,
) -> Iterator[Crowd]:
    """A crowd, ended afterwards.

    Args:
        takers: makes what the threads of a process take seats with.
    """
    pipes, workers = [], []
    for number in range(processes):
        here, there = _spawn.Pipe()
        worker = _spawn.Process(target=_serve, args=(there, arena, number, threads, takers), daemon=True)
        worker.start()
        there.close()
        pipes.append(here)
        workers.append(worker)
    for pipe in pipes:
        pipe.recv()  # it has imported everything
    try:
        yield Crowd(pipes)
    finally:
        for pipe in pipes:
            pipe.close()
        for worker in workers:
            worker.join(10)
            if worker.is_alive():
                worker.kill()


def _serve(
    pipe: Connection, arena: Arena, number: int, threads: int, make: Callable[[Arena], Takers]
) -> None:
    takers = make(arena)
    pipe.send(number)
    while True:
        try:
            way, services, seconds, run, begins = pipe.recv()
        except EOFError:
            return
        ones = [_One(takers, way, services, seconds, begins, (run, number, one)) for one in range(threads)]
        for one in ones:
            one.start()
        for one in ones:
            one.join()
        waits = [one.waits for one in ones]
        errors = [one.error for one in ones if one.error]
        pipe.send((sum(one.taken for one in ones), sum(one.refused for one in ones), waits, errors))


class _One(threading.Thread):
    """One thread's while."""

    def __init__(
        self,
        takers: Takers,
        way: str,
        services: range,
        seconds: float,
        begins: float,
        place: tuple[int, int, int],
    ) -> None:
        super().__init__()
        self._takers, self._way, self._services = takers, way, services
        self._seconds, self._begins, self._place = seconds, begins, place
        self.taken = self.refused = 0
        self.waits: list[float] = []
        self.error = ""

    def run(self) -> None:
        """Take until the time is over."""
        try:
            self._take()
        except Exception:
            self.error = traceback.format_exc()

    def _take(self) -> None:
        taker = self._takers.of(self._way, self._place[2])
        holder = "user-" + "-".join(str(part) for part in self._place)
        chance = random.Random(holder)
        first, count = self._services.start, len(self._services)
        while time.monotonic() < self._begins:
            time.sleep(0.001)
        at = time.monotonic()
        end = at + self._seconds
        number = 0
        while at < end:
            number += 1
            service = first + chance.randrange(count) if count > 1 else first
            if taker.take(service, f"{holder}-{number}"):
                self.taken += 1
            else:
                self.refused += 1
            now = time.monotonic()
            self.waits.append(now - at)
            at = now
