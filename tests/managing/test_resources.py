"""What an operator does without pages: clients, projects, keys, services, seats, journal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.managing.conftest import NOWHERE, Caller, Managed


def ok(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_json(silent=True)


@pytest.fixture
def shop(managed: Managed, boss: Caller) -> dict[str, Any]:
    """A project of the tenant's, made over the API."""
    client = ok(boss.post("/admin/clients", {"name": "Globex", "external_id": "crm-1"}), 201)
    body = {"client_id": client["id"], "name": "Portal", "domains": ["portal.example"]}
    return ok(boss.post("/admin/projects", body), 201)  # type: ignore[no-any-return]


def test_an_operator_runs_everything_over_the_api(
    managed: Managed, boss: Caller, shop: dict[str, Any]
) -> None:
    """From a client to a user's seat, with keys that work on the validation routes, to the end of all."""
    service = ok(boss.post("/admin/services", {"project_id": shop["id"], "limit": 1}), 201)
    key = ok(boss.post(f"/admin/projects/{shop['id']}/keys", {}), 201)
    asked = {"api_key": key["api_key"], "domain": "portal.example", "username": "eve"}
    client = managed.app.test_client()
    assert client.post("/api/v1/register-user", json=asked).status_code == 200
    seats = f"/admin/projects/{shop['id']}/seats"
    refused = boss.post(seats, {"username": "bob"})
    assert (refused.status_code, refused.get_json()["code"]) == (403, "limit_reached")
    assert (refused.get_json()["limit"], refused.get_json()["current"]) == (1, 1)
    ok(boss.put(f"/admin/services/{service['id']}/limit", {"limit": 2}))
    assert ok(boss.post(seats, {"username": "bob", "email": "bob@example.com"}), 201)["username"] == "bob"
    assert ok(boss.post(seats, {"username": "bob"}))["already_held"] is True
    assert [one["username"] for one in ok(boss.get(seats))["items"]] == ["eve", "bob"]
    assert ok(boss.get(f"{seats}/eve"))["service"] == service["id"]
    for _ in range(2):
        ok(boss.delete(f"{seats}/eve"), 204)
    ok(boss.get(f"{seats}/eve"), 404)
    shown = ok(boss.get(f"/admin/services/{service['service_id']}"))
    assert (shown["limit"], shown["current"], shown["held"], shown["plan"]) == (2, 1, 0, None)
    ok(boss.delete(f"/admin/keys/{key['id']}"), 204)
    assert client.post("/api/v1/register-user", json=asked).status_code == 401
    ok(boss.delete(f"/admin/services/{service['id']}"), 204)
    ok(boss.delete(f"/admin/clients/{shop['client_id']}"), 204)
    assert ok(boss.get(f"/admin/clients/{shop['client_id']}"))["state"] == "archived"


def test_a_client_is_renamed_on_the_version_that_was_read(boss: Caller) -> None:
    """Whoever comes second is told, and nothing is lost."""
    client = ok(boss.post("/admin/clients", {"name": "Globex"}), 201)
    path = f"/admin/clients/{client['id']}"
    assert ok(boss.patch(path, {"name": "Globex Inc", "version": 1}))["version"] == 2
    late = boss.patch(path, {"name": "Globex SA", "version": 1})
    assert (late.status_code, late.get_json()["code"]) == (409, "version_conflict")
    assert ok(boss.get(path))["name"] == "Globex Inc"


def test_a_client_is_suspended_and_resumed(boss: Caller) -> None:
    """Twice is once; what is archived is not suspended."""
    path = f"/admin/clients/{ok(boss.post('/admin/clients', {'name': 'G'}), 201)['id']}"
    for verb, state in (("suspend", "suspended"), ("suspend", "suspended"), ("resume", "active")):
        assert ok(boss.post(f"{path}/{verb}"))["state"] == state
    ok(boss.delete(path), 204)
    ok(boss.delete(path), 204)
    refused = boss.post(f"{path}/suspend", {})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "transition_not_allowed")
    assert [one["state"] for one in ok(boss.get("/admin/clients", state="archived"))["items"]] == ["archived"]


