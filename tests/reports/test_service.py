"""Lists and numbers for operators, on every backend."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from seatguard import InvalidInput
from seatguard.clients.model import ClientState
from seatguard.reports import rules
from seatguard.reports.model import ClientView, ServiceSearch, Sort, Standing, View
from seatguard.storage import open_store
from seatguard.testing import FrozenClock
from tests.storage.stores import sql_store
from tests.worlds import World


@pytest.fixture(params=["memory", "sqlite", "postgresql", "mariadb"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """The same world on memory and on every database."""
    clock = FrozenClock()
    if request.param == "memory":
        yield World.on(open_store("memory:", clock=clock), clock)
        return
    url = request.getfixturevalue("new_database")(request.param)
    for store in sql_store(url, clock):
        yield World.on(store, clock)


def fill(world: World) -> dict[str, int]:
    """Services of every standing; their numbers by a word for each."""
    today = world.clock().date()
    engine, me = world.engine, world.actor

    def day(days: int) -> dt.date:
        return today + dt.timedelta(days=days)

    made = {
        "plain": world.service(10, type="plain"),
        "trial": world.service(10, type="trial", trial=True),
        "today": world.service(10, type="today", expiry=day(0)),
        "in30": world.service(10, type="in30", expiry=day(30)),
        "in31": world.service(10, type="in31", expiry=day(31)),
        "over": world.service(10, type="over", starts=day(-90), expiry=day(-1)),
        "grace": world.service(10, type="grace", starts=day(-90), expiry=day(-1), grace_days=5),
        "later": world.service(10, type="later", starts=day(3)),
        "suspended": world.service(10, type="suspended"),
        "canceled": world.service(10, type="canceled"),
        "due": world.service(10, type="due"),
        "none": world.service(0, type="none"),
        "unlimited": world.service(None, unlimited=True, type="unlimited"),
        "nine": world.service(10, type="nine"),
    }
    engine.subscriptions.suspend(me, made["suspended"].id)
    engine.subscriptions.cancel(me, made["canceled"].id)
    engine.subscriptions.fall_due(me, made["due"].id)
    where = engine.where(world.project.id, type="nine")
    for name in "abcdefghi":
        engine.seats.take(me, where, name).require()
    other = engine.clients.add(me, name="Élan")
    project = engine.projects.add(me, other.id, name="Quiet", domains=("quiet.example", "two.example"))
    made["quiet"] = engine.subscriptions.add(me, project.id, limit=5, type="quiet", expiry=day(3))
    engine.clients.suspend(me, other.id)
    return {word: one.number for word, one in made.items()}


def test_views_show_what_the_rules_say_and_count_it(world: World) -> None:
    """Each view lists exactly the services that `rules.is_in` names, and its count is their number."""
    numbers = fill(world)
    everything = [
        row
        for view in (View.ALL, View.ARCHIVED)
        for row in world.engine.reports.services(world.actor, ServiceSearch(view=view), limit=200).items
    ]
    assert {row.subscription.number for row in everything} == set(numbers.values())
    counts = world.engine.reports.view_counts(world.actor)
    for view in View:
        listed = world.engine.reports.services(world.actor, ServiceSearch(view=view), limit=200).items
        expected = {row.subscription.number for row in everything if rules.is_in(view, row, world.clock())}
        assert {row.subscription.number for row in listed} == expected, view
        assert counts[view].number == len(expected)
    words = {number: word for word, number in numbers.items()}
    standings = {words[row.subscription.number]: rules.standing(row, world.clock()) for row in everything}
    assert standings == {
        "plain": Standing.ACTIVE,
        "trial": Standing.TRIAL,
        "today": Standing.EXPIRING,
        "in30": Standing.EXPIRING,
        "in31": Standing.ACTIVE,
        "over": Standing.EXPIRED,
        "grace": Standing.EXPIRING,
        "later": Standing.SCHEDULED,
        "suspended": Standing.SUSPENDED,
        "canceled": Standing.ARCHIVED,
        "due": Standing.PAST_DUE,
        "none": Standing.ACTIVE,
        "unlimited": Standing.ACTIVE,
        "nine": Standing.ACTIVE,
        "quiet": Standing.SUSPENDED,
    }


def test_dashboard_numbers_are_the_counts_of_their_views(world: World) -> None:
    """Active, expiring and high; the suspended client's service is in none, the client in the total."""
    fill(world)
    overview = world.engine.reports.overview(world.actor)
    reports = world.engine.reports
    assert overview.active == reports.count_services(world.actor, ServiceSearch(view=View.ACTIVE))
    assert overview.expiring.number == 3
    assert overview.high.number == 2
    assert overview.clients == reports.count_clients(world.actor)
    assert overview.clients.number == 2


