"""Health, outages, and what happens when something goes wrong that should not."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from flask import Flask

import seatguard
from seatguard.errors import Misconfigured, StorageUnavailable
from seatguard.storage import Store, open_store
from seatguard.testing import FrozenClock
from seatguard_flask import Seatguard
from tests.flask.conftest import PREFIX, Api, World

ADDRESS = "postgresql://u:hunter2@db.internal/x"


class Away:
    """Everything asked of it is out of reach."""

    def __getattr__(self, name: str) -> Any:
        def unavailable(*args: Any, **kwargs: Any) -> Any:
            raise StorageUnavailable(f"{ADDRESS} did not answer", retry_after=2)

        return unavailable


def put_gate(world: World, gate: Any) -> None:
    """Let the seats, and the advice about them, be asked of another gate."""
    world.engine.seats._gate = world.engine.seats._advice._gate = gate


def gate_away(world: World) -> Api:
    """A caller whose project is known while the gate is out of reach."""
    put_gate(world, Away())
    return world.api


def all_away() -> Api:
    """A caller whom nobody can identify, because nothing can be read."""
    app = Flask("shop")
    clock = FrozenClock()
    store = Store(Away(), Away())  # type: ignore[arg-type]
    Seatguard(app, engine=seatguard.Seatguard(store, clock=clock))
    return Api(app.test_client(), seatguard.keys.generate("live").reveal())  # type: ignore[attr-defined]


CALLS = {
    "validate": lambda api: api.validate(),
    "register": lambda api: api.register("ada"),
    "register with a key": lambda api: api.register("ada", {"Idempotency-Key": "x"}),
    "deactivate": lambda api: api.post("/deactivate-user", username="ada"),
    "transfer": lambda api: api.post("/transfer-user", username="ada", to_username="bob"),
    "hold": lambda api: api.post("/holds", username="ada"),
    "users": lambda api: api.get("/users"),
    "delete": lambda api: api.delete("/users/ada"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("away", ["gate", "all"])
def test_a_dead_store_never_says_yes(world: World, call: str, away: str) -> None:
    """503, when to come back, that it may be asked again, and nothing of the store's address."""
    world.service(limit=100)
    api = gate_away(world) if away == "gate" else all_away()
    answer = CALLS[call](api)
    body = answer.get_json()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert (body["code"], body["retryable"]) == ("storage_unavailable", True)
    assert body.get("allowed", False) is False
    assert b"hunter2" not in answer.data
    assert b"db.internal" not in answer.data


def test_an_outage_is_no_answer_kept(world: World) -> None:
    """When the store is back, so is the truth: a failure is not remembered."""
    world.service(limit=100)
    gate = world.engine.seats._gate
    gate_away(world)
    assert world.api.validate().status_code == 503
    put_gate(world, gate)
    assert world.api.validate().status_code == 200


def test_health_of_a_good_day(api: Api) -> None:
    """Live, ready, where, how durable, which version; no key needed."""
    answer = api.client.get(PREFIX + "/health")
    assert answer.status_code == 200
    body = answer.get_json()
    assert {**body, "version": ""} == {
        "status": "ok",
        "live": True,
        "ready": True,
        "storage": {"kind": "engine", "reachable": True},
        "gate": {"durability": "none: seats end with this process"},
        "version": "",
    }


@pytest.mark.parametrize(
    ("error", "wait"),
    [(StorageUnavailable(ADDRESS, retry_after=3), "3"), (Misconfigured("run `seatguard db upgrade`"), "30")],
)
def test_health_of_a_bad_day(world: World, error: Exception, wait: str) -> None:
    """503 and when to look again; the details are for the log."""

    def not_ready() -> None:
        raise error

    world.engine.ready = not_ready  # type: ignore[method-assign]
    answer = world.api.client.get(PREFIX + "/health")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, wait)
    body = answer.get_json()
    assert (body["live"], body["ready"], body["storage"]["reachable"]) == (True, False, False)
    assert b"hunter2" not in answer.data


