"""Usage over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from seatguard_flask.openapi import document
from tests.flask.conftest import PREFIX, Api, World

DOCUMENT = document(PREFIX)


@pytest.fixture
def metered(world: World) -> Api:
    """A caller whose plan includes ten calls a month."""
    world.engine.catalog.add(world.me, slug="pro", seats=2, offer={"quotas": {"api": {"calls": 10}}})
    world.service(plan="pro")
    return world.api


def record(api: Api, key: str, amount: int = 1) -> Any:
    """Count calls."""
    return api.post("/usage", meter="api.calls", key=key, amount=amount)


def is_as_documented(answer: Any, path: str, method: str = "post") -> None:
    """The answer is what the document promises."""
    response = DOCUMENT["paths"][PREFIX + path][method]["responses"][str(answer.status_code)]
    schema = response["content"][answer.content_type]["schema"]
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(answer.get_json())


def test_an_event_is_counted_once(metered: Api) -> None:
    """201 and the balance; sent again 200, and the same balance."""
    first, again = record(metered, "job-1", 3), record(metered, "job-1", 3)
    assert (first.status_code, again.status_code) == (201, 200)
    data = first.get_json()["data"]
    assert (data["used"], data["remaining"], data["limit"], data["key"]) == (3, 7, 10, "job-1")
    assert data["period_start"] == "2027-06-15T00:00:00Z"
    assert data["resets_at"] == "2027-07-15T00:00:00Z"
    assert again.get_json()["data"] == data | {"already_recorded": True}
    is_as_documented(first, "/usage")
    is_as_documented(again, "/usage")


def test_what_does_not_fit_is_refused_with_the_numbers(metered: Api) -> None:
    """403, and what would still fit."""
    record(metered, "job-1", 8)
    refused = record(metered, "job-2", 3)
    assert refused.status_code == 403
    body = refused.get_json()
    told = {name: body[name] for name in ("code", "limit", "used", "remaining", "resets_at", "retryable")}
    assert told == {
        "code": "quota_exhausted",
        "limit": 10,
        "used": 8,
        "remaining": 2,
        "resets_at": "2027-07-15T00:00:00Z",
        "retryable": True,
    }
    is_as_documented(refused, "/usage")
    assert record(metered, "job-2", 2).status_code == 201


def test_a_key_is_one_event(metered: Api) -> None:
    """With another amount it is a mistake, told apart from a repetition."""
    record(metered, "job-1", 3)
    refused = record(metered, "job-1", 4)
    assert (refused.status_code, refused.get_json()["code"]) == (409, "key_reused")


def test_a_batch_is_counted_as_a_whole(metered: Api) -> None:
    """A refusal tells which event did not fit, and counts none."""
    events = [{"meter": "api.calls", "key": f"line-{number}", "amount": 4} for number in range(3)]
    refused = metered.post("/usage/batch", events=events)
    assert refused.status_code == 403
    met = [(event["key"], event["code"]) for event in refused.get_json()["events"]]
    assert met == [("line-0", "allowed"), ("line-1", "allowed"), ("line-2", "quota_exhausted")]
    is_as_documented(refused, "/usage/batch")
    done = metered.post("/usage/batch", events=events[:2])
    assert done.status_code == 201
    assert [event["used"] for event in done.get_json()["data"]["events"]] == [4, 8]
    is_as_documented(done, "/usage/batch")
    assert metered.post("/usage/batch", events=events[:2]).status_code == 200


def test_a_charge_is_given_back_once(metered: Api) -> None:
    """And the balance says so; what was never charged is not found."""
    record(metered, "job-1", 6)
    for _ in range(2):
        answer = metered.post("/usage/refund", meter="api.calls", key="job-1")
        assert (answer.status_code, answer.get_json()["data"]["used"]) == (200, 0)
    is_as_documented(answer, "/usage/refund")
    assert metered.post("/usage/refund", meter="api.calls", key="never").status_code == 404


def test_balance_and_history_are_read(metered: Api, world: World) -> None:
    """Used up is an answer and no refusal; periods come newest first."""
    record(metered, "job-1", 10)
    world.clock.travel(days=31)
    record(metered, "job-2", 4)
    balance = metered.get("/usage", meter="api.calls")
    assert (balance.status_code, balance.get_json()["data"]["used"]) == (200, 4)
    is_as_documented(balance, "/usage", "get")
    history = metered.get("/usage/history", meter="api.calls", limit="1")
    assert [period["used"] for period in history.get_json()["data"]["periods"]] == [4]
    is_as_documented(history, "/usage/history", "get")
    after = history.get_json()["data"]["next"]
    rest = metered.get("/usage/history", meter="api.calls", after=after)
    assert [period["used"] for period in rest.get_json()["data"]["periods"]] == [10]
    record(metered, "job-3", 6)
    assert metered.get("/usage", meter="api.calls").get_json()["data"]["remaining"] == 0


@pytest.mark.parametrize(
    ("sent", "status", "code", "field"),
    [
        ({"meter": "api.calls"}, 400, "missing_field", "key"),
        ({"key": "k"}, 400, "missing_field", "meter"),
        ({"meter": "api.calls", "key": "k", "amount": 0}, 422, "out_of_range", "amount"),
        ({"meter": "api.calls", "key": "k", "amount": -1}, 422, "out_of_range", "amount"),
        ({"meter": "api.calls", "key": "k", "amount": 2**53}, 422, "out_of_range", "amount"),
        ({"meter": "api.calls", "key": "k", "amount": 1.5}, 422, "integer_expected", "amount"),
        ({"meter": "api.calls", "key": "k", "amount": True}, 422, "integer_expected", "amount"),
        ({"meter": "api.calls", "key": ""}, 400, "invalid_idempotency_key", "key"),
        ({"meter": "api.calls", "key": "ü"}, 400, "invalid_idempotency_key", "key"),
        ({"meter": "a b", "key": "k"}, 422, "invalid_meter", "meter"),
        ({"meter": "a" * 65, "key": "k"}, 422, "invalid_meter", "meter"),
        ({"meter": "api.calls", "key": "k", "units": 1}, 400, "unknown_field", "units"),
    ],
)
def test_wrong_input_is_named(metered: Api, sent: dict[str, Any], status: int, code: str, field: str) -> None:
    """Which field, what is wrong with it; nothing is counted."""
    answer = metered.post("/usage", **sent)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert [one["pointer"] for one in answer.get_json()["errors"]] == [f"/{field}"]
    assert metered.get("/usage", meter="api.calls").get_json()["data"]["used"] == 0


def test_wrong_batches_are_named(metered: Api) -> None:
    """Empty, too long, or with a wrong event, whose place is told."""
    event = {"meter": "api.calls", "key": "k"}
    assert metered.post("/usage/batch", events=[]).get_json()["code"] == "out_of_range"
    many = [{**event, "key": f"k{number}"} for number in range(101)]
    assert metered.post("/usage/batch", events=many).get_json()["code"] == "out_of_range"
    wrong = metered.post("/usage/batch", events=[event, {**event, "amount": 0}])
    assert wrong.get_json()["errors"][0]["pointer"] == "/events.1.amount"


def test_what_the_plan_does_not_include_is_refused(metered: Api, world: World) -> None:
    """A meter nobody grants, and a project without a service."""
    refused = metered.post("/usage", meter="mails", key="k")
    assert (refused.status_code, refused.get_json()["code"]) == (403, "not_included")
    assert metered.get("/usage", meter="mails").get_json()["code"] == "not_included"
    key = world.engine.projects.add(world.me, world.client_id, name="Bare", domains=("bare.example",))
    bare = Api(
        world.app.test_client(),
        world.engine.projects.add_key(world.me, key.id).secret.reveal(),
        "bare.example",
    )
    assert (record(bare, "k").status_code, record(bare, "k").get_json()["code"]) == (404, "no_service")


def test_usage_needs_a_key(metered: Api) -> None:
    """As every route of a project."""
    assert metered.post("/usage", api_key="x", meter="api.calls", key="k").status_code == 401
    assert metered.get("/usage", headers={"X-API-Key": "x"}, meter="api.calls").status_code == 401
