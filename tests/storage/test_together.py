"""Writers of one SQLite file who wait together are committed together, and each is told its own."""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from seatguard import Decision, SeatFacts, Seatguard, open_store
from seatguard.actors import Actor
from seatguard.idempotency.model import Reply
from seatguard.storage.sqlalchemy import SqlGate
from seatguard.storage.sqlalchemy.raw import watched
from seatguard.storage.sqlalchemy.together import Job, Together
from tests.storage.crowd import Arena

local: contextvars.ContextVar[str] = contextvars.ContextVar("local")


@dataclass
class Commits:
    """Counts the commits that go the short way; the one of that number fails."""

    count: int = 0
    failing: int | None = None
    statements: list[str] = field(default_factory=list)

    def begins(self, statement: str) -> None:
        self.statements.append(statement)

    def ends(self, statement: str) -> None:
        """Nothing to count."""

    def commits(self, commit: Callable[[], object], invalidate: Callable[[], object]) -> None:
        self.count += 1
        if self.count == self.failing:
            raise OperationalError("(not shown)", None, ConnectionError("the disk is gone"))


@dataclass
class File:
    """An engine on a file that somebody else can lock."""

    engine: Seatguard
    gate: SqlGate
    arena: Arena
    other: sqlite3.Connection
    commits: Commits

    @property
    def actor(self) -> Actor:
        return self.engine.actor("test", "together", tenant=self.arena.tenant)

    def take(self, username: str, render: Callable[[Decision[SeatFacts]], Reply | None] | None = None) -> str:
        where = self.engine.where(self.arena.project)
        return self.engine.seats.take(self.actor, where, username, render=render).reason.value

    def while_locked(self, *acts: Callable[[], object]) -> list[Future[object]]:
        """Begin the acts while the file is locked: the first alone, all others wait together; let go then."""
        gathered = self.gate._database._together
        self.other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(len(acts)) as pool:
            begun = []
            for number, act in enumerate(acts):
                begun.append(pool.submit(act))
                until = time.monotonic() + 10
                while not gathered._busy or len(gathered._waiting) != number:
                    assert time.monotonic() < until, "the writers did not gather"
                    time.sleep(0.001)
            self.commits.count = 0
            self.other.execute("COMMIT")
        return begun


@pytest.fixture
def file(tmp_path: Path) -> Iterator[File]:
    """A service of ten seats, whose terms have been read."""
    path = tmp_path / "seats.db"
    arena = Arena.build(f"sqlite:///{path}", limit=10)
    store = open_store(arena.url)
    engine, commits = Seatguard(store), Commits()
    assert isinstance(store.gate, SqlGate)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    made = File(engine, store.gate, arena, other, commits)
    made.engine.seats.check(made.actor, engine.where(arena.project))
    watched[store.gate._database.engine] = commits
    yield made
    other.close()
    engine.close()


def test_all_who_wait_share_one_commit(file: File) -> None:
    """One writes alone, eight wait: two commits, nine seats, nine links in the chain."""
    told = file.while_locked(*(lambda name=f"u{number}": file.take(name) for number in range(9)))
    assert [one.result() for one in told] == ["allowed"] * 9
    assert file.commits.count == 2
    found = file.arena.audit()
    assert found["counter"] == found["rows"] == found["seat.taken"] == 9


def test_the_last_seat_goes_to_one_of_those_who_wait(file: File) -> None:
    """Units in one transaction see each other: of twelve who want ten seats two are refused."""
    told = file.while_locked(*(lambda name=f"u{number}": file.take(name) for number in range(12)))
    assert sorted(str(one.result()) for one in told) == ["allowed"] * 10 + ["limit_reached"] * 2
    assert file.arena.audit()["counter"] == 10


def test_an_error_of_one_is_its_own(file: File) -> None:
    """Who fails in the middle of its unit wrote nothing and hears of it; its neighbours sit."""

    def fails(_: Decision[SeatFacts]) -> Reply | None:
        raise LookupError("no reply can be made")

    told = file.while_locked(
        lambda: file.take("first"),
        lambda: file.take("second"),
        lambda: file.take("third", fails),
        lambda: file.take("fourth"),
    )
    assert isinstance(told[2].exception(), LookupError)
    assert [told[number].result() for number in (0, 1, 3)] == ["allowed"] * 3
    found = file.arena.audit()
    assert found["counter"] == found["rows"] == found["seat.taken"] == 3


def test_a_commit_that_fails_is_nobodys_success(file: File) -> None:
    """The disk refuses the shared commit: all are undone and done again, once each."""
    file.commits.failing = 2
    told = file.while_locked(*(lambda name=f"u{number}": file.take(name) for number in range(5)))
    assert [one.result() for one in told] == ["allowed"] * 5
    assert file.commits.count > 2
    found = file.arena.audit()
    assert found["counter"] == found["rows"] == found["seat.taken"] == 5


def test_an_act_sees_its_own_threads_context(file: File) -> None:
    """Whoever runs the unit: what a reply is made from is the caller's (Flask keeps its request so)."""
    seen: dict[str, str] = {}

    def register(name: str) -> str:
        local.set(name)

        def render(_: Decision[SeatFacts]) -> Reply | None:
            seen[name] = local.get()
            return None

        return file.take(name, render)

    file.while_locked(*(lambda name=f"u{number}": register(name) for number in range(6)))
    assert seen == {f"u{number}": f"u{number}" for number in range(6)}


def test_who_is_interrupted_while_waiting_stops_nobody() -> None:
    """What raises in a waiting thread ends that thread's wait alone: the next ones write, now and later."""

    class Interrupted(BaseException):
        """As ``KeyboardInterrupt`` is, or what a server raises in a worker that is too slow."""

    begun, go, done = threading.Event(), threading.Event(), list[str]()

    def write(jobs: list[Job]) -> None:
        begun.set()
        assert go.wait(10)
        done.extend(job.act(None) for job in jobs)  # type: ignore[arg-type]

    together = Together(write, patience=1, longest=1)

    def join(name: str) -> threading.Thread:
        def run() -> None:
            with contextlib.suppress(Interrupted):
                together.run(lambda _: name)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def gathered(number: int) -> bool:
        until = time.monotonic() + 10
        while len(together._waiting) != number and time.monotonic() < until:
            time.sleep(0.001)
        return len(together._waiting) == number

    first = join("first")
    assert begun.wait(10)
    second = join("second")
    assert gathered(1)
    third = join("third")
    assert gathered(2)
    raised = ctypes.py_object(Interrupted)
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(second.ident or 0), raised) == 1
    second.join(10)
    go.set()
    for thread in (first, third, join("fourth")):
        thread.join(10)
    assert sorted(done) == ["first", "fourth", "third"]


def test_sixteen_threads_are_served_alike(file: File) -> None:
    """Nobody starves: when the first thread has its fifty seats, none is far behind."""
    arena = file.arena
    file.engine.subscriptions.change_limit(file.actor, arena.subscription, limit=10_000)
    done, over, go = [0] * 16, threading.Event(), threading.Barrier(16)

    def take(thread: int) -> None:
        go.wait()
        while not over.is_set():
            file.take(f"t{thread}-{done[thread]}")
            done[thread] += 1
            if done[thread] == 50:
                over.set()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(take, range(16)))
    assert min(done) >= 10
    assert arena.audit()["counter"] == sum(done)
