"""Holds: taken, renewed, confirmed, released, lapsed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flask.conftest import Api, World


def hold(api: Api, username: str = "ada", **members: Any) -> dict[str, Any]:
    data: dict[str, Any] = api.post("/holds", username=username, **members).get_json()["data"]
    return data


def test_a_hold_counts_and_is_shown(api: Api) -> None:
    """It takes a seat like any other, and is told apart."""
    taken = hold(api, expires_in=90)
    assert (taken["state"], taken["expires_at"], taken["current"], taken["held"]) == (
        "held",
        "2027-06-15T12:01:30Z",
        1,
        1,
    )
    assert api.validate().get_json()["data"]["held"] == 1


def test_a_hold_lasts_as_the_server_is_set_up(world: World) -> None:
    """60 seconds unless told otherwise."""
    world.service(limit=3)
    assert hold(world.api)["expires_at"] == "2027-06-15T12:01:00Z"
    assert hold(world.set(HOLD_TTL=5), "bob")["expires_at"] == "2027-06-15T12:00:05Z"


def test_a_hold_is_confirmed_when_the_service_is_full(api: Api) -> None:
    """The seat is there already; confirming needs no other."""
    taken = hold(api)
    api.register("bob")
    answer = api.post(f"/holds/{taken['id']}/confirm")
    assert answer.status_code == 200
    data = answer.get_json()["data"]
    assert (data["state"], data["expires_at"], data["held"], data["current"]) == ("assigned", None, 0, 2)
    assert data["user_id"] == taken["user_id"]


def test_confirming_twice_is_confirming_once(api: Api, world: World) -> None:
    """The second answer says so, and the journal has one entry."""
    taken = hold(api)
    api.post(f"/holds/{taken['id']}/confirm")
    answer = api.post(f"/holds/{taken['id']}/confirm")
    assert (answer.status_code, answer.get_json()["data"]["already_held"]) == (200, True)
    assert len(world.entries("seat.taken")) == 1


def test_a_hold_of_the_same_user_is_the_same_hold(api: Api) -> None:
    """A user takes one seat, however often it is held; 200 instead of 201."""
    first = hold(api)
    answer = api.post("/holds", username="ADA")
    assert answer.status_code == 200
    assert answer.get_json()["data"] == {**first, "already_held": True}


def test_a_key_replays_an_accepted_invitation(api: Api) -> None:
    """The answer is kept with the act, also where the name changes with it."""
    invited = hold(api, "ada@example.com")
    headers = {"Idempotency-Key": "accept-1"}
    path = f"/holds/{invited['id']}/confirm"
    first = api.post(path, username="ada", headers=headers)
    again = api.post(path, username="ada", headers=headers)
    assert (first.status_code, again.data) == (200, first.data)
    assert api.post(path, username="eve", headers=headers).status_code == 422


def test_registering_on_ones_own_hold_confirms_it(api: Api) -> None:
    """The last seat is held for ada; ada gets it."""
    api.register("bob")
    taken = hold(api)
    assert api.register("cleo").status_code == 403
    assert api.register("ada").get_json()["data"]["id"] == taken["user_id"]
    assert "held" not in api.validate().get_json()["data"]


def test_a_hold_is_confirmed_for_another_user(api: Api, world: World) -> None:
    """Held under an address, taken by the user it has become; the last seat is enough, and twice is once."""
    api.register("bob")
    invited = hold(api, "ada@example.com", expires_in=14 * 86_400)
    path = f"/holds/{invited['id']}/confirm"
    data = api.post(path, username="ada", email="ada@example.com").get_json()["data"]
    assert (data["username"], data["state"], data["current"], data["id"]) == (
        "ada",
        "assigned",
        2,
        invited["id"],
    )
    again = api.post(path, username="ada")
    assert (again.status_code, again.get_json()["data"]["already_held"]) == (200, True)
    assert api.post(path, username="eve").status_code == 404
    assert len(world.entries("seat.taken")) == 2


def test_a_member_accepts_nothing_twice(api: Api) -> None:
    """Confirmed for a user who sits already: that seat stays, and the held one is free."""
    api.register("bob")
    invited = hold(api, "bob@example.com")
    answer = api.post(f"/holds/{invited['id']}/confirm", username="bob")
    assert answer.get_json()["data"]["already_held"]
    assert api.validate().get_json()["data"]["current"] == 1


@pytest.mark.parametrize("verb", ["confirm", "renew"])
@pytest.mark.parametrize("cleared", [False, True])
def test_a_lapsed_hold_grants_nothing(api: Api, world: World, verb: str, cleared: bool) -> None:
    """409 and why, whether or not somebody has cleared it away meanwhile."""
    taken = hold(api, expires_in=10)
    world.clock.travel(seconds=10)
    if cleared:
        world.engine.seats.sweep(world.me)
    answer = api.post(f"/holds/{taken['id']}/{verb}")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "hold_expired")
    assert world.entries("seat.taken") == []


def test_a_lapsed_hold_frees_its_seat(api: Api, world: World) -> None:
    """The next one gets it, without anybody sweeping."""
    api.register("bob")
    hold(api, expires_in=10)
    assert api.register("cleo").status_code == 403
    world.clock.travel(seconds=10)
    world.ticks.now += 2
    assert api.validate().get_json()["data"]["current"] == 1
    assert api.register("cleo").status_code == 200


def test_a_renewed_hold_lasts_from_now(api: Api, world: World) -> None:
    """Counted from the renewal, not from the old end."""
    taken = hold(api, expires_in=10)
    world.clock.travel(seconds=9)
    renewed = api.post(f"/holds/{taken['id']}/renew", expires_in=30).get_json()["data"]
    assert renewed["expires_at"] == "2027-06-15T12:00:39Z"
    world.clock.travel(seconds=29)
    assert api.post(f"/holds/{taken['id']}/confirm").status_code == 200


def test_releasing_is_idempotent(api: Api) -> None:
    """Released, and released: the seat is free once."""
    taken = hold(api)
    first, second = api.delete(f"/holds/{taken['id']}"), api.delete(f"/holds/{taken['id']}")
    assert (first.status_code, first.get_json()["data"]) == (200, {"id": taken["id"], "released": True})
    assert (second.status_code, second.get_json()["data"]) == (200, {"id": taken["id"], "released": False})
    assert api.validate().get_json()["data"]["current"] == 0


def test_a_hold_of_another_project_is_no_hold(api: Api, world: World) -> None:
    """A foreign id is answered like one that never was, byte by byte, and stays as it is."""
    foreign = hold(world.other_project())["id"]
    unknown = "00000000-0000-7000-8000-000000000000"
    request_id = {"X-Request-Id": "same"}
    for verb in ("confirm", "renew"):
        theirs = api.post(f"/holds/{foreign}/{verb}", request_id)
        nobodys = api.post(f"/holds/{unknown}/{verb}", request_id)
        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.data == nobodys.data
    theirs, nobodys = api.delete(f"/holds/{foreign}"), api.delete(f"/holds/{unknown}")
    assert theirs.status_code == nobodys.status_code
    assert theirs.data.replace(foreign.encode(), b"") == nobodys.data.replace(unknown.encode(), b"")
    assert world.entries("hold.released") == []


def test_a_user_with_a_seat_needs_no_hold(api: Api) -> None:
    """The seat there is, is the answer."""
    api.register("ada")
    answer = api.post("/holds", username="ada")
    assert (answer.status_code, answer.get_json()["data"]["state"]) == (200, "assigned")
