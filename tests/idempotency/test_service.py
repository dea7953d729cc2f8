from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from seatguard import InvalidInput, Reason
from seatguard.idempotency.model import Begun, InFlight, Replied, Reply, Reused, Start
from seatguard.idempotency.rules import GIVEN_UP_AFTER, KEPT_FOR
from tests.worlds import Unchanged, World


@pytest.fixture
def world() -> World:
    return World.in_memory()


def begin(world: World, key: str = "k", body: bytes = b"ada", route: str = "take") -> Start:
    return world.engine.idempotency.begin(world.actor, route=route, key=key, body=body)


def begun(world: World, key: str = "k", body: bytes = b"ada") -> Reply:
    start = begin(world, key, body)
    assert isinstance(start, Begun)
    return start.reply


def test_an_answered_request_is_answered_alike(world: World) -> None:
    """The answer kept by the act that was done is given again, byte by byte, and nothing is done again."""
    world.service(3)
    reply = begun(world)
    decision = world.engine.seats.take(
        world.actor, world.where, "ada", render=lambda made: reply.done(200, made.reason.value.encode())
    )
    assert decision.reason is Reason.ALLOWED
    with Unchanged(world):
        assert begin(world) == Replied(200, b"allowed")
    assert begin(world, body=b"bob") == Reused()


def test_a_refusal_keeps_no_answer(world: World) -> None:
    """Nothing was done under the key, so the next request with it goes ahead."""
    world.service(0)
    reply = begun(world)
    decision = world.engine.seats.take(
        world.actor, world.where, "ada", render=lambda made: reply.done(200, b"never")
    )
    assert not decision.allowed
    world.engine.idempotency.abandon(world.actor, reply)
    assert isinstance(begin(world), Begun)


def test_a_request_in_flight_is_waited_for(world: World) -> None:
    """A second request with the key must wait, until the first has been given up; another body never fits."""
    begun(world)
    with Unchanged(world):
        assert begin(world) == InFlight(1)
        assert begin(world, body=b"bob") == Reused()
    world.clock.travel(seconds=GIVEN_UP_AFTER.total_seconds())
    assert isinstance(begin(world), Begun)
    assert begin(world) == InFlight(1)


def test_keys_belong_to_tenant_and_route(world: World) -> None:
    """The same key of another tenant or on another route is another request."""
    begun(world)
    assert isinstance(begin(world, route="release"), Begun)
    assert isinstance(begin(world.stranger()), Begun)


def test_who_takes_a_key_over_is_not_undone_by_the_first(world: World) -> None:
    """A process that was given up and comes back cannot abandon what another one does under the key."""
    first = begun(world)
    world.clock.travel(seconds=GIVEN_UP_AFTER.total_seconds())
    begun(world)
    with Unchanged(world):
        world.engine.idempotency.abandon(world.actor, first)
    assert begin(world) == InFlight(1)


def test_who_was_given_up_cannot_seat_anybody_any_more(world: World) -> None:
    """The late answer of the first process would double the second's: its whole act is undone."""
    world.service(3)
    first = begun(world)
    world.clock.travel(seconds=GIVEN_UP_AFTER.total_seconds())
    begun(world)
    with Unchanged(world), pytest.raises(Exception, match="version"):
        world.engine.seats.take(world.actor, world.where, "ada", render=lambda made: first.done(200, b"late"))


def test_a_key_is_free_again_after_a_day(world: World) -> None:
    """Answers are kept for 24 hours."""
    reply = begun(world)
    world.service(3)
    world.engine.seats.take(world.actor, world.where, "ada", render=lambda made: reply.done(200, b"x"))
    world.clock.travel(seconds=KEPT_FOR.total_seconds() - 1)
    assert begin(world) == Replied(200, b"x")
    world.clock.travel(seconds=1)
    assert isinstance(begin(world, body=b"another"), Begun)


def test_many_at_once_begin_once(world: World) -> None:
    """Of 16 requests with one key exactly one goes ahead."""
    barrier = Barrier(16)

    def ask(_: int) -> Start:
        barrier.wait()
        return begin(world)

    with ThreadPoolExecutor(16) as pool:
        starts = list(pool.map(ask, range(16)))
    assert sum(isinstance(start, Begun) for start in starts) == 1
    assert sum(start == InFlight(1) for start in starts) == 15


def test_old_replies_are_let_go(world: World) -> None:
    """Replies of more than a day ago go, younger ones stay."""
    begun(world, "old")
    world.clock.travel(hours=23)
    begun(world, "young")
    assert world.engine.idempotency.purge(world.actor) == 0
    world.clock.travel(hours=1, seconds=1)
    assert world.engine.idempotency.purge(world.actor) == 1
    assert world.engine.idempotency.purge(world.actor) == 0
    assert begin(world, "young", body=b"bob") == Reused()


def test_keys_in_daily_use_do_not_shield_old_ones(world: World) -> None:
    """However many keys are used again every day, the ones behind them are let go all the same."""
    daily = [f"job-{number}" for number in range(201)]
    for key in daily:
        begun(world, key)
    begun(world, "once")
    world.clock.travel(seconds=KEPT_FOR.total_seconds() + 1)
    for key in daily:
        begun(world, key)
    assert world.engine.idempotency.purge(world.actor) == 1
    assert world.engine.idempotency.purge(world.actor) == 0


def test_purging_takes_a_page_at_a_time(world: World) -> None:
    """A great backlog goes in several acts, none of them long."""
    for number in range(250):
        begun(world, f"k{number}")
    world.clock.travel(seconds=KEPT_FOR.total_seconds() + dt.timedelta(seconds=1).total_seconds())
    assert world.engine.idempotency.purge(world.actor) == 200
    assert world.engine.idempotency.purge(world.actor) == 50
    assert world.engine.idempotency.purge(world.actor) == 0


@pytest.mark.parametrize("key", ["", "é", "x" * 256, "a\n"])
def test_a_broken_key_changes_nothing(world: World, key: str) -> None:
    """What is no key is refused before anything is noted."""
    with Unchanged(world), pytest.raises(InvalidInput):
        begin(world, key)
