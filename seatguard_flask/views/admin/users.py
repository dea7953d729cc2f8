"""Users' own plans, and what they are granted beside them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Literal

from seatguard.actors import Actor
from seatguard.catalog.values import UNLIMITED, Limits
from seatguard.engine import Seatguard as Engine
from seatguard.entitlements.grants import Subject
from seatguard.errors import InvalidInput, NotFound, Problem
from seatguard.management.model import Manager
from seatguard.subscriptions.model import UserSubscription
from seatguard_flask import reading, replies
from seatguard_flask.exchange import Exchange
from seatguard_flask.problems import shape_without_422
from seatguard_flask.replies import Answer
from seatguard_flask.routes import Reply, Route
from seatguard_flask.schemas.admin.users import (
    AssignSubscription,
    ChangeLimits,
    QuotaResponse,
    RateLimitResponse,
    SubscriptionResponse,
)
from seatguard_flask.views.admin import answering
from seatguard_flask.views.admin.answering import ID, SINCE
from seatguard_flask.views.admin.journal import instant
from seatguard_flask.views.admin.plans import read_amounts

_SCOPE = "admin:users:{}:{}"


def get_subscription(exchange: Exchange, manager: Manager, userId: str) -> Answer:  # noqa: N803 - as documented
    """The plan a user is on."""
    return answering.one(subscription_of(exchange.engine, manager.actor, userId))


def assign(exchange: Exchange, manager: Manager, userId: str) -> Answer:  # noqa: N803
    """Put a user on a plan."""
    asked = reading.members(exchange, AssignSubscription)
    ends = instant(asked.currentPeriodEnd, "currentPeriodEnd")
    put = exchange.engine.user_subscriptions.assign(manager.actor, userId, plan=asked.planId, ends_at=ends)
    return answering.one(_told(exchange.engine, manager.actor, put))


def remove(exchange: Exchange, manager: Manager, userId: str) -> Answer:  # noqa: N803
    """Take a user off all plans."""
    exchange.engine.user_subscriptions.remove(manager.actor, userId)
    return answering.nothing()


def get_quotas(exchange: Exchange, manager: Manager, userId: str) -> Answer:  # noqa: N803
    """The quotas that hold for a user."""
    return answering.one(quotas_of(exchange.engine, manager.actor, userId))


def change_quotas(exchange: Exchange, manager: Manager, userId: str) -> Answer:  # noqa: N803
    """Override a user's quotas."""
    _change(exchange, manager, userId, "quotas")
    return get_quotas(exchange, manager, userId)


def get_rate_limits(exchange: Exchange, manager: Manager, userId: str) -> Answer:  # noqa: N803
    """The rate limits that hold for a user."""
    limits = _limits(exchange.engine, manager.actor, userId, "rate_limits")
    told = {service: {name: _limit(of) for name, of in named.items()} for service, named in limits.items()}
    return answering.one(told)


def change_rate_limits(exchange: Exchange, manager: Manager, userId: str) -> Answer:  # noqa: N803
    """Override a user's rate limits."""
    _change(exchange, manager, userId, "rate_limits")
    return get_rate_limits(exchange, manager, userId)


def clear_rate_limits(exchange: Exchange, manager: Manager, userId: str) -> Answer:  # noqa: N803
    """Take the user's own rate limits back."""
    exchange.engine.overrides.clear_user(manager.actor, userId, "rate_limits")
    return answering.nothing()


def subscription_of(engine: Engine, actor: Actor, user: str) -> dict[str, Any]:
    """A user's subscription as it is documented; of several the first, which has precedence.

    Raises:
        NotFound: the user is on no plan.
    """
    found = engine.user_subscriptions.of(actor, user)
    if not found:
        raise NotFound("subscription", user)
    return _told(engine, actor, found[0])


def quotas_of(engine: Engine, actor: Actor, user: str) -> dict[str, Any]:
    """The quotas that hold for a user, as they are documented."""
    return {
        service: {name: {**_limit(of), "used": None, "available": None} for name, of in named.items()}
        for service, named in _limits(engine, actor, user, "quotas").items()
    }


def _limits(engine: Engine, actor: Actor, user: str, table: Literal["quotas", "rate_limits"]) -> Limits:
    return engine.entitlements.granted(actor, Subject(user=user)).limits(table)


def _limit(amount: object) -> dict[str, Any]:
    return {"limit": None, "unlimited": True} if amount == UNLIMITED else {"limit": amount}