@pytest.mark.parametrize("sort", list(Sort))
def test_pages_lead_through_the_whole_list_and_back(world: World, sort: Sort) -> None:
    """Next and previous meet every service once, in one order, whatever it is sorted by."""
    fill(world)
    reports, search = world.engine.reports, ServiceSearch()
    whole = reports.services(world.actor, search, sort=sort, limit=200)
    assert (whole.after, whole.before) == (None, None)
    page, forward = reports.services(world.actor, search, sort=sort, limit=4), []
    assert page.before is None
    while True:
        forward.append(page.items)
        if page.after is None:
            break
        page = reports.services(world.actor, search, sort=sort, limit=4, after=page.after)
    assert [row for items in forward for row in items] == list(whole.items)
    back = [page.items]
    while page.before is not None:
        page = reports.services(world.actor, search, sort=sort, limit=4, before=page.before)
        back.append(page.items)
    assert back[::-1] == forward


def test_a_text_that_is_no_cursor_is_refused(world: World) -> None:
    """A changed link is told so, on every list."""
    for cursor in ("x", "[1]", "{}", '["a", "b"]', "[[], 1]"):
        with pytest.raises(InvalidInput):
            world.engine.reports.services(world.actor, after=cursor)
        with pytest.raises(InvalidInput):
            world.engine.reports.clients(world.actor, before=cursor)


def test_search_finds_by_beginnings_of_names_and_by_number(world: World) -> None:
    """Of clients, projects and types, whatever the case; wildcards of the database mean nothing."""
    numbers = fill(world)

    def found(**asked: object) -> set[int]:
        rows = world.engine.reports.services(
            world.actor,
            ServiceSearch(**asked),  # type: ignore[arg-type]
            limit=200,
        ).items
        return {row.subscription.number for row in rows}

    assert found(q="UNLIM") == {numbers["unlimited"]}
    assert found(q=f"#{numbers['nine']}") == {numbers["nine"]}
    assert found(q="quie") == {numbers["quiet"]}
    assert found(q="%") == found(q="_") == set()
    assert found(type="nine", util_gte=90) == {numbers["nine"]}
    assert found(type="nine", util_gte=91) == set()
    assert found(client="no id") == found(plan="no id") == set()
    assert found(mode="test") == set()
    before = world.clock().date() + dt.timedelta(days=1)
    assert found(expires_before=before) == {numbers[word] for word in ("today", "over", "grace")}


def test_searches_by_different_names_are_counted_each_by_its_own(world: World) -> None:
    """Saved views have names of their own to look for."""
    fill(world)
    searches = [ServiceSearch(q="pl"), ServiceSearch(q="quiet"), ServiceSearch(q="nobody"), ServiceSearch()]
    counts = world.engine.reports.counts(world.actor, searches)
    listed = [len(world.engine.reports.services(world.actor, one, limit=200).items) for one in searches]
    assert [count.number for count in counts] == listed
    assert listed[:3] == [1, 1, 0]


def test_client_and_project_rows_add_up(world: World) -> None:
    """Services, seats, limits and the nearest last day; canceled services are left out."""
    fill(world)
    rows = {row.client.name: row for row in world.engine.reports.clients(world.actor).items}
    first = rows["Client"]
    assert (first.projects, first.services, first.seats, first.limit) == (1, 13, 9, None)
    assert first.next_expiry == world.clock().date()
    second = rows["Élan"]
    assert (second.projects, second.services, second.seats, second.limit) == (1, 1, 0, 5)
    projects = {row.project.name: row for row in world.engine.reports.projects(world.actor).items}
    assert projects["Quiet"].domains == ("quiet.example", "two.example")
    assert (projects["Project"].services, projects["Project"].seats) == (13, 9)
    assert projects["Quiet"].client_state is ClientState.SUSPENDED
    suspended = world.engine.reports.clients(world.actor, view=ClientView.SUSPENDED).items
    assert [row.client.name for row in suspended] == ["Élan"]


