"""Exact counts of usage, rates and leases: eight processes, on every database."""

from __future__ import annotations

import dataclasses
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.synchronize import Barrier

import pytest

from seatguard import open_store
from seatguard.allowances import Concurrency, Quota, Rate, Takeover
from seatguard.rates.model import Hit
from seatguard.usage.model import Event
from seatguard.worker import Worker
from tests.storage.crowd import Arena, crowd, measure

pytestmark = pytest.mark.races

PROCESSES = 8
QUOTA = Quota(limit=400)
RATE = Rate(limit=100, window=3600)
FLOATING = Concurrency(limit=20, lasts=3600)
SESSIONS = Concurrency(limit=2, per_holder=True, lasts=3600, takeover=Takeover.OLDEST)


def send_one_event(number: int, barrier: Barrier, arena: Arena, attempts: int) -> Counter[str]:
    """The same event, again and again."""
    engine = arena.open()
    actor = engine.actor("test", f"process{number}", tenant=arena.tenant)
    where = engine.where(arena.project)
    barrier.wait()
    answers = Counter(
        engine.usage.record(actor, where, "calls", 7, key="the event", quota=QUOTA).reason.value
        for _ in range(attempts)
    )
    engine.close()
    return answers


def use_up(number: int, barrier: Barrier, arena: Arena, attempts: int) -> Counter[str]:
    """Events of this process's own, some of them in batches, some given back."""
    engine = arena.open()
    actor = engine.actor("test", f"process{number}", tenant=arena.tenant)
    where = engine.where(arena.project)
    chance = random.Random(number)
    counted: Counter[str] = Counter()
    barrier.wait()
    for attempt in range(attempts):
        keys = [f"{number}-{attempt}-{one}" for one in range(chance.choice([1, 1, 3]))]
        events = [Event(meter="calls", key=key, amount=2) for key in keys]
        decision = engine.usage.record_all(actor, where, events, quota=QUOTA)
        counted[decision.reason.value] += 1
        if decision.allowed:
            counted["units"] += 2 * len(keys)
            if chance.random() < 0.1:
                engine.usage.refund(actor, where, "calls", key=keys[0], amount=1, quota=QUOTA).require()
                counted["units"] -= 1
    engine.close()
    return counted


def knock(number: int, barrier: Barrier, arena: Arena, attempts: int) -> Counter[str]:
    """Requests of one caller."""
    engine = arena.open()
    actor = engine.actor("test", f"process{number}", tenant=arena.tenant)
    where = engine.where(arena.project)
    barrier.wait()
    answers = Counter(
        engine.rates.hit(actor, where, "login", "198.51.100.7", rate=RATE).reason.value
        for _ in range(attempts)
    )
    engine.close()
    return answers


def knock_at_gate(number: int, barrier: Barrier, url: str, attempts: int) -> Counter[str]:
    """Requests of one caller at a gate, whose ledger has no part in it."""
    store = open_store("memory:", gate=url)
    assert store.meters is not None
    hit = Hit(
        window=f"{number}",
        tenant="tenant",
        subscription="subscription",
        meter="login",
        caller="somebody",
        rate=RATE,
    )
    barrier.wait()
    answers = Counter(type(store.meters.rates.hit(hit)).__name__ for _ in range(attempts))
    store.ledger.close()
    return answers


def come_and_go(number: int, barrier: Barrier, arena: Arena, attempts: int) -> tuple[Counter[str], int, int]:
    """Floating places taken, beaten and given back, and sessions that push each other out.

    Returns:
        the answers, how many floating places this process has at the end, and the most it ever saw taken.
    """
    engine = arena.open()
    actor = engine.actor("test", f"process{number}", tenant=arena.tenant)
    where = engine.where(arena.project)
    chance = random.Random(number)
    answers: Counter[str] = Counter()
    mine: list[str] = []
    most = 0
    barrier.wait()
    for attempt in range(attempts):
        if mine and chance.random() < 0.3:
            lease = mine.pop(chance.randrange(len(mine)))
            assert engine.leases.give_back(actor, where, lease).reason.value == "allowed"
        elif mine and chance.random() < 0.3:
            lease = chance.choice(mine)
            assert engine.leases.heartbeat(actor, where, lease, allowance=FLOATING).allowed
        else:
            decision = engine.leases.checkout(
                actor, where, "floating", f"user{number}-{attempt}", allowance=FLOATING
            )
            answers[decision.reason.value] += 1
            most = max(most, decision.facts.live)
            if decision.allowed:
                assert decision.facts.lease is not None
                mine.append(decision.facts.lease.id)
        engine.leases.checkout(
            actor, where, "sessions", "ada", session=f"{number}-{attempt}", allowance=SESSIONS
        ).require()
    engine.close()
    return answers, len(mine), most


