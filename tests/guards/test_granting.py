"""Guards by what is granted: features, permissions, requests, amounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Response, abort, request

from seatguard import Store
from seatguard.allowances import Rate
from seatguard_flask.granting import LIMIT, POLICY
from tests.guards.conftest import Host
from tests.guards.test_switches import Away

OFFER: dict[str, Any] = {
    "features": {"sso": True, "exports": False},
    "permissions": ["speech:files:read", "reports:*"],
    "quotas": {"speech": {"summaries": 3}},
    "rate_limits": {"api": {"perMinute": 2}},
}


@pytest.fixture
def host() -> Host:
    """A host whose project is on a plan with something of everything."""
    made = Host()
    made.engine.catalog.add(made.me, slug="pro", seats=5, offer=OFFER)
    service = made.engine.subscriptions.list(made.me).items[0]
    made.engine.subscriptions.change_plan(made.me, service.id, plan="pro").require()
    return made


def view(host: Host, guard: Callable[[Any], Any], answer: Callable[[], Any] = lambda: "done") -> None:
    """A guarded view at /it, for GET and POST."""

    def it() -> Any:
        return answer()

    host.app.add_url_rule("/it", view_func=guard(it), methods=["GET", "POST"])


@pytest.mark.parametrize(
    ("feature", "status", "code"),
    [
        ("sso", 200, None),
        ("exports", 402, "not_included"),
        ("unheard-of", 402, "not_included"),
        (None, 200, None),
    ],
)
def test_a_feature_is_required(host: Host, feature: str | None, status: int, code: str | None) -> None:
    """Granted, granted as none, not known; without a feature a subscription in force is enough."""
    view(host, host.seats.require(feature, project="acme"))
    answer = host.client.get("/it")
    assert answer.status_code == status
    if code:
        assert answer.content_type == "application/problem+json"
        assert answer.get_json()["code"] == code


def test_a_full_subscription_is_in_force(host: Host) -> None:
    """Whether a seat is free is another question; suspended it grants nothing."""
    view(host, host.seats.require(project="acme"))
    service = host.engine.subscriptions.list(host.me).items[0]
    host.engine.subscriptions.change_limit(host.me, service.id, limit=0).require()
    assert host.client.get("/it").status_code == 200
    host.engine.subscriptions.suspend(host.me, service.id)
    refused = host.client.get("/it")
    assert (refused.status_code, refused.get_json()["code"]) == (402, "suspended")


def test_a_users_own_override_counts(host: Host) -> None:
    """With a subject; and a change is seen by the next request."""
    view(host, host.seats.require("exports", project="acme", subject=lambda: request.args.get("user")))
    assert host.client.get("/it?user=ada").status_code == 402
    host.engine.overrides.change_user(host.me, "ada", {"features": {"exports": True}})
    assert host.client.get("/it?user=ada").status_code == 200
    assert host.client.get("/it?user=bob").status_code == 402
    assert host.client.get("/it").status_code == 402


def test_a_user_needs_no_project(host: Host) -> None:
    """A user's own plan grants, too."""
    host.engine.user_subscriptions.assign(host.me, "ada", plan="pro")
    view(host, host.seats.require("sso", subject=lambda: request.args.get("user")))
    assert host.client.get("/it?user=ada").status_code == 200
    assert host.client.get("/it?user=bob").status_code == 402


@pytest.mark.parametrize(
    ("permission", "status"),
    [
        ("speech:files:read", 200),
        ("speech:files:write", 403),
        ("reports:monthly", 200),
        ("reports:a:b", 200),
        ("speech:*", 403),
    ],
)
def test_a_permission_is_required(host: Host, permission: str, status: int) -> None:
    """Granted by name or by a star; else 403, whatever a refusal costs elsewhere."""
    view(host, host.seats.permission_required(permission, project="acme"))
    answer = host.client.get("/it")
    assert answer.status_code == status
    if status == 403:
        assert answer.get_json()["code"] == "insufficient_scope"


