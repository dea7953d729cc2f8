"""Leases at a gate of its own that is emptied, and those that move there and back."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from seatguard import NotFound, Seatguard, StorageUnavailable, open_store
from seatguard.allowances import Concurrency, Takeover
from seatguard.leases.model import Lease, LeaseState
from seatguard.testing import FrozenClock
from seatguard.worker import Worker
from tests.servers import RedisServer
from tests.storage.crowd import Arena

Start = Callable[..., RedisServer]
New = Callable[[str], str]

FLOATING = Concurrency(limit=2, lasts=60, grace=10)


@dataclass
class Desk:
    """Short words for what one process does with floating seats."""

    arena: Arena
    engine: Seatguard

    def __post_init__(self) -> None:
        self.actor = self.engine.actor("test", "desk", tenant=self.arena.tenant)
        self.where = self.engine.where(self.arena.project)

    def reason(self, user: str, allowance: Concurrency = FLOATING) -> str:
        """What is answered to a user who wants in."""
        found = self.engine.leases.checkout(self.actor, self.where, "floating", user, allowance=allowance)
        return found.reason.value

    def lease(self, user: str, allowance: Concurrency = FLOATING) -> Lease:
        """The lease of a user who must get in."""
        found = self.engine.leases.checkout(self.actor, self.where, "floating", user, allowance=allowance)
        lease = found.require().lease
        assert lease is not None
        return lease

    def beat(self, lease: Lease) -> str:
        """What is answered to a heartbeat."""
        found = self.engine.leases.heartbeat(self.actor, self.where, lease.id, allowance=FLOATING)
        return found.reason.value

    def back(self, lease: Lease) -> str:
        """What is answered to who gives a place back."""
        return self.engine.leases.give_back(self.actor, self.where, lease.id).reason.value

    def inside(self) -> list[tuple[str, str]]:
        """Who is in, with the lease."""
        page = self.engine.leases.list(self.actor, self.arena.subscription, "floating", limit=200)
        return [(lease.holder, lease.id) for lease in page.items]


def frozen(arena: Arena, steady: FrozenClock) -> Desk:
    """A desk whose leases are measured by that clock."""
    return Desk(arena, Seatguard(open_store(arena.url, gate=arena.gate, steady=steady)))


def test_flush_after_relaying_loses_no_lease(start_redis: Start, new_database: New) -> None:
    """Who was inside goes on there, under the same leases; nobody else comes in; what is over stays over."""
    server = start_redis("valkey")
    desk = frozen(Arena.build(new_database("sqlite"), limit=1, gate=server.url()), FrozenClock())
    pushy = replace(FLOATING, takeover=Takeover.OLDEST)
    gone, ada = desk.lease("gone"), desk.lease("ada")
    bob = desk.lease("bob", pushy)
    desk.engine.relay()
    before = desk.inside()
    server.flush()
    assert desk.reason("eve") == "limit_reached"
    assert desk.inside() == before == [("ada", ada.id), ("bob", bob.id)]
    assert [desk.beat(lease) for lease in (ada, bob, gone)] == [
        "already_held",
        "already_held",
        "lease_taken_over",
    ]
    server.flush()
    assert desk.back(bob) == "allowed"
    assert desk.reason("eve") == "allowed"
    desk.arena.audit()


@pytest.mark.parametrize("key", ["leases", "ends", "ended", "marks", "rooms*", "pool"])
def test_lost_key_is_noticed(start_redis: Start, new_database: New, key: str) -> None:
    """One key deleted, by hand or by an eviction, lets nobody in and puts nobody out, whoever asks first."""
    server = start_redis("valkey")
    desk = frozen(Arena.build(new_database("sqlite"), limit=1, gate=server.url()), FrozenClock())
    ada, gone = desk.lease("ada"), desk.lease("gone")
    desk.back(gone)
    desk.engine.relay()
    bob = desk.lease("bob")
    before, asks = desk.inside(), desk.engine.leases
    for ask in (
        lambda: desk.reason("eve") == "limit_reached",
        lambda: desk.inside() == before,
        lambda: asks.live(desk.actor, desk.where, "floating", allowance=FLOATING).facts.live == 2,
        lambda: desk.beat(ada) == "already_held",
        lambda: asks.give_back(desk.actor, desk.where, gone.id).allowed,
        lambda: asks.sweep(desk.actor) == 0,
    ):
        with server.client() as client:
            (name,) = client.scan_iter(match=f"*:{desk.arena.subscription}:{key}")
            client.delete(name)
        assert ask()
        assert desk.reason("eve") == "limit_reached"
        assert desk.inside() == before == [("ada", ada.id), ("bob", bob.id)]
    assert desk.back(bob) == "allowed"
    assert desk.reason("eve") == "allowed"
    desk.arena.audit()


def test_lease_that_was_filled_in_ends_one_life_later_and_not_before(
    start_redis: Start, new_database: New
) -> None:
    """The ledger knows nothing of heartbeats: whoever sent one just before the flush keeps the place for as
    long as was promised then, and who is dead keeps it no longer than a life after the flush."""
    server, steady = start_redis("valkey"), FrozenClock()
    desk = frozen(Arena.build(new_database("sqlite"), limit=1, gate=server.url()), steady)
    alone = replace(FLOATING, limit=1)
    ada = desk.lease("ada", alone)
    steady.travel(seconds=60)
    desk.engine.leases.heartbeat(desk.actor, desk.where, ada.id, allowance=alone)  # until second 130
    desk.engine.relay()
    steady.travel(seconds=20)
    server.flush()
    assert desk.reason("bob", alone) == "limit_reached"
    steady.travel(seconds=70, microseconds=-1)
    assert desk.reason("bob", alone) == "limit_reached"
    steady.travel(microseconds=1)
    assert desk.reason("bob", alone) == "allowed"
    assert desk.beat(ada) == "allowed"  # two fit by now, and it lapsed less than a day ago
    desk.arena.audit()


def test_leases_move_to_a_gate_and_back(start_redis: Start, new_database: New) -> None:
    """Under their own ids, wherever those came from."""
    server, steady = start_redis("valkey"), FrozenClock()
    arena = Arena.build(new_database("sqlite"), limit=1, gate=server.url())
    before = frozen(replace(arena, gate=None), steady)
    ada = before.lease("ada")
    there = frozen(arena, steady)
    assert there.beat(ada) == "already_held"
    bob = there.lease("bob")
    assert there.reason("eve") == "limit_reached"
    there.engine.relay()
    back = frozen(replace(arena, gate=None), steady)
    assert back.inside() == there.inside()
    assert [back.beat(lease) for lease in (ada, bob)] == ["already_held", "already_held"]
    assert back.reason("eve") == "limit_reached"
    assert back.back(ada) == "allowed"
    assert back.reason("eve") == "allowed"
    replace(arena, gate=None).audit()


def test_limit_of_the_subscription_is_obeyed_at_once(start_redis: Start, new_database: New) -> None:
    """A subscription that is suspended gives no lease from then on, and gives again when it is resumed."""
    desk = frozen(
        Arena.build(new_database("sqlite"), limit=1, gate=start_redis("valkey").url()), FrozenClock()
    )
    ada = desk.lease("ada")
    desk.engine.subscriptions.suspend(desk.actor, desk.arena.subscription)
    assert desk.reason("bob") == "suspended"
    desk.engine.subscriptions.resume(desk.actor, desk.arena.subscription)
    assert desk.reason("bob") == "allowed"
    assert desk.beat(ada) == "already_held"


def test_sweep_ends_leases_of_all_subscriptions(start_redis: Start, new_database: New) -> None:
    """Each once, on record; a day later neither the gate nor the ledger's copy knows of them."""
    server, steady = start_redis("valkey"), FrozenClock()
    desk = frozen(Arena.build(new_database("sqlite"), limit=1, gate=server.url()), steady)
    engine, actor = desk.engine, desk.actor
    for number in range(20):
        name = f"type{number}"
        engine.subscriptions.add(actor, desk.arena.project, limit=1, type=name)
        where = engine.where(desk.arena.project, type=name)
        engine.leases.checkout(actor, where, "floating", "ada", allowance=FLOATING).require()
    assert engine.leases.sweep(actor) == 0
    steady.travel(seconds=70)
    assert engine.leases.sweep(actor) == 20
    assert engine.leases.sweep(actor) == 0
    assert desk.arena.audit()["lease.lapsed"] == 20
    with engine._ledger.read(actor.tenant) as work:
        assert len(work.leases.list(limit=50).items) == 20
    steady.travel(days=1)
    engine.leases.sweep(actor)
    with engine._ledger.read(actor.tenant) as work:
        assert work.leases.list(limit=50).items == ()
    with server.client() as client:
        about = ("*lease*", "*:ends", "*:ended", "*:marks", "*:rooms*")
        assert [key for one in about for key in client.scan_iter(match=one)] == []


