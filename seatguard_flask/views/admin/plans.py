"""The documented plan routes, to the letter; what is ours beside them is optional."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from seatguard.actors import Actor
from seatguard.catalog.model import Plan, PlanChange
from seatguard.catalog.offers import Offer
from seatguard.catalog.values import UNLIMITED, Limits
from seatguard.engine import Seatguard as Engine
from seatguard.errors import InvalidInput, Problem
from seatguard.management.model import Manager
from seatguard.manifest.paging import whole
from seatguard_flask import reading, replies
from seatguard_flask.exchange import Exchange
from seatguard_flask.idempotency import made_once
from seatguard_flask.problems import shape_without_422
from seatguard_flask.replies import Answer
from seatguard_flask.routes import Reply, Route
from seatguard_flask.schemas.admin.plans import (
    CreateSubscriptionPlanRequest,
    ListSubscriptionPlans,
    SubscriptionPlanResponse,
    SubscriptionPlans,
    UpdateSubscriptionPlanRequest,
)
from seatguard_flask.views.admin import answering
from seatguard_flask.views.admin.answering import ID, SINCE

READ, WRITE = "admin:subscriptions:plans:read", "admin:subscriptions:plans:write"
PAGE_SIZE = 20

_DOCUMENTED = {"display_order": "displayOrder", "rate_limits": "rateLimits", "apply_to": "applyTo"}
_SORTED_BY = {"name": "name", "slug": "slug", "displayOrder": "display_order", "createdAt": "created_at"}


def list_plans(exchange: Exchange, manager: Manager) -> Answer:
    """All plans, inactive ones included; or one page of them."""
    asked = reading.parameters(exchange, ListSubscriptionPlans)
    plans = sorted_plans(exchange.engine, manager.actor, asked.sort)
    if asked.page is not None or asked.size is not None:
        size = asked.size or PAGE_SIZE
        first = (asked.page or 0) * size
        plans = plans[first : first + size]
    told_plans = [told(exchange.engine, manager.actor, plan) for plan in plans]
    return answer_list(told_plans)


def create(exchange: Exchange, manager: Manager) -> Answer:
    """Create a plan."""
    asked = reading.members(exchange, CreateSubscriptionPlanRequest)
    offer = _offer(asked, {"quotas", "rateLimits", "permissions"})
    with documented():
        return made_once(
            exchange,
            manager.actor,
            "POST /admin/subscription-plans",
            asked.model_dump(),
            lambda seal: exchange.engine.catalog.add(
                manager.actor,
                slug=asked.slug,
                name=asked.name,
                seats=asked.seats,
                active=asked.active,
                display_order=asked.displayOrder,
                offer=offer,
                seal=seal,
            ),
            lambda plan: (201, replies.encode(_told(plan, Offer.from_data(offer), asked.seats, 0))),
        )


def update(exchange: Exchange, manager: Manager, id: str) -> Answer:
    """Update a plan, for all who are on it unless told otherwise."""
    try:
        asked = reading.members(exchange, UpdateSubscriptionPlanRequest)
    except InvalidInput as error:
        raise InvalidInput([_of_slug(problem) for problem in error.problems]) from None
    given = asked.model_fields_set
    plain = {"name": "name", "active": "active", "displayOrder": "display_order", "seats": "seats"}
    fields: dict[str, Any] = {ours: getattr(asked, name) for name, ours in plain.items() if name in given}
    with documented():
        done = exchange.engine.update_plan(
            manager.actor,
            id,
            PlanChange(offer=_offer(asked, given), **fields),
            apply_to=asked.applyTo,
            version=asked.version,
        )
    count = exchange.engine.subscribers(manager.actor, id)
    shown = _told(done.plan, done.current.offer, done.current.seats, count)
    return answering.one({**shown, "overLimit": list(done.over_limit)})


def deactivate(exchange: Exchange, manager: Manager, id: str) -> Answer:
    """Take no new subscribers; those there are stay."""
    exchange.engine.update_plan(manager.actor, id, PlanChange(active=False))
    return answering.nothing()


def sorted_plans(engine: Engine, actor: Actor, sort: str) -> list[Plan]:
    """All plans in the order asked for; equal ones as they were added."""
    field, _, direction = sort.partition(",")
    plans = list(whole(lambda **page: engine.catalog.list(actor, **page)))
    return sorted(plans, key=lambda plan: getattr(plan, _SORTED_BY[field]), reverse=direction == "desc")


def answer_list(items: list[dict[str, Any]]) -> Answer:
    """A bare list, as documented."""
    return replies.answer(200, replies.encode(items))


def told(engine: Engine, actor: Actor, plan: Plan) -> dict[str, Any]:
    """A plan as it is documented."""
    current = engine.catalog.current(actor, plan.slug)
    return _told(plan, current.offer, current.seats, engine.subscribers(actor, plan.id))


def amounts(limits: Limits) -> dict[str, dict[str, Any]]:
    """Limits as they are answered, and may be sent again."""
    return {
        service: {
            name: {"limit": None, "unlimited": True} if amount == UNLIMITED else amount
            for name, amount in named.items()
        }
        for service, named in limits.items()
    }


def read_amounts(given: object) -> object:
    """Limits as they may be sent: what is answered for no limit is understood, too."""
    if not isinstance(given, Mapping):
        return given
    return {
        service: {name: _read_amount(amount) for name, amount in named.items()}
        if isinstance(named, Mapping)
        else named
        for service, named in given.items()
    }


@contextlib.contextmanager
def documented() -> Iterator[None]:
    """Problems name their fields as the contract does."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput([_documented(problem) for problem in error.problems]) from None


