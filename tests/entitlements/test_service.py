"""Users and subscriptions, and what they are granted."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from seatguard import InvalidInput, NotFound, Reason
from seatguard.catalog import Offer, PlanChange
from seatguard.entitlements import Entitlement, Level, Subject
from tests.worlds import Unchanged, World

PRO: dict[str, Any] = {
    "quotas": {"speech": {"minutes": 60}},
    "features": {"sso": True},
    "permissions": ["speech:files:read"],
}


@pytest.fixture
def world() -> World:
    world = World.in_memory()
    world.engine.catalog.add(world.actor, slug="pro", seats=5, offer=PRO)
    return world


def minutes(world: World, **subject: Any) -> tuple[object, str | None]:
    """What somebody has of the one quota, and from where."""
    found = entitlement(world, "minutes", **subject)
    return found.value, None if found.source is None else found.source.value


def entitlement(world: World, feature: str, **subject: Any) -> Entitlement:
    return world.engine.entitlements.check(world.actor, Subject(**subject), feature).facts


def test_every_level_is_asked_in_its_order(world: World) -> None:
    """The tenant's default, the plan, the subscription and the user: each takes the next one's place."""
    engine, me = world.engine, world.actor
    who = {"user": "Ada", "project": world.project.id}
    assert minutes(world, **who) == (None, None)
    engine.overrides.change_defaults(me, {"quotas": {"speech": {"minutes": 1}}})
    assert minutes(world, **who) == (1, "tenant")
    service = world.service(None, plan="pro")
    assert minutes(world, **who) == (60, "plan")
    engine.overrides.change_subscription(me, service.id, {"quotas": {"speech": {"minutes": 120}}})
    assert minutes(world, **who) == (120, "subscription")
    engine.overrides.change_user(me, "ada", {"quotas": {"speech": {"minutes": 0}}})
    assert minutes(world, **who) == (0, "user")
    assert minutes(world, project=world.project.id) == (120, "subscription")
    assert minutes(world, subscription=service.id) == (120, "subscription")
    engine.overrides.change_user(me, "ADA", {"quotas": None})
    engine.overrides.change_subscription(me, service.id, {"quotas": {"speech": None}})
    assert minutes(world, **who) == (60, "plan")
    found = entitlement(world, "minutes", **who)
    assert [(step.level, step.of, step.value) for step in found.chain] == [
        (Level.PLAN, "pro v1", 60),
        (Level.TENANT, "", 1),
    ]
    world.check()


def test_a_user_has_a_plan_without_a_client(world: World) -> None:
    """A user's own subscription grants what its plan promises, and no more when it ends."""
    engine, me = world.engine, world.actor
    ends = world.clock() + dt.timedelta(hours=1)
    engine.user_subscriptions.assign(me, "ada", plan="pro", ends_at=ends)
    assert minutes(world, user="ada") == (60, "plan")
    assert engine.entitlements.granted(me, Subject(user="ada")).permissions == ("speech:files:read",)
    assert minutes(world, user="bob") == (None, None)
    world.clock.travel(seconds=3599)
    assert minutes(world, user="ada") == (60, "plan")
    world.clock.travel(seconds=1)
    assert minutes(world, user="ada") == (None, None)


def test_a_kept_answer_ends_with_its_subscription(world: World) -> None:
    """Also where answers are kept for a minute: time alone takes a grant away, and gives one."""
    engine = World.on(world.store, world.clock, max_age=60).engine
    me, day = world.actor, world.clock().date()
    service = world.service(
        None, plan="pro", starts=day + dt.timedelta(days=1), expiry=day + dt.timedelta(days=1)
    )

    def asked() -> bool:
        subject = Subject(subscription=service.id)
        return engine.entitlements.check(me, subject, "sso").allowed

    answers = []
    for _ in range(4):
        answers.append(asked())
        world.clock.travel(seconds=86_400)
    assert answers == [False, True, False, False]


def test_a_change_of_the_plan_reaches_users_at_once(world: World) -> None:
    """To all: present users too, however many; to new ones only: those who came before keep theirs."""
    engine, me = world.engine, world.actor
    plan = engine.catalog.get(me, "pro")
    engine.user_subscriptions.assign(me, "ada", plan="pro")
    more = {"quotas": {"speech": {"minutes": 90}}}
    engine.update_plan(me, plan.id, PlanChange(offer=more), apply_to="new")
    engine.user_subscriptions.assign(me, "bob", plan=plan.id)
    assert (minutes(world, user="ada"), minutes(world, user="bob")) == ((60, "plan"), (90, "plan"))
    less = {"quotas": {"speech": {"minutes": 30}}}
    engine.update_plan(me, plan.id, PlanChange(offer=less))
    assert (minutes(world, user="ada"), minutes(world, user="bob")) == ((30, "plan"), (30, "plan"))
    engine.update_plan(me, plan.id, PlanChange(offer=more), apply_to="new")
    assert (minutes(world, user="ada"), minutes(world, user="bob")) == ((30, "plan"), (30, "plan"))
    assert engine.subscribers(me, plan.id) == 2


