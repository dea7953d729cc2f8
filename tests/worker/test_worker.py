"""Chores in the background."""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from seatguard import Actor, EngineOptions, Seatguard, StorageUnavailable
from seatguard.allowances import Concurrency, Rate
from seatguard.errors import Conflict
from seatguard.worker import CHORES, Chore, Worker
from tests.worlds import Ticks, World


@pytest.fixture
def world() -> World:
    """A project with three seats, without a journal key."""
    made = World.in_memory(journal_key=None)
    made.service(limit=3)
    return made


def test_lapsed_holds_are_swept_and_replies_dropped(world: World) -> None:
    """Everything is due at the start, for every tenant; then each chore at its own time."""
    seconds = world.ticks
    worker = Worker(world.engine, monotonic=seconds)
    world.engine.seats.hold(world.actor, world.where, "ada", seconds=60)
    world.engine.idempotency.begin(world.actor, route="take", key="k", body=b"")
    assert worker.once() == Counter()
    world.clock.travel(days=2)
    assert worker.once() == Counter()
    seconds.seconds += 15
    assert worker.once() == {"holds": 1}
    seconds.seconds += 3600
    assert worker.once() == {"replies": 1}


def test_lapsed_leases_and_quiet_callers_are_let_go_of(world: World) -> None:
    """Each at its own time; what still counts stays."""
    seconds, engine = world.ticks, world.engine
    worker = Worker(engine, monotonic=seconds)
    worker.once()
    floating, rate = Concurrency(limit=2, lasts=60), Rate(limit=5, window=60)
    for number in range(2):
        engine.leases.checkout(world.actor, world.where, "floating", f"user{number}", allowance=floating)
        engine.rates.hit(world.actor, world.where, "login", f"caller{number}", rate=rate)
        world.clock.travel(seconds=45)
    seconds.seconds += 600
    assert worker.once() == {"leases": 1, "windows": 1}
    assert engine.leases.live(world.actor, world.where, "floating", allowance=floating).facts.live == 1


def test_changes_that_are_due_are_made(world: World) -> None:
    """Not before their instant, and once."""
    worker, engine = Worker(world.engine, monotonic=world.ticks), world.engine
    (service,) = engine.subscriptions.list(world.actor).items
    at = world.clock() + dt.timedelta(days=1)
    engine.changes.schedule(world.actor, service.id, what="limit", value=9, at=at)
    assert worker.once() == Counter()
    world.clock.set(at)
    world.ticks.seconds += 15
    assert worker.once() == {"changes": 1}
    world.ticks.seconds += 15
    assert worker.once() == Counter()
    assert engine.subscriptions.get(world.actor, service.id).limit == 9


def test_checkpoints_are_signed_where_there_is_a_key() -> None:
    """Once; nothing moved afterwards."""
    seconds = Ticks()
    engine = Seatguard.open("memory:", options=EngineOptions(journal_key=b"k" * 32))
    engine.clients.add(engine.actor("test", "t"), name="Acme")
    worker = Worker(engine, monotonic=seconds)
    assert worker.once() == {"checkpoints": 1}
    seconds.seconds += 60
    assert worker.once() == Counter()


def test_failing_chore_stops_no_other(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A store that is away is logged; the chore is tried again at its next time."""
    seconds, tried = world.ticks, []

    def away(*_: object) -> int:
        tried.append(seconds())
        raise StorageUnavailable("gone")

    chores = (Chore("away", 5, away, of_tenant=False), Chore("fine", 5, lambda *_: 3, of_tenant=False))
    worker = Worker(world.engine, chores, monotonic=seconds)
    with caplog.at_level(logging.WARNING, "seatguard.worker"):
        assert worker.once() == {"fine": 3}
    assert "away: the store does not answer: gone" in caplog.text
    assert worker.once() == Counter()
    seconds.seconds += 5
    assert worker.once() == {"fine": 3}
    assert tried == [1000.0, 1005.0]


def test_failing_tenant_stops_no_other(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be done for one tenant is logged with its id, and done for those after it."""
    other = world.stranger().actor.tenant

    def picky(_: Seatguard, actor: Actor) -> int:
        if actor.tenant == world.actor.tenant:
            raise Conflict("spoilt", "this tenant's records are")
        return 1

    with caplog.at_level(logging.ERROR, "seatguard.worker"):
        assert Worker(world.engine, (Chore("picky", 5, picky),)).once() == {"picky": 1}
    assert f"picky: failed for tenant {world.actor.tenant}" in caplog.text
    assert other not in caplog.text


def test_worker_in_a_thread_ends_with_the_block(world: World) -> None:
    """The thread works meanwhile, and is gone afterwards."""
    worked = threading.Event()

    def work(*_: object) -> int:
        worked.set()
        return 0

    with Worker(world.engine, [Chore("work", 0.01, work, of_tenant=False)]).running():
        assert worked.wait(10)
    assert not [thread for thread in threading.enumerate() if thread.name == "seatguard-worker"]


def test_command_works_until_it_is_told_to_stop(tmp_path: Path) -> None:
    """SIGTERM ends it with code 0."""
    url = f"sqlite:///{tmp_path / 'seats.db'}"
    command = [sys.executable, "-m", "seatguard_flask.cli", "work", "--storage", url]
    done = subprocess.run([*command, "--once", "--json"], capture_output=True, text=True, check=True)
    assert done.stdout == "{}\n"
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    assert running.stdout.readline().startswith("Seatguard works")
    running.terminate()
    assert running.wait(20) == 0
    running.stdout.close()


def test_every_chore_has_a_name_of_its_own() -> None:
    """The due times are kept by name."""
    assert len({chore.name for chore in CHORES}) == len(CHORES)
    assert all(dataclasses.is_dataclass(chore) and chore.every > 0 for chore in CHORES)
