from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from seatguard import Conflict, Denied, InvalidInput, NotFound, Reason
from seatguard.subscriptions.model import SubscriptionState
from tests.worlds import Unchanged, World


@pytest.fixture
def world() -> World:
    return World.in_memory()


def test_an_added_subscription_tells_what_was_agreed(world: World) -> None:
    """Dates, zone, limit and overage are kept, what the gate enforces is derived, and one entry tells it."""
    service = world.service(
        10,
        overage="+10%",
        starts="2027-01-01",
        expiry=dt.date(2027, 12, 31),
        timezone="America/Los_Angeles",
        grace_days=7,
        type="api",
    )
    assert (service.limit, service.cap, service.ceiling, service.own_limit) == (10, 11, 11, 10)
    assert (service.starts_on, service.expires_on) == (dt.date(2027, 1, 1), dt.date(2027, 12, 31))
    assert service.closes_at == dt.datetime(2028, 1, 8, 8, tzinfo=dt.UTC)
    assert (service.client, service.mode, service.state) == (
        world.client.id,
        "live",
        SubscriptionState.ACTIVE,
    )
    assert world.engine.subscriptions.get(world.actor, service.id) == service
    assert world.engine.subscriptions.numbered(world.actor, service.number) == service
    (entry,) = world.entries(stream=service.id)
    assert entry.kind == "subscription.added"
    assert entry.data == {
        "project": world.project.id,
        "number": service.number,
        "type": "api",
        "plan": None,
        "limit": 10,
        "overage": "+10%",
        "expiry": "2027-12-31",
    }


def test_numbers_go_up(world: World) -> None:
    """Every subscription has a number of its own, whatever its tenant."""
    numbers = [world.service(1).number, world.service(1).number, world.stranger().service(1).number]
    assert len(set(numbers)) == 3
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    ("options", "field", "code"),
    [
        ({"limit": None}, "limit", "required"),
        ({"limit": -1}, "limit", "out_of_range"),
        ({"limit": 1.5}, "limit", "integer_expected"),
        ({"limit": "100"}, "limit", "integer_expected"),
        ({"limit": True}, "limit", "integer_expected"),
        ({"limit": 2**31}, "limit", "out_of_range"),
        ({"limit": 2**63}, "limit", "out_of_range"),
        ({"mode": "prod"}, "mode", "invalid_mode"),
        ({"type": ""}, "type", "required"),
        ({"type": 5}, "type", "string_expected"),
        ({"overage": "soft"}, "overage", "invalid_overage"),
        ({"starts": "2027-02-30"}, "starts", "invalid_date"),
        ({"expiry": "31/12/2027"}, "expiry", "invalid_date"),
        ({"expiry": "10000-01-01"}, "expiry", "invalid_date"),
        ({"starts": "2027-02-02", "expiry": "2027-02-01"}, "expiry", "invalid_date_range"),
        ({"timezone": "Mars/Olympus"}, "timezone", "invalid_timezone"),
        ({"grace_days": -1}, "grace_days", "out_of_range"),
        ({"grace_days": 367}, "grace_days", "out_of_range"),
        ({"grace_days": True}, "grace_days", "integer_expected"),
    ],
    ids=repr,
)
def test_broken_input_changes_nothing(world: World, options: dict[str, Any], field: str, code: str) -> None:
    """The field at fault is named and nothing is written."""
    with Unchanged(world), pytest.raises(InvalidInput) as caught:
        world.service(**{"limit": 1, **options})
    assert (caught.value.problems[0].field, caught.value.code) == (field, code)


def test_plans_and_projects_must_be_there(world: World) -> None:
    """An unknown plan or project is not found."""
    with Unchanged(world), pytest.raises(NotFound):
        world.service(None, plan="none")
    with Unchanged(world), pytest.raises(NotFound):
        world.engine.subscriptions.add(world.actor, world.client.id, limit=1)
    for number in (0, -1, 2**31, 2**63, 10**30):
        with pytest.raises(NotFound):
            world.engine.subscriptions.numbered(world.actor, number)


