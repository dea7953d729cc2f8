"""Signals: what is told, when, and what a receiver can and cannot do to those who tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from seatguard import Seatguard, StorageUnavailable, signals
from seatguard.testing import FailingCalls
from tests.storage.stores import migrate
from tests.worlds import World

NAMES = (
    "seat_held",
    "seat_taken",
    "seat_released",
    "seat_denied",
    "hold_expired",
    "usage_threshold",
    "subscription_changed",
    "reconcile_drift",
)


class Heard(list[tuple[str, dict[str, Any]]]):
    """What was told, in order."""

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self]


@pytest.fixture
def world() -> World:
    return World.in_memory()


@pytest.fixture
def listen() -> Iterator[Callable[[Seatguard], Heard]]:
    """Hears everything that an engine tells."""
    with ExitStack() as stack:

        def start(engine: Seatguard) -> Heard:
            heard = Heard()
            for name in NAMES:

                def hear(sender: object, *, name: str = name, **facts: Any) -> None:
                    assert sender is engine
                    heard.append((name, facts))

                stack.enter_context(getattr(signals, name).connected_to(hear, sender=engine))
            return heard

        yield start


@pytest.fixture
def heard(world: World, listen: Callable[[Seatguard], Heard]) -> Heard:
    return listen(world.engine)


def test_a_seat_taken_and_released(world: World, heard: Heard) -> None:
    """Told with the seat, the numbers, and who did it where; what changed nothing is not told."""
    service = world.service(10)
    heard.clear()
    seats = world.engine.seats
    seats.take(world.actor, world.where, "Ada")
    seats.take(world.actor, world.where, "ada")
    seats.release(world.actor, world.where, "ada")
    seats.release(world.actor, world.where, "ada")
    assert heard.names == ["seat_taken", "seat_released"]
    facts = heard[0][1]
    assert facts["seat"].holder == "Ada"
    assert facts["usage"].live == 1
    assert {
        name: facts[name] for name in ("actor", "tenant", "project", "subscription", "service", "limit")
    } == {
        "actor": "test:world",
        "tenant": world.actor.tenant,
        "project": world.project.id,
        "subscription": service.id,
        "service": service.number,
        "limit": 10,
    }


def test_a_hold_confirmed_let_go_and_lapsed(world: World, heard: Heard) -> None:
    """Held and then taken, or released, or expired, whoever clears it away."""
    world.service(10)
    heard.clear()
    seats = world.engine.seats
    ids = []
    for name in ("ada", "bob", "cleo", "dora", "eve"):
        seat = seats.hold(world.actor, world.where, name, seconds=60).require().seat
        assert seat is not None
        ids.append(seat.id)
    seats.confirm(world.actor, world.where, ids[0])
    seats.confirm_for(world.actor, world.where, ids[1], "7")
    seats.release_hold(world.actor, world.where, ids[2])
    world.clock.travel(seconds=60)
    seats.confirm(world.actor, world.where, ids[3])
    seats.sweep(world.actor)
    assert heard.names == ["seat_held"] * 5 + ["seat_taken"] * 2 + ["seat_released"] + ["hold_expired"] * 2
    assert [facts["seat"].holder for _, facts in heard[5:]] == ["ada", "7", "cleo", "dora", "eve"]
    assert [facts["project"] for _, facts in heard[8:]] == [world.project.id, None]


def test_a_refusal(world: World, heard: Heard) -> None:
    """Of a claim, with its reason; advice refuses nobody. A project may have no subscription."""
    seats = world.engine.seats
    seats.take(world.actor, world.where, "Ada")
    world.service(0)
    heard.clear()
    seats.check(world.actor, world.where)
    seats.hold(world.actor, world.where, "Ada", seconds=60)
    assert heard.names == ["seat_denied"]
    facts = heard[0][1]
    assert (facts["reason"].value, facts["holder"], facts["limit"]) == ("limit_reached", "Ada", 0)


@pytest.mark.parametrize(
    ("limit", "percents"), [(10, [80, 90, 100]), (1, [100]), (2, [100]), (5, [80, 100]), (0, []), (None, [])]
)
def test_a_threshold_is_told_once_on_the_way_up(
    world: World, heard: Heard, limit: int | None, percents: list[int]
) -> None:
    """By the seat that reaches it; failed attempts and holds do not count; down and up again is again."""
    world.service(limit, unlimited=limit is None)
    heard.clear()
    seats = world.engine.seats

    def told() -> list[int]:
        found = [facts["percent"] for name, facts in heard if name == "usage_threshold"]
        heard.clear()
        return found

    for number in range(12):
        seats.hold(world.actor, world.where, f"user{number}", seconds=60)
        assert told() == []
        world.clock.travel(seconds=61)
    seats.sweep(world.actor)
    for number in range(12):
        seats.take(world.actor, world.where, f"user{number}")
    assert told() == percents
    if percents:
        seats.release(world.actor, world.where, "user0")
        seats.take(world.actor, world.where, "user0")
        assert told() == [100]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_crowd_reaches_each_threshold_once(
    database: str, new_database: Callable[[str], str], listen: Callable[[Seatguard], Heard]
) -> None:
    """Holds and takes together, on real databases: each of the thresholds is told by one of them."""
    url = new_database(database)
    migrate(url)
    engine = Seatguard.open(url)
    me = engine.actor("test", "crowd")
    project = engine.projects.add(me, engine.clients.add(me, name="Client").id, name="Project")
    engine.subscriptions.add(me, project.id, limit=30)
    where, heard, start = engine.where(project.id), listen(engine), Barrier(10)

    def some(thread: int) -> None:
        start.wait(30)
        for number in range(4):
            name = f"user{thread}-{number}"
            if number % 2:
                engine.seats.take(me, where, name)
            elif (seat := engine.seats.hold(me, where, name, seconds=60).facts.seat) is not None:
                engine.seats.confirm(me, where, seat.id)

    with ThreadPoolExecutor(10) as threads:
        list(threads.map(some, range(10)))
    told = sorted(facts["percent"] for name, facts in heard if name == "usage_threshold")
    engine.close()
    assert told == [80, 90, 100]


def test_an_agreement_changed(world: World, heard: Heard) -> None:
    """Each change by its journal's name and with the record; a refused one and none are not told."""
    engine, me = world.engine, world.actor
    engine.catalog.add(me, slug="team", seats=5)
    service = world.service(None, plan="team")
    engine.subscriptions.change_limit(me, service.id, limit=3)
    engine.subscriptions.change_limit(me, service.id, limit=3)
    world.seat("ada")
    engine.subscriptions.change_limit(me, service.id, limit=0)
    engine.subscriptions.renew(me, service.id, expiry="2027-12-31")
    engine.subscriptions.suspend(me, service.id)
    engine.subscriptions.resume(me, service.id)
    engine.catalog.add(me, slug="big", seats=9)
    engine.subscriptions.change_limit(me, service.id, limit=None)
    engine.subscriptions.change_plan(me, service.id, plan="big")
    engine.publish_plan(me, "big", seats=11)
    changes = [
        (facts["change"].partition(".")[2], facts["limit"]) for name, facts in heard if "change" in facts
    ]
    assert changes == [
        ("added", 5),
        ("limit_changed", 3),
        ("renewed", 3),
        ("suspended", 3),
        ("resumed", 3),
        ("limit_changed", 5),
        ("plan_changed", 9),
        ("plan_version_changed", 11),
    ]
    assert heard[-1][1]["record"] == engine.subscriptions.get(me, service.id)


