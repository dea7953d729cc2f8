"""The document that describes the API is valid, complete, and true."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from seatguard.decisions import Reason
from seatguard_flask import Seatguard
from seatguard_flask.openapi import document
from seatguard_flask.problems import STATUS
from seatguard_flask.routes import Route
from seatguard_flask.views import ROUTES
from tests.flask.conftest import PREFIX, Api, World

DOCUMENT = document(PREFIX)


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, one) for path, methods in DOCUMENT["paths"].items() for method, one in methods.items()
    ]


def test_the_document_is_valid() -> None:
    """OpenAPI 3.1, checked by a validator that is not ours."""
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1")


def test_every_route_is_in_the_document() -> None:
    """What is mounted is described, and nothing else is."""
    app = Flask("shop")
    app.config["SEATGUARD_STORAGE_URI"] = "memory:"
    Seatguard(app)
    mounted = {
        (rule.rule.replace("<seatguard:", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("seatguard_") and not rule.endpoint.endswith("_other")
        for method in rule.methods or ()
        if method != "HEAD"
    }
    assert mounted == {(path, method) for path, method, _ in operations()}


def test_the_document_is_served(world: World) -> None:
    """The same over HTTP, for the app it is mounted in, and as a value for the host."""
    served = world.api.client.get(PREFIX + "/openapi.json")
    assert served.status_code == 200
    assert served.get_json() == document(PREFIX)
    below = world.app.test_client().get(PREFIX + "/openapi.json", environ_overrides={"SCRIPT_NAME": "/app"})
    assert below.get_json()["servers"] == [{"url": "/app"}]


def test_a_document_handed_out_is_the_hosts_own() -> None:
    """A host that adds its routes to it does not add them to ours."""
    app = Flask("shop")
    app.config["SEATGUARD_STORAGE_URI"] = "memory:"
    seats = Seatguard(app)
    seats.openapi()["paths"]["/host"] = {}
    seats.openapi()["info"]["title"] = "Shop"
    assert "/host" not in seats.openapi()["paths"]
    assert seats.openapi()["info"]["title"] == "Seatguard API"


@pytest.mark.parametrize(("path", "method", "operation"), operations(), ids=lambda value: str(value)[:30])
def test_examples_satisfy_their_schemas(path: str, method: str, operation: dict[str, Any]) -> None:
    """An example is what would be answered."""
    for response in operation["responses"].values():
        for content in response.get("content", {}).values():
            schema = {**content["schema"], "components": DOCUMENT["components"]}
            for example in content.get("examples", {}).values():
                Draft202012Validator(schema).validate(example["value"])


def test_the_documented_examples_are_there() -> None:
    """A reader of the document sees what a reader of the published description saw."""
    post = DOCUMENT["paths"][f"{PREFIX}/validate-subscription"]["post"]
    examples = [
        example["value"]["message"]
        for status in ("200", "403")
        for content in post["responses"][status]["content"].values()
        for example in content["examples"].values()
    ]
    assert examples == ["User creation allowed.", "Subscription limit reached or expired."]


def test_every_reason_and_code_has_a_status() -> None:
    """One table; a reason that may be refused over HTTP is in it."""
    told = {Reason.ALLOWED, Reason.ALREADY_HELD, Reason.ALREADY_WAITING, Reason.ALREADY_RECORDED}
    assert {reason.value for reason in Reason} - set(STATUS) == {reason.value for reason in told}
    assert all(400 <= status < 600 for status in STATUS.values())


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_route_names_the_statuses_it_gives(route: Route) -> None:
    """Whoever needs a key can get 401; whoever sends a body 400, 413 and 415; everybody 500."""
    operation = DOCUMENT["paths"][PREFIX + route.path][route.method.lower()]
    statuses = set(operation["responses"])
    assert "500" in statuses
    if route.keyed:
        assert {"400", "401", "422", "429", "503"} <= statuses
        assert operation["security"]
    if route.body is not None:
        assert {"413", "415"} <= statuses
    if route.once:
        assert "409" in statuses
        assert "Idempotency-Key" in json.dumps(operation["parameters"])


def test_answers_satisfy_the_document(api: Api) -> None:
    """What the routes really answer is what the document promises, "no" included."""
    hold = api.post("/holds", username="guest").get_json()["data"]["id"]
    calls: list[tuple[str, str, Any]] = [
        ("post", "/validate-subscription", api.validate()),
        ("post", "/register-user", api.register("ada")),
        ("post", "/register-user", api.register("ada")),
        ("post", "/register-user", api.register("bob")),
        ("post", "/holds", api.post("/holds", username="bob")),
        ("post", "/holds", api.post("/holds", username="guest")),
        ("post", "/holds", api.post("/holds", username="x", expires_in="y")),
        ("post", "/holds/{hold_id}/renew", api.post(f"/holds/{hold}/renew")),
        ("post", "/holds/{hold_id}/confirm", api.post(f"/holds/{hold}/confirm")),
        ("post", "/holds/{hold_id}/confirm", api.post("/holds/x/confirm")),
        ("post", "/transfer-user", api.post("/transfer-user", username="ada", to_username="eve")),
        ("post", "/transfer-user", api.post("/transfer-user", username="eve", to_username="guest")),
        ("get", "/users", api.get("/users")),
        ("get", "/users", api.get("/users", limit="0")),
        ("post", "/deactivate-user", api.post("/deactivate-user", username="eve")),
        ("delete", "/users/{username}", api.delete("/users/eve")),
        ("delete", "/holds/{hold_id}", api.delete(f"/holds/{hold}")),
        ("get", "/health", api.get("/health")),
        ("get", "/openapi.json", api.get("/openapi.json")),
        ("post", "/validate-subscription", api.validate(api_key="x")),
    ]
    for method, path, answer in calls:
        response = DOCUMENT["paths"][PREFIX + path][method]["responses"][str(answer.status_code)]
        schema = response["content"][answer.content_type]["schema"]
        Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(answer.get_json())
