from __future__ import annotations

import dataclasses
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from seatguard import (
    Denied,
    EngineOptions,
    InvalidInput,
    NotFound,
    Reason,
    Seat,
    Seatguard,
    SeatState,
    Store,
    Usage,
    open_store,
)
from seatguard.entitlements.model import Where
from seatguard.journal.drafts import person_digest
from seatguard.testing import FrozenClock
from tests.worlds import Unchanged, World


@pytest.fixture
def world() -> World:
    return World.in_memory()


def test_a_taken_seat_is_on_record(world: World) -> None:
    """The decision carries seat, terms and numbers; the entry carries the name in its erasable part only."""
    service = world.service(3)
    decision = world.engine.seats.take(world.actor, world.where, "Ada", email="ada@example.com")
    assert (decision.allowed, decision.reason) == (True, Reason.ALLOWED)
    seat = decision.facts.seat
    assert seat is not None
    assert (seat.holder, seat.holder_key, seat.email, seat.state) == (
        "Ada",
        "ada",
        "ada@example.com",
        SeatState.ASSIGNED,
    )
    assert decision.facts.usage == Usage(1, 0)
    assert decision.facts.terms is not None
    assert decision.facts.terms.subscription == service.id
    entry = world.last()
    assert (entry.kind, entry.subject, entry.stream) == ("seat.taken", seat.id, service.id)
    assert (entry.actor, entry.request_id, entry.at) == ("test:world", "request-1", world.clock())
    assert entry.data == {}
    assert entry.erasable == {"holder": "Ada", "email": "ada@example.com"}
    assert entry.person == person_digest(world.actor.tenant, "ada")
    world.check()


def test_the_same_holder_in_any_spelling_has_one_seat(world: World) -> None:
    """Case and Unicode form make no second holder; asking again is a yes and changes nothing."""
    world.service(3)
    world.seat("José")
    for spelling in ("José", "JOSE\u0301", "jose\u0301"):
        with Unchanged(world):
            decision = world.engine.seats.take(world.actor, world.where, spelling)
        assert (decision.allowed, decision.reason) == (True, Reason.ALREADY_HELD)
    exact = Seatguard(world.store, clock=world.clock, options=EngineOptions(fold_case=False, max_age=0))
    assert exact.seats.take(world.actor, world.where, "JOSÉ").reason is Reason.ALLOWED


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"limit": 0}, Reason.LIMIT_REACHED),
        ({"limit": 3, "expiry": "2027-06-14"}, Reason.EXPIRED),
        ({"limit": 3, "starts": "2027-06-16"}, Reason.NOT_STARTED),
        ({"limit": 3, "mode": "test"}, Reason.NO_SERVICE),
        ({"limit": 3, "type": "api"}, Reason.NO_SERVICE),
    ],
)
def test_a_refusal_names_its_reason_and_writes_nothing(
    world: World, options: dict[str, Any], reason: Reason
) -> None:
    """Check, take and hold give the same reason; none of them writes; asked for an exception it is raised."""
    world.service(**options)
    where = dataclasses.replace(world.where, type="web")
    seats = world.engine.seats
    with Unchanged(world):
        for decision in (
            seats.check(world.actor, where),
            seats.take(world.actor, where, "ada"),
            seats.hold(world.actor, where, "ada", seconds=60),
        ):
            assert (decision.allowed, decision.reason) == (False, reason)
            assert decision.facts.seat is None
            with pytest.raises(Denied, match=reason.value):
                decision.require()


@pytest.mark.parametrize(
    ("username", "email", "field", "code"),
    [
        ("", None, "username", "required"),
        (7, None, "username", "string_expected"),
        (["ada"], None, "username", "string_expected"),
        ("a\x00b", None, "username", "invalid_characters"),
        ("\ud800", None, "username", "invalid_characters"),
        ("x" * 300, None, "username", "too_long"),
        ("ada", "a@b@c", "email", "invalid_email"),
        ("ada", "a@b\r\nBcc: c@d", "email", "invalid_email"),
        ("ada", 7, "email", "string_expected"),
    ],
)
def test_broken_input_changes_nothing(world: World, username: Any, email: Any, field: str, code: str) -> None:
    """Names and addresses are judged before the store is asked, by every verb alike."""
    world.service(3)
    seats = world.engine.seats
    with Unchanged(world):
        for call in (
            lambda: seats.take(world.actor, world.where, username, email=email),
            lambda: seats.hold(world.actor, world.where, username, seconds=60, email=email),
        ):
            with pytest.raises(InvalidInput) as caught:
                call()
            assert (caught.value.problems[0].field, caught.value.code) == (field, code)
        if field == "username":
            for call in (
                lambda: seats.release(world.actor, world.where, username),
                lambda: seats.find(world.actor, world.where, username),
                lambda: seats.transfer(world.actor, world.where, username, to="bob"),
            ):
                with pytest.raises(InvalidInput):
                    call()
            with pytest.raises(InvalidInput) as caught:
                seats.transfer(world.actor, world.where, "ada", to=username)
            assert caught.value.problems[0].field == "to_username"