@pytest.mark.parametrize("repair", [False, True])
def test_counters_that_drifted(listen: Callable[[Seatguard], Heard], tmp_path: Path, *, repair: bool) -> None:
    """Told once for a check, with all it found, when it is over; a check that found nothing is silent."""
    engine = Seatguard.open(f"sqlite:///{tmp_path}/seats.db")
    me = engine.actor("test", "auditor")
    client = engine.clients.add(me, name="Client")
    for name in ("One", "Two"):
        engine.subscriptions.add(me, engine.projects.add(me, client.id, name=name).id, limit=5)
    heard = listen(engine)
    assert list(engine.verify(me)) == []
    assert heard == []
    database = create_engine(f"sqlite:///{tmp_path}/seats.db")
    with database.begin() as connection:
        connection.execute(text("UPDATE seatguard_subscription SET live = live + 2"))
    found = engine.verify(me, repair=repair)
    first = next(found)
    assert heard == []
    rest = list(found)
    assert heard.names == ["reconcile_drift"]
    facts = heard[0][1]
    assert facts["findings"] == (first, *rest)
    assert (facts["repair"], facts["actor"], facts["project"]) == (repair, "test:auditor", None)
    assert all(one.repaired == repair for one in facts["findings"])
    assert len(list(engine.verify(me))) == (0 if repair else 2)
    engine.close()
    database.dispose()


