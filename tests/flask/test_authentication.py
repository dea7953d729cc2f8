"""Who cannot be identified gets one answer, and does not get to try for ever."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
from werkzeug.test import TestResponse

import seatguard
from seatguard import keys
from seatguard_flask.attempts import FailedAttempts
from tests.flask.conftest import Api, Ticks, World, make_world

REQUEST_ID = {"X-Request-Id": "same-for-all"}
PEPPER = b"p" * 32


def revoked(world: World) -> str:
    made = world.engine.projects.add_key(world.me, world.project_id)
    world.engine.projects.revoke_key(world.me, made.record.id)
    return made.secret.reveal()


def rotated_out(world: World) -> str:
    client = world.engine.clients.add(world.me, name="Rotating")
    project = world.engine.projects.add(world.me, client.id, name="Shop", domains=(world.api.domain,))
    old = world.engine.projects.add_key(world.me, project.id)
    world.engine.projects.rotate_key(world.me, old.record.id, overlap=dt.timedelta(seconds=5))
    world.clock.travel(seconds=5)
    return old.secret.reveal()


def of_a_suspended_client(world: World) -> str:
    client = world.engine.clients.add(world.me, name="Suspended")
    project = world.engine.projects.add(world.me, client.id, name="Shop", domains=(world.api.domain,))
    key = world.engine.projects.add_key(world.me, project.id).secret.reveal()
    world.engine.clients.suspend(world.me, client.id)
    return key


def of_another_tenant(world: World) -> str:
    tenant = world.engine.tenants.ensure("other")
    me = world.engine.actor("cli", "tests", tenant=tenant.id)
    client = world.engine.clients.add(me, name="Acme")
    project = world.engine.projects.add(me, client.id, name="Shop", domains=("tenant.example",))
    return world.engine.projects.add_key(me, project.id).secret.reveal()


FAILURES: dict[str, Callable[[World], str]] = {
    "unknown": lambda world: keys.generate("live").reveal(),
    "unknown test key": lambda world: keys.generate("test").reveal(),
    "no key at all": lambda world: "hello",
    "empty": lambda world: "",
    "not ASCII": lambda world: "é" * 16,
    "half a surrogate pair": lambda world: "\ud800",
    "NUL": lambda world: "\0",
    "5,000 characters": lambda world: "x" * 5_000,
    "a typing error": lambda world: world.api.key[:-1] + ("a" if world.api.key[-1] != "a" else "b"),
    "16 digits": lambda world: "1234567890123456",
    "revoked": revoked,
    "rotated out": rotated_out,
    "suspended client": of_a_suspended_client,
    "another tenant's": of_another_tenant,
}


@pytest.fixture
def reference(api: Api) -> TestResponse:
    """The answer to a good key with a wrong domain."""
    return api.post("/validate-subscription", REQUEST_ID, domain="wrong.example")


@pytest.mark.parametrize("failure", FAILURES)
def test_every_failure_has_the_same_answer(
    world: World, api: Api, reference: TestResponse, failure: str
) -> None:
    """Identical bytes, status and headers, so an answer tells nothing about a key."""
    answer = api.post("/validate-subscription", REQUEST_ID, api_key=FAILURES[failure](world))
    assert answer.status_code == 401
    assert answer.data == reference.data
    assert answer.headers == reference.headers
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="seatguard"'


@pytest.mark.parametrize("path", ["/register-user", "/deactivate-user"])
def test_validation_routes_share_the_answer(api: Api, reference: TestResponse, path: str) -> None:
    """One body for the whole family."""
    answer = api.post(path, REQUEST_ID, domain="wrong.example", username="ada")
    assert (answer.status_code, answer.data) == (401, reference.data)


def by_url(api: Api) -> Iterator[TestResponse]:
    for headers in ({"X-API-Key": "unknown"}, {"X-API-Key": None}, {"X-Seatguard-Domain": "wrong.example"}):
        yield api.get("/users", headers | REQUEST_ID)  # type: ignore[operator]
        yield api.delete("/holds/x", headers | REQUEST_ID)  # type: ignore[operator]
    yield api.post("/holds", REQUEST_ID, api_key="unknown", username="ada")
    yield api.post("/transfer-user", REQUEST_ID, api_key="unknown", username="ada", to_username="bob")


def test_other_routes_share_theirs(api: Api) -> None:
    """Without a body a missing key is an unknown one."""
    answers = list(by_url(api))
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.data for answer in answers}) == 1
    assert answers[0].get_json()["code"] == "invalid_credentials"


def test_a_test_key_sees_test_services_only(world: World) -> None:
    """Live seats cannot be taken by accident."""
    world.service(limit=1)
    key = world.engine.projects.add_key(world.me, world.project_id, mode="test").secret.reveal()
    assert world.api.validate(api_key=key).status_code == 404
    world.service(limit=7, mode="test")
    assert world.api.validate(api_key=key).get_json()["data"]["limit"] == 7
    assert world.api.validate().get_json()["data"]["limit"] == 1


def test_a_revoked_key_stops_at_once_in_this_process(world: World, api: Api) -> None:
    """A snapshot of who calls does not outlive the revocation."""
    assert api.validate().status_code == 200
    world.engine.projects.revoke_key(world.me, world.key.record.id)
    assert api.validate().status_code == 401


def test_both_keys_work_while_they_are_rotated(world: World, api: Api) -> None:
    """The overlap lets the caller change keys without a gap."""
    new = world.engine.projects.rotate_key(world.me, world.key.record.id).secret.reveal()
    assert api.validate().status_code == api.validate(api_key=new).status_code == 200


# -- trying keys out --


def with_digits(**config: int) -> tuple[Api, str]:
    """A caller, and a good key of 16 digits."""
    world = make_world(options=seatguard.EngineOptions(pepper=PEPPER))
    world.service(limit=2)
    digits = world.engine.projects.add_key(world.me, world.project_id, digits16=True).secret.reveal()
    return world.set(**config), digits


def test_16_digits_work_with_a_pepper() -> None:
    """The documented placeholder is a key format that can be turned on."""
    api, digits = with_digits()
    assert len(digits) == 16
    assert api.validate(api_key=digits).status_code == 200


def test_short_keys_cannot_be_tried_out_for_ever() -> None:
    """After too many failures not even the right short key is looked up; 429 tells when to come back."""
    api, digits = with_digits(AUTH_FAILURES_PER_MINUTE=3)
    for _ in range(3):
        assert api.validate(api_key="0" * 16).status_code == 401
    for key in ("0" * 16, digits):
        answer = api.validate(api_key=key)
        assert (answer.status_code, answer.get_json()["code"]) == (429, "too_many_attempts")
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert answer.get_json()["allowed"] is False


def test_a_long_key_is_not_locked_out_by_its_neighbours() -> None:
    """Behind one proxy all callers share an address; who has an unguessable key keeps being served."""
    api, _ = with_digits(AUTH_FAILURES_PER_MINUTE=1)
    api.validate(api_key="0" * 16)
    assert api.validate().status_code == 200
    assert api.validate(api_key=keys.generate("live").reveal()).status_code == 429


def test_the_limiter_can_be_turned_off() -> None:
    """0 is no limit."""
    api, _ = with_digits(AUTH_FAILURES_PER_MINUTE=0)
    assert {api.validate(api_key="0" * 16).status_code for _ in range(100)} == {401}


def test_failures_are_forgotten_after_a_minute() -> None:
    """The window begins with the first failure."""
    ticks = Ticks()
    attempts = FailedAttempts(2, monotonic=ticks)
    assert attempts.retry_after("192.0.2.1") is None
    attempts.note("192.0.2.1")
    ticks.now += 30
    attempts.note("192.0.2.1")
    assert attempts.retry_after("192.0.2.1") == 30
    assert attempts.retry_after("192.0.2.2") is None
    ticks.now += 30
    assert attempts.retry_after("192.0.2.1") is None
    attempts.note("192.0.2.1")
    assert attempts.retry_after("192.0.2.1") is None


def test_one_ipv6_network_is_one_caller() -> None:
    """Who has 2^64 addresses has one count."""
    attempts = FailedAttempts(2, monotonic=Ticks())
    attempts.note("2001:db8::1")
    attempts.note("2001:db8::ffff%eth0")
    assert attempts.retry_after("2001:db8::abcd") == 60
    assert attempts.retry_after("2001:db8:0:1::1") is None


def test_the_count_does_not_grow_without_end() -> None:
    """An attacker with many addresses fills a bounded table, and the newest are kept."""
    attempts = FailedAttempts(1, monotonic=Ticks())
    for number in range(10_001):
        attempts.note(f"host{number}")
    assert attempts.retry_after("host0") is None
    assert attempts.retry_after("host10000") == 60
