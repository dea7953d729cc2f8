"""Every call of every operation fails once, before and after it takes effect: nothing is left half done."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import resource
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seatguard import Seat, StorageUnavailable, Store
from seatguard.allowances import Concurrency, Quota, Takeover
from seatguard.catalog import PlanChange
from seatguard.idempotency.model import Begun, Replied, Reply
from seatguard.journal.model import Entry
from seatguard.seats.model import Usage
from seatguard.storage.sqlalchemy import Database, SqlGate, SqlLedger, sql_meters
from seatguard.testing import FailingCalls, FrozenClock
from tests.storage.stores import migrate
from tests.worlds import World

ONE = Usage(1, 0)
QUOTA = Quota(limit=10)
FLOATING = Concurrency(limit=1, takeover=Takeover.OLDEST)
LONGEST = 60
"""More calls than any operation makes."""


@pytest.fixture(params=["memory", "sqlite", "postgresql", "mariadb"])
def faulty(request: pytest.FixtureRequest) -> Iterator[tuple[World, FailingCalls]]:
    """A world on each store, and what makes that store fail."""
    clock, faults = FrozenClock(), FailingCalls()
    if request.param == "memory":
        yield World.on(faults.memory_store(clock), clock), faults
        return
    url = request.getfixturevalue("new_database")(request.param)
    migrate(url)
    database = Database(url)
    # All reads once, on the store where a call costs least; they are the same statements on the others.
    faults.watch(database.engine, reads=request.param == "sqlite")
    store = Store(SqlLedger(database), SqlGate(database, clock), meters=sql_meters(database, clock, clock))
    yield World.on(store, clock), faults
    database.close()


@dataclasses.dataclass(frozen=True)
class State:
    """What stands in the store for one case."""

    usage: Usage
    seats: tuple[Seat, ...]
    records: tuple[object, ...]
    entries: list[Entry]

    def since(self, before: State) -> Counter[str]:
        """What was put on record since, by kind."""
        return self.kinds() - before.kinds()

    def kinds(self) -> Counter[str]:
        """What is on record, by kind."""
        return Counter(entry.kind for entry in self.entries)


@dataclasses.dataclass
class Case:
    """A project of its own with a subscription of three seats, for one operation that fails at one place."""

    world: World
    slug: str
    subscription: str
    memory: dict[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def build(cls, world: World, number: int) -> Case:
        slug = f"plan-{number}"
        engine, actor = world.engine, world.actor
        project = engine.projects.add(actor, world.client.id, name=f"Project {number}")
        engine.catalog.add(actor, slug=slug, seats=3)
        engine.addons.define(actor, "pack", seats=5)
        service = engine.subscriptions.add(actor, project.id, plan=slug)
        case = cls(dataclasses.replace(world, project=project), slug, service.id)
        case.seats.take(case.actor, case.where, "ada").require()
        return case

    @property
    def seats(self) -> Any:
        return self.world.engine.seats

    @property
    def actor(self) -> Any:
        return self.world.actor

    @property
    def where(self) -> Any:
        return self.world.where

    def hold(self, username: str) -> str:
        """A hold made beforehand; its id."""
        if username not in self.memory:
            made = self.seats.hold(self.actor, self.where, username, seconds=60).require()
            self.memory[username] = made.seat.id
        return str(self.memory[username])

    def reply(self) -> Reply:
        """A request begun under a key beforehand."""
        if "reply" not in self.memory:
            start = self.world.engine.idempotency.begin(self.actor, route="take", key=self.slug, body=b"bob")
            assert isinstance(start, Begun)
            self.memory["reply"] = start.reply
        return self.memory["reply"]  # type: ignore[no-any-return]

    def state(self) -> State:
        """Everything that an operation on this case may change."""
        world, tenant = self.world, self.actor.tenant
        with world.store.ledger.read(tenant) as work:
            plan = work.plans.find(slug=self.slug)
            assert plan is not None
            streams = (self.subscription, world.project.id, plan.id)
            records = (
                plan,
                work.plan_versions.list(plan=plan.id).items,
                work.subscriptions.get(self.subscription),
                work.project_keys.list(project=world.project.id).items,
                work.extras.list(subscription=self.subscription).items,
                work.user_subscriptions.list(plan=plan.id).items,
                work.scheduled_changes.list(subscription=self.subscription).items,
                work.accounts.list(subscription=self.subscription).items,
                work.charges.list(subscription=self.subscription).items,
                work.pools.list(subscription=self.subscription).items,
                work.leases.list(subscription=self.subscription).items,
            )
            entries = [
                entry
                for stream in streams
                for entry in work.journal.stream(stream, after_seq=None, limit=100)
            ]
        seats = world.store.gate.list(tenant, [self.subscription], limit=100, after=0).items
        return State(world.store.gate.usage(tenant, self.subscription), seats, records, entries)

    def take_with_key(self) -> Any:
        reply = self.reply()
        return self.seats.take(
            self.actor, self.where, "bob", render=lambda made: reply.done(200, made.facts.seat.id.encode())
        )

    def lease(self, username: str) -> str:
        """A floating place taken beforehand; the id of its lease."""
        if username not in self.memory:
            made = self.check_out(username).require()
            self.memory[username] = made.lease.id
        return str(self.memory[username])

    def check_out(self, username: str) -> Any:
        leases = self.world.engine.leases
        return leases.checkout(self.actor, self.where, "floating", username, allowance=FLOATING)

    def record(self, key: str) -> Any:
        return self.world.engine.usage.record(self.actor, self.where, "calls", 3, key=key, quota=QUOTA)

    def release_ada(self) -> Any:
        return self.seats.release(self.actor, self.where, "ada")

    def scheduled(self) -> Any:
        """A change made beforehand that is due by now."""
        at = self.world.clock() + dt.timedelta(seconds=1)
        self.world.engine.changes.schedule(self.actor, self.subscription, what="limit", value=9, at=at)
        self.world.clock.set(at)

    def update(self) -> Any:
        offer = {"quotas": {"speech": {"minutes": 5}}}
        with self.world.store.ledger.read(self.actor.tenant) as work:
            plan = work.plans.find(slug=self.slug)
        assert plan is not None
        return self.world.engine.update_plan(self.actor, plan.id, PlanChange(seats=5, offer=offer))

    def publish(self) -> Any:
        return self.world.engine.publish_plan(self.actor, self.slug, seats=5)


@dataclasses.dataclass(frozen=True)
class Operation:
    """What is done, what it writes, and what stands when it is done.

    Attributes:
        prepare: what must be there before.
        repeats: whether asking again does it again, because nothing tells the two wishes apart.
    """

    act: Callable[[Case], Any]
    writes: dict[str, int]
    usage: Usage = ONE
    prepare: Callable[[Case], object] = lambda case: None
    repeats: bool = False


def released_and_free(case: Case) -> None:
    """Somebody who sat there once and does no more."""
    case.seats.take(case.actor, case.where, case.slug).require()
    case.seats.release(case.actor, case.where, case.slug)


OPERATIONS = {
    "take": Operation(
        lambda case: case.seats.take(case.actor, case.where, "bob"), {"seat.taken": 1}, Usage(2, 0)
    ),
    "take with a key": Operation(
        lambda case: case.take_with_key(), {"seat.taken": 1}, Usage(2, 0), prepare=lambda case: case.reply()
    ),
    "hold": Operation(
        lambda case: case.seats.hold(case.actor, case.where, "bob", seconds=60), {"seat.held": 1}, Usage(2, 1)
    ),
    "confirm": Operation(
        lambda case: case.seats.confirm(case.actor, case.where, case.hold("bob")),
        {"seat.taken": 1},
        Usage(2, 0),
        prepare=lambda case: case.hold("bob"),
    ),
    "take one's own hold": Operation(
        lambda case: case.seats.take(case.actor, case.where, "bob"),
        {"seat.taken": 1},
        Usage(2, 0),
        prepare=lambda case: case.hold("bob"),
    ),
    "renew": Operation(
        lambda case: case.seats.renew(case.actor, case.where, case.hold("bob"), seconds=90),
        {"hold.renewed": 1},
        Usage(2, 1),
        prepare=lambda case: case.hold("bob"),
    ),
    "release": Operation(lambda case: case.release_ada(), {"seat.released": 1}, Usage(0, 0)),
    "release a hold": Operation(
        lambda case: case.seats.release_hold(case.actor, case.where, case.hold("bob")),
        {"hold.released": 1},
        prepare=lambda case: case.hold("bob"),
    ),
    "transfer": Operation(
        lambda case: case.seats.transfer(case.actor, case.where, "ada", to="eve"), {"seat.transferred": 1}
    ),
    "record usage": Operation(lambda case: case.record("event"), {"usage.recorded": 1}),
    "refund usage": Operation(
        lambda case: case.world.engine.usage.refund(
            case.actor, case.where, "calls", key="event", amount=2, quota=QUOTA
        ),
        {"usage.refunded": 1},
        prepare=lambda case: case.record("event"),
    ),
    "check out": Operation(
        lambda case: case.check_out("eve"),
        {"lease.taken": 1, "lease.taken_over": 1},
        prepare=lambda case: case.lease("bob"),
    ),
    "give back": Operation(
        lambda case: case.world.engine.leases.give_back(case.actor, case.where, case.lease("bob")),
        {"lease.returned": 1},
        prepare=lambda case: case.lease("bob"),
    ),
    "change limit": Operation(
        lambda case: case.world.engine.subscriptions.change_limit(case.actor, case.subscription, limit=9),
        {"subscription.limit_changed": 1},
    ),
    "change terms": Operation(
        lambda case: case.world.engine.subscriptions.change_terms(
            case.actor, case.subscription, overage="+1", grace_days=3
        ),
        {"subscription.terms_changed": 1},
    ),
    "add on": Operation(
        lambda case: case.world.engine.subscriptions.set_addon(
            case.actor, case.subscription, "pack", quantity=2
        ),
        {"subscription.addon_changed": 1},
    ),
    "apply what is due": Operation(
        lambda case: case.world.engine.changes.apply_due(case.actor),
        {"change.applied": 1, "subscription.limit_changed": 1},
        prepare=lambda case: case.scheduled(),
    ),
    "assign a user": Operation(
        lambda case: case.world.engine.user_subscriptions.assign(case.actor, case.slug, plan=case.slug),
        {"user_subscription.added": 1},
    ),
    "update plan": Operation(
        lambda case: case.update(), {"plan.published": 1, "subscription.plan_version_changed": 1}
    ),
    "suspend": Operation(
        lambda case: case.world.engine.subscriptions.suspend(case.actor, case.subscription),
        {"subscription.suspended": 1},
    ),
    "add key": Operation(
        lambda case: case.world.engine.projects.add_key(case.actor, case.world.project.id),
        {"key.added": 1},
        repeats=True,
    ),
    "publish plan": Operation(
        lambda case: case.publish(),
        {"plan.published": 1, "subscription.plan_version_changed": 1},
        repeats=True,
    ),
    "erase": Operation(
        lambda case: case.world.engine.erase_person(case.actor, case.slug),
        {"person.erased": 1},
        prepare=released_and_free,
    ),
}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_no_call_that_fails_leaves_half_of_anything(
    faulty: tuple[World, FailingCalls], name: str, after: bool
) -> None:
    """All of the operation stands or none of it; asked again it is done, and done once."""
    world, faults = faulty
    operation = OPERATIONS[name]
    struck = 0
    for call in range(1, LONGEST):
        case = Case.build(world, call)
        operation.prepare(case)
        before = case.state()
        answered = lost = None
        with faults.failing(call, after=after):
            try:
                answered = operation.act(case)
            except StorageUnavailable as error:
                lost = error
        if not faults.struck:
            assert lost is None
            break
        struck += 1
        stands = case.state()
        written = stands.since(before)
        if written:
            assert (written, stands.usage) == (operation.writes, operation.usage)
        else:
            assert stands == before
            assert answered is None
        if answered is None:
            answered = operation.act(case)
            stands = case.state()
        assert getattr(answered, "allowed", True)
        done = stands.since(before)
        if not operation.repeats:
            assert done == operation.writes
        else:
            assert all(1 <= done[kind] // times <= 2 for kind, times in operation.writes.items())
        assert stands.usage == operation.usage
    else:
        pytest.fail(f"{name} makes more than {LONGEST} calls")
    assert struck
    world.check()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_lost_answer_is_found_under_its_key(faulty: tuple[World, FailingCalls], after: bool) -> None:
    """Whatever call failed, the answer kept under the key is there exactly when the seat is."""
    world, faults = faulty
    for call in range(1, LONGEST):
        case = Case.build(world, call)
        reply = case.reply()
        with faults.failing(call, after=after), contextlib.suppress(StorageUnavailable):
            case.take_with_key()
        seat = case.seats.find(case.actor, case.where, "bob")
        with world.store.ledger.read(case.actor.tenant) as work:
            kept = work.replies.get(reply.id)
        assert kept.body == (b"" if seat is None else seat.id.encode())
        if not faults.struck:
            break
    again = world.engine.idempotency.begin(case.actor, route="take", key=case.slug, body=b"bob")
    assert again == Replied(200, kept.body)


@contextlib.contextmanager
def disk_that_is_full(beyond: int) -> Iterator[None]:
    """No file of this process grows beyond so many bytes: the system refuses, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (beyond, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_refuses_and_holds_no_lock(tmp_path: Path) -> None:
    """A commit that cannot be written changes nothing, and neither this process nor another waits for it."""
    file, clock = tmp_path / "full.db", FrozenClock()
    full, other = Database(f"sqlite:///{file}"), Database(f"sqlite:///{file}")
    full.prepare()
    world = World.on(Store(SqlLedger(full), SqlGate(full, clock)), clock)
    world.service(3)
    written = Path(f"{file}-wal").stat().st_size
    for act in (
        lambda: world.engine.clients.rename(world.actor, world.client.id, name="Refused"),
        lambda: world.seat("refused"),
    ):
        with disk_that_is_full(written), pytest.raises(StorageUnavailable):
            act()
        with SqlLedger(other).begin(world.actor.tenant) as work:
            assert work.clients.lock(world.client.id).name == "Client"
        assert world.engine.seats.list(world.actor, world.where).items == ()
    assert world.engine.clients.rename(world.actor, world.client.id, name="Accepted").version == 2
    world.check()
    other.close()
    full.close()
