"""Usage at a gate of its own: what it forgets, loses and is filled with again counts as it did."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatguard import Actor, Seatguard, Where, open_store
from seatguard.allowances import Quota
from seatguard.storage import open_gate
from seatguard.storage.ports import Ledger, Work
from seatguard.testing import FrozenClock
from seatguard.usage import Event
from seatguard.worker import Worker
from tests.servers import RedisServer
from tests.storage.crowd import Arena
from tests.storage.load import Load
from tests.usage.test_against_a_model import KEYS, play
from tests.worlds import World

Start = Callable[..., RedisServer]
New = Callable[[str], str]

DAY = 86_400_000
QUOTA = Quota(limit=100_000)


@dataclass
class Desk:
    """Short words for what one process records."""

    arena: Arena
    engine: Seatguard
    server: RedisServer
    quota: Quota = QUOTA

    def __post_init__(self) -> None:
        self.actor = self.engine.actor("test", "desk", tenant=self.arena.tenant)
        self.where = self.engine.where(self.arena.project)

    def record(self, key: str, amount: int = 1) -> str:
        """What is answered to an event."""
        found = self.engine.usage.record(self.actor, self.where, "calls", amount, key=key, quota=self.quota)
        return found.reason.value

    def batch(self, keys: Sequence[str]) -> set[str]:
        """What is answered to events of one unit, up to a hundred at a time."""
        said: set[str] = set()
        for first in range(0, len(keys), 100):
            events = [Event(meter="calls", key=key) for key in keys[first : first + 100]]
            decision = self.engine.usage.record_all(self.actor, self.where, events, quota=self.quota)
            said |= {one.reason.value for one in decision.facts}
        return said

    def refund(self, key: str, amount: int) -> str:
        """What is answered to who gives back."""
        found = self.engine.usage.refund(
            self.actor, self.where, "calls", key=key, amount=amount, quota=self.quota
        )
        return found.reason.value

    def used(self) -> int:
        """What was used, as the gate says."""
        balance = self.engine.usage.balance(self.actor, self.where, "calls", quota=self.quota).facts.balance
        assert balance is not None
        return balance.used

    def charges(self) -> dict[str, int]:
        """What the ledger has: keys, and what is left of their amounts. The account says the same."""
        engine = dataclasses.replace(self.arena, gate=None).open()
        found, after = {}, None
        while True:
            page = engine.usage.charges(self.actor, self.arena.subscription, "calls", limit=200, after=after)
            found |= {charge.key: charge.amount - charge.refunded for charge in page.items}
            after = page.after
            if after is None:
                break
        accounts = engine.usage.history(self.actor, self.arena.subscription, "calls").items
        assert sum(account.used for account in accounts) == sum(found.values())
        engine.close()
        return found

    def items(self) -> int:
        """How many items the gate remembers."""
        with self.server.client() as client:
            return sum(int(client.zcard(name)) for name in client.scan_iter(match="*:recent"))

    def a_day_later(self) -> None:
        """What the server holds is a day older: items, and entries that wait."""
        with self.server.client() as client:
            for name in client.scan_iter(match="*:recent"):
                scores = client.zrange(name, 0, -1, withscores=True)
                client.zadd(name, {item: score - DAY for item, score in scores})
            for name in client.scan_iter(match="*:journal"):
                entries = client.xrange(name)
                client.delete(name)
                for identifier, fields in entries:
                    milliseconds, number = identifier.decode().split("-")
                    client.xadd(name, fields, id=f"{int(milliseconds) - DAY}-{number}")


@pytest.fixture
def desk(
    request: pytest.FixtureRequest, redis_servers: Callable[[str], RedisServer], new_database: New
) -> Iterator[Desk]:
    """A desk at Valkey, beside a SQLite file or the database that the test names."""
    server = redis_servers("valkey")
    server.flush()
    arena = Arena.build(new_database(getattr(request, "param", "sqlite")), limit=1, gate=server.url())
    engine = arena.open()
    yield Desk(arena, engine, server)
    engine.close()


every_ledger = pytest.mark.parametrize("desk", ["sqlite", "postgresql", "mariadb"], indirect=True)


def test_keys_outlive_what_the_gate_remembers(desk: Desk) -> None:
    """Hundreds of old keys are forgotten: each is known still, gives back what it took; new ones are new."""
    old = [f"old{number}" for number in range(300)]
    assert desk.batch(old) == {"allowed"}
    desk.engine.relay()
    for turn in range(2):
        desk.a_day_later()
        assert desk.batch([f"new{turn}-{number}" for number in range(200)]) == {"allowed"}
        desk.engine.relay()
    assert desk.items() < 400
    assert desk.batch(old) == {"already_recorded"}
    assert (desk.refund("old7", 1), desk.refund("old7", 1)) == ("allowed", "already_recorded")
    assert desk.used() == 699
    desk.engine.relay()
    assert sum(desk.charges().values()) == 699
    desk.arena.audit()


def test_nothing_is_forgotten_that_the_ledger_does_not_have(desk: Desk) -> None:
    """However old it is: with a worker away for days the gate keeps all."""
    keys = [f"old{number}" for number in range(300)]
    desk.batch(keys)
    desk.a_day_later()
    desk.batch([f"new{number}" for number in range(100)])
    assert desk.items() == 401
    assert desk.batch(keys) == {"already_recorded"}
    desk.engine.relay()
    assert desk.used() == len(desk.charges()) == 400


@every_ledger
def test_flush_after_relaying_loses_no_charge(desk: Desk) -> None:
    """Keys, accounts and refunds are as they were, though the ledger had to be asked for each."""
    desk.record("a", 5)
    desk.record("b", 7)
    desk.refund("a", 2)
    desk.batch([f"old{number}" for number in range(700)])
    desk.engine.relay()
    desk.server.flush()
    assert (desk.record("a", 5), desk.record("b", 7), desk.used()) == (*["already_recorded"] * 2, 710)
    assert (desk.refund("a", 2), desk.refund("a", 5)) == ("already_recorded", "allowed")
    assert desk.batch([f"old{number}" for number in range(700)]) == {"already_recorded"}
    assert desk.batch([f"new{number}" for number in range(100)]) == {"allowed"}
    desk.engine.relay()
    assert desk.used() == sum(desk.charges().values()) == 807
    desk.arena.audit()


@pytest.mark.parametrize("key", ["book", "recent", "sieve", "pool"])
def test_lost_key_is_noticed(desk: Desk, key: str) -> None:
    """One key deleted, by hand or by an eviction: no event counts twice, whether it was relayed or not."""
    old = [f"old{number}" for number in range(200)]
    desk.batch(old)
    desk.engine.relay()
    desk.a_day_later()
    desk.batch([f"new{number}" for number in range(200)])
    with desk.server.client() as client:
        (name,) = client.scan_iter(match=f"*:{desk.arena.subscription}:{key}")
        client.delete(name)
    assert desk.batch([*old, "new0", "new199"]) == {"already_recorded"}
    assert desk.used() == 400
    desk.engine.relay()
    assert len(desk.charges()) == 400
    desk.arena.audit()


def test_usage_moves_to_a_gate_and_back(desk: Desk) -> None:
    """Keys that were recorded on either side are known on the other."""
    beside = dataclasses.replace(desk.arena, gate=None)
    before = Desk(beside, beside.open(), desk.server)
    assert before.record("a", 3) == "allowed"
    assert (desk.record("a", 3), desk.record("b", 4), desk.used()) == ("already_recorded", "allowed", 7)
    assert desk.refund("a", 3) == "allowed"
    desk.engine.relay()
    assert (before.record("a", 3), before.record("b", 4), before.used()) == (*["already_recorded"] * 2, 4)
    assert before.record("c") == "allowed"
    before.arena.audit()


def test_suspended_service_records_nothing_at_once(desk: Desk) -> None:
    """And goes on when it is resumed; what is given back is given back meanwhile."""
    desk.record("a", 3)
    desk.engine.subscriptions.suspend(desk.actor, desk.arena.subscription)
    assert desk.record("b") == "suspended"
    desk.engine.subscriptions.resume(desk.actor, desk.arena.subscription)
    assert (desk.record("b"), desk.used()) == ("allowed", 4)


@every_ledger
def test_a_key_that_was_charged_beside_the_gate_stops_no_relay(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """A process without the gate's setting has recorded it too: told, counted once, and the rest goes on."""
    beside = dataclasses.replace(desk.arena, gate=None)
    assert desk.record("a", 3) == desk.record("b", 4) == "allowed"
    other = Desk(beside, beside.open(), desk.server)
    assert other.record("a", 3) == "allowed"
    other.engine.close()
    assert desk.engine.relay() == 2
    assert "charged beside the gate" in caplog.text
    assert desk.charges() == {"a": 3, "b": 4}
    assert list(desk.engine.journal.verify(desk.actor)) == []


