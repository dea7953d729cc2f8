"""What the usage service adds to its gate: plans, thresholds, refusals on record."""

from __future__ import annotations

from typing import Any

import pytest

from seatguard import Conflict, InvalidInput, Reason, signals
from seatguard.allowances import Quota
from seatguard.usage import Event
from tests.worlds import World

QUOTA = Quota(limit=10)


@pytest.fixture
def world() -> World:
    """A project whose plan includes ten calls a month."""
    world = World.in_memory()
    world.engine.catalog.add(world.actor, slug="pro", seats=3, offer={"quotas": {"api": {"calls": 10}}})
    world.service(None, plan="pro")
    return world


def test_the_plan_says_how_much(world: World) -> None:
    """By the limit's full name or its last part; another version of the plan holds at once."""
    usage = world.engine.usage
    for name in ("api.calls", "calls"):
        assert usage.balance(world.actor, world.where, name).facts.balance.limit == 10  # type: ignore[union-attr]
    assert usage.record(world.actor, world.where, "api.calls", 10, key="a").allowed
    assert usage.record(world.actor, world.where, "api.calls", key="b").reason is Reason.QUOTA_EXHAUSTED
    world.engine.overrides.change_subscription(
        world.actor,
        world.engine.subscriptions.list(world.actor).items[0].id,
        {"quotas": {"api": {"calls": 12}}},
    )
    assert usage.record(world.actor, world.where, "api.calls", key="b").allowed


def test_a_meter_that_no_plan_has_is_not_included(world: World) -> None:
    """Without a quota given with the call."""
    decision = world.engine.usage.record(world.actor, world.where, "mails", key="a")
    assert (decision.allowed, decision.reason) == (False, Reason.NOT_INCLUDED)
    assert world.engine.usage.record(world.actor, world.where, "mails", key="a", quota=QUOTA).allowed


def test_a_key_of_another_amount_is_a_mistake_that_keeps_the_batch_out(world: World) -> None:
    """It raises, and nothing of the batch was written."""
    usage = world.engine.usage
    usage.record(world.actor, world.where, "calls", 3, key="a", quota=QUOTA).require()
    events = [Event(meter="calls", key="new"), Event(meter="calls", key="a", amount=4)]
    with pytest.raises(Conflict) as raised:
        usage.record_all(world.actor, world.where, events, quota=QUOTA)
    assert raised.value.facts == {"recorded": 3, "given": 4}
    assert world.kinds(kind="usage.recorded") == ["usage.recorded"]


def test_thresholds_are_told_once(world: World) -> None:
    """By the event that reaches them; not by its repetition."""
    told: list[Any] = []

    def hear(sender: object, *, meter: str, percent: int, **facts: Any) -> None:
        told.append((meter, percent, facts["balance"].used))

    with signals.quota_threshold.connected_to(hear, sender=world.engine):
        for key, amount in (("a", 7), ("b", 1), ("b", 1), ("c", 2), ("d", 1)):
            world.engine.usage.record(world.actor, world.where, "calls", amount, key=key, quota=QUOTA)
    assert told == [("calls", 80, 8), ("calls", 100, 10)]


def test_refusals_are_on_record_summed(world: World) -> None:
    """One entry a minute, whatever was asked."""
    for number in range(3):
        world.engine.usage.record(world.actor, world.where, "calls", 11, key=f"k{number}", quota=QUOTA)
    world.engine.flush()
    (entry,) = world.entries(kind="usage.denied")
    assert (entry.data["reason"], entry.data["count"]) == ("quota_exhausted", 3)


@pytest.mark.parametrize("events", [0, 101])
def test_a_batch_has_one_to_a_hundred_events(world: World, events: int) -> None:
    """Told by name."""
    batch = [Event(meter="calls", key=f"k{number}") for number in range(events)]
    with pytest.raises(InvalidInput, match="must be 1 to 100 events"):
        world.engine.usage.record_all(world.actor, world.where, batch, quota=QUOTA)