def test_one_event_sent_a_thousand_times_counts_once(database_url: str, database: str) -> None:
    """8 processes x 125: one charge, one entry, and everybody is told so."""
    arena = Arena.build(database_url, limit=1)
    began = time.monotonic()
    answers = sum(crowd(send_one_event, PROCESSES, arena, 125), Counter())
    measure(f"{database}: one event 1,000 times", began, 1000)
    assert answers == {"allowed": 1, "already_recorded": 999}
    engine = arena.open()
    actor = engine.actor("test", "audit", tenant=arena.tenant)
    balance = engine.usage.balance(actor, engine.where(arena.project), "calls", quota=QUOTA).facts.balance
    assert balance is not None
    assert balance.used == 7
    engine.close()
    assert arena.audit()["usage.recorded"] == 1


def test_no_quota_is_passed_and_no_unit_lost(database_url: str, database: str) -> None:
    """What the processes were promised, the account and the journal have, to the unit."""
    arena = Arena.build(database_url, limit=1)
    began = time.monotonic()
    counted = sum(crowd(use_up, PROCESSES, arena, 30), Counter())
    measure(f"{database}: 8 processes x 30 events and batches", began, PROCESSES * 30)
    engine = arena.open()
    actor = engine.actor("test", "audit", tenant=arena.tenant)
    balance = engine.usage.balance(actor, engine.where(arena.project), "calls", quota=QUOTA).facts.balance
    assert balance is not None
    assert balance.used == counted["units"] <= 400
    assert counted["quota_exhausted"] > 0
    engine.close()
    arena.audit()


@pytest.fixture
def gated(gate_url: str, new_database: Callable[[str], str]) -> Arena:
    """A gate beside a SQLite file: what races here are the gate's scripts and the relay."""
    return Arena.build(new_database("sqlite"), limit=1, gate=gate_url)


def used_in_ledger(arena: Arena) -> int:
    """What the ledger's own account says, and its charges with what was given back: the same."""
    engine = dataclasses.replace(arena, gate=None).open()
    actor = engine.actor("test", "ledger", tenant=arena.tenant)
    (account,) = engine.usage.history(actor, arena.subscription, "calls").items
    charged, after = 0, None
    while True:
        page = engine.usage.charges(actor, arena.subscription, "calls", limit=200, after=after)
        charged += sum(charge.amount - charge.refunded for charge in page.items)
        after = page.after
        if after is None:
            break
    engine.close()
    assert account.used == charged
    return account.used


@pytest.mark.parametrize("gate_url", ["valkey"], indirect=True)
def test_one_event_sent_a_thousand_times_to_a_gate_counts_once(gated: Arena) -> None:
    """The same at Valkey, while a worker relays."""
    began = time.monotonic()
    with Worker(gated.open()).running():
        answers = sum(crowd(send_one_event, PROCESSES, gated, 125), Counter())
    measure("a gate: one event 1,000 times", began, 1000)
    assert answers == {"allowed": 1, "already_recorded": 999}
    assert gated.audit()["usage.recorded"] == 1
    assert used_in_ledger(gated) == 7