class Looked:
    """A unit of work that remembers what was looked at."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self.at: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.at.add(name)
        return getattr(self._work, name)


@dataclass
class Eavesdropper:
    """A ledger that lets something happen once, right after somebody has looked at its charges, or at
    something else, for that many times."""

    ledger: Ledger
    act: Callable[[], object] | None = None
    what: str = "charges"
    times: int = 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ledger, name)

    @contextmanager
    def read(self, tenant: str) -> Iterator[Work]:
        """See ``Ledger.read``."""
        with self.ledger.read(tenant) as work:
            looked = Looked(work)
            yield cast(Work, looked)
        if self.what in looked.at and self.act is not None:
            self.times -= 1
            if not self.times:
                act, self.act = self.act, None
                act()


def slow_beside(desk: Desk) -> tuple[Desk, Eavesdropper]:
    """Another process, and what may happen while it looks into the ledger."""
    beside = open_store(desk.arena.url)
    ledger = Eavesdropper(beside.ledger)
    store = open_gate(desk.server.url(), dataclasses.replace(beside, ledger=cast(Ledger, ledger)))
    return Desk(desk.arena, Seatguard(store), desk.server), ledger


@pytest.mark.parametrize("then", ["", "relayed", "flushed"])
def test_what_the_ledger_said_is_not_believed_against_the_gate(desk: Desk, then: str) -> None:
    """Between a look into the ledger and the write somebody else records the same key; perhaps it is relayed,
    and perhaps the gate is emptied besides: it counts once."""
    desk.record("first", 5)
    desk.engine.relay()
    desk.server.flush()
    slow, ledger = slow_beside(desk)
    assert slow.used() == 5

    def meanwhile() -> None:
        assert desk.record("late", 3) == "allowed"
        if then:
            desk.engine.relay()
        if then == "flushed":
            desk.server.flush()

    ledger.act = meanwhile
    assert slow.record("late", 3) == "already_recorded"
    assert ledger.act is None
    assert (slow.used(), desk.used()) == (8, 8)


@pytest.mark.parametrize(("what", "times"), [("accounts", 1), ("charges", 2)])
def test_what_the_ledger_said_of_one_book_is_not_believed_of_the_next(
    desk: Desk, what: str, times: int
) -> None:
    """A process that begins a book, or lets its sieve learn, is so slow that the ledger gets a charge and the
    gate loses all it has meanwhile: the charge is known, and counts once."""
    first = 5 if what == "charges" else 0
    if first:
        desk.record("first", first)
        desk.engine.relay()
        desk.server.flush()
    slow, ledger = slow_beside(desk)

    def meanwhile() -> None:
        assert desk.record("late", 3) == "allowed"
        desk.engine.relay()
        desk.server.flush()
        if first:
            assert desk.used() == first + 3

    ledger.what, ledger.times = what, times
    if first:
        assert slow.used() == first
    ledger.act = meanwhile
    assert slow.record("late", 3) == "already_recorded"
    assert ledger.act is None
    assert (slow.used(), desk.used()) == (first + 3, first + 3)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("record"), KEYS, st.integers(1, 8)),
        st.tuples(st.just("refund"), KEYS, st.integers(1, 8)),
        st.tuples(st.just("days"), KEYS, st.integers(1, 3)),
        st.tuples(st.sampled_from(["relay", "flush", "book", "recent", "pool"]), KEYS, st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, limit=st.integers(0, 10), rollover=st.integers(0, 12), soft=st.booleans())
def test_a_gate_that_loses_its_keys_does_what_the_model_does(
    redis_servers: Callable[[str], RedisServer],
    steps: list[tuple[str, str, int]],
    limit: int,
    rollover: int,
    soft: bool,
) -> None:
    """Any sequence, with relays between, flushes after a relay, and single keys that go at any time."""
    server, clock = redis_servers("valkey"), FrozenClock()
    server.flush()
    world = World.on(open_store("memory:", gate=server.url(), clock=clock, steady=clock), clock)

    def other(act: str) -> None:
        if act in ("relay", "flush"):
            world.engine.relay()
        with server.client() as client:
            if act == "flush":
                client.flushall()
            for name in client.scan_iter(match=f"*:{act}"):
                client.delete(name)

    play(world, steps, limit, rollover, soft, other)
    world.engine.close()


class UsageLoad(Load):
    """Events of one unit instead of claims."""

    quota: Quota = QUOTA

    def ask(self, actor: Actor, where: Where, name: str) -> tuple[bool, int]:
        """See ``Load.ask``."""
        decision = self.engine.usage.record(actor, where, "calls", key=name, quota=self.quota)
        balance = decision.facts.balance
        return decision.allowed, 0 if balance is None else balance.used


@pytest.mark.crash
@pytest.mark.parametrize("answer", ["gate", "ledger"])
def test_flush_under_load_never_passes_the_quota(start_redis: Start, new_database: New, answer: str) -> None:
    """FLUSHALL ten times while 8 threads record: no account passes its quota, at the gate or in the ledger.
    Where answers wait for the ledger, everything that was answered is there."""
    server = start_redis("valkey")
    arena = Arena.build(new_database("sqlite"), limit=1, gate=f"{server.url()}?answer={answer}")
    load = UsageLoad(arena.open(), arena)
    load.quota = Quota(limit=400)
    desk = Desk(arena, load.engine, server, load.quota)
    with Worker(arena.open()).running(), load.running():
        for turn in range(10):
            load.until(30 * (turn + 1))
            server.flush()
        load.until_refused()
    desk.engine.relay()
    there = desk.charges()
    lost = load.seated.keys() - there.keys()
    print(f"10 flushes, answer {answer}: {len(load.seated)} recorded, {len(lost)} of them lost")
    assert load.most <= 400
    assert desk.used() == len(there) == 400
    arena.audit()
    if answer == "ledger":
        assert not lost


@pytest.mark.crash
@pytest.mark.parametrize("appendfsync", ["always", "everysec", None])
def test_killed_server_loses_at_most_what_was_not_relayed(
    start_redis: Start, new_database: New, appendfsync: str | None
) -> None:
    """SIGKILL under load: with an append-only file nothing, without one the last moments; what is left counts
    on from there, and what was sent again counts once."""
    server = start_redis("valkey", appendfsync=appendfsync)
    arena = Arena.build(new_database("sqlite"), limit=1, gate=server.url())
    load = UsageLoad(arena.open(), arena)
    desk = Desk(arena, load.engine, server)
    with Worker(arena.open()).running(), load.running():
        load.until(300)
        server.kill()
        killed = time.monotonic()
        load.until_outage()
        server.restart()
        load.until(len(load.seated) + 20)
    desk.engine.relay()
    there = desk.charges()
    lost = sorted(killed - load.seated[name] for name in load.seated.keys() - there.keys())
    window = lost[-1] if lost else 0.0
    print(
        f"appendfsync {appendfsync}: lost {len(lost)} of {len(load.seated)},"
        f" the oldest {window * 1000:.0f} ms before the kill"
    )
    assert window < 5.0
    if appendfsync is not None:
        assert not lost
    again = {name: desk.record(name) for name in [*load.seated][:50]}
    assert all((said == "already_recorded") == (name in there) for name, said in again.items())
    desk.engine.relay()
    assert desk.used() == len(desk.charges())
    arena.audit()