def test_lists_go_page_by_page(boss: Caller) -> None:
    """Each record once, in the order it was added."""
    made = [ok(boss.post("/admin/clients", {"name": f"C{n}"}), 201)["id"] for n in range(5)]
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = ok(boss.get("/admin/clients", limit=2, **after))
        assert len(page["items"]) <= 2
        seen += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen[-5:] == made
    assert len(seen) == len({*seen})


def test_a_project_is_changed(boss: Caller, shop: dict[str, Any]) -> None:
    """Its name, the kinds of domains it may have, and its domains."""
    path = f"/admin/projects/{shop['id']}"
    refused = boss.post(f"{path}/domains", {"name": "*.portal.example"})
    assert refused.get_json()["code"] == "domain_not_allowed"
    changed = ok(boss.patch(path, {"name": "Extranet", "allow_wildcards": True, "version": 1}))
    assert (changed["name"], changed["allow_wildcards"], changed["version"]) == ("Extranet", True, 2)
    assert ok(boss.patch(path, {"name": "Extranet"}))["version"] == 2
    with_both = ok(boss.post(f"{path}/domains", {"name": "*.Portal.example"}))
    assert with_both["domains"] == ["portal.example", "*.portal.example"]
    ok(boss.patch(path, {"allow_wildcards": False}))
    for _ in range(2):
        ok(boss.delete(f"{path}/domains/*.portal.example"), 204)
    assert ok(boss.get(path))["domains"] == ["portal.example"]
    assert boss.patch(path, {"name": "x", "version": 1}).get_json()["code"] == "version_conflict"


def test_a_projects_name_is_its_clients_only_one(boss: Caller, shop: dict[str, Any]) -> None:
    """Made or renamed; the old name is free afterwards."""
    other = ok(boss.post("/admin/projects", {"client_id": shop["client_id"], "name": "Other"}), 201)
    path = f"/admin/projects/{other['id']}"
    assert boss.patch(path, {"name": "Portal"}).get_json()["code"] == "project_exists"
    body = {"client_id": shop["client_id"], "name": "Other"}
    assert boss.post("/admin/projects", body).get_json()["code"] == "project_exists"
    ok(boss.patch(path, {"name": "Third"}))
    ok(boss.post("/admin/projects", body), 201)


def test_a_limit_below_use_is_refused_with_both_numbers(boss: Caller, shop: dict[str, Any]) -> None:
    """Unless the operator says that all may stay."""
    service = ok(boss.post("/admin/services", {"project_id": shop["id"], "limit": 3}), 201)
    for user in ("a", "b"):
        ok(boss.post(f"/admin/projects/{shop['id']}/seats", {"username": user}), 201)
    path = f"/admin/services/{service['id']}/limit"
    refused = boss.put(path, {"limit": 1})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "limit_below_usage")
    assert (refused.get_json()["limit"], refused.get_json()["current"]) == (1, 2)
    lowered = ok(boss.put(path, {"limit": 1, "over_limit": "allow", "version": service["version"]}))
    assert (lowered["limit"], lowered["current"]) == (1, 2)
    assert boss.put(path, {"limit": 9, "version": 1}).get_json()["code"] == "version_conflict"
    assert ok(boss.put(path, {"limit": None, "unlimited": True}))["limit"] is None
    assert boss.put(path, {"limit": None}).get_json()["code"] == "required"