@pytest.mark.parametrize("gate_url", ["valkey", "cluster"], indirect=True)
def test_no_quota_is_passed_and_no_unit_lost_at_a_gate(gated: Arena) -> None:
    """What the processes were promised, gate and ledger have, to the unit, while two workers relay."""
    began = time.monotonic()
    with Worker(gated.open()).running(), Worker(gated.open()).running():
        counted = sum(crowd(use_up, PROCESSES, gated, 60), Counter())
    measure("a gate: 8 processes x 60 events and batches", began, PROCESSES * 60)
    engine = gated.open()
    actor = engine.actor("test", "audit", tenant=gated.tenant)
    balance = engine.usage.balance(actor, engine.where(gated.project), "calls", quota=QUOTA).facts.balance
    engine.close()
    assert balance is not None
    assert balance.used == counted["units"] <= 400
    assert counted["quota_exhausted"] > 0
    gated.audit()
    assert used_in_ledger(gated) == balance.used


def test_exactly_the_rate_is_admitted(database_url: str, database: str) -> None:
    """8 processes x 50 requests of one caller at 100 in an hour: 100, whoever was first."""
    arena = Arena.build(database_url, limit=1)
    began = time.monotonic()
    answers = sum(crowd(knock, PROCESSES, arena, 50), Counter())
    measure(f"{database}: 8 processes x 50 requests", began, PROCESSES * 50)
    assert answers == {"allowed": 100, "rate_limited": 300}


@pytest.mark.parametrize("gate_url", ["valkey", "cluster"], indirect=True)
def test_exactly_the_rate_is_admitted_by_a_gate(gate_url: str) -> None:
    """The same at a gate of its own, one server and a cluster."""
    began = time.monotonic()
    answers = sum(crowd(knock_at_gate, PROCESSES, gate_url, 250), Counter())
    measure(f"{gate_url}: 8 processes x 250 requests", began, PROCESSES * 250)
    assert answers == {"Within": 100, "Exceeded": 1900}


def check_books(arena: Arena, attempts: int, label: str) -> None:
    """Who has a place at the end, by the processes' own books, by the count and by the rows."""
    began = time.monotonic()
    results = crowd(come_and_go, PROCESSES, arena, attempts)
    measure(f"{label}: 8 processes x {attempts} comings and goings", began, PROCESSES * attempts)
    answers = sum((answers for answers, _, _ in results), Counter())
    assert answers["limit_reached"] > 0
    assert max(most for _, _, most in results) <= 20
    kept = sum(kept for _, kept, _ in results)
    engine = arena.open()
    actor = engine.actor("test", "audit", tenant=arena.tenant)
    where = engine.where(arena.project)
    assert engine.leases.live(actor, where, "floating", allowance=FLOATING).facts.live == kept <= 20
    assert len(engine.leases.list(actor, arena.subscription, "floating").items) == kept
    sessions = engine.leases.live(actor, where, "sessions", username="ada", allowance=SESSIONS)
    assert sessions.facts.live == len(engine.leases.list(actor, arena.subscription, "sessions").items) == 2
    engine.close()
    found = arena.audit()
    assert found["lease.taken"] - found.get("lease.returned", 0) - found["lease.taken_over"] == kept + 2


def test_no_place_is_given_twice(database_url: str, database: str) -> None:
    """On every database."""
    check_books(Arena.build(database_url, limit=1), 20, database)


@pytest.mark.parametrize("gate_url", ["valkey", "cluster"], indirect=True)
def test_no_place_is_given_twice_by_a_gate(gate_url: str, new_database: Callable[[str], str]) -> None:
    """While two relays move what happens; at the end the ledger has a copy of the very leases."""
    arena = Arena.build(new_database("sqlite"), limit=1, gate=gate_url)
    with Worker(arena.open()).running(), Worker(arena.open()).running():
        check_books(arena, 25, gate_url)
    at_gate, in_ledger = arena.open(), replace(arena, gate=None).open()
    actor = at_gate.actor("test", "audit", tenant=arena.tenant)
    for name in ("floating", "sessions"):
        there, copied = (
            [(lease.id, lease.holder, lease.session, lease.since) for lease in found.items]
            for found in (
                engine.leases.list(actor, arena.subscription, name) for engine in (at_gate, in_ledger)
            )
        )
        assert there == copied
    where = at_gate.where(arena.project)
    live = [
        engine.leases.live(actor, where, "floating", allowance=FLOATING) for engine in (at_gate, in_ledger)
    ]
    assert live[0].facts.live == live[1].facts.live
