"""The line under eight processes: everybody is offered a seat once, in order, and the cap holds."""

from __future__ import annotations

import time
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest

from seatguard import EngineOptions, Reason, Seatguard, signals
from tests.storage.crowd import Arena, crowd

pytestmark = pytest.mark.races

PROCESSES = 8
SEATED = 3
WAITING = 10


def come_and_go(number: int, barrier: Barrier, arena: Arena) -> tuple[int, int]:
    """Join, free seats, decline every offer, and try to jump the line; until all of one's own were served.

    Returns:
        how many offers were told of in this process, and how often the cap was passed.
    """
    engine = Seatguard.open(arena.url, options=EngineOptions(max_age=0, offer_seconds=3600))
    actor = engine.actor("test", f"process{number}", tenant=arena.tenant)
    where = engine.where(arena.project)
    told: list[str] = []
    excess = 0

    def offered(sender: object, *, seat: Any, **facts: object) -> None:
        told.append(seat.id)

    with signals.seat_offered.connected_to(offered, sender=engine):
        barrier.wait()
        for one in range(WAITING):
            engine.waiting.join(actor, where, f"waits{number}-{one}").require()
            if one < SEATED:
                engine.seats.release(actor, where, f"sits{number}-{one}").require()
        mine = {f"waits{number}-{one}" for one in range(WAITING)}
        deadline = time.monotonic() + 200
        while mine and time.monotonic() < deadline:
            for username in sorted(mine):
                if engine.seats.release(actor, where, username).reason is Reason.ALLOWED:
                    mine.remove(username)
            if engine.seats.take(actor, where, f"jumps{number}").allowed:
                engine.seats.release(actor, where, f"jumps{number}")
            excess += engine.seats.usage(actor, arena.subscription).live > PROCESSES * SEATED
    engine.close()
    assert not mine, f"never offered a seat: {sorted(mine)}"
    return len(told), excess


def test_everybody_is_offered_one_seat_in_order(database_url: str) -> None:
    """8 processes, 80 who wait for 24 seats, all declined: 80 offers, 80 holds, in order."""
    arena = Arena.build(database_url, limit=PROCESSES * SEATED)
    engine = arena.open()
    actor = engine.actor("test", "start", tenant=arena.tenant)
    for number in range(PROCESSES):
        for one in range(SEATED):
            engine.seats.take(actor, engine.where(arena.project), f"sits{number}-{one}").require()
    results = crowd(come_and_go, PROCESSES, arena)
    entries = list(engine.journal.export(actor))
    offered = [entry for entry in entries if entry.kind == "waiting.offered"]
    in_line = sorted(entry.subject for entry in entries if entry.kind == "waiting.joined")
    assert [entry.subject for entry in sorted(offered, key=lambda entry: entry.seq)] == in_line
    assert len(offered) == PROCESSES * WAITING
    held = [entry.subject for entry in entries if entry.kind == "seat.held"]
    assert sorted(held) == sorted(str(entry.data["seat"]) for entry in offered)
    assert sum(told for told, _ in results) == PROCESSES * WAITING
    assert sum(excess for _, excess in results) == 0
    found = arena.audit()
    assert (found["counter"], found["rows"]) == (0, 0)
    engine.close()
