"""For every route that manages: who is let in, who is not, and what another tenant's things look like."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from seatguard import keys
from seatguard.management import SCOPES
from seatguard_flask import Seatguard
from seatguard_flask.openapi import document
from seatguard_flask.routes import Route
from tests.managing.conftest import MANAGED, NOWHERE, PREFIX, Caller, Managed, path_of

ANYWHERE = dict.fromkeys(
    ("client_id", "project_id", "service_id", "key_id", "management_key", "id", "name", "username", "userId"),
    NOWHERE,
)
every_route = pytest.mark.parametrize("route", MANAGED, ids=lambda route: str(route.name))


def call(caller: Caller, route: Route, values: dict[str, str], body: Any = None) -> Any:
    path = path_of(route, values)
    return caller(route.method, path, route.example if body is None else body, {"X-Request-Id": "same"})


@every_route
def test_without_a_key_nobody_is_let_in(managed: Managed, route: Route) -> None:
    """One answer, whatever the path names: no key, an unknown one, a project's."""
    answers = [
        call(Caller(managed.app.test_client(), key), route, ANYWHERE)
        for key in (None, keys.generate("mgmt").reveal(), managed.key.secret.reveal(), "x")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.data for answer in answers}) == 1
    assert answers[0].get_json()["code"] == "invalid_credentials"
    assert answers[0].headers["WWW-Authenticate"] == 'Bearer realm="seatguard"'


@every_route
def test_every_other_scope_together_is_not_enough(managed: Managed, route: Route) -> None:
    """403 before anything is read, naming the scope; the request's own is needed and is enough."""
    others = managed.caller(scope for scope in SCOPES if scope != route.scope)
    for body in (None, {"nonsense": True}):
        refused = call(others, route, ANYWHERE, body)
        assert refused.status_code == 403
        assert refused.get_json()["code"] == "insufficient_scope"
        assert refused.get_json()["missing"] == [route.scope]
    assert route.scope is not None
    let_in = call(managed.caller([route.scope]), route, ANYWHERE)
    told = let_in.get_json(silent=True)
    assert not (isinstance(told, dict) and told.get("missing") == [route.scope])


@pytest.mark.parametrize(
    "route",
    [
        route
        for route in MANAGED
        if {"client_id", "project_id", "service_id", "key_id", "id"} & {*route.variables}
    ],
    ids=lambda route: str(route.name),
)
def test_another_tenants_id_is_answered_like_no_id(managed: Managed, boss: Caller, route: Route) -> None:
    """404 with the very bytes of an id that never was, and nothing happens there."""
    stranger = managed.stranger()
    theirs = managed.ids(stranger)
    before = managed.engine.journal.search(stranger, limit=200)
    random = call(boss, route, {**ANYWHERE, "name": theirs["name"], "username": theirs["username"]})
    foreign = call(boss, route, theirs)
    assert (random.status_code, foreign.status_code) == (404, 404)
    assert foreign.data == random.data
    assert foreign.headers == random.headers
    assert managed.engine.journal.search(stranger, limit=200) == before


@pytest.mark.parametrize(
    ("path", "field"), [("/admin/projects", "client_id"), ("/admin/services", "project_id")]
)
def test_a_foreign_id_in_a_body_is_answered_like_no_id(
    managed: Managed, boss: Caller, path: str, field: str
) -> None:
    """An id is the same secret wherever it stands."""
    theirs = managed.ids(managed.stranger())
    rest = {"name": "x"} if field == "client_id" else {"limit": 1}
    same = {"X-Request-Id": "same"}
    foreign = boss.post(path, {field: theirs[field], **rest}, same)
    random = boss.post(path, {field: NOWHERE, **rest}, same)
    assert foreign.status_code == random.status_code == 404
    assert foreign.data == random.data


@pytest.mark.parametrize("path", ["clients", "projects", "services", "management-keys", "journal"])
def test_lists_show_nothing_of_another_tenant(managed: Managed, boss: Caller, path: str) -> None:
    """Neither all nor by a foreign id."""
    theirs = managed.ids(managed.stranger())
    ids = {*theirs.values()}
    shown = boss.get(f"/admin/{path}", limit=200).get_json()["items"]
    assert not ids & {one["id"] for one in shown}
    for name in ("client_id", "project_id"):
        if path in ("projects", "services") and (path, name) != ("services", "client_id"):
            filtered = boss.get(f"/admin/{path}", **{name: theirs[name]})
            assert filtered.status_code in (200, 400)
            assert not filtered.get_json().get("items")


def test_every_route_of_the_app_is_in_the_document() -> None:
    """Walks what is mounted, not what is declared: a route that slips in beside the table is found."""
    app = Flask("shop")
    app.config["SEATGUARD_STORAGE_URI"] = "memory:"
    app.config["SECRET_KEY"] = "x" * 32
    Seatguard(app)
    described = document(PREFIX)["paths"]
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith(PREFIX)]
    assert len(rules) > 2 * len(MANAGED)
    for rule in rules:
        path = rule.rule.replace("<seatguard:", "{").replace(">", "}")
        if rule.endpoint.endswith("_other"):
            continue
        for method in (rule.methods or set()) - {"HEAD"}:
            assert method.lower() in described.get(path, {}), f"{method} {path} is not described"