def test_a_service_is_renewed_suspended_and_resumed(boss: Caller, shop: dict[str, Any]) -> None:
    """And moved to another plan, unless that takes nobody."""
    body = {"project_id": shop["id"], "limit": 1, "starts": "2026-01-01", "expiry": "2026-12-31"}
    path = f"/admin/services/{ok(boss.post('/admin/services', body), 201)['id']}"
    assert ok(boss.post(f"{path}/renew", {"expiry": "2028-02-29"}))["expiry"] == "2028-02-29"
    assert ok(boss.post(f"{path}/renew", {"expiry": None}))["expiry"] is None
    assert boss.post(f"{path}/renew", {"expiry": "2025-12-31"}).get_json()["code"] == "invalid_date_range"
    assert ok(boss.post(f"{path}/suspend"))["state"] == "suspended"
    assert ok(boss.post(f"{path}/resume", {}))["state"] == "active"
    assert boss.put(f"{path}/plan", {"plan": "none"}).status_code == 404


def test_keys_are_rotated_with_an_overlap(managed: Managed, boss: Caller, shop: dict[str, Any]) -> None:
    """The secret is in the answer to its birth and in no other."""
    made = ok(boss.post(f"/admin/projects/{shop['id']}/keys", {"mode": "test"}), 201)
    new = ok(boss.post(f"/admin/keys/{made['id']}/rotate", {"overlap": 60}), 201)
    assert boss.post(f"/admin/keys/{new['id']}/rotate", {}).get_json()["code"] == "too_many_keys"
    managed.clock.travel(seconds=60)
    listed = ok(boss.get(f"/admin/projects/{shop['id']}/keys"))["items"]
    assert [(one["id"], one["state"]) for one in listed] == [(made["id"], "ended"), (new["id"], "live")]
    by_prefix = boss.get(f"/admin/keys/{new['prefix']}")
    assert ok(by_prefix)["id"] == new["id"]
    assert boss.post(f"/admin/keys/{made['id']}/rotate", {}).get_json()["code"] == "key_not_live"
    told = json.dumps(listed) + by_prefix.get_data(as_text=True)
    assert made["api_key"] not in told
    assert new["api_key"] not in told


def test_management_keys_are_managed_by_management_keys(managed: Managed, boss: Caller) -> None:
    """Made, rotated, listed with their last use, and revoked."""
    body = {"name": "ci", "scopes": ["admin:clients:read"]}
    made = ok(boss.post("/admin/management-keys", body), 201)
    assert made["last_used_at"] is None
    ci = Caller(managed.app.test_client(), made["api_key"])
    ok(ci.get("/admin/clients"))
    assert ok(boss.get(f"/admin/management-keys/{made['id']}"))["last_used_at"] is not None
    new = ok(boss.post(f"/admin/management-keys/{made['prefix']}/rotate", {"overlap": 0}), 201)
    assert (new["line"], new["scopes"]) == (made["id"], ["admin:clients:read"])
    ok(ci.get("/admin/clients"), 401)
    listed = ok(boss.get("/admin/management-keys"))["items"]
    assert [one["state"] for one in listed] == ["live", "ended", "live"]
    ok(boss.delete(f"/admin/management-keys/{new['id']}"), 204)
    refused = boss.post("/admin/management-keys", {"name": "x", "scopes": ["admin:client:read"]})
    assert (refused.status_code, refused.get_json()["code"]) == (422, "unknown_scope")


def test_the_journal_is_searched_and_exported(managed: Managed, boss: Caller, shop: dict[str, Any]) -> None:
    """By kind, actor, user and time; the export is a line an entry, and on record itself."""
    ok(boss.post("/admin/services", {"project_id": shop["id"], "limit": 1}), 201)
    ok(boss.post(f"/admin/projects/{shop['id']}/seats", {"username": "eve"}), 201)
    taken = ok(boss.get("/admin/journal", kind="seat.taken"))["items"]
    assert [one["person"]["holder"] for one in taken] == ["eve"]
    assert ok(boss.get("/admin/journal", user="EVE"))["items"] == taken
    actor = taken[0]["actor"]
    assert actor.startswith("key:sg_mgmt_")
    mine = ok(boss.get("/admin/journal", actor=actor, order="oldest", limit=1))
    assert mine["items"][0]["kind"] == "client.added"
    more = ok(boss.get("/admin/journal", actor=actor, order="oldest", after=mine["next"]))["items"]
    assert [one["kind"] for one in more] == ["project.added", "subscription.added", "seat.taken"]
    assert ok(boss.get("/admin/journal", since="2100-01-01"))["items"] == []
    assert ok(boss.get("/admin/journal", until="2001-01-01T00:00:00+02:00"))["items"] == []
    export = boss.get("/admin/journal/export", actor=actor)
    assert export.content_type == "application/x-ndjson"
    lines = [json.loads(line) for line in export.get_data(as_text=True).splitlines()]
    assert lines == [*mine["items"], *more, lines[-1]]
    assert lines[-1]["kind"] == "journal.exported"
    assert "Cache-Control" in export.headers


