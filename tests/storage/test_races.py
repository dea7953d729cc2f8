"""Never oversold: eight processes, exact counts, on every database."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from seatguard import Seatguard
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


def test_exactly_the_limit_is_taken(database_url: str, database: str) -> None:
    """8 processes x 2,500 holders at limit 1,000: 1,000 seats, and every other attempt says why not."""
    arena = Arena.build(database_url, limit=1000)
    began = time.monotonic()
    answers = sum(crowd(register_all, PROCESSES, arena, 2500), Counter())
    measure(f"{database}: 8 processes x 2,500 at limit 1,000", began, PROCESSES * 2500)
    assert answers == {"allowed": 1000, "limit_reached": PROCESSES * 2500 - 1000}
    found = arena.audit()
    assert (found["counter"], found["rows"], found["seat.taken"]) == (1000, 1000, 1000)


def test_mixed_traffic_never_passes_the_cap(database_url: str, database: str) -> None:
    """Takes, duplicates, releases, lapsing holds, confirms, transfers and limit changes together."""
    arena = Arena.build(database_url, limit=100)
    began = time.monotonic()
    results = crowd(mix, PROCESSES, arena, 250)
    measure(f"{database}: 8 processes x 250 mixed", began, PROCESSES * 250)
    assert max(excess for _, excess in results) <= 0
    answers = sum((answers for answers, _ in results), Counter())
    assert sum(answers.values()) == PROCESSES * 250
    assert {"allowed", "limit_reached", "already_held", "not_held"} <= set(answers)
    arena.audit()


def test_one_hot_and_a_thousand_subscriptions(database_url: str, database: str) -> None:
    """Half of all acts on one subscription of 200 seats, half on 1,000 of one seat each, some of which two
    processes want: exact on all."""
    arena = Arena.build(database_url, limit=200)
    projects = many_subscriptions(arena)
    began = time.monotonic()
    results = crowd(mix_hot_and_many, PROCESSES, arena, projects, 250)
    measure(f"{database}: 8 processes x 250 on one hot and 1,000 others", began, PROCESSES * 250)
    answers = check_hot_and_many(arena, projects, results)
    assert sum(answers.values()) == PROCESSES * 250
    assert min(answers["hot allowed"], answers["hot limit_reached"], answers["limit_reached"]) > 0
    assert answers["allowed"] > OTHERS // 2


def test_threads_in_memory_never_oversell() -> None:
    """64 threads x 200 holders at limit 1,000 in memory: exactly 1,000."""
    engine = Seatguard.open("memory:")
    actor = engine.actor("test", "threads")
    client = engine.clients.add(actor, name="Client")
    project = engine.projects.add(actor, client.id, name="Project")
    subscription = engine.subscriptions.add(actor, project.id, limit=1000)
    where = engine.where(project.id)
    barrier = threading.Barrier(64)

    def attempts(thread: int) -> Counter[str]:
        barrier.wait()
        return Counter(engine.seats.take(actor, where, f"u{thread}-{n}").reason.value for n in range(200))

    with ThreadPoolExecutor(64) as pool:
        answers = sum(pool.map(attempts, range(64)), Counter())
    assert answers == {"allowed": 1000, "limit_reached": 64 * 200 - 1000}
    assert engine.seats.usage(actor, subscription.id).live == 1000
    assert list(engine.verify(actor)) == []
    assert list(engine.journal.verify(actor)) == []