@pytest.mark.parametrize("seconds", [0, -1, 1.5, "60", True, None, 2**63])
def test_a_broken_length_of_a_hold_changes_nothing(world: World, seconds: Any) -> None:
    """A hold lasts a whole number of seconds in its range, also when it is renewed."""
    world.service(3)
    seats = world.engine.seats
    hold = seats.hold(world.actor, world.where, "ada", seconds=60).require().seat
    assert hold is not None
    with Unchanged(world):
        with pytest.raises(InvalidInput):
            seats.hold(world.actor, world.where, "bob", seconds=seconds)
        with pytest.raises(InvalidInput):
            seats.renew(world.actor, world.where, hold.id, seconds=seconds)


def test_a_hold_becomes_the_seat_of_a_user_named_later(world: World) -> None:
    """The entry tells of the user, not of the placeholder; the user is found by name afterwards."""
    world.service(1)
    seats = world.engine.seats
    hold = seats.hold(world.actor, world.where, "nobody", seconds=60).require().seat
    assert hold is not None
    decision = seats.confirm_for(world.actor, world.where, hold.id, "Ada", email="ada@example.com")
    assert (decision.reason, decision.facts.usage) == (Reason.ALLOWED, Usage(1, 0))
    assert seats.find(world.actor, world.where, "nobody") is None
    found = seats.find(world.actor, world.where, "ada")
    assert found is not None
    assert (found.id, found.holder, found.email) == (hold.id, "Ada", "ada@example.com")
    entry = world.last(kind="seat.taken")
    assert entry.erasable == {"holder": "Ada"}
    assert entry.person == person_digest(world.actor.tenant, "ada")
    world.check()


@pytest.mark.parametrize("theirs", ["seat", "hold"])
def test_a_user_named_later_gets_no_second_seat(world: World, theirs: str) -> None:
    """Whether seated or held in another service of the project: that one is theirs, this hold is let go."""
    world.service(1, type="first")
    world.service(1, type="second")
    seats = world.engine.seats
    first = dataclasses.replace(world.where, type="first")
    if theirs == "seat":
        seats.take(world.actor, first, "ada").require()
    else:
        seats.hold(world.actor, first, "ada", seconds=60).require()
    hold = seats.hold(world.actor, world.where, "nobody", seconds=60).require().seat
    assert hold is not None
    decision = seats.confirm_for(world.actor, world.where, hold.id, "ada")
    assert decision.allowed
    assert decision.facts.seat is not None
    assert decision.facts.seat.id != hold.id
    listed = seats.list(world.actor, world.where).items
    assert [(seat.holder, seat.state) for seat in listed] == [("ada", SeatState.ASSIGNED)]
    world.check()


def test_a_lapsed_hold_becomes_nobodys_seat(world: World) -> None:
    """The answer is that it has expired, before and after it was cleared away."""
    world.service(1)
    seats = world.engine.seats
    hold = seats.hold(world.actor, world.where, "nobody", seconds=60).require().seat
    assert hold is not None
    world.clock.travel(seconds=60)
    assert seats.confirm_for(world.actor, world.where, hold.id, "ada").reason is Reason.HOLD_EXPIRED
    with pytest.raises(Denied):
        seats.confirm_for(world.actor, world.where, hold.id, "ada")
    with pytest.raises(NotFound):
        seats.confirm_for(world.actor, world.where, world.project.id, "ada")


