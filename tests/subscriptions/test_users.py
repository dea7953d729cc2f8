"""Users on plans of their own."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from seatguard import Denied, InvalidInput, NotFound
from tests.worlds import Unchanged, World


@pytest.fixture
def world() -> World:
    world = World.in_memory()
    for slug in ("free", "pro", "max"):
        world.engine.catalog.add(world.actor, slug=slug, seats=None)
    return world


def plans(world: World, user: str = "ada") -> list[str]:
    """Slugs of the plans a user is on."""
    of = world.engine.user_subscriptions.of(world.actor, user)
    return [world.engine.catalog.identified(world.actor, one.plan).slug for one in of]


def test_a_second_plan_takes_the_place_of_the_first(world: World) -> None:
    """A user has one plan: it is the same subscription, since another instant, on another plan."""
    assign = world.engine.user_subscriptions.assign
    first = assign(world.actor, "Ada", plan="free")
    assert (first.user, first.user_key, first.since) == ("Ada", "ada", world.clock())
    world.clock.travel(seconds=60)
    second = assign(world.actor, "ada", plan="pro")
    assert (second.id, second.created_at, second.since) == (first.id, first.created_at, world.clock())
    assert plans(world) == ["pro"]
    assert world.kinds(subject=first.id) == ["user_subscription.added", "user_subscription.changed"]
    assert world.last(subject=first.id).data["before"] == first.plan
    world.check()


def test_the_same_plan_again_writes_nothing(world: World) -> None:
    """Also when it takes no new subscribers any more: who is there, stays."""
    first = world.engine.user_subscriptions.assign(world.actor, "ada", plan="pro")
    world.engine.catalog.deactivate(world.actor, "pro")
    with Unchanged(world):
        assert world.engine.user_subscriptions.assign(world.actor, "ada", plan="pro") == first
    with Unchanged(world), pytest.raises(Denied):
        world.engine.user_subscriptions.assign(world.actor, "bob", plan="pro")


def test_an_end_is_set_and_taken_back(world: World) -> None:
    """On the same plan only the end changes."""
    assign, ends = world.engine.user_subscriptions.assign, world.clock() + dt.timedelta(days=3)
    assign(world.actor, "ada", plan="pro")
    assert assign(world.actor, "ada", plan="pro", ends_at=ends).ends_at == ends
    assert assign(world.actor, "ada", plan="pro").ends_at is None
    with pytest.raises(InvalidInput):
        assign(world.actor, "ada", plan="pro", ends_at=ends.replace(tzinfo=None))


def test_several_plans_where_the_tenant_wants_it(world: World) -> None:
    """Each plan once; switching back leaves one at the next assignment."""
    assign, tenants = world.engine.user_subscriptions.assign, world.engine.tenants
    tenants.configure(world.actor, one_plan_per_user=False)
    for slug in ("free", "pro", "free"):
        assign(world.actor, "ada", plan=slug)
    assert plans(world) == ["free", "pro"]
    tenants.configure(world.actor, one_plan_per_user=True)
    assign(world.actor, "ada", plan="max")
    assert plans(world) == ["max"]
    with Unchanged(world):
        tenants.configure(world.actor, one_plan_per_user=True)
    world.check()


def test_a_removed_user_is_on_no_plan(world: World) -> None:
    """Off one plan, or off all; twice is once."""
    service = world.engine.user_subscriptions
    world.engine.tenants.configure(world.actor, one_plan_per_user=False)
    for slug in ("free", "pro", "max"):
        service.assign(world.actor, "ada", plan=slug)
    assert service.remove(world.actor, "ADA", plan="pro") == 1
    assert plans(world) == ["free", "max"]
    assert service.remove(world.actor, "ada") == 2
    with Unchanged(world):
        assert service.remove(world.actor, "ada") == 0
    with pytest.raises(NotFound):
        service.remove(world.actor, "ada", plan="none")
    assert service.list(world.actor).items == ()
    world.check()


@pytest.mark.parametrize("plan", ["none", "", "no-id"])
def test_a_plan_that_is_not_there(world: World, plan: str) -> None:
    """Neither by slug nor by id."""
    with Unchanged(world), pytest.raises(NotFound):
        world.engine.user_subscriptions.assign(world.actor, "ada", plan=plan)


def test_users_are_listed_by_plan(world: World) -> None:
    """In the order they came, page by page."""
    service = world.engine.user_subscriptions
    for user in ("ada", "bob", "eve"):
        service.assign(world.actor, user, plan="pro")
    pro = world.engine.catalog.get(world.actor, "pro").id
    page = service.list(world.actor, plan_id=pro, limit=2)
    rest = service.list(world.actor, plan_id=pro, limit=2, after=page.after)
    assert [one.user for one in page.items + rest.items] == ["ada", "bob", "eve"]


def test_one_user_assigned_by_many_at_once_has_one_plan(world: World) -> None:
    """Whoever is last decides; nobody meets an error."""
    barrier = Barrier(6)

    def put(number: int) -> str:
        barrier.wait()
        return world.engine.user_subscriptions.assign(
            world.actor, "ada", plan=("free", "pro", "max")[number % 3]
        ).id

    with ThreadPoolExecutor(6) as pool:
        made = Counter(pool.map(put, range(6)))
    assert len(made) == 1
    assert len(plans(world)) == 1
    world.check()
