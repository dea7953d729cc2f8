"""Several seats for one request: all of them or none."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import request

from seatguard_flask import current_seat, current_seats
from tests.guards.conftest import Host

Colour = Callable[[Callable[..., Any]], Callable[..., Any]]


def serve(host: Host, view: Callable[..., Any], **options: Any) -> None:
    guarded = host.seats.consume(project="acme", **options)(view)
    host.app.add_url_rule("/teams", "teams", guarded, methods=["POST"])


def team(host: Host, *members: object) -> int:
    return host.post("/teams", json={"members": members}).status_code


@pytest.fixture
def host(new_host: Callable[..., Host]) -> Host:
    """Three seats."""
    return new_host(limit=3)


def test_a_list_of_users_is_seated_or_refused_together(host: Host, colour: Colour) -> None:
    """Four do not fit, and none of them sits; three do; members of it need no second seat."""
    entered = []
    serve(host, colour(lambda: (entered.append(1), ({}, 201))[1]), subject="members")
    assert team(host, "ada", "bob", "cleo", "dora") == 402
    assert (entered, host.taken()) == ([], (0, 0))
    assert team(host, "ada", "bob", 7) == 201
    assert host.seated() == {"ada": "assigned", "bob": "assigned", "7": "assigned"}
    assert team(host, "bob", "Ada", "ada") == 201
    assert team(host, "ada", "eve") == 402
    assert host.taken() == (3, 0)


@pytest.mark.parametrize(
    ("answer", "seats"),
    [
        (lambda: ({}, 201), 2),
        (lambda: ("", 204), 2),
        (lambda: "<form>again</form>", 0),
        (lambda: ("no", 409), 0),
        (lambda: 1 / 0, 0),
    ],
)
def test_the_outcome_decides_for_all(
    host: Host, colour: Colour, answer: Callable[[], Any], seats: int
) -> None:
    """As it does for one."""
    during = []
    serve(host, colour(lambda: (during.append(host.taken()), answer())[1]), subject="members")
    team(host, "ada", "bob")
    assert during == [(0, 2)]
    assert host.taken() == (seats, 0)


def test_forms_and_functions_name_several_too(host: Host) -> None:
    """A field that is there more than once, and a function that answers a list."""
    serve(host, lambda: ("", 204), subject="members")
    assert host.post("/teams", data={"members": [" ada ", "bob"]}).status_code == 204
    guarded = host.seats.consume(project="acme", subject=lambda: ("cleo", "ada"))(lambda: ("", 204))
    with host.app.test_request_context(method="POST"):
        guarded()
    assert sorted(host.seated()) == ["ada", "bob", "cleo"]


def test_users_that_the_view_names(host: Host, colour: Colour) -> None:
    """So many seats, each named or canceled by itself; one alone cannot be meant."""

    def view() -> Any:
        with pytest.raises(RuntimeError, match="3 seats are in hand"):
            current_seat.assign(1)
        first, second, third = current_seats
        first.assign(105, email="ada@example.com")
        second.assign(106)
        third.cancel()
        return {}, 201

    serve(host, colour(view), quantity=3)
    assert host.post("/teams").status_code == 201
    assert host.seated() == {"105": "assigned", "106": "assigned"}
    assert host.post("/teams").status_code == 402
    assert host.taken() == (2, 0)


def test_all_canceled_is_none(host: Host) -> None:
    """And a view that names one and fails has none either."""

    def view() -> Any:
        for seat in current_seats:
            seat.cancel()
        if request.args:
            current_seats[0].assign("ada")
        return {}, 500 if request.args else 200

    serve(host, view, quantity=2)
    assert [host.post(path).status_code for path in ("/teams", "/teams?fail")] == [200, 500]
    assert host.taken() == (0, 0)


def test_one_seat_that_is_gone_takes_the_others_along(host: Host, colour: Colour) -> None:
    """The view took too long, and somebody has one of the seats: 409, and those that were kept are free."""

    def view() -> Any:
        host.clock.travel(seconds=61)
        host.seats.take("acme", "eve")
        host.seats.take("acme", "kim")
        return {}, 201

    serve(host, colour(view), subject="members")
    assert team(host, "ada", "bob") == 409
    assert host.seated() == {"eve": "assigned", "kim": "assigned"}


def test_who_sat_there_before_stays_whatever_happens(host: Host) -> None:
    """A team that is refused, fails, or comes too late does not cost its members their seats."""
    host.seats.take("acme", "ada")

    def view() -> Any:
        host.clock.travel(seconds=61)
        host.seats.take("acme", "eve")
        host.seats.take("acme", "kim")
        return {}, 201

    serve(host, view, subject="members")
    assert team(host, "ada", "bob", "cleo", "dora") == 402
    assert team(host, "ada", "bob", "cleo") == 409
    assert host.seated() == {"ada": "assigned", "eve": "assigned", "kim": "assigned"}


@pytest.mark.parametrize(
    ("members", "status"), [([f"u{n}" for n in range(101)], 422), (["a\x00b", "ada"], 422)]
)
def test_a_list_that_cannot_be_seated(host: Host, members: list[str], status: int) -> None:
    """Too long, or with a name that nobody can have."""
    serve(host, lambda: ({}, 201), subject="members")
    assert team(host, *members) == status
    assert host.taken() == (0, 0)


def test_nobody_is_named(host: Host) -> None:
    """An empty list is for the view to refuse, as an empty field is."""
    serve(host, lambda: ("no members", 400), subject="members")
    assert team(host) == 400
    assert host.taken() == (0, 0)


def test_a_crowd_of_teams_is_never_half_seated(new_host: Callable[..., Host]) -> None:
    """Twelve teams of three for ten seats, each asking until it is told no twice: three teams, whole."""
    host = new_host(limit=10)
    serve(host, lambda: ({}, 201), subject="members")
    start = Barrier(12)

    def ask(number: int) -> int:
        client = host.app.test_client()
        start.wait(60)
        body = {"members": [f"team{number}-{one}" for one in range(3)]}
        return client.post("/teams", json=body).status_code

    with ThreadPoolExecutor(12) as threads:
        statuses = list(threads.map(ask, range(12)))
    assert host.taken() == (3 * statuses.count(201), 0)
    # In the crowd a team may keep another from its last seat; alone, each one that fits is seated.
    while ask_alone(host) == 201:
        pass
    assert host.taken() == (9, 0)
    teams = {name.partition("-")[0] for name in host.seated()}
    assert len(teams) == 3


def ask_alone(host: Host) -> int:
    return team(host, *(f"later{host.taken()[0]}-{one}" for one in range(3)))
