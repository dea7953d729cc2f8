"""Servers and writers killed at random points: nothing answered is lost, nothing is half done.

SEATGUARD_TEST_CRASH_ROUNDS=100 pytest -m crash tests/storage/test_crash.py    (left out: a few rounds each)
"""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from tests.servers import MariaDBServer, PostgresServer
from tests.storage.crowd import Arena, rounds
from tests.storage.traffic import LOST, NONE, UNKNOWN, found, length, many_services, read, traffic

pytestmark = pytest.mark.crash

PROCESSES, THREADS = 4, 4
SOME = 4_000
"""Bytes of diaries that show that there is traffic: about a hundred answers."""

# A process of it is there in a moment: it has imported all that it needs.
forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(["tests.storage.traffic"])


class Crowd:
    """The processes, and the diaries they keep."""

    def __init__(self, arena: Arena, folder: Path) -> None:
        self.arena = arena
        self.folder = folder
        self._stop = forks.Event()
        self._processes: list[BaseProcess] = []

    def start(self, *, at_once_ending: bool = False) -> None:
        """Let them come; or only ask again what was not answered, and go."""
        if at_once_ending:
            self._stop.set()
        for number in range(PROCESSES):
            process = forks.Process(
                target=traffic, args=(number, self.arena, self.folder, THREADS, self._stop)
            )
            process.start()
            self._processes.append(process)

    def kill(self) -> None:
        """SIGKILL for all of them."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.join()
        self._processes.clear()

    def end(self) -> None:
        """Let everybody finish; none has failed."""
        self._stop.set()
        for process in self._processes:
            process.join(120)
        assert [process.exitcode for process in self._processes] == [0] * len(self._processes)

    def until_busy(self) -> None:
        """Wait until more has been answered."""
        since, until = length(self.folder), time.monotonic() + 60
        while length(self.folder) < since + SOME:
            assert time.monotonic() < until, "there is no traffic"
            threading.Event().wait(0.005)

    def check(self, label: str) -> None:
        """What was answered is in the store, and nothing else."""
        told, answers = read(self.folder)
        there = found(self.arena)
        sure = {fact: state for fact, state in told.items() if state != NONE}
        lost = {fact: state for fact, state in sure.items() if there.get(fact) != state}
        more = {fact: state for fact, state in there.items() if fact not in sure}
        states = Counter(f"{fact.partition('/')[0].rstrip('0123456789')} {sure[fact]}" for fact in sure)
        print(f"{label}: {answers} answers, {len(lost)} lost, {len(more)} unasked-for; {dict(states)}")
        assert not {UNKNOWN, LOST} & set(told.values())
        assert (lost, more) == ({}, {})


@contextmanager
def crowd(arena: Arena, folder: Path) -> Iterator[Crowd]:
    """A crowd on the arena; whatever happens, none of it stays."""
    folder.mkdir()
    made = Crowd(arena, folder)
    try:
        yield made
    finally:
        made.kill()


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("postgresql", marks=pytest.mark.postgresql),
        pytest.param("mariadb", marks=pytest.mark.mariadb),
    ],
)
def test_a_killed_server_loses_nothing_that_was_answered(
    kind: str,
    start_postgres: Callable[..., PostgresServer],
    start_mariadb: Callable[..., MariaDBServer],
    tmp_path: Path,
) -> None:
    """SIGKILL for the whole server again and again, while 4 processes of 4 threads want seats of one service
    and of many, hold, confirm, release, record usage and lease places, and never stop. What was answered is
    there, what was refused or given back is not; counters, rows and entries agree; no limit is passed."""
    server = start_postgres(durable=True) if kind == "postgresql" else start_mariadb(durable=True)
    chance, count, away = random.Random(20271231), rounds(5), list[float]()
    with crowd(many_services(server.create_database("killed")), tmp_path / "diaries") as customers:
        customers.start()
        customers.until_busy()
        for _ in range(count):
            threading.Event().wait(chance.uniform(0.0, 0.3))  # where they are when killed is the point
            server.kill()
            server.restart()
            began = time.monotonic()
            customers.until_busy()
            away.append(time.monotonic() - began)
        customers.end()
        customers.check(f"{kind}, {count} kills")
    print(f"traffic again {min(away):.2f} to {max(away):.2f} s after the server answers")


def test_killed_processes_lose_and_halve_nothing(database: str, database_url: str, tmp_path: Path) -> None:
    """SIGKILL for all processes of the application at once. What was answered is there, what was begun is
    there or not, and asking again finds out which; somebody else's take right after the kill needs less
    than a second."""
    chance, count, slowest = random.Random(20271231), rounds(10), 0.0
    arena = many_services(database_url)
    survivor = arena.open()
    actor, where = survivor.actor("test", "survivor", tenant=arena.tenant), survivor.where(arena.project)
    with crowd(arena, tmp_path / "diaries") as customers:
        with (customers.folder / "survivor").open("w") as diary:
            for turn in range(count):
                customers.start()
                customers.until_busy()
                threading.Event().wait(chance.uniform(0.0, 0.2))
                customers.kill()
                began = time.monotonic()
                assert survivor.seats.take(actor, where, f"after{turn}").allowed
                slowest = max(slowest, time.monotonic() - began)
                diary.write(f"web/after{turn} seated\n")
        customers.start(at_once_ending=True)
        customers.end()
        customers.check(f"{database}, {count} kills of {PROCESSES} processes")
    survivor.close()
    print(f"slowest take after a kill: {slowest:.3f} s")
    assert slowest < 1.0