@dataclass
class Crowd:
    """Threads that come, beat and go, and keep books of the places they were told are theirs."""

    desk: Desk
    allowance: Concurrency
    inside: dict[str, str] = field(default_factory=dict)
    most: int = 0
    counted: int = 0
    granted: int = 0
    gone: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    stop: threading.Event = field(default_factory=threading.Event)
    told: threading.Condition = field(default_factory=threading.Condition)

    def run(self, number: int) -> None:
        """Until ``stop``; an outage is waited for."""
        chance, engine = random.Random(number), self.desk.engine
        actor, where = self.desk.actor, self.desk.where
        mine: list[str] = []
        while not self.stop.is_set():
            act, lease = chance.random(), chance.choice(mine) if mine else None
            try:
                if lease is not None and act < 0.2:
                    with self.lock:
                        self.inside.pop(lease, None)
                    mine.remove(lease)
                    engine.leases.give_back(actor, where, lease)
                elif lease is not None and act < 0.4:
                    engine.leases.heartbeat(actor, where, lease, allowance=self.allowance)
                else:
                    user = f"user{number}-{chance.random()}"
                    found = engine.leases.checkout(actor, where, "floating", user, allowance=self.allowance)
                    with self.lock:
                        self.counted = max(self.counted, found.facts.live)
                        if found.allowed:
                            assert found.facts.lease is not None
                            mine.append(found.facts.lease.id)
                            self.inside[found.facts.lease.id] = user
                            self.granted += 1
                            self.most = max(self.most, len(self.inside))
            except StorageUnavailable:
                self.stop.wait(0.01)
            except NotFound:
                assert lease is not None
                with self.lock:
                    self.inside.pop(lease, None)
                    self.gone += 1
                if lease in mine:
                    mine.remove(lease)

    def until(self, granted: int) -> None:
        """Wait until so many places were given."""
        for _ in range(12_000):
            if self.granted >= granted:
                return
            self.stop.wait(0.005)
        raise AssertionError(f"{self.granted} places given, not {granted}")


