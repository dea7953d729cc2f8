"""Validate from memory: the same answers as without it, and none that is no longer true.

Each test runs twice: inside Flask's view, and with ``SEATGUARD_VALIDATE_FIRST`` before Flask.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from flask import request

import seatguard
from seatguard.testing import FrozenClock
from tests.flask.conftest import DOMAIN, PREFIX, Api, World

OF_ITS_OWN = ("Seatguard-Age", "X-Request-Id", "Date")


@pytest.fixture(params=[False, True], ids=["in the view", "before Flask"])
def caller(request: pytest.FixtureRequest, world: World) -> Api:
    """A caller whose project has a thousand seats, and whose body was answered once."""
    world.service(limit=1_000, type="standard", expiry="2027-12-31")
    api = world.set(VALIDATE_FIRST=request.param)
    assert api.validate().status_code == 200
    return api


def test_the_answer_is_the_same_byte_by_byte(caller: Api, world: World) -> None:
    """Remembered or not: one body, one set of headers, and only the age tells them apart."""
    remembered, first = caller.validate(), world.set().validate()
    assert remembered.data == first.data
    assert remembered.status == first.status
    names = [name for name, _ in first.headers]
    assert [name for name, _ in remembered.headers] == names
    for name in set(names) - set(OF_ITS_OWN):
        assert remembered.headers.getlist(name) == first.headers.getlist(name)


def test_flask_sees_the_request_only_where_it_should(world: World) -> None:
    """The setting skips the hooks, for a body that is known; nothing else does."""
    world.service(limit=1_000)
    seen: list[str] = []
    for first in (False, True):
        app = world.make_app(SEATGUARD_VALIDATE_FIRST=first)
        app.before_request(lambda: seen.append(request.path))
        api = Api(app.test_client(), world.api.key)
        assert [api.validate().status_code for _ in range(3)] == [200] * 3
        assert len(seen) == (1 if first else 3)
        seen.clear()


def test_a_revoked_key_is_refused_at_once(caller: Api, world: World) -> None:
    """What is remembered of a body says who asks, never that they may."""
    world.engine.projects.revoke_key(world.me, world.key.record.id)
    assert caller.validate().status_code == 401


def test_an_ended_key_is_refused_at_its_end(caller: Api, world: World) -> None:
    """The clock is asked at every request."""
    world.engine.projects.rotate_key(world.me, world.key.record.id)
    assert caller.validate().status_code == 200
    world.clock.travel(hours=24)
    assert caller.validate().status_code == 401


def test_an_ended_service_refuses_at_its_end(caller: Api, world: World) -> None:
    """Whether seats are given is asked at every request, also of numbers from memory."""
    world.clock.set("2028-01-01T00:00:00+00:00")
    assert caller.validate().get_json()["code"] == "expired"


def test_a_seat_taken_here_is_counted_at_once(caller: Api) -> None:
    """The numbers are this process's own, not those of the body's last answer."""
    caller.register("ada")
    assert caller.validate().get_json()["data"]["current"] == 1


@pytest.mark.parametrize("first", [False, True])
def test_near_the_limit_the_numbers_are_read(new_world: Callable[..., World], first: bool) -> None:
    """An old number could let somebody in who finds no seat: what another process took is seen."""
    store = seatguard.open_store("memory:", clock=FrozenClock())
    world = new_world(store=store)
    elsewhere = seatguard.Seatguard(store, clock=FrozenClock()).seats
    world.service(limit=20)
    api, where = world.set(VALIDATE_FIRST=first), world.engine.where(world.project_id)
    for number in range(10):
        world.engine.seats.take(world.me, where, f"user-{number}")
    assert api.validate().get_json()["data"]["current"] == 10
    elsewhere.take(world.me, where, "somebody")
    world.ticks.now += 0.5
    assert api.validate().get_json()["data"]["current"] == 11


def test_old_numbers_are_read_anew(caller: Api, world: World) -> None:
    """After a second the store is asked again, body known or not."""
    world.ticks.now += 0.75
    assert caller.validate().headers["Seatguard-Age"] == "0.750"
    world.ticks.now += 0.25
    assert caller.validate().headers["Seatguard-Age"] == "0.000"


def test_another_domain_in_a_header_is_a_conflict(caller: Api) -> None:
    """A known body does not hide what else the request says."""
    body = json.dumps({"api_key": caller.key, "domain": DOMAIN})
    assert caller.raw("/validate-subscription", body.encode()).status_code == 200
    sent = caller.client.post(
        f"{PREFIX}/validate-subscription",
        data=body,
        content_type="application/json",
        headers={"X-Seatguard-Domain": "other.example"},
    )
    assert sent.get_json()["code"] == "conflicting_credentials"


def test_another_media_type_is_refused(caller: Api) -> None:
    """The same bytes as plain text are no request."""
    body = json.dumps({"api_key": caller.key, "domain": DOMAIN}).encode()
    assert caller.raw("/validate-subscription", body).status_code == 200
    assert caller.raw("/validate-subscription", body, "text/plain").status_code == 415


def test_a_warned_body_is_warned_again(caller: Api) -> None:
    """Members that are ignored are named in every answer."""
    for _ in range(3):
        assert "typo" in caller.validate(typo=1).headers["Seatguard-Warning"]


def test_a_type_is_asked_for_each_time(caller: Api, world: World) -> None:
    """The answer is about the service of that type."""
    world.service(limit=500, type="other")
    for _ in range(2):
        for type, limit in (("standard", 1_000), ("other", 500)):
            assert caller.validate(service_type=type).get_json()["data"]["limit"] == limit


def test_a_body_that_is_cut_short_is_not_answered_from_memory(caller: Api) -> None:
    """Only the whole body is the one that is known."""
    body = json.dumps({"api_key": caller.key, "domain": DOMAIN}).encode()
    assert caller.raw("/validate-subscription", body).status_code == 200
    assert caller.raw("/validate-subscription", body[:-1]).get_json()["code"] == "invalid_json"


def test_a_large_body_is_refused_unread(caller: Api) -> None:
    """Also before Flask."""
    sent = caller.raw("/validate-subscription", b"x" * (64 * 1024 + 1))
    assert sent.status_code == 413