def test_a_failing_receiver_disturbs_nobody(
    world: World, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged; the seat is taken, the caller is answered, the other receivers are told."""
    world.service(1)

    def fail(sender: object, **facts: Any) -> None:
        raise RuntimeError("the receiver's own")

    async def never(sender: object, **facts: Any) -> None:
        raise AssertionError

    with signals.seat_taken.connected_to(fail), signals.seat_taken.connected_to(never):
        assert world.engine.seats.take(world.actor, world.where, "ada").allowed
    assert "seat_taken" in heard.names
    assert "the receiver's own" in caplog.text
    assert "is a coroutine function" in caplog.text


def test_a_receiver_may_ask_back(world: World) -> None:
    """What it is told is committed, and no lock is held: it may take and free seats itself."""
    world.service(2)
    seats = world.engine.seats

    def also(sender: Seatguard, *, seat: Any, **facts: Any) -> None:
        assert seats.find(world.actor, world.where, seat.holder) == seat
        if seat.holder == "ada":
            sender.seats.take(world.actor, world.where, "bob").require()

    with signals.seat_taken.connected_to(also, sender=world.engine):
        seats.take(world.actor, world.where, "ada").require()
    assert [seat.holder for seat in seats.list(world.actor, world.where).items] == ["ada", "bob"]


def test_what_was_not_committed_is_not_told(listen: Callable[[Seatguard], Heard]) -> None:
    """A store that goes away before it has written anything leaves nothing to tell."""
    faults = FailingCalls()
    world = World.on(faults.memory_store(), World.in_memory().clock)
    world.service(1)
    heard = listen(world.engine)
    with faults.failing(1), pytest.raises(StorageUnavailable):
        world.engine.seats.take(world.actor, world.where, "ada")
    assert heard == []


def test_a_muted_signal_is_not_told(world: World, heard: Heard) -> None:
    """As blinker has it."""
    world.service(1)
    with signals.seat_taken.muted():
        world.seat("ada")
    assert "seat_taken" not in heard.names


@pytest.mark.parametrize("commits", [True, False])
def test_the_facts_of_the_hosts_transaction_wait_for_it(
    new_database: Callable[[str], str], listen: Callable[[Seatguard], Heard], *, commits: bool
) -> None:
    """They are handed over and told when the host says so; without a taker nothing is told."""
    url = new_database("sqlite")
    engine = Seatguard.open(url)
    me = engine.actor("test", "joined")
    project = engine.projects.add(me, engine.clients.add(me, name="Client").id, name="Project")
    engine.subscriptions.add(me, project.id, limit=1)
    heard = listen(engine)
    host = create_engine(url)
    facts: list[signals.Fact] = []
    with host.connect() as connection:
        engine.seats_within(connection, tell=facts.extend).take(me, engine.where(project.id), "ada")
        assert heard == []
        connection.commit() if commits else connection.rollback()
    if commits:
        engine.announce(facts)
    assert heard.names == (["seat_taken", "usage_threshold"] if commits else [])
    with host.connect() as connection:
        engine.seats_within(connection).release(me, engine.where(project.id), "ada")
        connection.rollback()
    assert len(heard) == (2 if commits else 0)
    host.dispose()
    engine.close()
