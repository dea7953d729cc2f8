"""What another agreement would have meant."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from seatguard import InvalidInput, NotFound
from tests.worlds import Unchanged, World


@pytest.fixture
def world() -> World:
    """A service of ten seats with a spring behind it: 3 came in March, 2 went, 3 came in April."""
    world = World.in_memory()
    world.clock.set("2027-03-10T12:00:00+00:00")
    service = world.service(10, timezone="Europe/Berlin")
    assert service.number
    for day, came, went in (
        ("2027-03-10", ("a", "b", "c"), ()),
        ("2027-03-20", (), ("a", "b")),
        ("2027-04-05", ("d", "e", "f"), ()),
    ):
        world.clock.set(f"{day}T12:00:00+00:00")
        world.seat(*came)
        for user in went:
            world.engine.seats.release(world.actor, world.where, user)
    return world


def service_of(world: World) -> str:
    return world.engine.subscriptions.list(world.actor).items[0].id


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {"cap": 10, "over": 0, "refused": 0, "most": 4, "fits": True}),
        ({"limit": 4}, {"cap": 4, "over": 0, "refused": 0, "most": 4, "fits": True}),
        (
            {"limit": 3},
            {"cap": 3, "over": 1, "refused": 1, "refused_by_month": {"2027-04": 1}, "most": 3},
        ),
        (
            {"limit": 1},
            {"cap": 1, "over": 3, "refused": 4, "refused_by_month": {"2027-03": 2, "2027-04": 2}},
        ),
        ({"limit": 0}, {"cap": 0, "over": 4, "refused": 6, "most": 0, "fits": False}),
        ({"limit": "unlimited"}, {"limit": None, "cap": None, "over": 0, "refused": 0}),
        ({"plan": "pair"}, {"cap": 10, "refused": 0}),
        ({"plan": "pair", "limit": None}, {"cap": 2, "over": 2, "refused": 2}),
        ({"expiry": "2027-03-31"}, {"refused": 3, "refused_by_month": {"2027-04": 3}}),
        ({"expiry": None}, {"refused": 0}),
    ],
)
def test_history_is_played_again(world: World, change: dict[str, Any], expected: dict[str, Any]) -> None:
    """Whoever would have been refused is not there later on; nothing is changed by asking."""
    world.engine.catalog.add(world.actor, slug="pair", seats=2)
    with Unchanged(world):
        found = world.engine.subscriptions.what_if(world.actor, service_of(world), **change)
    assert (found.live, found.given) == (4, 6)
    assert {name: getattr(found, name) for name in expected} == expected


def test_a_limit_in_force_from_a_day_on(world: World) -> None:
    """Before that day everybody comes in; after it the limit holds for all who are there."""
    since = dt.datetime(2027, 4, 1, tzinfo=dt.UTC)
    found = world.engine.subscriptions.what_if(world.actor, service_of(world), limit=2, since=since)
    assert (found.given, found.refused, found.most) == (3, 2, 2)
    assert found.first_refused == dt.datetime(2027, 4, 5, 12, tzinfo=dt.UTC)
    assert found.since == since


def test_holds_are_one_seat_from_their_beginning(world: World) -> None:
    """A hold confirmed is not given twice; one that ran out or was let go is freed; a transfer is neither."""
    engine, me = world.engine, world.actor
    held = engine.seats.hold(me, world.where, "g", seconds=60).require().seat
    assert held is not None
    engine.seats.confirm(me, world.where, held.id)
    gone = engine.seats.hold(me, world.where, "h", seconds=60).require().seat
    assert gone is not None
    engine.seats.release_hold(me, world.where, gone.id)
    engine.seats.transfer(me, world.where, "g", to="i")
    engine.seats.hold(me, world.where, "j", seconds=60).require()
    world.clock.travel(seconds=60)
    engine.seats.sweep(me)
    found = engine.subscriptions.what_if(me, service_of(world), limit=6)
    assert (found.live, found.given, found.refused, found.most) == (5, 9, 0, 6)


def test_a_long_history_is_read_to_its_end() -> None:
    """Also when it is longer than what is read at once."""
    world = World.in_memory()
    service = world.service(3)
    for _ in range(600):
        world.seat("ada")
        world.engine.seats.release(world.actor, world.where, "ada")
    found = world.engine.subscriptions.what_if(world.actor, service.id, limit=0)
    assert (found.given, found.refused) == (600, 600)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"limit": -1}, InvalidInput),
        ({"limit": None}, InvalidInput),
        ({"limit": "many"}, InvalidInput),
        ({"plan": "none"}, NotFound),
        ({"expiry": "soon"}, InvalidInput),
        ({"since": dt.datetime(2027, 1, 1)}, InvalidInput),
    ],
)
def test_what_cannot_be_imagined(world: World, change: dict[str, Any], error: type[Exception]) -> None:
    """It is refused as the change itself would be."""
    with pytest.raises(error):
        world.engine.subscriptions.what_if(world.actor, service_of(world), **change)
