from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from seatguard import Conflict, Denied, InvalidInput, NotFound, open_store
from seatguard.errors import SeatguardError
from seatguard.testing import FrozenClock
from tests.storage.stores import sql_store
from tests.worlds import Unchanged, World


@pytest.fixture
def world() -> World:
    return World.in_memory()


@pytest.fixture(params=["memory", "sqlite"])
def contested(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A world for races between threads, in memory and on SQLite."""
    clock = FrozenClock()
    if request.param == "memory":
        yield World.on(open_store("memory:", clock=clock), clock)
        return
    for store in sql_store(f"sqlite:///{tmp_path / 'race.db'}", clock):
        yield World.on(store, clock)


def test_an_added_plan_has_its_first_version(world: World) -> None:
    """A plan is active, its first version is current, and the entry tells what it promises."""
    plan = world.engine.catalog.add(world.actor, slug="pro", name="Pro", seats=10)
    current = world.engine.catalog.current(world.actor, "pro")
    assert (plan.active, plan.current, plan.version) == (True, current.id, 1)
    assert (current.number, current.seats, current.published_at) == (1, 10, world.clock())
    assert world.engine.catalog.get(world.actor, "pro") == plan
    (entry,) = world.entries(stream=plan.id)
    assert (entry.kind, entry.data) == ("plan.added", {"slug": "pro", "name": "Pro", "seats": 10})


@pytest.mark.parametrize("seats", [None, 0])
def test_no_limit_and_no_seats_are_two_things(world: World, seats: int | None) -> None:
    """``None`` is unlimited, ``0`` is none, all the way to the terms."""
    world.engine.catalog.add(world.actor, slug="edge", seats=seats)
    assert world.engine.catalog.current(world.actor, "edge").seats == seats
    service = world.service(None, plan="edge")
    assert (service.limit, service.cap) == (seats, seats)
    decision = world.engine.seats.take(world.actor, world.where, "ada")
    assert decision.allowed is (seats is None)


def test_a_slug_is_taken_for_ever(world: World) -> None:
    """A slug is not used again, also after the plan was deactivated; another tenant has slugs of its own."""
    world.engine.catalog.add(world.actor, slug="pro", seats=1)
    world.engine.catalog.deactivate(world.actor, "pro")
    with Unchanged(world), pytest.raises(Conflict) as caught:
        world.engine.catalog.add(world.actor, slug="pro", seats=2)
    assert (caught.value.code, caught.value.facts) == ("slug_exists", {"slug": "pro"})
    world.engine.catalog.add(world.stranger().actor, slug="pro", seats=3)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"slug": "Pro Plan", "seats": 1}, "invalid_slug"),
        ({"slug": "pro", "seats": -1}, "out_of_range"),
        ({"slug": "pro", "seats": True}, "integer_expected"),
        ({"slug": "pro", "seats": 1.5}, "integer_expected"),
        ({"slug": "pro", "seats": "100"}, "integer_expected"),
        ({"slug": "pro", "seats": 2**31}, "out_of_range"),
        ({"slug": "pro", "seats": 1, "name": ""}, "required"),
    ],
)
def test_broken_input_changes_nothing(world: World, options: dict[str, object], code: str) -> None:
    """Slug, name and seats are judged before anything is written."""
    with Unchanged(world), pytest.raises(InvalidInput) as caught:
        world.engine.catalog.add(world.actor, **options)  # type: ignore[arg-type]
    assert caught.value.code == code


def test_a_published_version_never_changes(world: World) -> None:
    """Publishing adds a version and makes it current; the one before stays as it was."""
    world.engine.catalog.add(world.actor, slug="pro", seats=10)
    first = world.engine.catalog.current(world.actor, "pro")
    second = world.engine.publish_plan(world.actor, "pro", seats=20)
    assert world.engine.catalog.current(world.actor, "pro") == second
    assert (second.number, second.seats) == (2, 20)
    with world.store.ledger.read(world.actor.tenant) as work:
        assert work.plan_versions.get(first.id) == first
    entry = world.last(kind="plan.published")
    assert entry.data == {"number": 2, "seats": {"before": 10, "after": 20}}
    assert entry.subject == second.id


def test_publishing_to_all_moves_the_subscribers(world: World) -> None:
    """Subscribers follow in the same act, each on record; one with a limit of its own keeps that."""
    world.engine.catalog.add(world.actor, slug="pro", seats=3)
    followers = [world.service(None, plan="pro", type=f"t{number}") for number in range(3)]
    own = world.service(7, plan="pro", type="own")
    other = world.service(5, type="none")
    world.engine.publish_plan(world.actor, "pro", seats=4)
    get = world.engine.subscriptions.get
    assert [get(world.actor, one.id).limit for one in followers] == [4, 4, 4]
    assert get(world.actor, own.id).limit == 7
    assert get(world.actor, other.id) == other
    moved = world.entries(kind="subscription.plan_version_changed")
    assert {entry.stream for entry in moved} == {one.id for one in [*followers, own]}
    assert world.last(stream=followers[0].id).data == {"number": 2, "before": 3, "after": 4, "live": 0}
    world.check()


def test_publishing_to_all_reaches_followers_of_every_version(world: World) -> None:
    """Subscribers who stayed behind once are moved by the next publication to all."""
    world.engine.catalog.add(world.actor, slug="pro", seats=3)
    first = world.service(None, plan="pro", type="first")
    world.engine.publish_plan(world.actor, "pro", seats=4, apply_to="new")
    second = world.service(None, plan="pro", type="second")
    assert (first.limit, second.limit) == (3, 4)
    assert world.engine.subscriptions.get(world.actor, first.id).limit == 3
    world.engine.publish_plan(world.actor, "pro", seats=5)
    for one in (first, second):
        assert world.engine.subscriptions.get(world.actor, one.id).limit == 5


def test_publishing_to_more_subscribers_than_a_page_misses_none(world: World) -> None:
    """All subscribers move, also when there are more of them than a listing shows at once."""
    world.engine.catalog.add(world.actor, slug="pro", seats=3)
    several = [world.service(None, plan="pro", type=f"t{number}") for number in range(203)]
    world.engine.publish_plan(world.actor, "pro", seats=4)
    limits = Counter(world.engine.subscriptions.get(world.actor, one.id).limit for one in several)
    assert limits == {4: 203}


def test_publishing_below_use_keeps_the_holders(world: World) -> None:
    """Holders beyond a lowered limit stay; new ones are refused until there is room below it."""
    world.engine.catalog.add(world.actor, slug="pro", seats=3)
    service = world.service(None, plan="pro")
    world.seat("ada", "bob", "eve")
    world.engine.publish_plan(world.actor, "pro", seats=1)
    assert world.engine.seats.usage(world.actor, service.id).live == 3
    assert not world.engine.seats.take(world.actor, world.where, "kim").allowed
    for username in ("ada", "bob", "eve"):
        world.engine.seats.release(world.actor, world.where, username)
    assert world.engine.seats.take(world.actor, world.where, "kim").allowed
    world.check()


def test_a_new_limit_is_seen_at_once(world: World) -> None:
    """This process's own publication is not hidden by a snapshot of a moment ago."""
    engine = World.on(world.store, world.clock, max_age=60).engine
    engine.catalog.add(world.actor, slug="pro", seats=1)
    world.service(None, plan="pro")
    assert engine.seats.check(world.actor, world.where).facts.terms.limit == 1  # type: ignore[union-attr]
    engine.publish_plan(world.actor, "pro", seats=2)
    assert engine.seats.check(world.actor, world.where).facts.terms.limit == 2  # type: ignore[union-attr]


@pytest.mark.parametrize("apply_to", ["", "some", "ALL", None])
def test_publishing_to_nobody_in_particular_is_refused(world: World, apply_to: str) -> None:
    """To whom a version applies is ``all`` or ``new``; anything else changes nothing."""
    world.engine.catalog.add(world.actor, slug="pro", seats=3)
    with Unchanged(world), pytest.raises(InvalidInput) as caught:
        world.engine.publish_plan(world.actor, "pro", seats=4, apply_to=apply_to)
    assert caught.value.problems[0].field == "apply_to"


def test_publishing_a_broken_limit_moves_nobody(world: World) -> None:
    """The limit is judged before the first subscriber is moved."""
    world.engine.catalog.add(world.actor, slug="pro", seats=3)
    world.service(None, plan="pro")
    with Unchanged(world), pytest.raises(InvalidInput):
        world.engine.publish_plan(world.actor, "pro", seats=-1)
    with Unchanged(world), pytest.raises(NotFound):
        world.engine.publish_plan(world.actor, "none", seats=1)


def test_a_deactivated_plan_takes_no_new_subscription(world: World) -> None:
    """Its subscribers stay, go on and may be moved off; nobody comes in, by either door."""
    world.engine.catalog.add(world.actor, slug="old", seats=3)
    stays = world.service(None, plan="old")
    elsewhere = world.service(5, type="other")
    assert world.engine.catalog.deactivate(world.actor, "old").active is False
    with Unchanged(world), pytest.raises(Denied) as denied:
        world.service(None, plan="old")
    assert denied.value.decision.facts == {"plan": "old"}
    with Unchanged(world), pytest.raises(Denied):
        world.engine.subscriptions.change_plan(world.actor, elsewhere.id, plan="old")
    assert world.engine.seats.take(world.actor, world.where, "ada").allowed
    assert world.engine.subscriptions.get(world.actor, stays.id) == stays
    world.engine.publish_plan(world.actor, "old", seats=4)
    assert world.engine.subscriptions.get(world.actor, stays.id).limit == 4
    world.engine.catalog.reactivate(world.actor, "old")
    assert world.service(None, plan="old", type="third").limit == 4


def test_changes_of_a_plan_are_idempotent(world: World) -> None:
    """Deactivating twice is once, and so are reactivating and renaming; each real change is one entry."""
    catalog = world.engine.catalog
    plan = catalog.add(world.actor, slug="pro", name="Pro", seats=3)
    with Unchanged(world):
        catalog.reactivate(world.actor, "pro")
        catalog.rename(world.actor, "pro", name="Pro")
    assert catalog.rename(world.actor, "pro", name="Professional", version=1).version == 2
    with Unchanged(world), pytest.raises(Conflict) as caught:
        catalog.rename(world.actor, "pro", name="Third", version=1)
    assert caught.value.code == "version_conflict"
    catalog.deactivate(world.actor, "pro")
    with Unchanged(world):
        catalog.deactivate(world.actor, "pro")
    catalog.reactivate(world.actor, "pro")
    assert world.kinds(stream=plan.id) == [
        "plan.added",
        "plan.renamed",
        "plan.deactivated",
        "plan.reactivated",
    ]
    assert world.entries(stream=plan.id)[1].data == {"before": "Pro", "after": "Professional"}


def test_plans_are_listed_deactivated_ones_included(world: World) -> None:
    """In the order they were added, page by page."""
    for slug in ("a", "c", "b"):
        world.engine.catalog.add(world.actor, slug=slug, seats=1)
    world.engine.catalog.deactivate(world.actor, "c")
    page = world.engine.catalog.list(world.actor, limit=2)
    rest = world.engine.catalog.list(world.actor, limit=2, after=page.after)
    assert [plan.slug for plan in page.items + rest.items] == ["a", "c", "b"]


@pytest.mark.parametrize("round_", range(4))
def test_a_plan_deactivated_in_a_race_takes_nobody_afterwards(contested: World, round_: int) -> None:
    """Subscriptions race with a deactivation: once it is done, nobody gets in."""
    world = contested
    world.engine.catalog.add(world.actor, slug="pro", seats=3)
    barrier = Barrier(5)

    def subscribe(number: int) -> str:
        barrier.wait()
        try:
            return world.service(None, plan="pro", type=f"t{number}").id
        except Denied as denied:
            return denied.decision.reason.value

    def deactivate() -> None:
        barrier.wait()
        world.engine.catalog.deactivate(world.actor, "pro")

    with ThreadPoolExecutor(5) as pool:
        adding = [pool.submit(subscribe, number) for number in range(4)]
        pool.submit(deactivate).result()
        answers = [one.result() for one in adding]
    got_in = [answer for answer in answers if answer != "plan_inactive"]
    assert len(world.entries(kind="subscription.added")) == len(got_in)
    with Unchanged(world), pytest.raises(Denied):
        world.service(None, plan="pro", type="late")
    world.check()


@pytest.mark.parametrize("round_", range(3))
def test_whoever_subscribes_in_a_race_with_a_publication_follows_it(contested: World, round_: int) -> None:
    """No subscriber is left on the version before because it came in while that was replaced."""
    world = contested
    world.engine.catalog.add(world.actor, slug="pro", seats=3)
    barrier = Barrier(5)

    def together(act: Callable[[], object]) -> None:
        barrier.wait()
        try:
            act()
        except SeatguardError as error:
            raise AssertionError(f"a race must not be seen: {error!r}") from error

    with ThreadPoolExecutor(5) as pool:
        acts: list[Callable[[], object]] = [
            lambda number=number: world.service(None, plan="pro", type=f"t{number}")  # type: ignore[misc]
            for number in range(4)
        ]
        acts.append(lambda: world.engine.publish_plan(world.actor, "pro", seats=9))
        for done in [pool.submit(together, act) for act in acts]:
            done.result()
    page = world.engine.subscriptions.list(world.actor)
    assert [one.limit for one in page.items] == [9] * 4
    world.check()
