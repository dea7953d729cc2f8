"""Waiting for a seat over HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seatguard import EngineOptions
from tests.flask.conftest import Api, World


@pytest.fixture
def line(new_world: Callable[..., World]) -> Api:
    """A caller whose one seat is taken by ada, and whose server holds freed seats for an hour."""
    world = new_world(EngineOptions(offer_seconds=3600))
    world.service(limit=1)
    world.api.register("ada")
    return world.api


def test_a_refused_user_waits_and_is_served(line: Api) -> None:
    """First come, first served; a newcomer is refused meanwhile, and the offer is taken by registering."""
    first = line.post("/waiting", username="bob", email="bob@example.com")
    assert first.status_code == 201
    assert first.get_json()["data"] == {
        "username": "bob",
        "waiting": True,
        "ahead": 0,
        "hold_id": None,
        "expires_at": None,
    }
    assert line.post("/waiting", username="cleo").get_json()["data"]["ahead"] == 1
    again = line.post("/waiting", username="BOB")
    assert (again.status_code, again.get_json()["data"]["ahead"]) == (200, 0)
    line.post("/deactivate-user", username="ada")
    offered = line.post("/waiting", username="bob")
    assert offered.status_code == 200
    assert offered.get_json()["data"]["expires_at"] == "2027-06-15T13:00:00Z"
    assert line.register("zoe").status_code == 403
    assert line.register("bob").status_code == 200


def test_waiting_no_longer(line: Api) -> None:
    """Once is enough, and the next one is served."""
    for username in ("bob", "cleo"):
        line.post("/waiting", username=username)
    left = [line.delete("/waiting/bob").get_json()["data"]["left"] for _ in range(2)]
    assert left == [True, False]
    line.post("/deactivate-user", username="ada")
    assert line.post("/waiting", username="cleo").get_json()["data"]["hold_id"] is not None


def test_without_a_line_there_is_no_such_thing(api: Api) -> None:
    """404, said as of everything that is not there."""
    for answer in (api.post("/waiting", username="bob"), api.delete("/waiting/bob")):
        assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


def test_nobody_waits_for_what_is_over(new_world: Callable[..., World]) -> None:
    """Refused with the reason that a claim would meet."""
    world = new_world(EngineOptions(offer_seconds=3600))
    assert world.api.post("/waiting", username="bob").get_json()["code"] == "no_service"
    world.engine.subscriptions.cancel(world.me, world.service(limit=1))
    answer = world.api.post("/waiting", username="bob")
    assert (answer.status_code, answer.get_json()["code"]) == (403, "inactive")
    assert world.api.delete("/waiting/bob", headers={"X-API-Key": ""}).status_code == 401
