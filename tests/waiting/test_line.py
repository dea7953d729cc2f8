"""The line: who may join it, in which order it is served, and what a newcomer meets meanwhile."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import Any

import pytest

from seatguard import Decision, InvalidInput, Misconfigured, Reason, SeatState, StorageUnavailable, signals
from seatguard.testing import FailingCalls, FrozenClock
from seatguard.waiting import Place
from tests.waiting.conftest import DAY
from tests.worlds import Unchanged, World


def join(world: World, *usernames: str) -> list[Decision[Place]]:
    """Stand in line, one after the other."""
    return [world.engine.waiting.join(world.actor, world.where, one) for one in usernames]


def line(world: World) -> list[str]:
    """Who waits."""
    return [one.holder for one in world.engine.waiting.list(world.actor, world.where).items]


def seats(world: World) -> dict[str, str]:
    """Who sits, and how."""
    page = world.engine.seats.list(world.actor, world.where)
    return {seat.holder: seat.state.value for seat in page.items}


def release(world: World, *usernames: str) -> None:
    """Free seats."""
    for username in usernames:
        world.engine.seats.release(world.actor, world.where, username).require()


@pytest.fixture
def full(world: World) -> World:
    """Two seats, both taken."""
    world.service(2)
    world.seat("ada", "bob")
    return world


def test_freed_seats_are_offered_in_order(full: World) -> None:
    """First come, first served: each freed seat is held for a day for the next in line."""
    assert [one.reason for one in join(full, "cleo", "dan", "eve")] == [Reason.ALLOWED] * 3
    assert line(full) == ["cleo", "dan", "eve"]
    assert [full.engine.waiting.place(full.actor, full.where, one).ahead for one in line(full)] == [0, 1, 2]
    release(full, "bob")
    assert seats(full) == {"ada": "assigned", "cleo": "held"}
    assert line(full) == ["dan", "eve"]
    held = full.engine.seats.find(full.actor, full.where, "cleo")
    assert held is not None
    assert held.lapses_at == full.clock() + dt.timedelta(seconds=DAY)
    release(full, "ada")
    assert seats(full) == {"cleo": "held", "dan": "held"}
    assert line(full) == ["eve"]
    assert full.kinds(kind="waiting.") == ["waiting.joined"] * 3 + ["waiting.offered"] * 2
    full.check()


def test_an_offer_is_accepted_by_taking_the_seat(full: World) -> None:
    """Taking it, or confirming the hold: both need no further seat."""
    join(full, "cleo")
    release(full, "bob")
    taken = full.engine.seats.take(full.actor, full.where, "cleo").require()
    assert taken.seat is not None
    assert taken.seat.state is SeatState.ASSIGNED
    assert seats(full) == {"ada": "assigned", "cleo": "assigned"}


def test_a_lapsed_offer_goes_to_the_next(full: World) -> None:
    """Who lets a day pass has lost the turn; the sweep offers the seat to the next in line."""
    join(full, "cleo", "dan")
    release(full, "bob")
    full.clock.travel(seconds=DAY)
    assert full.engine.seats.sweep(full.actor) == 1
    assert seats(full) == {"ada": "assigned", "dan": "held"}
    assert line(full) == []


def test_a_declined_offer_goes_to_the_next(full: World) -> None:
    """Releasing the hold passes it on."""
    join(full, "cleo", "dan")
    release(full, "bob", "cleo")
    assert seats(full) == {"ada": "assigned", "dan": "held"}


def test_a_newcomer_does_not_jump_the_line(full: World) -> None:
    """While somebody waits, a claim without a seat or an offer is refused, even where a hold has lapsed.

    What has become free is offered to the line by that very claim.
    """
    join(full, "cleo", "dan")
    release(full, "bob")
    full.clock.travel(seconds=DAY)
    decision = full.engine.seats.take(full.actor, full.where, "zoe")
    assert decision.reason is Reason.LIMIT_REACHED
    assert seats(full) == {"ada": "assigned", "dan": "held"}
    assert full.engine.seats.take(full.actor, full.where, "ada").reason is Reason.ALREADY_HELD
    assert full.engine.seats.take(full.actor, full.where, "dan").reason is Reason.ALLOWED


def test_a_raised_limit_serves_the_line(full: World) -> None:
    """As many as there are new seats, in order; what is left over is for newcomers."""
    join(full, "cleo", "dan", "eve")
    (service,) = full.engine.subscriptions.list(full.actor).items
    full.engine.subscriptions.change_limit(full.actor, service.id, limit=4).require()
    assert seats(full) == {"ada": "assigned", "bob": "assigned", "cleo": "held", "dan": "held"}
    assert line(full) == ["eve"]
    full.engine.subscriptions.change_limit(full.actor, service.id, limit=6).require()
    assert line(full) == []
    full.seat("zoe")
    assert len(seats(full)) == 6


def test_joining_while_a_seat_is_free_gets_it_at_once(world: World) -> None:
    """Between the refusal and the wish to wait a seat may have become free: it is offered, not forgotten."""
    world.service(1)
    (decision,) = join(world, "ada")
    assert decision.facts.seat is not None
    assert decision.facts.seat.state is SeatState.HELD
    assert line(world) == []


def test_waiting_twice_is_waiting_once(full: World) -> None:
    """The place stays, in whatever spelling; who sits already is told so."""
    join(full, "cleo", "dan")
    with Unchanged(full):
        again, seated = join(full, "Cleo", "ada")
    assert (again.reason, again.facts.ahead) == (Reason.ALREADY_WAITING, 0)
    assert (seated.reason, seated.facts.waiting) == (Reason.ALREADY_HELD, None)


def test_leaving_the_line(full: World) -> None:
    """Who has left is passed over, and may join again at the end."""
    join(full, "cleo", "dan")
    assert full.engine.waiting.leave(full.actor, full.where, "cleo")
    assert not full.engine.waiting.leave(full.actor, full.where, "cleo")
    join(full, "cleo")
    assert line(full) == ["dan", "cleo"]
    release(full, "bob")
    assert "dan" in seats(full)


def test_who_took_a_seat_otherwise_leaves_the_line(full: World) -> None:
    """A seat given by transfer takes its holder out of the line when the turn comes; nobody gets two."""
    join(full, "cleo", "dan")
    full.engine.seats.transfer(full.actor, full.where, "ada", to="cleo").require()
    release(full, "bob")
    assert seats(full) == {"cleo": "assigned", "dan": "held"}
    assert full.kinds(kind="waiting.")[-2:] == ["waiting.left", "waiting.offered"]


def test_a_line_is_told_of_its_offers(full: World) -> None:
    """The signal ``seat_offered`` comes once for each offer, with the seat; it is a hold besides."""
    told: list[tuple[str, Any]] = []

    def offered(sender: object, *, seat: Any, project: str, **facts: Any) -> None:
        told.append(("offered", (seat.holder, project == full.project.id, facts["usage"].live)))

    def held(sender: object, *, seat: Any, **facts: Any) -> None:
        told.append(("held", seat.holder))

    join(full, "cleo")
    with (
        signals.seat_offered.connected_to(offered, sender=full.engine),
        signals.seat_held.connected_to(held, sender=full.engine),
    ):
        release(full, "bob")
    assert told == [("held", "cleo"), ("offered", ("cleo", True, 2))]


def test_nobody_waits_for_what_is_over(world: World) -> None:
    """An ended or a missing service gives no seats: joining is refused with that reason."""
    assert join(world, "ada")[0].reason is Reason.NO_SERVICE
    service = world.service(1)
    world.seat("ada")
    world.engine.subscriptions.cancel(world.actor, service.id)
    (decision,) = join(world, "bob")
    assert (decision.allowed, decision.reason) == (False, Reason.INACTIVE)
    assert line(world) == []


def test_a_line_is_for_a_type_of_service(world: World) -> None:
    """Who waits for a mobile seat is passed over while only web seats become free, and keeps the place."""
    world.service(1, type="web")
    world.service(1, type="mobile")
    web, mobile = (world.engine.where(world.project.id, type=one) for one in ("web", "mobile"))
    for where, username in ((web, "ada"), (mobile, "bob")):
        world.engine.seats.take(world.actor, where, username).require()
    world.engine.waiting.join(world.actor, mobile, "cleo")
    world.engine.waiting.join(world.actor, web, "dan")
    release(world, "ada")
    assert seats(world) == {"bob": "assigned", "dan": "held"}
    assert line(world) == ["cleo"]


def test_an_explanation_tells_of_the_line(full: World) -> None:
    """How many wait, and that a newcomer meets a "no" because of them."""
    join(full, "cleo", "dan")
    explained = full.engine.seats.explain(full.actor, full.where)
    assert (explained.decision.reason, explained.waiting) == (Reason.LIMIT_REACHED, 2)
    assert "2 waiting in line" in str(explained)


def test_an_erased_person_waits_no_longer(full: World) -> None:
    """The line shows a name; it goes with the others, and no entry keeps it."""
    join(full, "cleo", "dan")
    assert full.engine.erase_person(full.actor, "cleo").allowed
    assert line(full) == ["dan"]
    assert all(entry.erasable is None for entry in full.entries(kind="waiting.")[:1])


@pytest.mark.parametrize("after", [False, True])
def test_an_offer_cut_short_is_made_once(clock: FrozenClock, *, after: bool) -> None:
    """Whichever write of an offer the store loses: half a minute later the sweep has made it, once."""
    call, struck = 0, True
    while struck:
        call += 1
        faults = FailingCalls()
        world = World.on(faults.memory_store(clock), clock, offer_seconds=DAY)
        world.service(1)
        world.seat("ada")
        join(world, "cleo", "dan")
        with faults.failing(call, after=after), contextlib.suppress(StorageUnavailable):
            world.engine.seats.release(world.actor, world.where, "ada")
        struck = faults.struck
        release(world, "ada")
        clock.travel(seconds=30)
        world.engine.waiting.serve_all(world.actor)
        assert (seats(world), line(world)) == ({"cleo": "held"}, ["dan"]), f"call {call}"
        assert world.kinds(kind="waiting.offered") == ["waiting.offered"]
        assert world.kinds(kind="seat.held") == ["seat.held"]
        world.check()
    assert call > 10


def test_without_a_line_nothing_is_asked() -> None:
    """Where no seats are held for a line, nobody can wait, and the error tells the setting."""
    world = World.in_memory()
    world.service(1)
    with pytest.raises(Misconfigured, match="SEATGUARD_OFFER_TTL"):
        join(world, "ada")


def test_a_page_of_the_line_is_1_to_200(world: World) -> None:
    """As of every listing."""
    with pytest.raises(InvalidInput):
        world.engine.waiting.list(world.actor, world.where, limit=201)


def test_strangers_have_lines_of_their_own(full: World) -> None:
    """Nobody of another tenant is seen, served or let go."""
    stranger = full.stranger()
    stranger.service(1)
    stranger.seat("ada")
    join(stranger, "zoe")
    join(full, "cleo")
    release(stranger, "ada")
    assert (line(full), seats(stranger)) == (["cleo"], {"zoe": "held"})
    assert full.engine.waiting.serve_all(stranger.actor) == 0
