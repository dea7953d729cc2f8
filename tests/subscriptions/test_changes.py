"""Terms, add-ons, trials, and changes agreed on for later."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from seatguard import Conflict, Denied, InvalidInput, NotFound, Reason
from seatguard.catalog import PlanChange
from seatguard.entitlements import Subject
from seatguard.subscriptions import SubscriptionState
from seatguard.subscriptions.model import ChangeState
from tests.worlds import Unchanged, World


@pytest.fixture
def world() -> World:
    return World.in_memory()


def later(world: World, **by: float) -> dt.datetime:
    return world.clock() + dt.timedelta(**by)


def test_terms_change_alone_or_together(world: World) -> None:
    """What is named changes, what the gate enforces with it, in one entry; the same again writes nothing."""
    service = world.service(10)
    change = world.engine.subscriptions.change_terms
    assert change(world.actor, service.id, overage="+10%", timezone="Europe/Berlin").allowed
    assert change(world.actor, service.id, starts="2027-07-01", grace_days=5, version=2).allowed
    now = world.engine.subscriptions.get(world.actor, service.id)
    assert (now.cap, now.overage, now.grace_days) == (11, "+10%", 5)
    assert now.opens_at == dt.datetime(2027, 6, 30, 22, tzinfo=dt.UTC)
    assert not world.engine.seats.take(world.actor, world.where, "ada").allowed
    assert world.last(stream=service.id).data == {
        "starts_on": {"before": None, "after": "2027-07-01"},
        "grace_days": {"before": 0, "after": 5},
    }
    with Unchanged(world):
        change(world.actor, service.id, overage="+10%", starts=dt.date(2027, 7, 1))
        change(world.actor, service.id)
        with pytest.raises(Conflict):
            change(world.actor, service.id, starts=None, version=1)
    assert change(world.actor, service.id, starts=None).allowed
    assert world.engine.seats.take(world.actor, world.where, "ada").allowed
    world.check()


def test_less_overage_than_is_used_is_refused(world: World) -> None:
    """With both numbers, unless it is asked for; then holders stay."""
    service = world.service(1, overage="+1")
    world.seat("ada", "bob")
    change = world.engine.subscriptions.change_terms
    with Unchanged(world):
        refused = change(world.actor, service.id, overage="hard")
    assert (refused.reason, refused.facts.cap, refused.facts.live) == (Reason.LIMIT_BELOW_USAGE, 1, 2)
    assert change(world.actor, service.id, overage="hard", over_limit="allow").allowed
    world.check()


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"overage": "5"}, "overage"),
        ({"starts": "soon"}, "starts"),
        ({"starts": "2028-01-01"}, "expiry"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"grace_days": 367}, "grace_days"),
        ({"grace_days": -1, "overage": "+5"}, "grace_days"),
        ({"overage": "+5", "over_limit": "maybe"}, "over_limit"),
    ],
)
def test_broken_terms_change_nothing(world: World, terms: dict[str, Any], field: str) -> None:
    """Also not the part that could be used."""
    service = world.service(10, expiry="2027-12-31")
    with Unchanged(world), pytest.raises(InvalidInput) as caught:
        world.engine.subscriptions.change_terms(world.actor, service.id, **terms)
    assert caught.value.problems[0].field == field


PACK: dict[str, Any] = {
    "quotas": {"speech": {"minutes": 30, "words": "unlimited", "files": 5}},
    "features": {"sso": True},
    "permissions": ["speech:files:write"],
}


def test_seat_packs_add_to_the_plan(world: World) -> None:
    """Seats, quotas and permissions of the plan and of every pack add up; unlimited stays unlimited."""
    engine, me = world.engine, world.actor
    offer = {"quotas": {"speech": {"minutes": 60}}, "permissions": ["speech:files:read"]}
    engine.catalog.add(me, slug="team", seats=1, offer=offer)
    engine.addons.define(me, "five-seats", name="Five seats", seats=5, offer=PACK)
    service = world.service(None, plan="team")
    assert engine.subscriptions.set_addon(me, service.id, "five-seats", quantity=2).facts.after == 11
    world.seat(*(f"user{number}" for number in range(11)))
    assert not engine.seats.take(me, world.where, "one-more").allowed
    granted = engine.entitlements.granted(me, Subject(subscription=service.id))
    assert granted.limits("quotas") == {"speech": {"minutes": 120, "words": "unlimited", "files": 10}}
    assert granted.permissions == ("speech:files:read", "speech:files:write")
    assert granted.entitlement("sso").value is True
    assert engine.subscriptions.addons(me, service.id) == {"five-seats": 2}
    with Unchanged(world):
        assert engine.subscriptions.set_addon(me, service.id, "five-seats", quantity=2).allowed
        refused = engine.subscriptions.set_addon(me, service.id, "five-seats", quantity=1)
        assert (refused.reason, refused.facts.cap, refused.facts.live) == (Reason.LIMIT_BELOW_USAGE, 6, 11)
    assert engine.subscriptions.set_addon(
        me, service.id, "five-seats", quantity=0, over_limit="allow"
    ).allowed
    assert engine.subscriptions.addons(me, service.id) == {}
    assert engine.subscriptions.get(me, service.id).limit == 1
    world.check()


def test_packs_come_along_to_another_plan_and_limit(world: World) -> None:
    """They were bought: whatever else is agreed, their seats are on top. Unlimited needs none."""
    engine, me = world.engine, world.actor
    engine.catalog.add(me, slug="small", seats=3)
    engine.catalog.add(me, slug="huge", seats=None)
    engine.addons.define(me, "pack", seats=2)
    service = world.service(None, plan="small")
    engine.subscriptions.set_addon(me, service.id, "pack", quantity=1)
    limits = []
    for plan, own in (("small", 10), ("huge", None), ("small", None)):
        engine.subscriptions.change_plan(me, service.id, plan=plan)
        engine.subscriptions.change_limit(me, service.id, limit=own)
        limits.append(engine.subscriptions.get(me, service.id).limit)
    assert limits == [12, None, 5]
    engine.publish_plan(me, "small", seats=4)
    assert engine.subscriptions.get(me, service.id).limit == 6


def test_an_addon_without_seats_is_on_record_too(world: World) -> None:
    """Buying what leaves the seats as they are is a change all the same."""
    world.engine.addons.define(world.actor, "support", offer={"features": {"support": "24/7"}})
    service = world.service(3)
    world.engine.subscriptions.set_addon(world.actor, service.id, "support", quantity=1)
    assert world.last(stream=service.id).data["addon"] == "support"
    granted = world.engine.entitlements.granted(world.actor, Subject(subscription=service.id))
    assert granted.entitlement("support").value == "24/7"


def test_what_an_addon_adds_stays_for_ever(world: World) -> None:
    """Names, prices and bounds change; seats and quotas were bought. Described alike writes nothing."""
    define = world.engine.addons.define
    first = define(world.actor, "pack", seats=5, offer=PACK)
    price = {"prices": [{"currency": "EUR", "amount": 500}]}
    second = define(world.actor, "pack", name="Pack", seats=5, most=3, offer=PACK | price)
    assert (second.id, second.version, second.most) == (first.id, 2, 3)
    with Unchanged(world):
        assert define(world.actor, "pack", name="Pack", seats=5, most=3, offer=PACK | price) == second
        for other in ({"seats": 6, "offer": PACK}, {"seats": 5}):
            with pytest.raises(Conflict) as caught:
                define(world.actor, "pack", **other)  # type: ignore[arg-type]
            assert caught.value.code == "addon_fixed"
        with pytest.raises(InvalidInput):
            define(world.actor, "other", offer={"trial_days": 3})


def test_no_more_of_an_addon_than_is_sold(world: World) -> None:
    """Not beyond its bound, and none once it is deactivated; who has some may give some back."""
    define, set_addon = world.engine.addons.define, world.engine.subscriptions.set_addon
    define(world.actor, "pack", seats=5, most=3)
    service = world.service(1)
    set_addon(world.actor, service.id, "pack", quantity=3)
    with Unchanged(world), pytest.raises(Denied):
        set_addon(world.actor, service.id, "pack", quantity=4)
    define(world.actor, "pack", seats=5, most=3, active=False)
    assert set_addon(world.actor, service.id, "pack", quantity=2).allowed
    with Unchanged(world):
        with pytest.raises(Denied):
            set_addon(world.actor, service.id, "pack", quantity=3)
        with pytest.raises(NotFound):
            set_addon(world.actor, service.id, "other", quantity=1)
        with pytest.raises(InvalidInput):
            set_addon(world.actor, service.id, "pack", quantity=-1)


def test_a_plan_sells_seats_within_its_bounds(world: World) -> None:
    """An own limit stays within what the plan sells, at the start and at every change."""
    engine, me = world.engine, world.actor
    engine.catalog.add(me, slug="team", seats=5, offer={"min_seats": 3, "max_seats": 50})
    for own in (2, 51):
        with Unchanged(world), pytest.raises(InvalidInput) as caught:
            world.service(own, plan="team")
        assert caught.value.problems[0].field == "limit"
    with pytest.raises(InvalidInput):
        world.service(None, plan="team", unlimited=True)
    service = world.service(50, plan="team")
    with Unchanged(world), pytest.raises(InvalidInput):
        engine.subscriptions.change_limit(me, service.id, limit=2)
    assert engine.subscriptions.change_limit(me, service.id, limit=3).allowed
    engine.catalog.add(me, slug="solo", seats=1, offer={"max_seats": 1})
    with Unchanged(world), pytest.raises(InvalidInput):
        engine.subscriptions.change_plan(me, service.id, plan="solo")


def test_a_trial_ends_by_itself(world: World) -> None:
    """A plan with days of trial begins with them; the day after them it is paid for."""
    engine, me = world.engine, world.actor
    engine.catalog.add(me, slug="team", seats=5, offer={"trial_days": 14})
    service = world.service(None, plan="team", timezone="Europe/Berlin")
    assert service.state is SubscriptionState.TRIALING
    (change,) = engine.changes.list(me).items
    assert change.at == dt.datetime(2027, 6, 28, 22, tzinfo=dt.UTC)
    world.clock.set(change.at - dt.timedelta(microseconds=1))
    assert engine.changes.apply_due(me) == ()
    world.clock.set(change.at)
    (applied,) = engine.changes.apply_due(me)
    assert applied.state is ChangeState.APPLIED
    assert engine.subscriptions.get(me, service.id).state is SubscriptionState.ACTIVE
    assert world.service(None, plan="team", type="b", trial=False).state is SubscriptionState.ACTIVE
    world.check()


def test_an_evaluation_ends_with_its_last_day(world: World) -> None:
    """So many days, the first included; a last day of one's own stands above it."""
    world.engine.catalog.add(world.actor, slug="try", seats=5, offer={"evaluation_days": 10})
    assert world.service(None, plan="try").expires_on == dt.date(2027, 6, 24)
    own = world.service(None, plan="try", type="b", starts="2027-07-01")
    assert own.expires_on == dt.date(2027, 7, 10)
    assert world.service(None, plan="try", type="c", expiry="2028-01-01").expires_on == dt.date(2028, 1, 1)