def test_a_hold_is_confirmed_in_a_full_pool(world: World) -> None:
    """Each step of a hold is one entry; confirming twice is once, and its id goes on as the seat's."""
    service = world.service(1)
    seats = world.engine.seats
    held = seats.hold(world.actor, world.where, "ada", seconds=60)
    hold = held.require().seat
    assert hold is not None
    assert (hold.state, held.facts.usage) == (SeatState.HELD, Usage(1, 1))
    assert not seats.take(world.actor, world.where, "bob").allowed
    renewed = seats.renew(world.actor, world.where, hold.id, seconds=120)
    assert renewed.facts.seat is not None
    assert renewed.facts.seat.lapses_at is not None
    world.clock.travel(seconds=119)
    confirmed = seats.confirm(world.actor, world.where, hold.id)
    assert (confirmed.reason, confirmed.facts.usage) == (Reason.ALLOWED, Usage(1, 0))
    with Unchanged(world):
        assert seats.confirm(world.actor, world.where, hold.id).reason is Reason.ALREADY_HELD
        with pytest.raises(NotFound):
            seats.renew(world.actor, world.where, hold.id, seconds=60)
    kinds = ["subscription.added", "seat.held", "hold.renewed", "seat.taken"]
    assert world.kinds(stream=service.id) == kinds
    entries = world.entries(stream=service.id, subject=hold.id)
    assert [entry.erasable for entry in entries] == [{"holder": "ada"}] * 3
    assert entries[0].data.keys() == {"lapses_at"}
    assert entries[2].data == {"from": "hold"}
    world.check()


def test_a_lapsed_hold_says_so_before_and_after_it_is_cleared(world: World) -> None:
    """The first confirm clears it away on record; later ones still know that it was a hold and expired."""
    world.service(1)
    seats = world.engine.seats
    hold = seats.hold(world.actor, world.where, "ada", seconds=60).require().seat
    assert hold is not None
    world.clock.travel(seconds=60)
    assert seats.find(world.actor, world.where, "ada") is None
    assert seats.list(world.actor, world.where).items == ()
    assert seats.confirm(world.actor, world.where, hold.id).reason is Reason.HOLD_EXPIRED
    assert world.last().kind == "hold.expired"
    with Unchanged(world):
        for call in (
            lambda: seats.confirm(world.actor, world.where, hold.id),
            lambda: seats.renew(world.actor, world.where, hold.id, seconds=60),
        ):
            with pytest.raises(Denied) as denied:
                call()
            assert denied.value.decision.reason is Reason.HOLD_EXPIRED
    assert seats.take(world.actor, world.where, "bob").allowed
    world.check()


def test_renewing_a_lapsed_hold_clears_it_away(world: World) -> None:
    """A hold past its end is not brought back."""
    world.service(1)
    seats = world.engine.seats
    hold = seats.hold(world.actor, world.where, "ada", seconds=60).require().seat
    assert hold is not None
    world.clock.travel(seconds=60)
    assert seats.renew(world.actor, world.where, hold.id, seconds=60).reason is Reason.HOLD_EXPIRED
    assert seats.hold(world.actor, world.where, "bob", seconds=60).allowed


def test_releasing_frees_one_seat_on_record(world: World) -> None:
    """Seats and holds are released by name or id; who has none is told so, and that is no refusal."""
    world.service(2)
    seats = world.engine.seats
    world.seat("ada")
    hold = seats.hold(world.actor, world.where, "bob", seconds=60).require().seat
    assert hold is not None
    freed = seats.release(world.actor, world.where, "ADA")
    assert (freed.reason, freed.facts.usage) == (Reason.ALLOWED, Usage(1, 1))
    assert (world.last().kind, world.last().erasable) == ("seat.released", {"holder": "ada"})
    freed = seats.release_hold(world.actor, world.where, hold.id)
    assert (freed.reason, freed.facts.usage) == (Reason.ALLOWED, Usage(0, 0))
    assert (world.last().kind, world.last().erasable) == ("hold.released", {"holder": "bob"})
    with Unchanged(world):
        assert seats.release(world.actor, world.where, "ada").reason is Reason.NOT_HELD
        assert seats.release_hold(world.actor, world.where, hold.id).reason is Reason.NOT_HELD
        nowhere = Where(project=world.project.id, type="none")
        assert seats.release(world.actor, nowhere, "ada").reason is Reason.NO_SERVICE
    world.check()


