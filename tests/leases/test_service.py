"""What the lease service adds to its gate: plans, named seats, people's names."""

from __future__ import annotations

import pytest

from seatguard import InvalidInput, NotFound, Reason
from seatguard.allowances import Concurrency
from tests.worlds import World

FLOATING = Concurrency(limit=1)
SESSIONS = Concurrency(limit=1, per_holder=True)


@pytest.fixture
def world() -> World:
    """A project with one named seat."""
    world = World.in_memory()
    world.service(1)
    return world


def checkout(world: World, username: str, allowance: Concurrency | None = FLOATING) -> Reason:
    """Ask for a place."""
    return world.engine.leases.checkout(
        world.actor, world.where, "floating", username, allowance=allowance
    ).reason


def test_a_named_user_needs_no_floating_place(world: World) -> None:
    """Nor does a full pool keep them out; somebody whose seat is a hold is not named yet."""
    world.seat("grace")
    assert checkout(world, "ada") is Reason.ALLOWED
    assert checkout(world, "Grace") is Reason.ALREADY_HELD
    assert checkout(world, "bob") is Reason.LIMIT_REACHED
    world.engine.seats.release(world.actor, world.where, "grace").require()
    world.engine.seats.hold(world.actor, world.where, "grace", seconds=60).require()
    assert checkout(world, "grace") is Reason.LIMIT_REACHED


def test_a_cap_on_sessions_is_for_named_users_too(world: World) -> None:
    """That is whom it is for."""
    world.seat("grace")
    leases = world.engine.leases
    for session, reason in (("phone", Reason.ALLOWED), ("laptop", Reason.LIMIT_REACHED)):
        decision = leases.checkout(
            world.actor, world.where, "sessions", "grace", session=session, allowance=SESSIONS
        )
        assert decision.reason is reason
    told = leases.live(world.actor, world.where, "sessions", username="grace", allowance=SESSIONS)
    assert (told.reason, told.facts.live) == (Reason.LIMIT_REACHED, 1)
    with pytest.raises(InvalidInput, match="each user has sessions of their own"):
        leases.live(world.actor, world.where, "sessions", allowance=SESSIONS)


def test_a_users_own_override_counts(world: World) -> None:
    """Whoever was granted more has more; the others have what the service includes."""
    engine, actor = world.engine, world.actor
    service = engine.subscriptions.list(actor).items[0].id
    definition = {"settings": {"per_holder": True}}
    engine.features.define(actor, "app.sessions", kind="concurrent", definition=definition)
    engine.overrides.change_subscription(actor, service, {"quotas": {"app": {"sessions": 1}}})
    engine.overrides.change_user(actor, "ada", {"quotas": {"app": {"sessions": 2}}})
    given = {
        user: [
            engine.leases.checkout(actor, world.where, "app.sessions", user, session=session).allowed
            for session in ("phone", "laptop", "tablet")
        ]
        for user in ("ada", "bob")
    }
    assert given == {"ada": [True, True, False], "bob": [True, False, False]}
    assert checkout(world, "ada", None) is Reason.NOT_INCLUDED


def test_a_users_own_plan_is_a_cap_on_the_user(world: World) -> None:
    """Without a feature that says so; the number in a project's plan is of all its users together."""
    engine, actor, name = world.engine, world.actor, "app.maxConcurrentSessions"
    engine.catalog.add(
        actor, slug="personal", seats=0, offer={"quotas": {"app": {"maxConcurrentSessions": 2}}}
    )
    service = engine.subscriptions.list(actor).items[0].id
    engine.overrides.change_subscription(actor, service, {"quotas": {"app": {"maxConcurrentSessions": 1}}})
    for user in ("ada", "bob"):
        engine.user_subscriptions.assign(actor, user, plan="personal")
    given = [
        engine.leases.checkout(actor, world.where, name, user, session=session).allowed
        for user in ("ada", "bob", "cleo", "dora")
        for session in ("phone", "laptop", "tablet")
    ]
    # Cleo and dora are on no plan of their own: they share the service's one place.
    assert given == [True, True, False] * 2 + [True, False, False] + [False] * 3


def test_a_suspended_service_prolongs_nothing(world: World) -> None:
    """The lease runs out by itself; when the service is back, it goes on."""
    decision = world.engine.leases.checkout(world.actor, world.where, "floating", "ada", allowance=FLOATING)
    assert decision.facts.lease is not None
    lease = decision.facts.lease.id
    service = world.engine.subscriptions.list(world.actor).items[0].id
    world.engine.subscriptions.suspend(world.actor, service)

    def beat() -> Reason:
        return world.engine.leases.heartbeat(world.actor, world.where, lease, allowance=FLOATING).reason

    assert beat() is Reason.SUSPENDED
    world.engine.subscriptions.resume(world.actor, service)
    assert beat() is Reason.ALREADY_HELD


def test_giving_back_says_whether_there_was_a_place_to_free(world: World) -> None:
    """Returned, and returned: twice is once. One that had lapsed was free already."""
    leases = world.engine.leases

    def lease() -> str:
        given = leases.checkout(world.actor, world.where, "floating", "ada", allowance=FLOATING)
        assert given.facts.lease is not None
        return given.facts.lease.id

    def back(lease_id: str) -> list[Reason]:
        return [leases.give_back(world.actor, world.where, lease_id).reason for _ in range(2)]

    first = lease()
    assert back(first) == [Reason.ALLOWED] * 2
    second = lease()
    world.clock.travel(seconds=60)
    assert back(second) == [Reason.LEASE_ENDED] * 2


def test_a_lease_of_another_project_is_not_found(world: World) -> None:
    """Beaten and given back by its own project alone."""
    decision = world.engine.leases.checkout(world.actor, world.where, "floating", "ada", allowance=FLOATING)
    assert decision.facts.lease is not None
    other = world.engine.projects.add(world.actor, world.client.id, name="Other")
    world.engine.subscriptions.add(world.actor, other.id, limit=1)
    elsewhere = world.engine.where(other.id)
    with pytest.raises(NotFound):
        world.engine.leases.heartbeat(world.actor, elsewhere, decision.facts.lease.id, allowance=FLOATING)
    with pytest.raises(NotFound):
        world.engine.leases.give_back(world.actor, elsewhere, decision.facts.lease.id)


def test_names_leave_the_journal_with_the_person(world: World) -> None:
    """A lease's entries are found by the person and lose the name; the chain still verifies."""
    decision = world.engine.leases.checkout(world.actor, world.where, "floating", "ada", allowance=FLOATING)
    assert decision.facts.lease is not None
    world.engine.leases.give_back(world.actor, world.where, decision.facts.lease.id)
    assert world.engine.erase_person(world.actor, "ada").facts["entries"] == 2
    assert all(entry.erasable is None for entry in world.entries(kind="lease."))
    world.check()