@pytest.mark.parametrize(
    ("what", "value", "field", "expected"),
    [
        ("limit", 7, "limit", 7),
        ("limit", 0, "limit", 0),
        ("limit", None, "limit", 5),
        ("limit", "unlimited", "limit", None),
        ("plan", "big", "limit", 3),
        ("expiry", "2027-12-31", "expires_on", dt.date(2027, 12, 31)),
        ("expiry", None, "expires_on", None),
        ("state", "canceled", "state", SubscriptionState.CANCELED),
        ("state", "suspended", "open", False),
    ],
)
def test_a_change_is_made_when_it_is_due(
    world: World, what: str, value: Any, field: str, expected: object
) -> None:
    """Not before, once, and on record as agreed on, as made, and as the change of the subscription it is."""
    engine, me = world.engine, world.actor
    engine.catalog.add(me, slug="team", seats=5)
    engine.catalog.add(me, slug="big", seats=9)
    service = world.service(3, plan="team", expiry="2027-09-30")
    at = later(world, days=30)
    change = engine.changes.schedule(me, service.id, what=what, value=value, at=at)
    with Unchanged(world):
        assert engine.changes.apply_due(me) == ()
    world.clock.set(at)
    (applied,) = engine.changes.apply_due(me)
    assert (applied.id, applied.state, applied.settled_at) == (change.id, ChangeState.APPLIED, at)
    assert getattr(engine.subscriptions.get(me, service.id), field) == expected
    assert world.kinds(subject=change.id) == ["change.scheduled", "change.applied"]
    with Unchanged(world):
        assert engine.changes.apply_due(me) == ()
    world.check()