def test_a_seat_of_another_project_is_not_found(world: World) -> None:
    """Ids of seats work within their project only."""
    world.service(3)
    hold = world.engine.seats.hold(world.actor, world.where, "ada", seconds=60).require().seat
    assert hold is not None
    other = world.engine.projects.add(world.actor, world.client.id, name="Other")
    world.engine.subscriptions.add(world.actor, other.id, limit=3)
    elsewhere = world.engine.where(other.id)
    seats = world.engine.seats
    with Unchanged(world):
        for call in (
            lambda: seats.confirm(world.actor, elsewhere, hold.id),
            lambda: seats.renew(world.actor, elsewhere, hold.id, seconds=60),
        ):
            with pytest.raises(NotFound):
                call()
        assert seats.release_hold(world.actor, elsewhere, hold.id).reason is Reason.NOT_HELD
        for nonsense in ("", "../x", "27259631130333357867708448768"):
            with pytest.raises(NotFound):
                seats.confirm(world.actor, world.where, nonsense)
            assert seats.release_hold(world.actor, world.where, nonsense).reason is Reason.NOT_HELD


def test_a_transfer_is_one_step_on_record(world: World) -> None:
    """The seat keeps its id, has another name and address, and its entry names the receiver."""
    world.service(1)
    seats = world.engine.seats
    before = seats.take(world.actor, world.where, "ada", email="ada@example.com").require().seat
    decision = seats.transfer(world.actor, world.where, "ADA", to="Bob")
    after = decision.facts.seat
    assert before is not None
    assert after is not None
    assert (decision.reason, after.id, after.number) == (Reason.ALLOWED, before.id, before.number)
    assert (after.holder, after.holder_key, after.email) == ("Bob", "bob", None)
    entry = world.last()
    assert (entry.kind, entry.subject, entry.erasable) == ("seat.transferred", after.id, {"holder": "Bob"})
    assert entry.person == person_digest(world.actor.tenant, "bob")
    with Unchanged(world):
        assert seats.transfer(world.actor, world.where, "bob", to="BOB").reason is Reason.ALREADY_HELD
        refused = seats.transfer(world.actor, world.where, "ada", to="eve")
    assert (refused.allowed, refused.reason) == (False, Reason.NOT_HELD)
    world.check()


def test_nobody_gets_a_second_seat_by_transfer(world: World) -> None:
    """A receiver who sits anywhere in the project is refused, in the same subscription and in another."""
    world.service(2)
    world.service(2)
    world.seat("ada", "bob", "eve")
    assert len({seat.subscription for seat in world.engine.seats.list(world.actor, world.where).items}) == 2
    with Unchanged(world):
        for receiver in ("bob", "eve"):
            decision = world.engine.seats.transfer(world.actor, world.where, "ada", to=receiver)
            assert (decision.allowed, decision.reason) == (False, Reason.HOLDER_SEATED)
            assert decision.facts.seat is not None
            assert decision.facts.seat.holder == receiver


def test_a_hold_is_not_transferred(world: World) -> None:
    """What is held for somebody is nobody's to give away."""
    world.service(2)
    world.engine.seats.hold(world.actor, world.where, "ada", seconds=60)
    with Unchanged(world):
        decision = world.engine.seats.transfer(world.actor, world.where, "ada", to="bob")
    assert (decision.allowed, decision.reason) == (False, Reason.NOT_HELD)


class Interrupted:
    """A gate in whose calls something else happens first: what two requests do to each other, in order."""

    def __init__(self, gate: Any) -> None:
        self._gate = gate
        self.first: dict[str, Any] = {}

    def __getattr__(self, verb: str) -> Any:
        act = self.first.pop(verb, None)
        if act is not None:
            act()
        return getattr(self._gate, verb)


def test_a_release_does_not_hit_who_got_the_seat_meanwhile() -> None:
    """Between finding a seat and freeing it the seat may have moved on: its new holder stays."""
    clock = FrozenClock()
    store = open_store("memory:", clock=clock)
    gate = Interrupted(store.gate)
    world = World.on(Store(store.ledger, gate), clock)  # type: ignore[arg-type]
    world.service(2)
    seats = world.engine.seats
    world.seat("ada")
    gate.first["release"] = lambda: seats.transfer(world.actor, world.where, "ada", to="bob").require()
    assert seats.release(world.actor, world.where, "ada").reason is Reason.NOT_HELD
    assert seats.find(world.actor, world.where, "bob") is not None
    gate.first["transfer"] = lambda: seats.transfer(world.actor, world.where, "bob", to="eve").require()
    late = seats.transfer(world.actor, world.where, "bob", to="kim")
    assert (late.allowed, late.reason) == (False, Reason.NOT_HELD)
    assert [seat.holder for seat in seats.list(world.actor, world.where).items] == ["eve"]
    world.check()


