"""Users' own plans, quotas and rate limits."""

from __future__ import annotations

from typing import Any

import pytest

from tests.managing.conftest import Caller, Managed

ADA = "/admin/users/ada"


@pytest.fixture
def pro(boss: Caller) -> dict[str, Any]:
    """A plan with something to override."""
    body = {
        "slug": "pro-plan",
        "name": "Professional",
        "quotas": {"speech-service": {"minutes": 60, "files": -1}},
        "rateLimits": {"api": {"perMinute": 10}},
    }
    return boss.post("/admin/subscription-plans", body).get_json()  # type: ignore[no-any-return]


def test_a_user_is_put_on_a_plan_and_taken_off(boss: Caller, pro: dict[str, Any]) -> None:
    """By the plan's id or its slug; twice is once; off it there is nothing to see."""
    path = f"{ADA}/subscription"
    assert boss.get(path).status_code == 404
    by_id = boss.put(path, {"planId": pro["id"]})
    assert by_id.status_code == 200
    assert by_id.get_json()["userUuid"] == "ada"
    assert by_id.get_json()["plan"] == {"id": pro["id"], "slug": "pro-plan", "name": "Professional"}
    assert (by_id.get_json()["status"], by_id.get_json()["currentPeriodEnd"]) == ("active", None)
    assert boss.put(path, {"planId": "pro-plan"}).get_json() == by_id.get_json()
    assert boss.get(path).get_json() == by_id.get_json()
    for _ in range(2):
        assert boss.delete(path).status_code == 204
    assert boss.get(path).status_code == 404


def test_a_user_has_one_plan_at_most(boss: Caller, pro: dict[str, Any]) -> None:
    """Another one takes its place; a deactivated one takes nobody."""
    boss.post("/admin/subscription-plans", {"slug": "free", "name": "Free"})
    boss.put(f"{ADA}/subscription", {"planId": "pro-plan"})
    ends = "2030-01-01T00:00:00Z"
    other = boss.put(f"{ADA}/subscription", {"planId": "free", "currentPeriodEnd": ends}).get_json()
    assert (other["plan"]["slug"], other["currentPeriodEnd"]) == ("free", ends)
    assert boss.get("/admin/subscription-plans").get_json()[0]["subscriberCount"] == 0
    boss.delete(f"/admin/subscription-plans/{pro['id']}")
    refused = boss.put(f"{ADA}/subscription", {"planId": "pro-plan"})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "plan_inactive")
    assert boss.put(f"{ADA}/subscription", {"planId": "none"}).status_code == 404


def test_quotas_are_resolved_and_overridden(managed: Managed, boss: Caller, pro: dict[str, Any]) -> None:
    """The user's own before the plan's before the tenant's; null takes back; 0 is none."""
    managed.engine.overrides.change_defaults(managed.me, {"quotas": {"speech-service": {"words": 9}}})
    boss.put(f"{ADA}/subscription", {"planId": "pro-plan"})
    path = f"{ADA}/quotas"

    def limits(answer: Any) -> Any:
        assert answer.status_code == 200
        return {name: entry["limit"] for name, entry in answer.get_json()["speech-service"].items()}

    assert limits(boss.get(path)) == {"minutes": 60, "files": None, "words": 9}
    assert boss.get(path).get_json()["speech-service"]["files"]["unlimited"] is True
    assert limits(boss.patch(path, {"speech-service": {"minutes": 0, "files": 5}})) == {
        "minutes": 0,
        "files": 5,
        "words": 9,
    }
    assert limits(boss.patch(path, {"speech-service": {"minutes": None}})) == {
        "minutes": 60,
        "files": 5,
        "words": 9,
    }
    again = boss.get(path).get_json()
    assert limits(boss.patch(path, {"speech-service": None})) == {"minutes": 60, "files": None, "words": 9}
    assert again["speech-service"]["files"] == {"limit": 5, "used": None, "available": None}


def test_rate_limits_are_overridden_and_taken_back(boss: Caller, pro: dict[str, Any]) -> None:
    """And quotas stay as they are."""
    boss.put(f"{ADA}/subscription", {"planId": "pro-plan"})
    boss.patch(f"{ADA}/quotas", {"speech-service": {"minutes": 1}})
    path = f"{ADA}/rate-limits"
    assert boss.get(path).get_json() == {"api": {"perMinute": {"limit": 10}}}
    changed = boss.patch(path, {"api": {"perMinute": -1}}).get_json()
    assert changed == {"api": {"perMinute": {"limit": None, "unlimited": True}}}
    for _ in range(2):
        assert boss.delete(path).status_code == 204
    assert boss.get(path).get_json() == {"api": {"perMinute": {"limit": 10}}}
    assert boss.get(f"{ADA}/quotas").get_json()["speech-service"]["minutes"]["limit"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PUT", "subscription", {}, "planId"),
        ("PUT", "subscription", {"planId": "x", "status": "active"}, "status"),
        ("PUT", "subscription", {"planId": "x", "currentPeriodEnd": "soon"}, "currentPeriodEnd"),
        ("PATCH", "quotas", {"speech": {"minutes": -2}}, "speech.minutes"),
        ("PATCH", "quotas", {"speech": 5}, "speech"),
        ("PATCH", "quotas", {"not a name": {"m": 1}}, "not a name"),
        ("PATCH", "rate-limits", {"api": {"perMinute": "10"}}, "api.perMinute"),
    ],
)
def test_a_wrong_body_is_400_and_names_the_field(
    managed: Managed, boss: Caller, method: str, path: str, body: Any, field: str
) -> None:
    """422 is not used here either, and nothing is changed."""
    before = len(managed.entries())
    answer = boss(method, f"{ADA}/{path}", body)
    assert answer.status_code == 400, answer.get_data(as_text=True)
    assert field in [one["pointer"].removeprefix("/") for one in answer.get_json()["errors"]]
    assert len(managed.entries()) == before


def test_a_user_of_another_tenant_is_another_user(
    managed: Managed, boss: Caller, pro: dict[str, Any]
) -> None:
    """The same name there has nothing to do with the one here."""
    stranger = managed.stranger()
    managed.engine.catalog.add(stranger, slug="theirs", seats=1)
    managed.engine.user_subscriptions.assign(stranger, "ada", plan="theirs")
    managed.engine.overrides.change_user(stranger, "ada", {"quotas": {"s": {"m": 1}}})
    assert boss.get(f"{ADA}/subscription").status_code == 404
    assert boss.get(f"{ADA}/quotas").get_json() == {}
    assert boss.put(f"{ADA}/subscription", {"planId": "theirs"}).status_code == 404


def test_a_name_that_no_user_can_have_is_400(boss: Caller) -> None:
    """As everything wrong with a request is here."""
    assert boss.get(f"/admin/users/{'x' * 151}/quotas").status_code == 400