def test_a_change_that_does_not_fit_is_postponed_until_it_does(world: World) -> None:
    """Nobody loses a seat; it is told once that it waits, and made when enough have left."""
    engine, me = world.engine, world.actor
    service = world.service(3)
    world.seat("ada", "bob")
    change = engine.changes.schedule(me, service.id, what="limit", value=1, at=later(world, days=1))
    world.clock.travel(days=1)
    (waiting,) = engine.changes.apply_due(me)
    assert (waiting.state, waiting.reason) == (ChangeState.PENDING, "limit_below_usage")
    with Unchanged(world):
        assert engine.changes.apply_due(me) == ()
    engine.seats.release(me, world.where, "ada")
    (applied,) = engine.changes.apply_due(me)
    assert (applied.state, applied.reason) == (ChangeState.APPLIED, None)
    assert world.kinds(subject=change.id) == ["change.scheduled", "change.postponed", "change.applied"]
    assert engine.subscriptions.get(me, service.id).limit == 1
    world.check()


def test_a_change_that_does_not_fit_may_be_made_all_the_same(world: World) -> None:
    """With ``allow`` holders stay and new ones are refused."""
    engine, me = world.engine, world.actor
    service = world.service(3)
    world.seat("ada", "bob")
    engine.changes.schedule(me, service.id, what="limit", value=1, at=later(world, days=1), policy="allow")
    world.clock.travel(days=1)
    assert engine.changes.apply_due(me)[0].state is ChangeState.APPLIED
    assert engine.seats.usage(me, service.id).live == 2
    assert not engine.seats.take(me, world.where, "eve").allowed
    world.check()