def test_the_earliest_end_is_filled_first(world: World) -> None:
    """Seats come from the subscription that ends first, then from the lowest number; all full is full."""
    forever = world.service(1)
    late = world.service(1, expiry="2028-12-31")
    early = world.service(1, expiry="2027-12-31")
    also_early = world.service(1, expiry="2027-12-31")
    took = []
    for username in ("a", "b", "c", "d"):
        seat = world.engine.seats.take(world.actor, world.where, username).require().seat
        assert seat is not None
        took.append(seat.subscription)
    assert took == [early.id, also_early.id, late.id, forever.id]
    decision = world.engine.seats.take(world.actor, world.where, "e")
    assert decision.reason is Reason.LIMIT_REACHED
    assert world.engine.seats.check(world.actor, world.where).reason is Reason.LIMIT_REACHED
    world.check()


def test_a_holder_is_found_wherever_the_seat_is(world: World) -> None:
    """Who sits in one subscription has no second seat in another, even when that is asked first."""
    later = world.service(1, expiry="2028-12-31")
    world.seat("ada")
    sooner = world.service(1, expiry="2027-12-31")
    with Unchanged(world):
        decision = world.engine.seats.take(world.actor, world.where, "ada")
    assert decision.reason is Reason.ALREADY_HELD
    assert decision.facts.terms is not None
    assert decision.facts.terms.subscription == later.id
    assert world.engine.seats.take(world.actor, world.where, "bob").facts.terms.subscription == sooner.id  # type: ignore[union-attr]
    assert world.engine.seats.release(world.actor, world.where, "ada").facts.terms.subscription == later.id  # type: ignore[union-attr]


def test_a_full_subscription_says_more_than_a_closed_one(world: World) -> None:
    """Of several refusals the one that a customer can do something about is told."""
    world.service(0)
    world.service(5, expiry="2027-06-14")
    for decision in (
        world.engine.seats.take(world.actor, world.where, "ada"),
        world.engine.seats.check(world.actor, world.where),
    ):
        assert decision.reason is Reason.LIMIT_REACHED


def test_types_are_asked_one_by_one(world: World) -> None:
    """A caller that names a type gets that type's subscriptions only."""
    world.service(1, type="web")
    api = world.service(1, type="api")
    where = dataclasses.replace(world.where, type="api")
    assert world.engine.seats.take(world.actor, where, "ada").facts.terms.subscription == api.id  # type: ignore[union-attr]
    assert world.engine.seats.take(world.actor, where, "bob").reason is Reason.LIMIT_REACHED
    assert world.engine.seats.take(world.actor, dataclasses.replace(where, type="web"), "bob").allowed


def test_listing_goes_page_by_page(world: World) -> None:
    """All seats of the project's subscriptions in the order they were taken."""
    world.service(2)
    world.service(5)
    world.seat("a", "b", "c", "d", "e")
    seats = world.engine.seats
    names: list[str] = []
    after = None
    while True:
        page = seats.list(world.actor, world.where, limit=2, after=after)
        names += [seat.holder for seat in page.items]
        after = page.after
        if after is None:
            break
    assert names == ["a", "b", "c", "d", "e"]
    for limit in (0, 201, 10**9, -1):
        with pytest.raises(InvalidInput):
            seats.list(world.actor, world.where, limit=limit)
    for cursor in ("", "x", "-1", "1.5", "٣", "9" * 19, "\x00"):
        with pytest.raises(InvalidInput) as caught:
            seats.list(world.actor, world.where, after=cursor)
        assert caught.value.code == "invalid_cursor"


