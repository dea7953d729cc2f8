"""The documented plan routes: requests as documented, every documented status, and how each doubt is read."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.managing.conftest import NOWHERE, Caller, Managed

PLANS = "/admin/subscription-plans"
DOCUMENTED_LIST = """\
curl -X GET https://koldan.dixilang.com/api/v1/admin/subscription-plans \\
  -H "X-API-Key: $KOLDAN_API_KEY"
"""
DOCUMENTED_CREATE = """\
curl -X POST https://koldan.dixilang.com/api/v1/admin/subscription-plans \\
  -H "X-API-Key: $KOLDAN_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{
    "slug": "pro-plan",
    "name": "Professional",
    "quotas": {
      "speech-service": {
        "maxConcurrentSessions": 5
      }
    },
    "permissions": ["speech:files:read", "speech:files:write"]
  }'
"""
FIELDS = [
    "id",
    "slug",
    "name",
    "active",
    "displayOrder",
    "quotas",
    "rateLimits",
    "permissions",
    "createdAt",
    "updatedAt",
]


def as_documented(caller: Caller, line: str) -> TestResponse:
    """What a curl line sends, with host and key changed and nothing else."""
    words = shlex.split(line.replace("\\\n", " ").replace("$KOLDAN_API_KEY", str(caller.key)))
    method, url = words[2], words[3]
    options = list(zip(words[4::2], words[5::2], strict=True))
    headers = dict(value.split(": ", 1) for option, value in options if option == "-H")
    data = next((value for option, value in options if option == "-d"), None)
    path = url.removeprefix("https://koldan.dixilang.com")
    return caller.client.open(path, method=method, headers=headers, data=data)


def made(caller: Caller, **members: Any) -> dict[str, Any]:
    answer = caller.post(PLANS, {"slug": "pro-plan", "name": "Professional", **members})
    assert answer.status_code == 201, answer.get_data(as_text=True)
    return answer.get_json()  # type: ignore[no-any-return]


def test_the_documented_lines_work(boss: Caller) -> None:
    """201 with the plan as it was sent, then 200 with a list that holds it."""
    answer = as_documented(boss, DOCUMENTED_CREATE)
    assert answer.status_code == 201
    plan = answer.get_json()
    assert list(plan)[: len(FIELDS)] == FIELDS
    assert (plan["slug"], plan["name"], plan["active"], plan["displayOrder"]) == (
        "pro-plan",
        "Professional",
        True,
        0,
    )
    assert plan["quotas"] == {"speech-service": {"maxConcurrentSessions": 5}}
    assert plan["permissions"] == ["speech:files:read", "speech:files:write"]
    assert (plan["version"], plan["subscriberCount"]) == (1, 0)
    listed = as_documented(boss, DOCUMENTED_LIST)
    assert (listed.status_code, listed.get_json()) == (200, [plan])


def test_the_documented_token_works(managed: Managed, boss: Caller) -> None:
    """The header of the Python example, with a management key where a token could be."""
    headers = {"Authorization": f"Bearer {boss.key}"}
    assert managed.app.test_client().get("/api/v1" + PLANS, headers=headers).get_json() == []


def test_every_documented_status_is_given(managed: Managed, boss: Caller) -> None:
    """200, 201, 204, 400, 401, 403, 404 and 409, each by the request that is said to cause it."""
    plan = made(boss)
    one = f"{PLANS}/{plan['id']}"
    reader = managed.caller(["admin:subscriptions:plans:read"])
    writer = managed.caller(["admin:subscriptions:plans:write"])
    nobody = managed.anybody()
    given = {
        ("GET", 200): boss.get(PLANS),
        ("GET", 401): nobody.get(PLANS),
        ("GET", 403): writer.get(PLANS),
        ("POST", 201): boss.post(PLANS, {"slug": "free", "name": "Free"}),
        ("POST", 400): boss.post(PLANS, {"slug": "free"}),
        ("POST", 401): nobody.post(PLANS, {"slug": "x", "name": "x"}),
        ("POST", 403): reader.post(PLANS, {"slug": "x", "name": "x"}),
        ("POST", 409): boss.post(PLANS, {"slug": "pro-plan", "name": "Again"}),
        ("PUT", 200): boss.put(one, {"name": "Pro"}),
        ("PUT", 400): boss.put(one, {"name": 7}),
        ("PUT", 401): nobody.put(one, {}),
        ("PUT", 403): reader.put(one, {}),
        ("PUT", 404): boss.put(f"{PLANS}/{NOWHERE}", {}),
        ("DELETE", 204): boss.delete(one),
        ("DELETE", 401): nobody.delete(one),
        ("DELETE", 403): reader.delete(one),
        ("DELETE", 404): boss.delete(f"{PLANS}/{NOWHERE}"),
    }
    assert {case: answer.status_code for case, answer in given.items()} == {case: case[1] for case in given}
    assert given["DELETE", 204].data == b""
    assert given["POST", 409].get_json()["code"] == "slug_exists"
    for (_, status), answer in given.items():
        if status >= 400:
            assert answer.content_type == "application/problem+json"


def test_an_update_merges_at_the_top_and_replaces_below(boss: Caller) -> None:
    """What is left out stays; given quotas are all there are; null within them is inherited."""
    plan = made(boss, quotas={"speech": {"minutes": 60, "files": 5}}, rateLimits={"api": {"perMinute": 10}})
    one = f"{PLANS}/{plan['id']}"
    renamed = boss.put(one, {"name": "Pro"}).get_json()
    assert renamed["quotas"] == plan["quotas"]
    assert renamed["rateLimits"] == {"api": {"perMinute": 10}}
    replaced = boss.put(one, {"quotas": {"speech": {"minutes": 30, "words": None}}}).get_json()
    assert replaced["quotas"] == {"speech": {"minutes": 30}}
    assert replaced["rateLimits"] == {"api": {"perMinute": 10}}
    assert boss.put(one, {"quotas": None}).get_json()["quotas"] == {}
    assert boss.put(one, {"permissions": ["a:b"]}).get_json()["permissions"] == ["a:b"]
    assert boss.put(one, {"displayOrder": 3, "active": False}).get_json()["active"] is False


def test_null_zero_and_unlimited_are_three_things(boss: Caller) -> None:
    """Inherited, none, no limit; and what is answered may be sent again."""
    quotas: dict[str, Any] = {"s": {"inherited": None, "none": 0, "word": "unlimited", "number": -1}}
    plan = made(boss, quotas=quotas)
    no_limit = {"limit": None, "unlimited": True}
    assert plan["quotas"] == {"s": {"none": 0, "word": no_limit, "number": no_limit}}
    again = boss.put(f"{PLANS}/{plan['id']}", {"quotas": plan["quotas"], "rateLimits": plan["rateLimits"]})
    assert again.get_json()["quotas"] == plan["quotas"]
    assert again.get_json()["version"] == plan["version"]


def test_a_plan_is_deactivated_and_stays(managed: Managed, boss: Caller) -> None:
    """By DELETE or by an update alike; twice is once; an update takes it back; its slug stays taken."""
    plan = made(boss)
    one = f"{PLANS}/{plan['id']}"
    managed.service(plan="pro-plan")
    for _ in range(2):
        assert boss.delete(one).status_code == 204
    (shown,) = boss.get(PLANS).get_json()
    assert (shown["active"], shown["subscriberCount"]) == (False, 1)
    refused = boss.post("/admin/services", {"project_id": managed.project_id, "plan": "pro-plan"})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "plan_inactive")
    assert boss.post(PLANS, {"slug": "pro-plan", "name": "Again"}).status_code == 409
    assert boss.put(one, {"active": True}).get_json()["active"] is True
    assert boss.put(one, {"active": False}).get_json()["active"] is False
    assert len(managed.entries("plan.deactivated")) == 2


def test_a_slug_stays_for_ever(boss: Caller) -> None:
    """400 that says so."""
    plan = made(boss)
    refused = boss.put(f"{PLANS}/{plan['id']}", {"slug": "other"})
    assert refused.status_code == 400
    assert refused.get_json()["errors"] == [
        {
            "pointer": "/slug",
            "code": "unknown_field",
            "detail": "cannot be changed: it stays for ever; create another plan",
        }
    ]


def test_subscribers_follow_at_once_unless_told_otherwise(managed: Managed, boss: Caller) -> None:
    """The very next check has the new limit; who is beyond it stays and is named."""
    plan = made(boss, seats=2)
    service = managed.service(plan="pro-plan")
    where = managed.engine.where(managed.project_id)
    for user in ("ada", "bob"):
        managed.engine.seats.take(managed.me, where, user).require()
    one = f"{PLANS}/{plan['id']}"
    lowered = boss.put(one, {"seats": 1})
    assert (lowered.status_code, lowered.get_json()["overLimit"]) == (200, [service])
    assert managed.engine.seats.check(managed.me, where).facts.terms.limit == 1
    assert boss.put(one, {"seats": 5, "applyTo": "new"}).get_json()["overLimit"] == []
    assert managed.engine.seats.check(managed.me, where).facts.terms.limit == 1
    assert len(managed.engine.seats.list(managed.me, where).items) == 2


def test_another_tenants_plan_is_not_there(managed: Managed, boss: Caller) -> None:
    """404 with the bytes of an id that never was, and both tenants may have the slug."""
    stranger = managed.stranger()
    theirs = managed.engine.catalog.add(stranger, slug="pro-plan", seats=1)
    same = {"X-Request-Id": "same"}
    for method, body in (("PUT", {"name": "x"}), ("DELETE", None)):
        foreign = boss(method, f"{PLANS}/{theirs.id}", body, same)
        random = boss(method, f"{PLANS}/{NOWHERE}", body, same)
        assert (foreign.status_code, foreign.data) == (404, random.data)
    assert boss.get(PLANS).get_json() == []
    made(boss)


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"slug": "Pro Plan"}, "slug"),
        ({"slug": "--"}, "slug"),
        ({"slug": "x" * 200}, "slug"),
        ({"slug": ""}, "slug"),
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"active": "yes"}, "active"),
        ({"displayOrder": 1.5}, "displayOrder"),
        ({"displayOrder": 2**40}, "displayOrder"),
        ({"quotas": []}, "quotas"),
        ({"quotas": {"speech": 5}}, "quotas.speech"),
        ({"quotas": {"speech": {"minutes": "60"}}}, "quotas.speech.minutes"),
        ({"quotas": {"speech": {"minutes": -2}}}, "quotas.speech.minutes"),
        ({"quotas": {"speech": {"minutes": True}}}, "quotas.speech.minutes"),
        ({"quotas": {"speech": {"minutes": {"limit": 5, "unlimited": True}}}}, "quotas.speech.minutes"),
        ({"rateLimits": {"api": {"perMinute": 1.5}}}, "rateLimits.api.perMinute"),
        ({"permissions": "a:b"}, "permissions"),
        ({"permissions": ["A B"]}, "permissions[0]"),
        ({"permissions": [5]}, "permissions.0"),
        ({"tenant_id": "x"}, "tenant_id"),
        ({"createdAt": "x"}, "createdAt"),
        ({"seats": -1}, "seats"),
    ],
)
def test_a_wrong_body_is_400_and_names_the_field(
    managed: Managed, boss: Caller, members: dict[str, Any], field: str
) -> None:
    """422 is not used here; nothing is made, nothing is half changed."""
    before = len(managed.entries())
    answer = boss.post(PLANS, {"slug": "pro-plan", "name": "Professional", **members})
    assert answer.status_code == 400, answer.get_data(as_text=True)
    assert field in [one["pointer"].removeprefix("/") for one in answer.get_json()["errors"]]
    assert len(managed.entries()) == before
    plan = made(boss)
    if "slug" in members:
        return
    before = len(managed.entries())
    answer = boss.put(f"{PLANS}/{plan['id']}", {"name": "Changed", **members})
    assert answer.status_code == 400
    assert len(managed.entries()) == before
    assert boss.get(PLANS).get_json() == [plan]


def test_all_wrong_fields_are_named_at_once(boss: Caller) -> None:
    """So that nobody mends one after the other."""
    answer = boss.post(PLANS, {"name": 5, "active": 1, "x": 1})
    named = {one["pointer"] for one in answer.get_json()["errors"]}
    assert named == {"/slug", "/name", "/active", "/x"}


def test_plans_may_be_paged_and_sorted(boss: Caller) -> None:
    """All of them unless a page is asked for; pages are counted from 0."""
    for number, slug in enumerate(["c", "a", "b"]):
        made(boss, slug=slug, name=slug.upper(), displayOrder=number)

    def slugs(**query: Any) -> list[str]:
        return [plan["slug"] for plan in boss.get(PLANS, **query).get_json()]

    assert slugs() == ["c", "a", "b"]
    assert slugs(sort="name,asc") == ["a", "b", "c"]
    assert slugs(sort="slug,desc") == ["c", "b", "a"]
    assert slugs(page=0, size=2) == ["c", "a"]
    assert slugs(page=1, size=2) == ["b"]
    assert slugs(page=9) == []
    for query in (
        {"size": 101},
        {"size": 0},
        {"page": -1},
        {"sort": "seats"},
        {"sort": "name;desc"},
        {"q": 1},
    ):
        assert boss.get(PLANS, **query).status_code == 400


def test_a_plan_is_created_once_under_a_key(managed: Managed, boss: Caller) -> None:
    """The same bytes again instead of 409."""
    key = {"Idempotency-Key": "plan-1"}
    body = {"slug": "pro-plan", "name": "Professional", "quotas": {"s": {"m": -1}}}
    first, again = boss.post(PLANS, body, key), boss.post(PLANS, body, key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.data == again.data
    reused = boss.post(PLANS, {**body, "name": "Other"}, key)
    assert (reused.status_code, reused.get_json()["code"]) == (400, "idempotency_key_reused")


def test_what_is_changed_is_on_record_with_its_actor(managed: Managed, boss: Caller) -> None:
    """Who, what, and the request it came with."""
    plan = made(boss)
    boss("PUT", f"{PLANS}/{plan['id']}", {"quotas": {"s": {"m": 1}}}, {"X-Request-Id": "r-7"})
    entry = managed.entries("plan.")[-1]
    assert entry.kind == "plan.published"
    assert entry.actor.startswith("key:sg_mgmt_")
    assert entry.request_id == "r-7"
    assert "speech" not in json.dumps(dict(entry.data))


def test_a_permission_outside_the_tenants_register_is_refused(managed: Managed, boss: Caller) -> None:
    """400 that names it, where the tenant keeps a register; without one any well-formed name is taken."""
    made(boss, slug="open", permissions=["anything:at:all"])
    managed.engine.tenants.configure(managed.me, scopes=["speech:files:read"])
    made(boss, permissions=["speech:files:read"])
    refused = boss.post(PLANS, {"slug": "other", "name": "Other", "permissions": ["speech:files:burn"]})
    assert (refused.status_code, refused.get_json()["code"]) == (400, "unknown_permission")
    assert "speech:files:burn" in refused.get_json()["detail"]