@pytest.mark.parametrize("cause", ["full", "plan", "state"])
def test_a_change_that_cannot_be_made_is_blocked(world: World, cause: str) -> None:
    """By policy, or because no waiting will cure it: it says why, and is not tried again."""
    engine, me = world.engine, world.actor
    engine.catalog.add(me, slug="old", seats=9)
    service = world.service(3)
    world.seat("ada", "bob")
    what, value = {"full": ("limit", 1), "plan": ("plan", "old"), "state": ("state", "past_due")}[cause]
    policy = "block" if cause == "full" else "postpone"
    change = engine.changes.schedule(
        me,
        service.id,
        what=what,
        value=value,  # type: ignore[arg-type]
        at=later(world, days=1),
        policy=policy,
    )
    engine.catalog.deactivate(me, "old")
    engine.subscriptions.cancel(me, service.id)
    world.clock.travel(days=1)
    (blocked,) = engine.changes.apply_due(me)
    reasons = {"full": "limit_below_usage", "plan": "plan_inactive", "state": "transition_not_allowed"}
    assert (blocked.state, blocked.reason) == (ChangeState.BLOCKED, reasons[cause])
    assert world.last(subject=change.id).kind == "change.blocked"
    with Unchanged(world):
        assert engine.changes.apply_due(me) == ()
        with pytest.raises(Conflict):
            engine.changes.cancel(me, change.id)
    world.check()


