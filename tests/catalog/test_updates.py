"""Plans as a whole: added with all they promise, changed, told about."""

from __future__ import annotations

from typing import Any

import pytest

from seatguard import Conflict, InvalidInput, NotFound
from seatguard.catalog import Offer, PlanChange
from tests.worlds import Unchanged, World

PRO: dict[str, Any] = {
    "quotas": {"speech-service": {"maxConcurrentSessions": 5}},
    "permissions": ["speech:files:read", "speech:files:write"],
}


@pytest.fixture
def world() -> World:
    return World.in_memory()


def test_a_plan_is_added_with_all_it_promises(world: World) -> None:
    """Everything comes back, and the entry tells what was promised."""
    catalog = world.engine.catalog
    plan = catalog.add(
        world.actor,
        slug="pro-plan",
        name="Professional",
        seats=None,
        active=False,
        display_order=3,
        description="For teams.\nOf any size.",
        offer=PRO,
    )
    assert catalog.identified(world.actor, plan.id) == catalog.get(world.actor, "pro-plan") == plan
    assert (plan.active, plan.display_order, plan.updated_at) == (False, 3, world.clock())
    assert catalog.current(world.actor, "pro-plan").offer == Offer.from_data(PRO)
    assert world.last(stream=plan.id).data == {
        "slug": "pro-plan",
        "name": "Professional",
        "seats": None,
        "active": False,
        "offer": PRO,
    }


def test_a_change_replaces_what_it_names_and_nothing_else(world: World) -> None:
    """A given member of the offer replaces the whole member; the others stay; the version before too."""
    plan = world.engine.catalog.add(world.actor, slug="pro", seats=5, offer=PRO)
    service = world.service(None, plan="pro")
    change = PlanChange(name="Pro+", seats=7, offer={"quotas": {"translate": {"words": 100}}})
    update = world.engine.update_plan(world.actor, plan.id, change, version=1)
    assert (update.plan.name, update.plan.slug, update.current.number) == ("Pro+", "pro", 2)
    assert update.current.offer == Offer.from_data(PRO | {"quotas": {"translate": {"words": 100}}})
    assert world.engine.subscriptions.get(world.actor, service.id).limit == 7
    assert world.last(kind="plan.published").data == {
        "number": 2,
        "seats": {"before": 5, "after": 7},
        "offer": {"quotas": {"before": PRO["quotas"], "after": {"translate": {"words": 100}}}},
    }
    first, second = world.engine.catalog.versions(world.actor, plan.id).items
    assert (first.offer, second) == (Offer.from_data(PRO), update.current)
    world.check()


def test_nothing_different_writes_nothing(world: World) -> None:
    """A change to what is already so is no version, no entry."""
    plan = world.engine.catalog.add(world.actor, slug="pro", name="Pro", seats=5, offer=PRO)
    with Unchanged(world):
        same = PlanChange(name="Pro", active=True, display_order=0, description=None, seats=5, offer=PRO)
        assert world.engine.update_plan(world.actor, plan.id, same).plan == plan
        assert world.engine.update_plan(world.actor, plan.id, PlanChange()).current.number == 1


def test_inactive_by_a_change_is_deactivated(world: World) -> None:
    """Active or not is one thing, whichever way it was said."""
    plan = world.engine.catalog.add(world.actor, slug="pro", seats=5)
    assert not world.engine.update_plan(world.actor, plan.id, PlanChange(active=False)).plan.active
    with Unchanged(world):
        world.engine.catalog.deactivate(world.actor, "pro")
    assert world.engine.update_plan(world.actor, plan.id, PlanChange(active=True)).plan.active
    assert world.kinds(stream=plan.id) == ["plan.added", "plan.deactivated", "plan.reactivated"]


def test_shown_order_and_text_are_described(world: World) -> None:
    """What customers see changes without a new version."""
    plan = world.engine.catalog.add(world.actor, slug="pro", seats=5)
    change = PlanChange(display_order=-2, description="Best value")
    update = world.engine.update_plan(world.actor, plan.id, change)
    assert (update.plan.display_order, update.plan.description) == (-2, "Best value")
    assert update.current.number == 1
    assert world.last(stream=plan.id).data == {
        "display_order": {"before": 0, "after": -2},
        "description": {"before": None, "after": "Best value"},
    }


def test_who_is_over_the_limit_is_told(world: World) -> None:
    """A lowered plan names the subscriptions that have more holders now than seats; nobody lost one."""
    plan = world.engine.catalog.add(world.actor, slug="pro", seats=3)
    full = world.service(None, plan="pro")
    world.seat("ada", "bob")
    world.service(None, plan="pro", type="empty")
    update = world.engine.update_plan(world.actor, plan.id, PlanChange(seats=1))
    assert update.over_limit == (full.id,)
    assert world.engine.update_plan(world.actor, plan.id, PlanChange(seats=2)).over_limit == ()
    assert world.engine.subscribers(world.actor, plan.id) == 2


def test_for_new_subscribers_only(world: World) -> None:
    """With ``new``, subscribers keep their version, what it promises included."""
    plan = world.engine.catalog.add(world.actor, slug="pro", seats=3, offer=PRO)
    stays = world.service(None, plan="pro")
    change = PlanChange(seats=9, offer={"permissions": []})
    update = world.engine.update_plan(world.actor, plan.id, change, apply_to="new")
    assert world.engine.subscriptions.get(world.actor, stays.id) == stays
    comes = world.service(None, plan="pro", type="second")
    assert (comes.limit, comes.plan_version) == (9, update.current.id)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (PlanChange(name=""), "name"),
        (PlanChange(active=1), "active"),  # type: ignore[arg-type]
        (PlanChange(display_order="1"), "display_order"),  # type: ignore[arg-type]
        (PlanChange(description="a\x00b"), "description"),
        (PlanChange(seats=-1), "seats"),
        (PlanChange(offer={"quotas": {"a": {"b": "c"}}}), "quotas.a.b"),
        (PlanChange(offer={"min_seats": 6}), "seats"),
        (PlanChange(offer={"max_seats": 4}), "seats"),
        (PlanChange(seats=None, offer={"max_seats": 9}), "seats"),
        (PlanChange(name="Taken over", offer={"used": 5}), "used"),
    ],
)
def test_a_broken_change_changes_nothing(world: World, change: PlanChange, field: str) -> None:
    """Also not the half of it that could be used."""
    plan = world.engine.catalog.add(world.actor, slug="pro", seats=5)
    world.service(None, plan="pro")
    with Unchanged(world), pytest.raises(InvalidInput) as caught:
        world.engine.update_plan(world.actor, plan.id, change)
    assert caught.value.problems[0].field == field


def test_edits_meet(world: World) -> None:
    """An edit made on an older version, of an unknown plan or for nobody in particular changes nothing."""
    plan = world.engine.catalog.add(world.actor, slug="pro", seats=5)
    world.engine.update_plan(world.actor, plan.id, PlanChange(name="Second"), version=1)
    with Unchanged(world):
        with pytest.raises(Conflict):
            world.engine.update_plan(world.actor, plan.id, PlanChange(name="Third"), version=1)
        with pytest.raises(NotFound):
            world.engine.update_plan(world.actor, world.project.id, PlanChange(name="Third"))
        with pytest.raises(InvalidInput):
            world.engine.update_plan(world.actor, plan.id, PlanChange(name="Third"), apply_to="some")