def _change(exchange: Exchange, manager: Manager, user: str, table: str) -> None:
    asked = reading.members(exchange, ChangeLimits)
    with _without(f"{table}."):
        exchange.engine.overrides.change_user(manager.actor, user, {table: read_amounts(asked.root)})


@contextlib.contextmanager
def _without(beginning: str) -> Iterator[None]:
    """Problems name their fields as they stand in the body."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(
            [Problem(one.field.removeprefix(beginning), one.code, one.message) for one in error.problems]
        ) from None


def _told(engine: Engine, actor: Actor, one: UserSubscription) -> dict[str, Any]:
    plan = engine.catalog.identified(actor, one.plan)
    return {
        "id": one.id,
        "userUuid": one.user,
        "plan": {"id": plan.id, "slug": plan.slug, "name": plan.name},
        "status": "active",
        "currentPeriodStart": replies.instant(one.since),
        "currentPeriodEnd": replies.instant(one.ends_at),
        "createdAt": replies.instant(one.created_at),
        "updatedAt": replies.instant(one.updated_at),
    }


SUBSCRIPTION = {
    "id": ID,
    "userUuid": "john_doe",
    "plan": {"id": ID, "slug": "pro-plan", "name": "Professional"},
    "status": "active",
    "currentPeriodStart": SINCE,
    "currentPeriodEnd": None,
    "createdAt": SINCE,
    "updatedAt": SINCE,
}
QUOTAS = {"speech-service": {"maxConcurrentSessions": {"limit": 5, "used": None, "available": None}}}
_USER = ("invalid_characters", "required", "too_long", "string_expected")
_ONE = Reply(
    status=200,
    description="The subscription.",
    model=SubscriptionResponse,
    examples={"subscription": SUBSCRIPTION},
)
_QUOTAS = Reply(status=200, description="What holds now.", model=QuotaResponse, examples={"quotas": QUOTAS})
_RATES = Reply(
    status=200,
    description="What holds now.",
    model=RateLimitResponse,
    examples={"rate_limits": {"api": {"perMinute": {"limit": 60}}}},
)


def _route(
    method: str, path: str, name: str, handler: Any, summary: str, answer: Reply, **more: Any
) -> Route:
    verb = "read" if method == "GET" else "write"
    kind = "subscriptions" if path == "subscription" else path
    codes = (*_USER, *more.pop("codes", ()))
    return Route(
        tag="admin_users",
        method=method,
        rule=f"/admin/users/<path:userId>/{path}",
        name=name,
        handler=handler,
        shape=shape_without_422,
        summary=summary,
        answers=(answer,),
        codes=codes,
        keyed=False,
        scope=_SCOPE.format(kind, verb),
        **more,
    )


_GONE = Reply(status=204, description="There is none.", model=None)
_LIMITS: dict[str, Any] = {
    "body": ChangeLimits,
    "codes": ("object_expected",),
    "description": "Merged into the user's own: null takes a limit back, so that the plan decides it.",
}

ROUTES = (
    _route("GET", "subscription", "get_user_subscription", get_subscription, "The plan a user is on.", _ONE),
    _route(
        "PUT",
        "subscription",
        "assign_user_subscription",
        assign,
        "Put a user on a plan.",
        _ONE,
        description="It takes the place of the one there is. A plan that was deactivated takes no new users.",
        body=AssignSubscription,
        example={"planId": "pro-plan"},
        codes=("plan_inactive", "invalid_date"),
    ),
    _route(
        "DELETE",
        "subscription",
        "remove_user_subscription",
        remove,
        "Take a user off all plans.",
        _GONE,
        description="One who is on none changes nothing.",
    ),
    _route("GET", "quotas", "get_user_quotas", get_quotas, "The quotas that hold for a user.", _QUOTAS),
    _route(
        "PATCH",
        "quotas",
        "change_user_quotas",
        change_quotas,
        "Override a user's quotas.",
        _QUOTAS,
        example={"speech-service": {"maxConcurrentSessions": 10}},
        **_LIMITS,
    ),
    _route(
        "GET",
        "rate-limits",
        "get_user_rate_limits",
        get_rate_limits,
        "The rate limits that hold for a user.",
        _RATES,
    ),
    _route(
        "PATCH",
        "rate-limits",
        "change_user_rate_limits",
        change_rate_limits,
        "Override a user's rate limits.",
        _RATES,
        example={"api": {"perMinute": 120}},
        **_LIMITS,
    ),
    _route(
        "DELETE",
        "rate-limits",
        "clear_user_rate_limits",
        clear_rate_limits,
        "Take the user's own rate limits back.",
        _GONE,
        description="What the plan says holds again.",
    ),
)