def test_a_change_called_off_is_not_made(world: World) -> None:
    """Twice is once."""
    engine, me = world.engine, world.actor
    service = world.service(3)
    change = engine.changes.schedule(me, service.id, what="limit", value=1, at=later(world, days=1))
    assert engine.changes.cancel(me, change.id).state is ChangeState.CANCELED
    with Unchanged(world):
        engine.changes.cancel(me, change.id)
    world.clock.travel(days=1)
    assert engine.changes.apply_due(me) == ()
    assert engine.changes.list(me, subscription_id=service.id, state="canceled").items[0].id == change.id
    assert engine.changes.list(me, state="pending").items == ()


def test_changes_are_made_in_the_order_they_are_due(world: World) -> None:
    """Also when they were agreed on in another one, and when all are overdue."""
    engine, me = world.engine, world.actor
    service = world.service(3)
    for days, limit in ((3, 30), (1, 10), (2, 20)):
        engine.changes.schedule(me, service.id, what="limit", value=limit, at=later(world, days=days))
    world.clock.travel(days=9)
    assert [one.value for one in engine.changes.apply_due(me)] == [10, 20, 30]
    assert engine.subscriptions.get(me, service.id).limit == 30


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"what": "seats"}, "what"),
        ({"what": "limit", "value": -1}, "value"),
        ({"what": "limit", "value": True}, "value"),
        ({"what": "expiry", "value": "soon"}, "value"),
        ({"what": "state", "value": "trialing"}, "value"),
        ({"what": "plan", "value": "No Plan"}, "value"),
        ({"policy": "freeze"}, "policy"),
        ({"at": dt.datetime(2030, 1, 1)}, "at"),
        ({"at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, "at"),
    ],
)
def test_what_cannot_be_agreed_on(world: World, options: dict[str, Any], field: str) -> None:
    """It is refused when it is asked for, not when it is due."""
    service = world.service(3)
    asked = {"what": "limit", "value": 1, "at": later(world, days=1)} | options
    with Unchanged(world), pytest.raises(InvalidInput) as caught:
        world.engine.changes.schedule(world.actor, service.id, **asked)
    assert caught.value.problems[0].field == field
    with pytest.raises(NotFound):
        world.engine.changes.schedule(
            world.actor, service.id, what="plan", value="none", at=later(world, days=1)
        )


def test_products_group_plans(world: World) -> None:
    """A product is described once and anew; a plan is of one, of another, of none."""
    engine, me = world.engine, world.actor
    product = engine.products.define(me, "speech", name="Speech", description="Words from sounds.")
    with Unchanged(world):
        assert (
            engine.products.define(me, "speech", name="Speech", description="Words from sounds.") == product
        )
    assert engine.products.define(me, "speech", name="Speech", active=False).version == 2
    plan = engine.catalog.add(me, slug="pro", seats=1, product="speech")
    assert plan.product == product.id
    assert engine.update_plan(me, plan.id, PlanChange(product=None)).plan.product is None
    with Unchanged(world):
        with pytest.raises(NotFound):
            engine.update_plan(me, plan.id, PlanChange(product="none"))
        with pytest.raises(NotFound):
            engine.catalog.add(me, slug="other", seats=1, product="none")


def test_scopes_are_known_where_the_tenant_keeps_a_register(world: World) -> None:
    """Open by default; with a register an unknown permission is refused by name, at adding and changing."""
    engine, me = world.engine, world.actor
    plan = engine.catalog.add(me, slug="pro", seats=1, offer={"permissions": ["any:thing"]})
    engine.tenants.configure(me, scopes=["speech:read"])
    with Unchanged(world):
        for act in (
            lambda: engine.catalog.add(me, slug="b", seats=1, offer={"permissions": ["speech:write"]}),
            lambda: engine.update_plan(
                me, plan.id, PlanChange(offer={"permissions": ["speech:read", "speech:write"]})
            ),
        ):
            with pytest.raises(InvalidInput) as caught:
                act()
            assert caught.value.code == "unknown_permission"
            assert "speech:write" in str(caught.value)
    assert engine.update_plan(me, plan.id, PlanChange(name="Stays")).plan.name == "Stays"
    engine.tenants.configure(me, scopes=None)
    engine.catalog.add(me, slug="b", seats=1, offer={"permissions": ["speech:write"]})
