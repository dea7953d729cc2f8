"""Leases over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from seatguard.testing import FrozenClock
from tests.flask.conftest import Api, World, make_world
from tests.flask.test_usage import is_as_documented

UNKNOWN = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def steady() -> FrozenClock:
    """The clock that leases go by."""
    return FrozenClock()


@pytest.fixture
def world(steady: FrozenClock) -> World:
    """A project whose plan includes two floating places for 60 seconds each."""
    made = make_world(steady=steady)
    made.engine.catalog.add(
        made.me, slug="pro", seats=2, offer={"quotas": {"app": {"maxConcurrentUsers": 2}}}
    )
    made.service(plan="pro")
    return made


def check_out(api: Api, username: str, **members: Any) -> Any:
    """Ask for a place."""
    return api.post("/leases", name="app.maxConcurrentUsers", username=username, **members)


def test_a_place_is_taken_beaten_and_given_back(world: World, steady: FrozenClock) -> None:
    """201 with the ends; a heartbeat moves them; given back twice is once."""
    api = world.api
    taken = check_out(api, "ada", session="laptop")
    data = taken.get_json()["data"]
    assert (taken.status_code, data["live"], data["limit"], data["session"]) == (201, 1, 2, "laptop")
    assert data["heartbeat_by"] == data["expires_at"] == "2027-06-15T12:01:00Z"
    is_as_documented(taken, "/leases")
    steady.travel(seconds=30)
    beaten = api.post(f"/leases/{data['id']}/heartbeat")
    assert (beaten.status_code, beaten.get_json()["data"]["expires_at"]) == (200, "2027-06-15T12:01:30Z")
    is_as_documented(beaten, "/leases/{lease_id}/heartbeat")
    back = [api.delete(f"/leases/{data['id']}") for _ in range(2)]
    assert [one.get_json()["data"] for one in back] == [{"id": data["id"], "returned": True}] * 2
    is_as_documented(back[0], "/leases/{lease_id}", "delete")
    ended = api.post(f"/leases/{data['id']}/heartbeat")
    assert (ended.status_code, ended.get_json()["code"]) == (409, "lease_ended")
    is_as_documented(ended, "/leases/{lease_id}/heartbeat")


def test_a_full_pool_says_when_a_place_frees_itself(world: World, steady: FrozenClock) -> None:
    """403 with the numbers; a place that nobody keeps is given to the next."""
    first = check_out(world.api, "ada").get_json()["data"]
    check_out(world.api, "bob")
    refused = check_out(world.api, "eve")
    assert refused.status_code == 403
    body = refused.get_json()
    assert (body["code"], body["limit"], body["live"]) == ("limit_reached", 2, 2)
    assert body["frees_at"] == first["expires_at"]
    is_as_documented(refused, "/leases")
    steady.travel(seconds=60)
    assert check_out(world.api, "eve").status_code == 201
    check_out(world.api, "mel")
    late = world.api.post(f"/leases/{first['id']}/heartbeat")
    assert (late.status_code, late.get_json()["code"]) == (403, "limit_reached")


def test_a_session_keeps_its_lease_and_a_named_user_needs_none(world: World) -> None:
    """200 with already_held in both cases."""
    taken = check_out(world.api, "ada").get_json()["data"]
    again = check_out(world.api, "Ada")
    assert again.status_code == 200
    assert again.get_json()["data"] == taken | {"already_held": True}
    world.api.register("grace")
    named = check_out(world.api, "grace")
    data = named.get_json()["data"]
    assert (named.status_code, data["id"], data["already_held"]) == (200, None, True)
    is_as_documented(named, "/leases")


def test_a_lease_of_another_project_is_no_lease(world: World) -> None:
    """A foreign id is answered like one that never was, byte by byte."""
    foreign = check_out(world.api, "ada").get_json()["data"]["id"]
    other = world.other_project()
    same = {"X-Request-Id": "same"}
    theirs, nobodys = (other.post(f"/leases/{one}/heartbeat", same) for one in (foreign, UNKNOWN))
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.data == nobodys.data
    assert [other.delete(f"/leases/{one}").status_code for one in (foreign, UNKNOWN, "x")] == [404] * 3
    assert world.api.post(f"/leases/{foreign}/heartbeat").status_code == 200


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"username": "ada"}, 400, "missing_field"),
        ({"name": "app.maxConcurrentUsers"}, 400, "missing_field"),
        ({"name": "app.maxConcurrentUsers", "username": "ada", "session": " x"}, 422, "invalid_session"),
        ({"name": "app.maxConcurrentUsers", "username": "ada", "session": "x" * 129}, 422, "invalid_session"),
        ({"name": "app.maxConcurrentUsers", "username": "\u0000"}, 422, "invalid_characters"),
        ({"name": "a b", "username": "ada"}, 422, "invalid_meter"),
        ({"name": "unheard-of", "username": "ada"}, 403, "not_included"),
    ],
)
def test_wrong_input_is_named(world: World, sent: dict[str, Any], status: int, code: str) -> None:
    """With its code; no place is taken."""
    answer = world.api.post("/leases", **sent)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert world.entries("lease.taken") == []