def test_sweeping_clears_lapsed_holds_of_the_whole_tenant(world: World) -> None:
    """Every lapsed hold goes once, on record, and no other tenant's."""
    services = [world.service(5, type=f"t{number}") for number in range(3)]
    stranger = world.stranger()
    stranger.service(5)
    for service in services:
        where = dataclasses.replace(world.where, type=service.type)
        world.engine.seats.hold(world.actor, where, "ada", seconds=60)
        world.engine.seats.take(world.actor, where, "bob")
    world.engine.seats.hold(stranger.actor, stranger.where, "eve", seconds=60)
    with Unchanged(world):
        assert world.engine.seats.sweep(world.actor) == 0
    world.clock.travel(seconds=60)
    assert world.engine.seats.sweep(world.actor) == 3
    assert world.engine.seats.sweep(world.actor) == 0
    assert Counter(world.kinds())["hold.expired"] == 3
    assert world.engine.seats.sweep(stranger.actor) == 1
    world.check()


def test_checking_takes_nothing(world: World) -> None:
    """Advice writes nothing, however often it is asked."""
    world.service(1)
    with Unchanged(world):
        for _ in range(5):
            assert world.engine.seats.check(world.actor, world.where).allowed


@pytest.fixture
def cached() -> World:
    """A world whose snapshots live for a second of the hand-moved clock."""
    return World.in_memory(max_age=1.0)


def other_process(world: World) -> World:
    """The same store seen by another process, with snapshots of its own."""
    engine = Seatguard(world.store, clock=world.clock, options=EngineOptions(max_age=0))
    return dataclasses.replace(world, engine=engine)


def test_far_from_the_limit_numbers_may_be_a_moment_old(cached: World) -> None:
    """They are no older than a second, and the answer states their age."""
    cached.service(1000)
    seats = cached.engine.seats
    assert seats.check(cached.actor, cached.where).facts.age == 0
    other_process(cached).seat("ada")
    cached.ticks.seconds += 0.75
    facts = seats.check(cached.actor, cached.where).facts
    assert (facts.usage, facts.age) == (Usage(0, 0), 0.75)
    cached.ticks.seconds += 0.25
    facts = seats.check(cached.actor, cached.where).facts
    assert (facts.usage, facts.age) == (Usage(1, 0), 0)


def test_near_the_limit_numbers_are_read(cached: World) -> None:
    """Where a few seats are left, a count of a moment ago is not good enough."""
    cached.service(5)
    seats = cached.engine.seats
    assert seats.check(cached.actor, cached.where).facts.usage == Usage(0, 0)
    other_process(cached).seat("ada")
    cached.ticks.seconds += 0.5
    facts = seats.check(cached.actor, cached.where).facts
    assert facts.usage == Usage(1, 0)
    other_process(cached).seat("b", "c", "d", "e")
    cached.ticks.seconds += 0.25
    assert seats.check(cached.actor, cached.where).reason is Reason.LIMIT_REACHED


def test_ones_own_writes_are_seen_at_once(cached: World) -> None:
    """A seat that this process gives or frees is in the next answer, at age 0."""
    cached.service(1000)
    seats = cached.engine.seats
    seats.check(cached.actor, cached.where)
    cached.seat("ada")
    assert seats.check(cached.actor, cached.where).facts.usage == Usage(1, 0)
    seats.release(cached.actor, cached.where, "ada")
    assert seats.check(cached.actor, cached.where).facts.usage == Usage(0, 0)


@pytest.mark.parametrize("ask", ["check", "take"])
def test_a_refusal_on_old_terms_is_asked_again(cached: World, ask: str) -> None:
    """A change made by another process is in the very next answer that would have been a no."""
    service = cached.service(0)
    seats = cached.engine.seats

    def asked() -> Reason:
        if ask == "check":
            return seats.check(cached.actor, cached.where).reason
        return seats.take(cached.actor, cached.where, "ada").reason

    assert asked() is Reason.LIMIT_REACHED
    other_process(cached).engine.subscriptions.change_limit(cached.actor, service.id, limit=1)
    cached.ticks.seconds += 0.5
    assert asked() is Reason.ALLOWED


def test_a_new_subscription_of_another_process_is_found(cached: World) -> None:
    """No service a moment ago is asked again, too."""
    seats = cached.engine.seats
    assert seats.take(cached.actor, cached.where, "ada").reason is Reason.NO_SERVICE
    other_process(cached).service(1)
    cached.ticks.seconds += 0.5
    assert seats.take(cached.actor, cached.where, "ada").allowed


