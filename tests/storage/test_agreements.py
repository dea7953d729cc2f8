"""What was agreed, seen by other processes: at once, and never in between."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from multiprocessing.synchronize import Barrier

import pytest

from seatguard import Denied, EngineOptions, Seatguard
from seatguard.catalog import PlanChange
from seatguard.entitlements import Subject
from seatguard.testing import FrozenClock
from tests.storage.crowd import crowd
from tests.storage.stores import migrate

pytestmark = pytest.mark.races

ROUNDS = 15


def opened(url: str) -> Seatguard:
    """An engine that keeps what it reads for a minute."""
    return Seatguard.open(url, options=EngineOptions(max_age=60))


def change_and_ask(number: int, barrier: Barrier, url: str, tenant: str, plan: str) -> list[object]:
    """One process changes the plan again and again; the others ask after each change, and only then."""
    engine = opened(url)
    actor = engine.actor("test", f"process{number}", tenant=tenant)
    seen: list[object] = []
    for amount in range(ROUNDS):
        barrier.wait()
        if number == 0:
            offer = {"quotas": {"speech": {"minutes": amount or None}}}
            engine.update_plan(actor, plan, PlanChange(offer=offer))
        barrier.wait()
        found = engine.entitlements.check(actor, Subject(user="ada"), "speech.minutes")
        seen.append((found.allowed, found.facts.value))
    engine.close()
    return seen


def test_a_change_is_seen_by_the_very_next_check_of_every_process(database_url: str) -> None:
    """However long a process keeps what it read: not one stale grant, not one stale refusal."""
    migrate(database_url)
    engine = opened(database_url)
    me = engine.actor("test", "agreements")
    plan = engine.catalog.add(me, slug="pro", seats=5)
    engine.user_subscriptions.assign(me, "ada", plan="pro")
    engine.close()
    expected = [(amount > 0, amount or None) for amount in range(ROUNDS)]
    for seen in crowd(change_and_ask, 3, database_url, me.tenant, plan.id):
        assert seen == expected


def subscribe(number: int, barrier: Barrier, url: str, tenant: str, project: str) -> list[str]:
    """One process deactivates each plan in the moment in which the others subscribe to it."""
    engine = opened(url)
    actor = engine.actor("test", f"process{number}", tenant=tenant)
    answers = []
    for round_ in range(ROUNDS):
        slug = f"plan-{round_}"
        barrier.wait()
        try:
            if number == 0:
                engine.catalog.deactivate(actor, slug)
                answers.append("deactivated")
            elif number % 2:
                engine.subscriptions.add(actor, project, plan=slug, type=f"{number}-{round_}")
                answers.append("in")
            else:
                engine.user_subscriptions.assign(actor, f"user-{number}-{round_}", plan=slug)
                answers.append("in")
        except Denied as denied:
            answers.append(denied.decision.reason.value)
    engine.close()
    return answers


def test_nobody_comes_in_after_a_deactivation(database_url: str) -> None:
    """Processes race with it: in the plan's stream no subscriber comes after, and all are accounted for."""
    migrate(database_url)
    engine = opened(database_url)
    me = engine.actor("test", "agreements")
    client = engine.clients.add(me, name="Client")
    project = engine.projects.add(me, client.id, name="Project").id
    plans = [engine.catalog.add(me, slug=f"plan-{number}", seats=5) for number in range(ROUNDS)]
    first, *others = crowd(subscribe, 5, database_url, me.tenant, project)
    assert first == ["deactivated"] * ROUNDS
    for number, plan in enumerate(plans):
        answers = [one[number] for one in others]
        assert set(answers) <= {"in", "plan_inactive"}
        assert engine.subscribers(me, plan.id) == answers.count("in")
        stream = [entry.kind for entry in engine.journal.export(me) if entry.stream == plan.id]
        assert stream[-1] == "plan.deactivated"
    assert list(engine.journal.verify(me)) == []
    engine.close()


def assign_one(number: int, barrier: Barrier, url: str, tenant: str) -> int:
    """Every process puts the same users on a plan of its own."""
    engine = opened(url)
    actor = engine.actor("test", f"process{number}", tenant=tenant)
    for user in range(ROUNDS):
        barrier.wait()
        engine.user_subscriptions.assign(actor, f"user-{user}", plan=f"plan-{number}")
    engine.close()
    return ROUNDS


def test_a_user_has_one_plan_whoever_is_at_it(database_url: str) -> None:
    """Put on four plans by four processes at once, every user ends up on one."""
    migrate(database_url)
    engine = opened(database_url)
    me = engine.actor("test", "agreements")
    for number in range(4):
        engine.catalog.add(me, slug=f"plan-{number}", seats=5)
    assert crowd(assign_one, 4, database_url, me.tenant) == [ROUNDS] * 4
    for user in range(ROUNDS):
        assert len(engine.user_subscriptions.of(me, f"user-{user}")) == 1
    assert list(engine.journal.verify(me)) == []
    engine.close()


NOW = dt.datetime(2027, 6, 15, 12, tzinfo=dt.UTC)


def apply_due(number: int, barrier: Barrier, url: str, tenant: str) -> int:
    """Every process makes the changes that are due; how many it made."""
    clock = FrozenClock(NOW + dt.timedelta(days=1))
    engine = Seatguard.open(url, clock=clock)
    actor = engine.actor("test", f"process{number}", tenant=tenant)
    barrier.wait()
    made = len(engine.changes.apply_due(actor))
    engine.close()
    return made


def test_a_due_change_is_made_once_whoever_is_at_it(database_url: str) -> None:
    """Four processes at once: every change is made by one of them, and on record once."""
    migrate(database_url)
    engine = Seatguard.open(database_url, clock=FrozenClock(NOW))
    me = engine.actor("test", "agreements")
    client = engine.clients.add(me, name="Client")
    project = engine.projects.add(me, client.id, name="Project").id
    services = [engine.subscriptions.add(me, project, limit=1, type=f"t{n}") for n in range(ROUNDS)]
    for service in services:
        at = NOW + dt.timedelta(hours=1)
        engine.changes.schedule(me, service.id, what="limit", value=9, at=at)
    assert sum(crowd(apply_due, 4, database_url, me.tenant)) == ROUNDS
    assert {engine.subscriptions.get(me, service.id).limit for service in services} == {9}
    kinds = Counter(entry.kind for entry in engine.journal.export(me))
    assert (kinds["change.applied"], kinds["subscription.limit_changed"]) == (ROUNDS, ROUNDS)
    assert list(engine.journal.verify(me)) == []
    engine.close()