def test_limits_are_raised_and_lowered_on_record(world: World) -> None:
    """A new limit is one entry with the numbers; the limit there is, is none."""
    service = world.service(3)
    decision = world.engine.subscriptions.change_limit(world.actor, service.id, limit=5, version=1)
    assert (decision.reason, decision.facts.before, decision.facts.after) == (Reason.ALLOWED, 3, 5)
    entry = world.last(stream=service.id)
    assert entry.kind == "subscription.limit_changed"
    assert entry.data == {"before": 3, "after": 5, "cap": 5, "live": 0}
    with Unchanged(world):
        assert world.engine.subscriptions.change_limit(world.actor, service.id, limit=5).allowed
    with Unchanged(world), pytest.raises(Conflict) as caught:
        world.engine.subscriptions.change_limit(world.actor, service.id, limit=6, version=1)
    assert caught.value.code == "version_conflict"


def test_lowering_below_use_is_refused_with_both_numbers(world: World) -> None:
    """The refusal changes nothing and tells how many sit there; allowed on request, nobody is evicted."""
    service = world.service(3)
    world.seat("ada", "bob", "eve")
    change = world.engine.subscriptions.change_limit
    with Unchanged(world):
        decision = change(world.actor, service.id, limit=2)
    assert decision.reason is Reason.LIMIT_BELOW_USAGE
    assert (decision.facts.live, decision.facts.after, decision.facts.cap) == (3, 2, 2)
    assert change(world.actor, service.id, limit=2, over_limit="allow").allowed
    lowered = world.engine.subscriptions.get(world.actor, service.id)
    assert (lowered.limit, lowered.cap, lowered.ceiling) == (2, 2, 3)
    assert world.engine.seats.usage(world.actor, service.id).live == 3
    # Already over: raising, also not far enough, is no lowering.
    assert not change(world.actor, service.id, limit=1).allowed
    world.check()


def test_lapsed_holds_do_not_stand_in_the_way_of_a_lower_limit(world: World) -> None:
    """A hold counts until it lapses and not a second longer, for this question too."""
    service = world.service(3)
    for username in ("ada", "bob", "eve"):
        world.engine.seats.hold(world.actor, world.where, username, seconds=60).require()
    world.clock.travel(seconds=60)
    decision = world.engine.subscriptions.change_limit(world.actor, service.id, limit=1)
    assert (decision.reason, decision.facts.live) == (Reason.ALLOWED, 0)
    assert world.engine.seats.take(world.actor, world.where, "kim").allowed
    assert not world.engine.seats.take(world.actor, world.where, "lee").allowed
    world.check()


def test_a_limit_goes_back_to_the_plan(world: World) -> None:
    """Without a number the plan's limit counts again; without a plan there is none to go back to."""
    world.engine.catalog.add(world.actor, slug="pro", seats=7)
    service = world.service(3, plan="pro")
    change = world.engine.subscriptions.change_limit
    assert change(world.actor, service.id, limit=None).facts.after == 7
    assert change(world.actor, service.id, limit=None, unlimited=True).facts.after is None
    assert change(world.actor, service.id, limit=0).facts.after == 0
    bare = world.service(3, type="bare")
    with Unchanged(world), pytest.raises(InvalidInput) as caught:
        change(world.actor, bare.id, limit=None)
    assert caught.value.code == "required"


@pytest.mark.parametrize("limit", [-1, 1.5, "100", True, 2**31])
def test_a_broken_limit_changes_nothing(world: World, limit: Any) -> None:
    """A limit is a count."""
    service = world.service(3)
    with Unchanged(world), pytest.raises(InvalidInput):
        world.engine.subscriptions.change_limit(world.actor, service.id, limit=limit)
    with Unchanged(world), pytest.raises(InvalidInput) as caught:
        world.engine.subscriptions.change_limit(world.actor, service.id, limit=1, over_limit="evict")
    assert caught.value.problems[0].field == "over_limit"


def test_renewing_moves_the_last_day(world: World) -> None:
    """A later day opens again at once, ``None`` is never, the same day is no change."""
    service = world.service(3, expiry="2027-06-14")
    assert world.engine.seats.take(world.actor, world.where, "ada").reason is Reason.EXPIRED
    renewed = world.engine.subscriptions.renew(world.actor, service.id, expiry="2027-06-15", version=1)
    assert renewed.closes_at == dt.datetime(2027, 6, 16, tzinfo=dt.UTC)
    assert world.last(stream=service.id).kind == "subscription.renewed"
    assert world.last(stream=service.id).data == {"before": "2027-06-14", "after": "2027-06-15"}
    assert world.engine.seats.take(world.actor, world.where, "ada").allowed
    with Unchanged(world):
        renew = world.engine.subscriptions.renew
        assert renew(world.actor, service.id, expiry=dt.date(2027, 6, 15)) == renewed
    for broken in ("2027-02-30", 20270615, True):
        with Unchanged(world), pytest.raises(InvalidInput):
            renew(world.actor, service.id, expiry=broken)  # type: ignore[arg-type]
    with Unchanged(world), pytest.raises(Conflict):
        renew(world.actor, service.id, expiry="2028-01-01", version=1)
    assert renew(world.actor, service.id, expiry=None).closes_at is None
    world.check()