@pytest.mark.crash
@pytest.mark.parametrize("answer", ["gate", "ledger"])
def test_flush_under_load_never_lets_too_many_in(start_redis: Start, new_database: New, answer: str) -> None:
    """FLUSHALL ten times while 8 threads come, beat and go: the count never passes the limit. Where answers
    wait for the ledger, by the threads' own books nobody is inside beyond it either, and nobody is lost.
    Where they do not, some who have gone are back for a life; at its end the ledger has nobody left."""
    server = start_redis("valkey")
    arena = Arena.build(new_database("sqlite"), limit=1, gate=f"{server.url()}?answer={answer}")
    crowd = Crowd(Desk(arena, arena.open()), Concurrency(limit=30, lasts=1 if answer == "gate" else 3600))
    threads = [threading.Thread(target=crowd.run, args=(number,)) for number in range(8)]
    with Worker(arena.open()).running():
        for thread in threads:
            thread.start()
        for turn in range(10):
            crowd.until(15 * (turn + 1))
            server.flush()
        crowd.until(15 * 11)
        crowd.stop.set()
        for thread in threads:
            thread.join()
    print(f"10 flushes, answer {answer}: {crowd.granted} given, {crowd.gone} lost")
    assert crowd.counted <= 30
    desk = Desk(arena, arena.open())
    engine = desk.engine
    if answer == "ledger":
        there = desk.inside()
        assert len(there) <= 30
        assert there == Desk(arena, replace(arena, gate=None).open()).inside()
        assert crowd.most <= 30
        assert crowd.gone == 0
        assert crowd.inside.keys() <= {lease for _, lease in there}
        arena.audit()
        return
    for _ in range(1000):
        engine.leases.sweep(desk.actor)
        if desk.inside() == []:
            break
        threading.Event().wait(0.02)
    engine.leases.sweep(desk.actor)
    found = arena.audit()
    came, went = ("taken", "resumed"), ("returned", "lapsed", "taken_over")
    assert sum(found.get(f"lease.{kind}", 0) for kind in came) == sum(
        found.get(f"lease.{kind}", 0) for kind in went
    )
    with engine._ledger.read(arena.tenant) as work:
        assert work.leases.find(state=LeaseState.LIVE) is None