@pytest.mark.parametrize("state", ["suspend", "cancel"])
def test_a_closed_subscription_grants_nothing(world: World, state: str) -> None:
    """Suspended or canceled, it is not in the chain; the next subscription is."""
    service = world.service(None, plan="pro")
    getattr(world.engine.subscriptions, state)(world.actor, service.id)
    assert minutes(world, project=world.project.id) == (None, None)
    world.engine.catalog.add(world.actor, slug="small", seats=1, offer={"quotas": {"speech": {"minutes": 5}}})
    world.service(None, plan="small", type="second")
    assert minutes(world, project=world.project.id) == (5, "plan")
    world.engine.subscriptions.resume(world.actor, service.id)
    assert minutes(world, project=world.project.id) == (60, "plan")


def test_permissions_of_all_levels_add_up(world: World) -> None:
    """None takes another's permission away."""
    engine, me = world.engine, world.actor
    world.service(None, plan="pro")
    engine.overrides.change_defaults(me, {"permissions": ["profile:read"]})
    engine.overrides.change_user(me, "ada", {"permissions": ["admin:*"], "capabilities": ["beta"]})
    granted = engine.entitlements.granted(me, Subject(user="ada", project=world.project.id))
    assert granted.permissions == ("admin:*", "profile:read", "speech:files:read")
    assert granted.capabilities == ("beta",)
    assert granted.names == ("speech.minutes", "sso")


def test_an_override_is_merged_and_taken_back(world: World) -> None:
    """What a change does not name stays; ``None`` takes back; nothing left is no override."""
    change = world.engine.overrides.change_user
    change(world.actor, "ada", {"quotas": {"speech": {"minutes": 5, "words": "unlimited"}}})
    change(world.actor, "ada", {"rate_limits": {"api": {"perSecond": 3}}, "features": {"sso": False}})
    now = change(world.actor, "ada", {"quotas": {"speech": {"minutes": None}}})
    assert now == world.engine.overrides.of_user(world.actor, "Ada")
    assert now.to_data() == {
        "quotas": {"speech": {"words": "unlimited"}},
        "rate_limits": {"api": {"perSecond": 3}},
        "features": {"sso": False},
    }
    assert world.last(kind="override.changed").data == {
        "level": "user",
        "before": {"quotas": {"speech": {"minutes": 5, "words": "unlimited"}}},
        "after": {"quotas": {"speech": {"words": "unlimited"}}},
    }
    with Unchanged(world):
        change(world.actor, "ada", {"features": {"sso": False}})
        change(world.actor, "ada", {"quotas": {"other": None}})
        change(world.actor, "bob", {"quotas": None})
    assert world.engine.overrides.clear_user(world.actor, "ada", "rate_limits").rate_limits == {}
    assert world.engine.overrides.clear_user(world.actor, "ada") == Offer()
    world.check()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"seats": 5}, "seats"),
        ({"prices": []}, "prices"),
        ({"used": 1}, "used"),
        ({"quotas": {"a": {"b": "c"}}}, "quotas.a.b"),
        ({"quotas": 5}, "quotas"),
        ({"quotas": {"a": {"b": -2}}, "permissions": ["ok"]}, "quotas.a.b"),
        ([], "change"),
    ],
)
def test_a_broken_override_changes_nothing(world: World, change: Any, field: str) -> None:
    """It is named by its path, and the rest of the change is not done either."""
    with Unchanged(world), pytest.raises(InvalidInput) as caught:
        world.engine.overrides.change_user(world.actor, "ada", change)
    assert caught.value.problems[0].field == field


def test_what_cannot_be_asked(world: World) -> None:
    """A user who is none, an unknown subscription, a quantity that is no count."""
    check = world.engine.entitlements.check
    with pytest.raises(InvalidInput) as caught:
        check(world.actor, Subject(user=" "), "sso")
    assert caught.value.problems[0].field == "user"
    with pytest.raises(NotFound):
        check(world.actor, Subject(subscription=world.project.id), "sso")
    for quantity in (-1, 1.5, True):
        with pytest.raises(InvalidInput):
            check(world.actor, Subject(user="ada"), "sso", quantity)  # type: ignore[arg-type]
    assert check(world.actor, Subject(), "sso").reason is Reason.NOT_INCLUDED


def test_a_person_erased_leaves_neither_plan_nor_override(world: World) -> None:
    """Erasing takes what is kept about the user, and no entry names the user any more."""
    world.engine.user_subscriptions.assign(world.actor, "Zaphod", plan="pro")
    world.engine.overrides.change_user(world.actor, "Zaphod", {"features": {"sso": False}})
    assert world.engine.erase_person(world.actor, "zaphod").allowed
    assert world.engine.user_subscriptions.of(world.actor, "Zaphod") == ()
    assert world.engine.overrides.of_user(world.actor, "Zaphod") == Offer()
    with world.store.ledger.read_all() as work:
        kept = [work.overrides.list().items, work.user_subscriptions.list().items]
    told = str([kept, [(entry.data, entry.erasable) for entry in world.entries()]])
    assert "Zaphod" not in told
    assert "zaphod" not in told
    world.check()