def test_every_managed_route_names_a_scope_that_exists() -> None:
    """And says so in the document, by which a client learns which key it needs."""
    for route in MANAGED:
        assert route.scope in SCOPES
        operation = document(PREFIX)["paths"][PREFIX + route.path][route.method.lower()]
        assert operation["security"] == [{"management": [route.scope]}, {"token": [route.scope]}]


def test_links_lead_to_routes_that_exist() -> None:
    """With the variables of their paths."""
    known = {
        operation["operationId"]: {one["name"] for one in operation.get("parameters", ())}
        for methods in document(PREFIX)["paths"].values()
        for operation in methods.values()
    }
    links = [link for route in MANAGED for answer in route.answers for link in answer.links.items()]
    assert len(links) > 10
    for name, parameters in links:
        assert {*parameters} <= known[name]


@every_route
def test_a_method_that_is_not_there_is_405(boss: Caller, route: Route) -> None:
    """With the ones that are; a header that asks for another one is not read."""
    path = path_of(route, ANYWHERE)
    answer = boss("TRACE", path)
    assert answer.status_code == 405
    assert route.method in answer.headers["Allow"]
    overridden = boss("TRACE", path, headers={"X-HTTP-Method-Override": route.method})
    assert overridden.status_code == 405


def test_a_key_may_come_as_a_bearer(managed: Managed, boss: Caller) -> None:
    """Either header; two different keys are one too many."""
    other = managed.caller()
    bearer = Caller(managed.app.test_client(), None, {"Authorization": f"Bearer {boss.key}"})
    assert bearer.get("/admin/clients").status_code == 200
    both = Caller(managed.app.test_client(), boss.key, {"Authorization": f"Bearer {boss.key}"})
    assert both.get("/admin/clients").status_code == 200
    two = Caller(managed.app.test_client(), boss.key, {"Authorization": f"Bearer {other.key}"})
    assert two.get("/admin/clients").get_json()["code"] == "conflicting_credentials"


def test_a_revoked_key_stops(managed: Managed, boss: Caller) -> None:
    """With its revocation, over the API as anywhere."""
    mine = boss.get("/admin/management-keys").get_json()["items"][0]
    assert boss.delete(f"/admin/management-keys/{mine['id']}").status_code == 204
    assert boss.get("/admin/clients").status_code == 401


def test_nobody_hands_out_more_than_they_have(managed: Managed, boss: Caller) -> None:
    """A key that may make keys cannot make itself stronger."""
    weak = managed.caller(["admin:management-keys:*"])
    refused = weak.post("/admin/management-keys", {"name": "x", "scopes": ["admin:clients:read"]})
    assert refused.status_code == 403
    assert refused.get_json()["missing"] == ["admin:clients:read"]
    strong = boss.get("/admin/management-keys").get_json()["items"][0]["id"]
    assert weak.post(f"/admin/management-keys/{strong}/rotate").status_code == 403
    made = weak.post("/admin/management-keys", {"name": "x", "scopes": ["admin:management-keys:read"]})
    assert made.status_code == 201
    assert (
        Caller(managed.app.test_client(), made.get_json()["api_key"])
        .get("/admin/management-keys")
        .status_code
        == 200
    )


def test_who_tries_keys_out_is_told_to_wait(managed: Managed) -> None:
    """By address and by the beginning of a key; who has a good key is never locked out by it."""
    boss = managed.caller()
    app = managed.make_app(SEATGUARD_AUTH_FAILURES_PER_MINUTE=3)
    guesses = [keys.generate("mgmt").reveal() for _ in range(5)]
    statuses = [Caller(app.test_client(), guess).get("/admin/clients").status_code for guess in guesses]
    assert statuses == [401, 401, 401, 429, 429]
    assert Caller(app.test_client(), boss.key).get("/admin/clients").status_code == 200
    other_address = app.test_client()
    other_address.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    same = guesses[0]
    statuses = [Caller(other_address, same).get("/admin/clients").status_code for _ in range(2)]
    assert statuses == [401, 401]
    another = app.test_client()
    another.environ_base["REMOTE_ADDR"] = "192.0.2.8"
    waits = Caller(another, same).get("/admin/clients")
    assert waits.status_code == 429
    assert 60 < int(waits.headers["Retry-After"]) <= 3600


@every_route
def test_a_change_names_who_made_it(managed: Managed, boss: Caller, route: Route) -> None:
    """Every entry written by a request has the key's beginning and the request's id."""
    values = managed.ids(managed.me)
    before = {entry.id for entry in managed.entries()}
    body = {**(route.example or {})}
    body |= {name: values[name] for name in ("client_id", "project_id") if name in body}
    if "external_id" in body:
        body["external_id"] = "new"
    answer = call(boss, route, values, body)
    written = [entry for entry in managed.entries() if entry.id not in before]
    for entry in written:
        assert entry.actor.startswith("key:sg_mgmt_")
        assert entry.request_id == "same"
    if answer.status_code < 300 and route.method != "GET":
        # They are running already.
        changes_nothing = route.name in ("resume_client", "resume_service")
        assert bool(written) is not changes_nothing
