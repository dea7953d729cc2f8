"""The same request twice is one act with one answer."""

from __future__ import annotations

from typing import Any

import pytest

from seatguard.errors import StorageUnavailable
from tests.flask.conftest import PREFIX, Api, World

KEY = {"Idempotency-Key": "order-17"}


def replies(world: World) -> list[Any]:
    """What is kept under idempotency keys."""
    with world.engine._ledger.read(world.me.tenant) as work:
        return list(work.replies.list(limit=200).items)


def requests(api: Api) -> dict[str, tuple[str, dict[str, Any]]]:
    """Every POST that changes something and keeps its reply, ready to be sent."""
    hold = api.post("/holds", username="guest").get_json()["data"]["id"]
    api.register("ada")
    return {
        "register": ("/register-user", {"username": "bob", "email": "bob@example.com"}),
        "deactivate": ("/deactivate-user", {"username": "ada"}),
        "transfer": ("/transfer-user", {"username": "ada", "to_username": "cleo"}),
        "hold": ("/holds", {"username": "dora", "expires_in": 30}),
        "confirm": (f"/holds/{hold}/confirm", {}),
    }


@pytest.mark.parametrize("name", ["register", "deactivate", "transfer", "hold", "confirm"])
def test_a_request_with_a_key_is_answered_the_same_for_ever(world: World, name: str) -> None:
    """Byte by byte and status by status, while the world goes on; nothing is done twice."""
    world.service(limit=10)
    path, members = requests(world.api)[name]
    first = world.api.post(path, KEY, **members)
    assert first.status_code in (200, 201)
    assert "Idempotency-Replayed" not in first.headers
    done = len(world.entries())
    world.api.register("somebody else")
    world.clock.travel(hours=23)
    again = world.api.post(path, KEY, **members)
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(world.entries()) == done + 1


def test_a_replay_has_the_request_id_of_its_own_request(api: Api) -> None:
    """The body is the first one's; the envelope is today's."""
    api.register("ada", KEY)
    again = api.register("ada", KEY | {"X-Request-Id": "second"})
    assert again.headers["X-Request-Id"] == "second"


def test_a_key_is_free_after_a_day(world: World, api: Api) -> None:
    """Kept for 24 hours, not for ever."""
    api.register("ada", KEY)
    world.clock.travel(hours=24)
    assert api.register("bob", KEY).get_json()["data"]["username"] == "bob"


@pytest.mark.parametrize(
    "members", [{"username": "bob"}, {"username": "ada", "email": "a@b.c"}, {"service_type": "standard"}]
)
def test_the_same_key_with_other_content(api: Api, members: dict[str, Any]) -> None:
    """422, and nothing is done."""
    api.register("ada", KEY)
    answer = api.post("/register-user", KEY, **{"username": "ada", **members})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "idempotency_key_reused")


def test_what_does_not_change_the_request_does_not_count(world: World, api: Api) -> None:
    """Another place for the key, a rotated key, another spelling of the domain, an ignored member."""
    first = api.register("ada", KEY)
    rotated = world.engine.projects.rotate_key(world.me, world.key.record.id).secret.reveal()
    for answer in (
        api.register("ada", KEY | {"X-API-Key": api.key}, api_key=None),
        api.register("ada", KEY, domain="ACME.example."),
        api.register("ada", KEY, api_key=rotated),
        api.register("ada", KEY, nonsense=1),
    ):
        assert answer.data == first.data
        assert answer.headers["Idempotency-Replayed"] == "true"


def test_keys_of_two_projects_do_not_meet(world: World, api: Api) -> None:
    """Two customers who both count from 1 get each their own answer."""
    other = world.other_project()
    api.register("ada", KEY)
    answer = other.register("ada", KEY)
    assert "Idempotency-Replayed" not in answer.headers
    assert answer.get_json()["data"]["service_id"] == 2


def test_keys_of_two_routes_do_not_meet(api: Api) -> None:
    """A key belongs to what was asked."""
    api.register("ada", KEY)
    answer = api.post("/deactivate-user", KEY, username="ada")
    assert (answer.status_code, answer.get_json()["data"]["new_count"]) == (200, 0)


def test_a_request_whose_first_still_runs(world: World, api: Api) -> None:
    """409 and when to ask again; after half a minute the first is given up."""
    original = world.engine.seats.take
    met: list[Any] = []

    def take(*args: Any, **kwargs: Any) -> Any:
        if not met:
            met.append(None)
            met.append(Api(world.app.test_client(), api.key).register("ada", KEY))
        return original(*args, **kwargs)

    world.engine.seats.take = take  # type: ignore[method-assign]
    assert api.register("ada", KEY).status_code == 200
    second = met[1]
    assert (second.status_code, second.get_json()["code"]) == (409, "request_in_progress")
    assert (second.headers["Retry-After"], second.get_json()["retryable"]) == ("1", True)


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "é", "one, two"])
def test_a_key_that_cannot_be_used(api: Api, world: World, key: str) -> None:
    """Empty, too long, not printable, or sent twice (servers join the two with a comma)."""
    answer = api.client.post(
        PREFIX + "/register-user",
        json={"api_key": api.key, "domain": api.domain, "username": "ada"},
        environ_overrides={"HTTP_IDEMPOTENCY_KEY": key},
    )
    assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid_idempotency_key")
    assert replies(world) == world.entries("seat.taken") == []


def test_a_key_sent_twice(api: Api, world: World) -> None:
    """The same, as two headers."""
    answer = api.client.post(
        PREFIX + "/register-user",
        json={"api_key": api.key, "domain": api.domain, "username": "ada"},
        headers=[("Idempotency-Key", "one"), ("Idempotency-Key", "two")],
    )
    assert answer.status_code == 400
    assert replies(world) == []


def test_a_refusal_is_not_kept(world: World, api: Api) -> None:
    """A "no" changed nothing: asked again with the same key, it is decided anew."""
    api.register("ada")
    api.register("bob")
    assert api.register("cleo", KEY).status_code == 403
    api.post("/deactivate-user", username="bob")
    assert api.register("cleo", KEY).status_code == 200


def test_an_invalid_request_does_not_use_the_key_up(api: Api) -> None:
    """The caller corrects the name and sends the same key."""
    assert api.register("a\0", KEY).status_code == 422
    assert api.register("ada", KEY).status_code == 200


def test_an_outage_does_not_use_the_key_up(world: World, api: Api) -> None:
    """Whatever went wrong in the middle, the next attempt goes ahead."""
    original = world.engine.seats.take

    def unavailable(*args: Any, **kwargs: Any) -> Any:
        raise StorageUnavailable("gone")

    world.engine.seats.take = unavailable  # type: ignore[method-assign]
    assert api.register("ada", KEY).status_code == 503
    world.engine.seats.take = original  # type: ignore[method-assign]
    assert api.register("ada", KEY).status_code == 200


def test_nothing_is_kept_without_a_key(world: World, api: Api) -> None:
    """Most callers need no rows."""
    for path, members in requests(api).values():
        api.post(path, **members)
    assert replies(world) == []


def test_no_secret_is_kept_with_a_key(world: World, api: Api) -> None:
    """Neither the key nor its digest is part of what is kept."""
    api.register("ada", KEY)
    (reply,) = replies(world)
    assert api.key not in repr(reply)
    assert api.key.encode() not in reply.body
