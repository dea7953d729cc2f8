"""Never oversold at a gate of its own: eight processes, exact counts, while a worker relays."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from seatguard import Seatguard
from seatguard.worker import Worker
from tests.storage.crowd import (
    OTHERS,
    Arena,
    check_hot_and_many,
    crowd,
    many_subscriptions,
    measure,
    mix,
    mix_hot_and_many,
    register_all,
)

pytestmark = pytest.mark.races

PROCESSES = 8


@pytest.fixture
def url(new_database: Callable[[str], str]) -> str:
    """A SQLite file for the ledger: what races here are the gate's scripts and the relay."""
    return new_database("sqlite")


def copied(arena: Arena) -> list[tuple[str, str]]:
    """The seats of the ledger's copy, as the gate on the ledger's own rows sees them."""
    engine = Seatguard.open(arena.url)
    actor = engine.actor("test", "copy", tenant=arena.tenant)
    seats, after = [], None
    while True:
        page = engine.seats.list(actor, engine.where(arena.project), limit=200, after=after)
        seats += [(seat.id, seat.holder_key) for seat in page.items]
        after = page.after
        if after is None:
            break
    assert list(engine.verify(actor)) == []
    engine.close()
    return sorted(seats)


def kept(arena: Arena) -> list[tuple[str, str]]:
    """The seats at the gate."""
    engine = arena.open()
    actor = engine.actor("test", "kept", tenant=arena.tenant)
    seats, after = [], None
    while True:
        page = engine.seats.list(actor, engine.where(arena.project), limit=200, after=after)
        seats += [(seat.id, seat.holder_key) for seat in page.items]
        after = page.after
        if after is None:
            break
    engine.close()
    return sorted(seats)


@pytest.mark.parametrize("gate_url", ["valkey", "cluster"], indirect=True)
def test_exactly_the_limit_is_taken(gate_url: str, url: str) -> None:
    """8 processes x 1,000 holders at limit 1,000: 1,000 seats, in the ledger's copy and journal too."""
    arena = Arena.build(url, limit=1000, gate=gate_url)
    began = time.monotonic()
    with Worker(arena.open()).running():
        answers = sum(crowd(register_all, PROCESSES, arena, 1000), Counter())
    measure("8 processes x 1,000 at limit 1,000", began, PROCESSES * 1000)
    assert answers == {"allowed": 1000, "limit_reached": PROCESSES * 1000 - 1000}
    found = arena.audit()
    assert (found["counter"], found["rows"], found["seat.taken"]) == (1000, 1000, 1000)
    assert copied(arena) == kept(arena)


@pytest.mark.parametrize("gate_url", ["valkey", "cluster"], indirect=True)
def test_mixed_traffic_never_passes_the_cap(gate_url: str, url: str) -> None:
    """Takes, duplicates, releases, lapsing holds, confirms, transfers and limit changes together, with two
    relays: the cap is never passed, and the ledger has the very seats of the gate."""
    arena = Arena.build(url, limit=100, gate=gate_url)
    with Worker(arena.open()).running(), Worker(arena.open()).running():
        results = crowd(mix, PROCESSES, arena, 100)
    assert max(excess for _, excess in results) <= 0
    answers = sum((answers for answers, _ in results), Counter())
    assert sum(answers.values()) == PROCESSES * 100
    assert {"allowed", "limit_reached", "already_held", "not_held"} <= set(answers)
    arena.audit()
    engine = arena.open()
    actor = engine.actor("test", "sweep", tenant=arena.tenant)
    while engine.seats.usage(
        actor, arena.subscription
    ).held:  # a hold that ends now would be in one list only
        threading.Event().wait(0.05)
    engine.seats.sweep(actor)
    engine.relay()
    assert copied(arena) == kept(arena)


@pytest.mark.parametrize("gate_url", ["valkey"], indirect=True)
def test_one_hot_and_a_thousand_subscriptions(gate_url: str, url: str) -> None:
    """Half of all acts on one subscription of 200 seats, half on 1,000 of one seat each, some of which two
    processes want: exact on all, at the gate and in the ledger's copy."""
    arena = Arena.build(url, limit=200, gate=gate_url)
    projects = many_subscriptions(arena)
    with Worker(arena.open()).running():
        results = crowd(mix_hot_and_many, PROCESSES, arena, projects, 250)
    answers = check_hot_and_many(arena, projects, results)
    assert min(answers["hot allowed"], answers["hot limit_reached"], answers["limit_reached"]) > 0
    assert answers["allowed"] > OTHERS // 2
    assert copied(arena) == kept(arena)
