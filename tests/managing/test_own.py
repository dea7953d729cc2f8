"""What somebody who is signed in sees of himself."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, request

from seatguard_flask import Seatguard
from tests.managing.conftest import Caller, Managed
from tests.managing.test_tokens import CONFIG, signed

OFFER: dict[str, Any] = {
    "features": {"sso": True},
    "quotas": {"speech": {"minutes": 60}},
    "permissions": ["speech:files:read"],
}


@pytest.fixture
def managed(alone: Managed) -> Managed:
    """Who is signed in to the host is a user of the default tenant."""
    return alone


@pytest.fixture
def user(managed: Managed) -> Caller:
    """A caller whom the host knows as the user that a header names."""
    engine, me = managed.engine, managed.me
    engine.catalog.add(me, slug="pro", name="Pro", seats=1, offer=OFFER, display_order=2)
    engine.catalog.add(me, slug="free", seats=1, display_order=1)
    engine.catalog.add(me, slug="old", seats=1, active=False)
    app = Flask("shop")
    app.config.update(CONFIG)
    seats = Seatguard(app, engine=engine)

    @seats.holder_loader
    def signed_in() -> str | None:
        return request.headers.get("X-User")

    return Caller(app.test_client(), None, {"X-User": "ada"})


PATHS = ["/subscription-plans", "/subscription-plans/pro", "/subscription", "/quotas", "/entitlements"]


def test_plans_to_choose_from_are_the_active_ones(user: Caller) -> None:
    """In their order, without what is the operator's business."""
    plans = user.get("/subscription-plans").get_json()
    assert [plan["slug"] for plan in plans] == ["free", "pro"]
    assert "subscriberCount" not in plans[0]
    assert user.get("/subscription-plans/pro").get_json() == plans[1]
    assert user.get("/subscription-plans/old").status_code == 404
    assert user.get("/subscription-plans/none").status_code == 404


def test_one_sees_ones_own(managed: Managed, user: Caller) -> None:
    """Subscription, quotas and entitlements; changes are seen at once; others see nothing of them."""
    assert user.get("/subscription").status_code == 404
    managed.engine.user_subscriptions.assign(managed.me, "ada", plan="pro")
    assert user.get("/subscription").get_json()["plan"]["slug"] == "pro"
    assert user.get("/quotas").get_json()["speech"]["minutes"]["limit"] == 60
    managed.engine.overrides.change_user(managed.me, "ada", {"quotas": {"speech": {"minutes": 5}}})
    told = user.get("/entitlements").get_json()
    assert told["features"]["speech.minutes"] == {"kind": "metered", "value": 5, "source": "user"}
    assert told["features"]["sso"] == {"kind": "boolean", "value": True, "source": "plan"}
    assert told["permissions"] == ["speech:files:read"]
    bob = Caller(user.client, None, {"X-User": "bob"})
    assert bob.get("/subscription").status_code == 404
    assert bob.get("/quotas").get_json() == {}


@pytest.mark.parametrize("path", PATHS)
def test_nobody_is_told_nothing(managed: Managed, user: Caller, path: str) -> None:
    """Without a user and without a token 401; a management key is nobody's own; a scope too few 403."""
    assert Caller(user.client, None).get(path).status_code == 401
    assert (
        Caller(user.client, managed.caller(["admin:*", "subscriptions:read"]).key).get(path).status_code
        == 401
    )
    weak = {"Authorization": f"Bearer {signed(sub='ada', scope='other')}"}
    refused = Caller(user.client, None, weak).get(path)
    assert refused.status_code == 403
    assert refused.get_json()["missing"] == ["subscriptions:read"]


def test_a_tokens_subject_is_a_user(managed: Managed, user: Caller) -> None:
    """With the documented scope."""
    managed.engine.user_subscriptions.assign(managed.me, "ada", plan="pro")
    token = {"Authorization": f"Bearer {signed(sub='ada', scope='subscriptions:read')}"}
    assert Caller(user.client, None, token).get("/subscription").get_json()["userUuid"] == "ada"