def test_plans_say_what_they_promise_and_to_how_many(world: World) -> None:
    """The current version's seats, and subscribers of all versions that are not canceled."""
    engine, me = world.engine, world.actor
    engine.catalog.add(me, slug="team", seats=5)
    for number in range(3):
        one = engine.subscriptions.add(me, world.project.id, plan="team", type=f"t{number}")
    engine.publish_plan(me, "team", seats=7, apply_to="new")
    engine.subscriptions.cancel(me, one.id)
    (row,) = engine.reports.plans(me).items
    assert (row.plan.slug, row.number, row.seats, row.subscribers.number) == ("team", 2, 7, 2)


def test_series_and_denials_follow_the_journal(world: World) -> None:
    """Seats by day, refusals summed by the minute, and days without anything are there too."""
    service = world.service(2)
    world.seat("ada", "bob")
    world.clock.travel(days=2)
    for name in ("cleo", "dan", "eve"):
        assert not world.engine.seats.take(world.actor, world.where, name).allowed
    world.engine.flush()
    series = world.engine.reports.seat_series(world.actor, days=3)
    assert [(day.taken, day.denied) for day in series] == [(2, 0), (0, 0), (0, 3)]
    assert world.engine.reports.seat_series(world.actor, days=3, service=service.id) == series
    assert world.engine.reports.denials(world.actor, days=1) == {"limit_reached": 3}


def test_growth_counts_back_from_what_is_there_now(world: World) -> None:
    """Each day's number is that of the things still there that had come by then; what ends is told ahead."""
    engine, me, clock = world.engine, world.actor, world.clock
    start = engine.reports.overview(me)
    today = clock().date()
    for days, expiry in ((1, 40), (2, None), (0, 35)):
        clock.travel(days=days)
        client = engine.clients.add(me, name=f"Late {days}")
        project = engine.projects.add(me, client.id, name="Shop")
        last = None if expiry is None else today + dt.timedelta(days=expiry)
        service = engine.subscriptions.add(me, project.id, limit=1, expiry=last)
    clock.travel(days=4)
    gone = engine.clients.add(me, name="Gone")
    engine.clients.archive(me, gone.id)
    overview = engine.reports.overview(me)
    growth = engine.reports.growth(me, overview, days=10)
    clients, active = start.clients.number, start.active.number
    assert growth.clients is not None
    assert growth.active is not None
    assert growth.expiring is not None
    assert [number - clients for number in growth.clients] == [-1, -1, 0, 1, 1, 3, 3, 3, 3, 3]
    assert [number - active for number in growth.active] == [0, 0, 0, 1, 1, 3, 3, 3, 3, 3]
    assert (growth.clients[-1], growth.active[-1]) == (overview.clients.number, overview.active.number)
    ahead = engine.reports.growth(me, overview, days=30).expiring
    assert ahead is not None
    assert len(ahead) == 31
    assert [day for day, number in enumerate(ahead) if number] == [28]
    engine.subscriptions.cancel(me, service.id)
    overview = engine.reports.overview(me)
    assert engine.reports.growth(me, overview, days=10).active == tuple(
        number - (1 if at >= 5 else 0) for at, number in enumerate(growth.active)
    )
    assert sum(engine.reports.growth(me, overview).expiring or ()) == 0


def test_another_tenant_sees_nothing_of_it(world: World) -> None:
    """Neither rows nor numbers."""
    fill(world)
    stranger = world.stranger()
    assert stranger.engine.reports.services(stranger.actor).items == ()
    assert stranger.engine.reports.overview(stranger.actor).active.number == 0
    assert [row.client.name for row in stranger.engine.reports.clients(stranger.actor).items] == [
        "Foreign client"
    ]