def test_renewing_to_before_the_first_day_is_refused(world: World) -> None:
    """A subscription does not end before it begins."""
    service = world.service(3, starts="2027-01-01", expiry="2027-12-31")
    with Unchanged(world), pytest.raises(InvalidInput) as caught:
        world.engine.subscriptions.renew(world.actor, service.id, expiry="2026-12-31")
    assert caught.value.code == "invalid_date_range"


def test_changing_the_plan_takes_its_limit(world: World) -> None:
    """Another plan brings its limit, unless the subscription has one of its own; below use it is refused."""
    world.engine.catalog.add(world.actor, slug="big", seats=9)
    world.engine.catalog.add(world.actor, slug="small", seats=1)
    service = world.service(None, plan="big")
    world.seat("ada", "bob")
    change = world.engine.subscriptions.change_plan
    with Unchanged(world):
        assert change(world.actor, service.id, plan="small").reason is Reason.LIMIT_BELOW_USAGE
    with Unchanged(world):
        assert change(world.actor, service.id, plan="big").allowed
    assert change(world.actor, service.id, plan="small", over_limit="allow").allowed
    numbers = {"before": 9, "after": 1, "cap": 1, "live": 2}
    assert world.last(stream=service.id).data == {"plan": "small"} | numbers
    with Unchanged(world), pytest.raises(InvalidInput):
        change(world.actor, service.id, plan="big", over_limit="evict")
    own = world.service(4, type="own")
    assert change(world.actor, own.id, plan="big").facts.after == 4
    with Unchanged(world), pytest.raises(NotFound):
        change(world.actor, own.id, plan="none")
    world.check()


def test_states_come_and_go_on_record(world: World) -> None:
    """Every change of state is one entry and seen by the gate at once; the state there is, is none."""
    service = world.service(9, trial=True)
    assert service.state is SubscriptionState.TRIALING
    subscriptions = world.engine.subscriptions
    for number, (verb, kind, reason) in enumerate(
        [
            (subscriptions.fall_due, "subscription.fell_due", Reason.ALLOWED),
            (subscriptions.suspend, "subscription.suspended", Reason.SUSPENDED),
            (subscriptions.resume, "subscription.resumed", Reason.ALLOWED),
            (subscriptions.cancel, "subscription.canceled", Reason.INACTIVE),
            (subscriptions.resume, "subscription.resumed", Reason.ALLOWED),
        ]
    ):
        changed = verb(world.actor, service.id)
        assert world.last(stream=service.id).kind == kind
        with Unchanged(world):
            assert verb(world.actor, service.id) == changed
        assert world.engine.seats.take(world.actor, world.where, f"user{number}").reason is reason
    subscriptions.cancel(world.actor, service.id)
    with Unchanged(world), pytest.raises(Denied) as denied:
        subscriptions.suspend(world.actor, service.id)
    assert denied.value.decision.reason is Reason.TRANSITION_NOT_ALLOWED
    assert world.engine.seats.usage(world.actor, service.id).live == 3
    world.check()


def test_listing_is_by_project(world: World) -> None:
    """A project's subscriptions are listed in the order they were added; a project that is none has none."""
    one, two = world.service(1), world.service(2)
    other = world.engine.projects.add(world.actor, world.client.id, name="Other")
    third = world.engine.subscriptions.add(world.actor, other.id, limit=3)
    listing = world.engine.subscriptions.list
    assert listing(world.actor, project_id=world.project.id).items == (one, two)
    assert listing(world.actor).items == (one, two, third)
    page = listing(world.actor, limit=2)
    assert listing(world.actor, limit=2, after=page.after).items == (third,)
    assert listing(world.actor, project_id="../x").items == ()
