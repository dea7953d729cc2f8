"""A lease whose holder dies is free at its end and not before, whatever the workers' clocks say."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

import pytest
from sqlalchemy import select

from seatguard import Actor, Decision, Seatguard, Where, open_store
from seatguard.allowances import Concurrency
from seatguard.clock import system_clock, uptime
from seatguard.leases.model import Lease, LeaseFacts, LeaseState
from seatguard.storage.sqlalchemy import tables
from seatguard.storage.sqlalchemy.database import Database
from tests.storage.crowd import Arena

FLOATING = Concurrency(limit=1, lasts=2)
SLACK = dt.timedelta(seconds=0.2)
spawn = multiprocessing.get_context("spawn")


class Worker:
    """An engine in a process whose clock can be set."""

    def __init__(self, arena: Arena) -> None:
        self.ahead = dt.timedelta()
        store = open_store(arena.url, gate=arena.gate, clock=self.clock)
        assert store.meters is not None
        self.gate = store.meters.leases
        self.engine = Seatguard(store, clock=self.clock)
        self.actor: Actor = self.engine.actor("test", "worker", tenant=arena.tenant)
        self.where: Where = self.engine.where(arena.project)

    def clock(self) -> dt.datetime:
        """The process's time."""
        return system_clock() + self.ahead


def hold_on(arena: Arena, parent: Connection) -> None:
    """Take the only place and keep it, until killed."""
    worker = Worker(arena)
    leases = worker.engine.leases
    lease = leases.checkout(worker.actor, worker.where, "floating", "ada", allowance=FLOATING).require().lease
    assert lease is not None
    parent.send(lease.id)
    while True:
        leases.heartbeat(worker.actor, worker.where, lease.id, allowance=FLOATING).require()
        time.sleep(0.1)


@pytest.mark.crash
def test_a_killed_holders_place_is_free_at_its_end_and_not_before(database_url: str) -> None:
    """On every database."""
    free_at_its_end(Arena.build(database_url, limit=1))


@pytest.mark.crash
@pytest.mark.parametrize("gate_url", ["valkey"], indirect=True)
def test_so_it_is_at_a_gate(gate_url: str, new_database: Callable[[str], str]) -> None:
    """By the time of the gate's server."""
    free_at_its_end(Arena.build(new_database("sqlite"), limit=1, gate=gate_url))


def free_at_its_end(arena: Arena) -> None:
    """Kill a holder; its place is asked for all the time, with a clock set an hour forward and back."""
    worker = Worker(arena)
    leases = worker.engine.leases
    mine, theirs = spawn.Pipe()
    holder = spawn.Process(target=hold_on, args=(arena, theirs), daemon=True)
    holder.start()
    assert mine.poll(60)
    lease_id = mine.recv()

    def ask() -> tuple[dt.datetime, Decision[LeaseFacts]]:
        asked_at = system_clock()
        hours = (1, -1, 0)[turn % 3]
        worker.ahead = dt.timedelta(hours=hours)
        return asked_at, leases.checkout(worker.actor, worker.where, "floating", "bob", allowance=FLOATING)

    def keeping() -> Lease:
        found = worker.gate.lease(arena.tenant, lease_id)
        assert found is not None
        return found

    turn, killed, began = 0, None, time.monotonic()
    while True:
        asked_at, decision = ask()
        turn += 1
        if decision.allowed:  # on a machine that stands still for so long, also before the kill
            break
        assert killed is None or asked_at < killed.lapses_at + SLACK
        if killed is None and time.monotonic() - began > FLOATING.lasts + 1:
            holder.kill()
            holder.join(10)
            killed = keeping()
    taken = decision.facts.lease
    assert taken is not None
    assert keeping().state is LeaseState.LAPSED
    assert taken.since >= keeping().lapses_at
    assert killed is None or keeping().lapses_at == killed.lapses_at
    assert taken.lapses_at - taken.since == dt.timedelta(seconds=FLOATING.lasts)
    holder.kill()
    holder.join(10)
    worker.engine.close()


def test_in_memory_a_place_is_free_at_its_end_and_not_before() -> None:
    """Of a thread that died without a word, while the process's clock jumps an hour forward and back."""
    ahead = [dt.timedelta()]
    store = open_store("memory:", clock=lambda: system_clock() + ahead[0])
    engine = Seatguard(store, clock=lambda: system_clock() + ahead[0])
    actor = engine.actor("test", "worker")
    client = engine.clients.add(actor, name="Client")
    project = engine.projects.add(actor, client.id, name="Project")
    engine.subscriptions.add(actor, project.id, limit=1)
    where, allowance = engine.where(project.id), Concurrency(limit=1, lasts=1)

    def ask(username: str) -> Decision[LeaseFacts]:
        return engine.leases.checkout(actor, where, "floating", username, allowance=allowance)

    before_it = uptime()
    with ThreadPoolExecutor(1) as pool:
        kept = pool.submit(ask, "ada").result().require().lease
    assert kept is not None
    after_it, asked = uptime(), 0
    while True:
        asked += 1
        ahead[0] = dt.timedelta(hours=(1, -1, 0)[asked % 3])
        before = uptime()
        decision = ask("bob")
        if decision.allowed:
            break
        assert before - after_it < allowance.lasts
    taken = decision.facts.lease
    assert taken is not None
    assert uptime() - before_it >= allowance.lasts
    assert taken.since >= kept.lapses_at
    assert asked > 3
    engine.close()


def test_processes_of_a_sqlite_file_agree_on_the_time(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Also one that was started after somebody had set the machine's clock: what was written first counts."""
    file = tmp_path_factory.mktemp("agreed") / "seats.db"
    arena = Arena.build(f"sqlite:///{file}", limit=1)
    ends = []
    for session in ("one", "two"):
        worker = Worker(arena)  # reads what the first one wrote
        decision = worker.engine.leases.checkout(
            worker.actor, worker.where, "sessions", "ada", session=session, allowance=Concurrency(limit=2)
        )
        lease = decision.require().lease
        assert lease is not None
        ends.append(lease.lapses_at)
        worker.engine.close()
    database = Database(arena.url)
    with database.connection(write=False) as connection:
        names = connection.execute(select(tables.number.c.name)).scalars().all()
    database.close()
    assert sum(name.startswith("boot ") for name in names) == 1
    assert dt.timedelta(0) <= ends[1] - ends[0] < dt.timedelta(seconds=60)
