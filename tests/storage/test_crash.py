"""Writers killed at random points: nothing acknowledged is lost, nothing is half done."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from multiprocessing.connection import Connection

import pytest

from seatguard import Seatguard
from tests.storage.crowd import Arena, spawn

pytestmark = pytest.mark.crash

ROUNDS = 50


def write_until_killed(connection: Connection, arena: Arena, name: str) -> None:
    """Take, hold, release as fast as possible; tell every acknowledged take before going on."""
    engine = arena.open()
    actor = engine.actor("test", name, tenant=arena.tenant)
    where = engine.where(arena.project)
    connection.send(("ready", ""))
    attempt = 0
    while True:
        attempt += 1
        username = f"{name}-{attempt}"
        if engine.seats.take(actor, where, username).allowed:
            connection.send(("taken", username))
        engine.seats.hold(actor, where, f"{username}-hold", seconds=3600)
        if attempt % 3 == 0:
            connection.send(("releasing", username))
            engine.seats.release(actor, where, username)


def test_killed_writers_lose_and_halve_nothing(database_url: str, database: str) -> None:
    """50 rounds of two writers killed with SIGKILL: counter == rows == entries, and all acknowledged
    seats are there; the first take afterwards needs less than a second."""
    arena = Arena.build(database_url, limit=1_000_000)
    chance = random.Random(20271231)
    expected: set[str] = set()
    slowest = 0.0
    survivor = arena.open()
    actor = survivor.actor("test", "survivor", tenant=arena.tenant)
    where = survivor.where(arena.project)
    for turn in range(ROUNDS):
        writers = []
        for number in range(2):
            mine, theirs = spawn.Pipe(duplex=False)
            writer = spawn.Process(target=write_until_killed, args=(theirs, arena, f"w{turn}-{number}"))
            writer.start()
            theirs.close()
            writers.append((writer, mine))
        for _, told in writers:
            assert told.poll(30), "a writer did not start"
            assert told.recv() == ("ready", "")
        _wait(chance.uniform(0.0, 0.2))
        for writer, _ in writers:
            assert writer.pid is not None
            os.kill(writer.pid, signal.SIGKILL)
        began = time.monotonic()
        assert survivor.seats.take(actor, where, f"after{turn}").allowed
        slowest = max(slowest, time.monotonic() - began)
        expected.add(f"after{turn}")
        for writer, told in writers:
            writer.join()
            for what, username in _told(told):
                if what == "taken":
                    expected.add(username)
                else:
                    expected.discard(username)
    seated = _seated(survivor, arena)
    survivor.close()
    assert expected <= seated, f"lost: {sorted(expected - seated)}"
    print(f"{database}: {ROUNDS} rounds, {len(expected)} acknowledged, slowest take after {slowest:.3f} s")
    assert slowest < 1.0
    found = arena.audit()
    holds = found["seat.held"] - found.get("hold.released", 0)
    assert found["counter"] == found["rows"]
    assert found["rows"] == found["seat.taken"] - found.get("seat.released", 0) + holds


def _wait(seconds: float) -> None:
    """Let the writers write for a while; where they are when killed is the point of the test."""
    threading.Event().wait(seconds)


def _told(connection: Connection) -> list[tuple[str, str]]:
    told = []
    try:
        while connection.poll(0):
            told.append(connection.recv())
    except (EOFError, OSError):
        pass  # killed in the middle of a message
    return told


def _seated(engine: Seatguard, arena: Arena) -> set[str]:
    actor = engine.actor("test", "survivor", tenant=arena.tenant)
    seated, after = set(), None
    while True:
        page = engine.seats.list(actor, engine.where(arena.project), limit=200, after=after)
        seated |= {seat.holder for seat in page.items}
        after = page.after
        if after is None:
            return seated