SERVICES, PROJECTS = "/admin/services", "/admin/projects"
OF = {"project_id": "P", "limit": 1}
BY = {"client_id": "C", "name": "x"}
KEYED = {"Idempotency-Key": "once"}


def test_a_record_is_made_once_under_a_key(managed: Managed, boss: Caller, shop: dict[str, Any]) -> None:
    """Asked again the same bytes, and nothing is made; with another body nothing either."""
    bodies: dict[str, dict[str, Any]] = {
        "/admin/clients": {"name": "Once", "external_id": "once"},
        "/admin/projects": {"client_id": shop["client_id"], "name": "Once"},
        "/admin/services": {"project_id": shop["id"], "limit": 1},
    }
    for path, body in bodies.items():
        first = boss.post(path, body, KEYED)
        assert first.status_code == 201
        written = len(managed.entries())
        again = boss.post(path, body, KEYED)
        assert (again.status_code, again.data) == (201, first.data)
        assert again.headers["Idempotency-Replayed"] == "true"
        other = boss.post(path, {**body, "name": "Other"} if "name" in body else {**body, "limit": 2}, KEYED)
        assert (other.status_code, other.get_json()["code"]) == (422, "idempotency_key_reused")
        assert len(managed.entries()) == written


def test_what_was_refused_is_asked_anew(boss: Caller) -> None:
    """A refusal keeps no reply: with the cause gone the same key makes the record."""
    body = {"client_id": NOWHERE, "name": "x"}
    assert boss.post("/admin/projects", body, KEYED).status_code == 404
    assert boss.post("/admin/clients", {"name": "x", "external_id": ""}, KEYED).status_code == 422
    assert boss.post("/admin/clients", {"name": "x"}, KEYED).status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "named"),
    [
        ("POST", "/admin/clients", {"name": "x", "tenant_id": "y"}, 400, "unknown_field", "tenant_id"),
        ("POST", "/admin/clients", {"name": "x", "created_at": "y"}, 400, "unknown_field", "created_at"),
        ("POST", "/admin/clients", {}, 400, "missing_field", "name"),
        ("POST", "/admin/clients", {"name": 5}, 422, "string_expected", "name"),
        ("POST", "/admin/clients", {"name": "x" * 201}, 422, "too_long", "name"),
        ("POST", "/admin/clients", {"name": "a\x00b"}, 422, "invalid_characters", "name"),
        ("POST", SERVICES, {"used": 1, "project_id": "P", "limit": 1}, 400, "unknown_field", "used"),
        ("POST", SERVICES, {"project_id": "P"}, 422, "required", "limit"),
        ("POST", SERVICES, {"project_id": "P", "limit": -1}, 422, "out_of_range", "limit"),
        ("POST", SERVICES, {"project_id": "P", "limit": 2**63}, 422, "out_of_range", "limit"),
        ("POST", SERVICES, {"project_id": "P", "limit": 1.5}, 422, "integer_expected", "limit"),
        ("POST", SERVICES, {"project_id": "P", "limit": "100"}, 422, "integer_expected", "limit"),
        ("POST", SERVICES, {"project_id": "P", "limit": True}, 422, "integer_expected", "limit"),
        ("POST", SERVICES, {**OF, "expiry": "2025-02-30"}, 422, "invalid_date", "expiry"),
        ("POST", SERVICES, {**OF, "expiry": "31/12/2025"}, 422, "invalid_date", "expiry"),
        ("POST", SERVICES, {**OF, "expiry": "10000-01-01"}, 422, "invalid_date", "expiry"),
        ("POST", SERVICES, {**OF, "trial": 1}, 422, "boolean_expected", "trial"),
        ("POST", SERVICES, {**OF, "mode": "prod"}, 422, "invalid_choice", "mode"),
        ("POST", SERVICES, {**OF, "timezone": "Mars"}, 422, "invalid_timezone", "timezone"),
        ("POST", SERVICES, {**OF, "overage": "+x"}, 422, "invalid_overage", "overage"),
        ("POST", SERVICES, {**OF, "grace_days": 10**30}, 422, "out_of_range", "grace_days"),
        ("POST", PROJECTS, {**BY, "domains": "a.example"}, 422, "list_expected", "domains"),
        ("POST", PROJECTS, {**BY, "domains": ["http://x"]}, 400, "domain_not_url", "domain"),
        ("GET", "/admin/clients?limit=0", None, 422, "out_of_range", "limit"),
        ("GET", "/admin/clients?limit=1000000000", None, 422, "out_of_range", "limit"),
        ("GET", "/admin/clients?limit=x", None, 422, "integer_expected", "limit"),
        ("GET", "/admin/clients?page=1", None, 400, "unknown_field", "page"),
        ("GET", "/admin/clients?after=x", None, 422, "invalid_cursor", "after"),
        ("GET", "/admin/clients?state=gone", None, 422, "invalid_choice", "state"),
        ("GET", "/admin/journal?since=yesterday", None, 422, "invalid_date", "since"),
        ("GET", "/admin/journal?until=9999-12-31T23:59:59-23:00", None, 422, "invalid_date", "until"),
        ("GET", "/admin/clients/27259631130333357867708448768", None, 404, "not_found", None),
        ("GET", "/admin/clients/../x", None, 404, "not_found", None),
        ("GET", "/admin/clients/a/b/c", None, 404, "not_found", None),
        ("GET", "/admin/clients/a\nb", None, 404, "not_found", None),
        ("GET", "/admin/services/27259631130333357867708448768", None, 404, "not_found", None),
        ("POST", "/admin/keys/x/rotate", {"overlap": 604_801}, 404, "not_found", None),
        ("DELETE", "/admin/management-keys/é", None, 404, "not_found", None),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_name(
    managed: Managed,
    boss: Caller,
    method: str,
    path: str,
    body: Any,
    status: int,
    code: str,
    named: str | None,
) -> None:
    """The field, what is wrong with it, and nothing is changed."""
    if body is not None:
        found = {"P": managed.project_id, "C": managed.client_id}
        body = {
            name: found.get(value, value) if isinstance(value, str) else value for name, value in body.items()
        }
    before = len(managed.entries())
    path, _, query = path.partition("?")
    answer = boss.client.open(
        f"/api/v1{path}", method=method, json=body, query_string=query, headers={"X-API-Key": str(boss.key)}
    )
    told = answer.get_json()
    assert (answer.status_code, told["code"]) == (status, code)
    assert answer.content_type == "application/problem+json"
    if named is not None:
        assert named in [one["pointer"].removeprefix("/") for one in told["errors"]]
    assert len(managed.entries()) == before


def test_an_overlap_is_a_week_at_most(managed: Managed, boss: Caller) -> None:
    """However large the number."""
    key = managed.key.record.id
    for overlap in (-1, 604_801, 10**30):
        refused = boss.post(f"/admin/keys/{key}/rotate", {"overlap": overlap})
        assert (refused.status_code, refused.get_json()["code"]) == (422, "out_of_range")