def test_requests_are_limited_and_say_so(host: Host) -> None:
    """Two of a minute pass, the third is 429 with the time to wait; others are counted alone."""
    view(host, host.seats.rate_limited("api.perMinute", project="acme", caller=lambda: request.args["who"]))
    first, second, third = (host.client.get("/it?who=ada") for _ in range(3))
    assert [one.status_code for one in (first, second, third)] == [200, 200, 429]
    assert first.headers[POLICY] == '"api.perMinute";q=2'
    assert first.headers[LIMIT].startswith('"api.perMinute";r=1;t=')
    assert third.headers[LIMIT].startswith('"api.perMinute";r=0;t=')
    assert 1 <= int(third.headers["Retry-After"]) <= 61
    assert third.get_json()["code"] == "rate_limited"
    assert "Retry-After" not in first.headers
    assert host.client.get("/it?who=bob").status_code == 200


def test_a_rate_of_the_views_own_names_its_window(host: Host) -> None:
    """As the draft on rate limits writes it."""
    view(host, host.seats.rate_limited("login", project="acme", rate=Rate(limit=1, window=30)))
    assert host.client.get("/it").headers[POLICY] == '"login";q=1;w=30'
    assert host.client.get("/it").status_code == 429


def balance(host: Host) -> int:
    where = host.engine.where(host.project.id)
    found = host.engine.usage.balance(host.me, where, "speech.summaries").facts.balance
    assert found is not None
    return found.used


def test_what_a_view_uses_is_counted(host: Host) -> None:
    """As much as it says, until the quota is used up; then the view does not run."""
    runs: list[int] = []
    guard = host.seats.metered("speech.summaries", quantity=lambda: int(request.args["n"]), project="acme")
    view(host, guard, lambda: runs.append(1) or "done")
    assert host.client.post("/it?n=2").status_code == 200
    refused = host.client.post("/it?n=2")
    assert (refused.status_code, refused.get_json()["code"]) == (402, "quota_exhausted")
    assert host.client.post("/it?n=1").status_code == 200
    assert (balance(host), len(runs)) == (3, 2)


@pytest.mark.parametrize("failing", ["an answer", "an exception", "an abort"])
def test_a_view_that_fails_has_used_nothing(host: Host, failing: str) -> None:
    """Whatever way it fails."""

    def fail() -> Any:
        if failing == "an answer":
            return Response("no", 409)
        if failing == "an abort":
            abort(422)
        raise RuntimeError("broken")

    view(host, host.seats.metered("speech.summaries", project="acme"), fail)
    assert host.client.post("/it").status_code >= 400
    assert balance(host) == 0


def test_a_retry_under_a_key_is_counted_once(host: Host) -> None:
    """And a failing retry does not give back what the first request used."""
    answers = iter(["done", Response("no", 500)])
    view(host, host.seats.metered("speech.summaries", project="acme"), lambda: next(answers))
    for _ in range(2):
        host.client.post("/it", headers={"Idempotency-Key": "job-1"})
    assert balance(host) == 1


@pytest.mark.parametrize(("policy", "status"), [("deny", 503), ("allow", 200)])
def test_an_outage_is_answered_by_the_policy(policy: str, status: int) -> None:
    """As with every guard; what was let pass says so."""
    down: set[str] = set()
    config = {"SEATGUARD_ON_STORAGE_ERROR": policy}
    host = Host(2, config, lambda store: Store(Away(store.ledger, down), Away(store.gate, down)))
    view(host, host.seats.permission_required("a:b", project="acme"))
    assert host.client.get("/it").status_code == 403
    down.add("read")
    answer = host.client.get("/it")
    assert answer.status_code == status
    assert ("Seatguard-Unchecked" in answer.headers) is (status == 200)


def test_a_dry_run_refuses_nobody(host: Host) -> None:
    """It decides, and lets everybody pass; and so does a guard that is turned off."""
    view(host, host.seats.require("exports", project="acme"))
    assert host.client.get("/it").status_code == 402
    with host.seats.disabled():
        assert host.client.get("/it").status_code == 200
    host.app.config["SEATGUARD_DRY_RUN"] = True
    assert host.client.get("/it").status_code == 200


def test_parentheses_are_needed(host: Host) -> None:
    """Said when the app is written, not when the first user comes."""
    with pytest.raises(TypeError, match="with parentheses"):
        host.seats.require(lambda: "x")  # type: ignore[arg-type]