def _documented(problem: Problem) -> Problem:
    head, dot, rest = problem.field.partition(".")
    return Problem(f"{_DOCUMENTED.get(head, head)}{dot}{rest}", problem.code, problem.message)


def _of_slug(problem: Problem) -> Problem:
    if problem.field != "slug":
        return problem
    return Problem("slug", "unknown_field", "cannot be changed: it stays for ever; create another plan")


def _read_amount(amount: object) -> object:
    return UNLIMITED if amount == {"limit": None, "unlimited": True} else amount


def _offer(asked: Any, given: set[str]) -> dict[str, Any]:
    offer: dict[str, Any] = {}
    if "quotas" in given:
        offer["quotas"] = read_amounts(asked.quotas)
    if "rateLimits" in given:
        offer["rate_limits"] = read_amounts(asked.rateLimits)
    if "permissions" in given:
        offer["permissions"] = asked.permissions
    return offer


def _told(plan: Plan, offer: Offer, seats: int | None, subscribers: int) -> dict[str, Any]:
    return {
        "id": plan.id,
        "slug": plan.slug,
        "name": plan.name,
        "active": plan.active,
        "displayOrder": plan.display_order,
        "quotas": amounts(offer.quotas),
        "rateLimits": amounts(offer.rate_limits),
        "permissions": list(offer.permissions),
        "createdAt": replies.instant(plan.created_at),
        "updatedAt": replies.instant(plan.updated_at or plan.created_at),
        "version": plan.version,
        "subscriberCount": subscribers,
        "seats": seats,
    }


_EXAMPLE = {
    "id": ID,
    "slug": "pro-plan",
    "name": "Professional",
    "active": True,
    "displayOrder": 0,
    "quotas": {"speech-service": {"maxConcurrentSessions": 5}},
    "rateLimits": {},
    "permissions": ["speech:files:read", "speech:files:write"],
    "createdAt": SINCE,
    "updatedAt": SINCE,
    "version": 1,
    "subscriberCount": 0,
    "seats": None,
}
_VALUES = ("invalid_slug", "invalid_permission", "unknown_permission", "object_expected")

ROUTES = (
    Route(
        tag="admin_subscriptions",
        method="GET",
        rule="/admin/subscription-plans",
        name="list_subscription_plans",
        handler=list_plans,
        shape=shape_without_422,
        summary="List all plans.",
        description="Inactive ones included, by `displayOrder`; or one page, by `page`, `size` and `sort`.",
        query=ListSubscriptionPlans,
        answers=(
            Reply(
                status=200,
                description="Plans retrieved successfully.",
                model=SubscriptionPlans,
                examples={"plans": [_EXAMPLE]},
            ),
        ),
        codes=("invalid_value",),
        keyed=False,
        scope=READ,
    ),
    Route(
        tag="admin_subscriptions",
        method="POST",
        rule="/admin/subscription-plans",
        name="create_subscription_plan",
        handler=create,
        shape=shape_without_422,
        summary="Create a plan.",
        description="Quotas and rate limits not defined are inherited from the tenant's defaults.",
        body=CreateSubscriptionPlanRequest,
        example={
            "slug": "pro-plan",
            "name": "Professional",
            "quotas": {"speech-service": {"maxConcurrentSessions": 5}},
            "permissions": ["speech:files:read", "speech:files:write"],
        },
        answers=(
            Reply(
                status=201,
                description="Plan created successfully.",
                model=SubscriptionPlanResponse,
                examples={"plan": _EXAMPLE},
                links={
                    "update_subscription_plan": {"id": "$response.body#/id"},
                    "deactivate_subscription_plan": {"id": "$response.body#/id"},
                },
            ),
        ),
        codes=("slug_exists", *_VALUES),
        keyed=False,
        scope=WRITE,
        once=True,
    ),
    Route(
        tag="admin_subscriptions",
        method="PUT",
        rule="/admin/subscription-plans/<path:id>",
        name="update_subscription_plan",
        handler=update,
        shape=shape_without_422,
        summary="Update a plan.",
        description="What is left out stays; `quotas` and `rateLimits` replace all there are. Takes effect "
        "at once for all who are on the plan, unless `applyTo` is `new`.",
        body=UpdateSubscriptionPlanRequest,
        example={"name": "Professional plus", "displayOrder": 2},
        answers=(
            Reply(
                status=200,
                description="Plan updated successfully.",
                model=SubscriptionPlanResponse,
                examples={"plan": {**_EXAMPLE, "overLimit": []}},
            ),
        ),
        codes=("version_conflict", *_VALUES),
        keyed=False,
        scope=WRITE,
    ),
    Route(
        tag="admin_subscriptions",
        method="DELETE",
        rule="/admin/subscription-plans/<path:id>",
        name="deactivate_subscription_plan",
        handler=deactivate,
        shape=shape_without_422,
        summary="Deactivate a plan.",
        description="Subscribers stay on it; no new ones can be assigned. Twice is once; nothing is removed, "
        "and an update with `active: true` takes it back.",
        answers=(Reply(status=204, description="Plan deactivated successfully.", model=None),),
        keyed=False,
        scope=WRITE,
    ),
)
