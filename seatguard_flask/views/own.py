"""What somebody who is signed in sees: plans to choose from, and what is his own."""

from __future__ import annotations

from typing import Any

from seatguard.catalog.model import Plan
from seatguard.engine import Seatguard as Engine
from seatguard.entitlements.grants import Subject
from seatguard.errors import NotFound
from seatguard_flask.exchange import Exchange
from seatguard_flask.own import SignedIn
from seatguard_flask.problems import shape_without_422
from seatguard_flask.replies import Answer
from seatguard_flask.routes import Reply, Route
from seatguard_flask.schemas.admin.users import QuotaResponse, SubscriptionResponse
from seatguard_flask.schemas.own import Entitlements, OfferedPlan, OfferedPlans
from seatguard_flask.views.admin import answering
from seatguard_flask.views.admin.answering import ID
from seatguard_flask.views.admin.plans import amounts, answer_list, sorted_plans
from seatguard_flask.views.admin.users import QUOTAS, SUBSCRIPTION, quotas_of, subscription_of


def plans(exchange: Exchange, holder: SignedIn) -> Answer:
    """The plans that take new users."""
    found = sorted_plans(exchange.engine, holder.actor, "displayOrder")
    return answer_list([_offered(exchange.engine, holder, plan) for plan in found if plan.active])


def plan(exchange: Exchange, holder: SignedIn, slug: str) -> Answer:
    """One of them."""
    found = exchange.engine.catalog.get(holder.actor, slug)
    if not found.active:
        raise NotFound("plan", slug)
    return answering.one(_offered(exchange.engine, holder, found))


def subscription(exchange: Exchange, holder: SignedIn) -> Answer:
    """The plan that the user is on."""
    return answering.one(subscription_of(exchange.engine, holder.actor, holder.user))


def quotas(exchange: Exchange, holder: SignedIn) -> Answer:
    """The user's quotas."""
    return answering.one(quotas_of(exchange.engine, holder.actor, holder.user))


def entitlements(exchange: Exchange, holder: SignedIn) -> Answer:
    """Everything that the user is granted, and by whom."""
    grants = exchange.engine.entitlements.granted(holder.actor, Subject(user=holder.user))
    found = [grants.entitlement(name) for name in grants.names]
    features = {
        one.feature: {
            "kind": one.kind.value,
            "value": one.value,
            "source": None if one.source is None else one.source.value,
        }
        for one in found
    }
    told = {"permissions": list(grants.permissions), "capabilities": list(grants.capabilities)}
    return answering.one({"features": features, **told})


def _offered(engine: Engine, holder: SignedIn, plan: Plan) -> dict[str, Any]:
    """A plan without what is the operator's business."""
    offer = engine.catalog.current(holder.actor, plan.slug).offer
    return {
        "id": plan.id,
        "slug": plan.slug,
        "name": plan.name,
        "displayOrder": plan.display_order,
        "quotas": amounts(offer.quotas),
        "rateLimits": amounts(offer.rate_limits),
        "permissions": list(offer.permissions),
    }


_PLAN = {
    "id": ID,
    "slug": "pro-plan",
    "name": "Professional",
    "displayOrder": 0,
    "quotas": {"speech-service": {"maxConcurrentSessions": 5}},
    "rateLimits": {},
    "permissions": ["speech:files:read"],
}
_ENTITLEMENTS = {
    "features": {"sso": {"kind": "boolean", "value": True, "source": "plan"}},
    "permissions": ["speech:files:read"],
    "capabilities": [],
}


def _route(rule: str, name: str, handler: Any, summary: str, model: Any, example: Any, *codes: str) -> Route:
    return Route(
        tag="own",
        method="GET",
        rule=rule,
        name=name,
        handler=handler,
        shape=shape_without_422,
        summary=summary,
        answers=(Reply(status=200, description="As it is now.", model=model, examples={name: example}),),
        codes=codes,
        keyed=False,
        own=True,
    )


ROUTES = (
    _route("/subscription-plans", "offered_plans", plans, "Plans to choose from.", OfferedPlans, [_PLAN]),
    _route("/subscription-plans/<path:slug>", "offered_plan", plan, "One plan.", OfferedPlan, _PLAN),
    _route(
        "/subscription",
        "own_subscription",
        subscription,
        "The plan you are on.",
        SubscriptionResponse,
        SUBSCRIPTION,
        "not_found",
        "invalid_characters",
    ),
    _route("/quotas", "own_quotas", quotas, "Your quotas.", QuotaResponse, QUOTAS, "invalid_characters"),
    _route(
        "/entitlements",
        "own_entitlements",
        entitlements,
        "Everything you are granted.",
        Entitlements,
        _ENTITLEMENTS,
        "invalid_characters",
    ),
)