def test_a_yes_on_old_terms_is_decided_by_the_gate(cached: World) -> None:
    """Terms from a snapshot give no seat: the gate compares what is stored."""
    service = cached.service(5)
    seats = cached.engine.seats
    assert seats.check(cached.actor, cached.where).allowed
    other = other_process(cached).engine.subscriptions
    other.suspend(cached.actor, service.id)
    assert not seats.take(cached.actor, cached.where, "ada").allowed
    other.resume(cached.actor, service.id)
    other.change_limit(cached.actor, service.id, limit=0)
    assert seats.take(cached.actor, cached.where, "ada").reason is Reason.LIMIT_REACHED
    assert cached.engine.seats.usage(cached.actor, service.id) == Usage(0, 0)


def test_expiry_is_compared_with_the_clock_on_every_hit(cached: World) -> None:
    """A snapshot taken in the last second of the day does not open the next one."""
    cached.service(5, expiry="2027-06-15")
    cached.clock.set("2027-06-15T23:59:59.999999+00:00")
    assert cached.engine.seats.check(cached.actor, cached.where).allowed
    cached.clock.travel(seconds=0.000001)
    assert cached.engine.seats.check(cached.actor, cached.where).reason is Reason.EXPIRED


def test_threads_never_oversell(world: World) -> None:
    """64 threads at 20 seats, through the service: exactly 20 are given, each with one entry."""
    world.service(20)
    barrier = Barrier(64)

    def attempt(number: int) -> Reason:
        barrier.wait()
        return world.engine.seats.take(world.actor, world.where, f"user{number}").reason

    with ThreadPoolExecutor(64) as pool:
        reasons = Counter(pool.map(attempt, range(64)))
    assert reasons == {Reason.ALLOWED: 20, Reason.LIMIT_REACHED: 44}
    assert Counter(world.kinds())["seat.taken"] == 20
    world.check()


def test_one_holder_racing_over_several_subscriptions_has_one_seat(world: World) -> None:
    """The same user from 16 threads, two subscriptions with room: one seat in the whole project."""
    world.service(5)
    world.service(5)
    barrier = Barrier(16)

    def attempt(_: int) -> Seat | None:
        barrier.wait()
        return world.engine.seats.take(world.actor, world.where, "ada").facts.seat

    with ThreadPoolExecutor(16) as pool:
        assert len({seat and seat.id for seat in pool.map(attempt, range(16))}) == 1
    assert world.engine.seats.seats_named(world.actor, "ada") == 1


def test_an_explanation_names_every_question(world: World) -> None:
    """State, period, limit with its source, and room, in the order of subscriptions; nothing is noted."""
    world.engine.catalog.add(world.actor, slug="team", seats=2)
    first = world.service(None, plan="team", expiry="2027-12-31")
    second = world.service(5, starts="2028-01-01")
    seats = world.engine.seats
    seats.take(world.actor, world.where, "ada").require()
    hold = seats.hold(world.actor, world.where, "bob", seconds=60).require().seat
    assert hold is not None
    with Unchanged(world):
        explained = seats.explain(world.actor, world.where)
    assert explained.decision.reason is Reason.LIMIT_REACHED
    assert [(step.service, step.question, step.passed) for step in explained.steps] == [
        (first.number, "state", True),
        (first.number, "closes", True),
        (first.number, "limit", True),
        (first.number, "room", False),
        (second.number, "state", True),
        (second.number, "opens", False),
        (second.number, "limit", True),
        (second.number, "room", True),
    ]
    says = {step.question: step.says for step in explained.steps[:4]}
    assert says["closes"].endswith("after its last day 2027-12-31 in UTC")
    assert (says["limit"], says["room"]) == ("2, plan team", "2 taken, 1 of them held")
    assert (explained.holds, explained.frees_at) == ((hold,), hold.lapses_at)
    assert f"held by bob until {hold.lapses_at}" in str(explained)
    world.clock.travel(seconds=60)
    explained = seats.explain(world.actor, world.where)
    assert (explained.decision.allowed, explained.holds, explained.frees_at) == (True, (), None)


def test_an_explanation_of_nothing(world: World) -> None:
    """Without a service there is no question to ask."""
    explained = world.engine.seats.explain(world.actor, world.where)
    assert (explained.decision.reason, explained.steps) == (Reason.NO_SERVICE, ())
