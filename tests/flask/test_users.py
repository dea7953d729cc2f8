"""Deactivate, transfer, list; and which of several services a user comes to sit in."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest

import seatguard
from tests.flask.conftest import Api, World


def names(api: Api, **query: str | int) -> list[str]:
    return [user["username"] for user in api.get("/users", **query).get_json()["data"]["users"]]


@pytest.mark.parametrize("how", ["post", "delete"])
def test_a_deactivated_user_frees_a_seat(api: Api, how: str) -> None:
    """Both spellings of the route do the same and answer the same."""
    for name in ("ada", "bob"):
        api.register(name)
    answer = api.post("/deactivate-user", username="Ada") if how == "post" else api.delete("/users/Ada")
    assert answer.status_code == 200
    assert answer.get_json() == {
        "status": "success",
        "message": "User deactivated successfully.",
        "data": {"id": 1, "username": "ada", "service_id": 1, "new_count": 1},
    }
    assert api.register("cleo").get_json()["data"] == {
        "id": 3,
        "username": "cleo",
        "service_id": 1,
        "new_count": 2,
    }


@pytest.mark.parametrize("name", ["a/b", "a b", "größe", "50%", "a?b", "../x"])
def test_any_name_can_be_deleted_by_url(api: Api, name: str) -> None:
    """Percent-encoded, as URLs demand."""
    api.register(name)
    assert "already_deactivated" not in api.delete(f"/users/{quote(name, safe='')}").get_json()["data"]
    assert names(api) == []


def test_a_user_comes_back_with_a_new_id(api: Api) -> None:
    """An id is never given twice: what was released is over."""
    first = api.register("ada").get_json()["data"]["id"]
    api.delete("/users/ada")
    assert api.register("ada").get_json()["data"]["id"] > first


def test_nobody_can_release_another_projects_user(api: Api, world: World) -> None:
    """The same name elsewhere stays where it is."""
    other = world.other_project()
    other.register("ada")
    assert api.delete("/users/ada").get_json()["data"]["already_deactivated"] is True
    assert names(other) == ["ada"]


def test_a_seat_is_transferred_when_the_service_is_full(api: Api) -> None:
    """No free seat is needed, and the id stays."""
    api.register("ada")
    api.register("bob")
    data = api.post("/transfer-user", username="ada", to_username="Cleo", email="c@d.e").get_json()["data"]
    assert data == {"id": 1, "username": "Cleo", "from_username": "ada", "service_id": 1, "current": 2}
    assert names(api) == ["Cleo", "bob"]


def test_a_seat_is_not_transferred_to_who_has_one(api: Api) -> None:
    """Two seats would become one without anybody saying which."""
    api.register("ada")
    api.register("bob")
    answer = api.post("/transfer-user", username="ada", to_username="bob")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "holder_seated")
    assert names(api) == ["ada", "bob"]


def test_users_are_listed_page_by_page(world: World) -> None:
    """Each once, in the order they came, whatever happens between two pages."""
    world.service(limit=20)
    for number in range(7):
        world.api.register(f"user{number}", email=f"{number}@example.com")
    seen: list[str] = []
    query: dict[str, str | int] = {"limit": 3}
    while True:
        data = world.api.get("/users", **query).get_json()["data"]
        seen += [user["username"] for user in data["users"]]
        if data["next"] is None:
            break
        query["after"] = data["next"]
        world.api.delete("/users/user0")
    assert seen == [f"user{number}" for number in range(7)]


def test_a_listed_user_says_all(api: Api) -> None:
    """So that a service in any language can compare its users with ours."""
    api.register("ada", email="ada@example.com")
    hold = api.post("/holds", username="bob").get_json()["data"]
    first, second = api.get("/users").get_json()["data"]["users"]
    assert first == {
        "id": 1,
        "username": "ada",
        "email": "ada@example.com",
        "service_id": 1,
        "state": "assigned",
        "since": "2027-06-15T12:00:00Z",
        "expires_at": None,
        "hold_id": None,
    }
    assert (second["state"], second["expires_at"], second["hold_id"]) == (
        "held",
        "2027-06-15T12:01:00Z",
        hold["id"],
    )


def test_the_service_that_ends_first_is_filled_first(world: World) -> None:
    """Earliest end, then lowest number; a service_type asks one kind only."""
    world.service(limit=1, type="mobile", expiry="2028-12-31")
    world.service(limit=1, type="web", expiry="2027-12-31")
    api = world.api
    assert api.validate().get_json()["data"]["type"] == "web"
    assert api.validate(service_type="mobile").get_json()["data"]["type"] == "mobile"
    assert [api.register(name).get_json()["data"]["service_id"] for name in ("ada", "bob")] == [2, 1]
    assert api.register("cleo").status_code == 403
    assert names(api, service_type="mobile") == ["bob"]
    assert api.validate(service_type="desktop").status_code == 404


@pytest.mark.parametrize("path", ["/validate-subscription", "/register-user"])
def test_a_project_without_a_service(world: World, path: str) -> None:
    """404, or as the setting says the 403 of a full one, with no seats agreed."""
    answer = world.api.post(path, username="ada")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "no_service")
    assert "data" not in answer.get_json()
    folded = world.set(MISSING_SERVICE="403").post(path, username="ada")
    assert (folded.status_code, folded.get_json()["code"]) == (403, "no_service")
    assert folded.get_json()["message"] == "Subscription limit reached or expired."
    assert folded.get_json()["data"] == {"limit": 0, "current": 0, "expiry": None}


@pytest.mark.parametrize(
    ("agreed", "suspended", "code", "retryable"),
    [
        ({"limit": 0}, False, "limit_reached", True),
        ({"limit": 5, "starts": "2027-06-16"}, False, "not_started", True),
        ({"limit": 5, "expiry": "2027-06-14"}, False, "expired", False),
        ({"limit": 5}, True, "suspended", False),
    ],
)
@pytest.mark.parametrize("path", ["/validate-subscription", "/register-user"])
def test_every_reason_has_its_code(
    world: World, path: str, agreed: dict[str, object], suspended: bool, code: str, retryable: bool
) -> None:
    """One sentence as documented, and the difference for programs; validate and register agree."""
    service = world.service(**agreed)
    if suspended:
        world.engine.subscriptions.suspend(world.me, service)
    answer = world.api.post(path, username="ada")
    body = answer.get_json()
    assert (answer.status_code, body["code"], body["retryable"]) == (403, code, retryable)
    assert body["message"] == "Subscription limit reached or expired."
    assert list(body["data"]) == ["limit", "current", "expiry"]


def test_a_canceled_service_is_inactive(world: World) -> None:
    """Canceled is not suspended."""
    world.engine.subscriptions.cancel(world.me, world.service(limit=5))
    assert world.api.validate().get_json()["code"] == "inactive"


def test_the_last_day_is_included(world: World) -> None:
    """Seats are given to the last second of the day in the service's zone, and not after it."""
    world.service(limit=5, expiry="2027-06-15", timezone="America/Los_Angeles")
    world.clock.set("2027-06-16T06:59:59.999999+00:00")
    assert world.api.register("ada").status_code == 200
    world.clock.set("2027-06-16T07:00:00+00:00")
    assert world.api.register("bob").get_json()["code"] == "expired"
    assert world.api.register("ada").get_json()["data"]["already_registered"] is True


def test_validate_tells_how_old_its_numbers_are(world: World) -> None:
    """Far from the limit a moment old, and says so; our own writes are seen at once; a no is never old."""
    world.service(limit=1_000)
    api = world.api
    assert api.validate().headers["Seatguard-Age"] == "0.000"
    world.ticks.now += 0.25
    assert api.validate().headers["Seatguard-Age"] == "0.250"
    api.register("ada")
    assert api.validate().get_json()["data"]["current"] == 1


def test_large_and_small_letters_can_be_two_users(new_world: Callable[..., World]) -> None:
    """Where case matters to the host, it matters here."""
    world = new_world(options=seatguard.EngineOptions(fold_case=False))
    world.service(limit=2)
    assert [world.api.register(name).get_json()["data"]["new_count"] for name in ("John", "john")] == [1, 2]