def test_health_names_the_kind_of_store() -> None:
    """The scheme, and nothing else of the URI."""
    app = Flask("shop")
    app.config["SEATGUARD_STORAGE_URI"] = "memory:"
    Seatguard(app)
    assert app.test_client().get(PREFIX + "/health").get_json()["storage"]["kind"] == "memory"


def test_a_store_that_cannot_be_opened_is_not_ready() -> None:
    """The process is live and says what it is not."""
    app = Flask("shop")
    app.config["SEATGUARD_STORAGE_URI"] = "oracle://db"
    Seatguard(app)
    assert app.test_client().get(PREFIX + "/health").status_code == 503


def test_an_unexpected_error_is_told_in_json(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """No trace in the answer; the log has it under the host's own logger, and the id leads there."""
    world.service(limit=1)

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError("a trace with secrets")

    world.engine.seats.check = broken  # type: ignore[method-assign]
    answer = world.api.post("/validate-subscription", {"X-Request-Id": "req-1"})
    assert answer.status_code == 500
    assert answer.get_json() == {
        "status": "error",
        "allowed": False,
        "message": "Something went wrong on our side.",
        "code": "internal_error",
        "retryable": False,
        "request_id": "req-1",
    }
    assert any(record.exc_info for record in caplog.records)


def test_handlers_are_for_our_routes_only(world: World) -> None:
    """The host's pages keep the host's errors."""
    app = world.make_app()

    @app.get("/host")
    def host() -> str:
        raise seatguard.Conflict("x", "the host's own")

    @app.errorhandler(404)
    def missing(error: Exception) -> tuple[str, int]:
        return "host", 404

    client = app.test_client()
    assert client.get("/host").content_type.startswith("text/html")
    assert client.get("/nowhere").data == b"host"
    answer = client.delete(
        f"{PREFIX}/holds/x", headers={"X-API-Key": world.api.key, "X-Seatguard-Domain": "acme.example"}
    )
    assert answer.get_json()["code"] == "not_found"


def test_a_hosts_hook_that_refuses_is_heard(world: World) -> None:
    """Its status stays; the body is in the shape of our routes."""
    from flask import abort

    app = world.make_app()

    @app.before_request
    def closed() -> None:
        abort(403)

    answer = app.test_client().post(PREFIX + "/holds")
    assert (answer.status_code, answer.get_json()["code"]) == (403, "forbidden")
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_hosts_hook_may_change_an_answer(world: World) -> None:
    """Compression and the like work on our answers as on the host's own."""
    world.service(limit=1)
    app = world.make_app()

    @app.after_request
    def shorter(response: Any) -> Any:
        response.set_data(b"{}")
        response.headers["X-Host"] = "yes"
        return response

    answer = app.test_client().post(PREFIX + "/validate-subscription", json={})
    assert (answer.data, answer.headers["X-Host"], answer.headers["Content-Length"]) == (b"{}", "yes", "2")


def test_a_smaller_limit_of_the_host_holds(world: World) -> None:
    """MAX_CONTENT_LENGTH below ours is the one that counts."""
    app = world.make_app(MAX_CONTENT_LENGTH=10)
    answer = app.test_client().post(PREFIX + "/validate-subscription", json={"api_key": "x" * 100})
    assert (answer.status_code, answer.get_json()["code"]) == (413, "body_too_large")


def test_a_hosts_hook_may_read_the_body_first(world: World) -> None:
    """Whoever logs bodies does not take them away."""
    from flask import request

    world.service(limit=1)
    app = world.make_app()
    app.before_request(lambda: request.get_data() and None)
    assert Api(app.test_client(), world.api.key).validate().status_code == 200


def test_the_memory_store_reads_every_time_when_told_so() -> None:
    """SEATGUARD_VALIDATE_MAX_AGE = 0 leaves nothing to be old."""
    app = Flask("shop")
    app.config.update(SEATGUARD_STORAGE_URI="memory:", SEATGUARD_VALIDATE_MAX_AGE=0)
    seats = Seatguard(app)
    assert seats.engine.options == dataclasses.replace(seatguard.EngineOptions(), max_age=0.0)
    assert open_store("memory:")
