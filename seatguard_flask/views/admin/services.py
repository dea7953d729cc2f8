"""Services: list, add, change limit, plan and expiry, suspend, resume, cancel."""

from __future__ import annotations

import contextlib
from typing import Any

from seatguard.errors import NotFound
from seatguard.management.model import Manager
from seatguard.subscriptions.model import Subscription
from seatguard_flask import reading, replies
from seatguard_flask.exchange import Exchange
from seatguard_flask.idempotency import made_once
from seatguard_flask.problems import problem_shape
from seatguard_flask.replies import Answer
from seatguard_flask.routes import Reply, Route
from seatguard_flask.schemas.admin.asking import Nothing
from seatguard_flask.schemas.admin.services import (
    AddService,
    ChangeLimit,
    ChangeServicePlan,
    ListServices,
    RenewService,
    ServiceBody,
    ServicePage,
)
from seatguard_flask.views.admin import answering
from seatguard_flask.views.admin.answering import ID, SINCE

READ, WRITE = "admin:services:read", "admin:services:write"


def list_services(exchange: Exchange, manager: Manager) -> Answer:
    """One page of services."""
    asked = reading.parameters(exchange, ListServices)
    found = exchange.engine.subscriptions.list(
        manager.actor, project_id=asked.project_id, limit=asked.limit, after=asked.after
    )
    return answering.page(found, told)


def add(exchange: Exchange, manager: Manager) -> Answer:
    """Put a project on a plan, or give it a limit."""
    asked = reading.members(exchange, AddService)
    agreed = asked.model_dump(exclude={"project_id"})
    return made_once(
        exchange,
        manager.actor,
        "POST /admin/services",
        asked.model_dump(),
        lambda seal: exchange.engine.subscriptions.add(manager.actor, asked.project_id, seal=seal, **agreed),
        lambda service: (201, replies.encode(told(service))),
    )


def get(exchange: Exchange, manager: Manager, service_id: str) -> Answer:
    """One service and its numbers."""
    return _shown(exchange, manager, _found(exchange, manager, service_id))


def change_limit(exchange: Exchange, manager: Manager, service_id: str) -> Answer:
    """Give a service another limit."""
    asked = reading.members(exchange, ChangeLimit)
    found = _found(exchange, manager, service_id)
    exchange.engine.subscriptions.change_limit(
        manager.actor,
        found.id,
        limit=asked.limit,
        unlimited=asked.unlimited,
        over_limit=asked.over_limit,
        version=asked.version,
    ).require()
    return get(exchange, manager, found.id)


def change_plan(exchange: Exchange, manager: Manager, service_id: str) -> Answer:
    """Move a service to another plan."""
    asked = reading.members(exchange, ChangeServicePlan)
    found = _found(exchange, manager, service_id)
    exchange.engine.subscriptions.change_plan(
        manager.actor, found.id, plan=asked.plan, over_limit=asked.over_limit, version=asked.version
    ).require()
    return get(exchange, manager, found.id)


def renew(exchange: Exchange, manager: Manager, service_id: str) -> Answer:
    """Give a service another last day."""
    asked = reading.members(exchange, RenewService)
    found = _found(exchange, manager, service_id)
    renewed = exchange.engine.subscriptions.renew(
        manager.actor, found.id, expiry=asked.expiry, version=asked.version
    )
    return _shown(exchange, manager, renewed)


def suspend(exchange: Exchange, manager: Manager, service_id: str) -> Answer:
    """Give no new seats until resumed."""
    reading.members(exchange, Nothing)
    found = _found(exchange, manager, service_id)
    return _shown(exchange, manager, exchange.engine.subscriptions.suspend(manager.actor, found.id))


def resume(exchange: Exchange, manager: Manager, service_id: str) -> Answer:
    """Give seats again."""
    reading.members(exchange, Nothing)
    found = _found(exchange, manager, service_id)
    return _shown(exchange, manager, exchange.engine.subscriptions.resume(manager.actor, found.id))


def cancel(exchange: Exchange, manager: Manager, service_id: str) -> Answer:
    """Give no new seats any more."""
    found = _found(exchange, manager, service_id)
    exchange.engine.subscriptions.cancel(manager.actor, found.id)
    return answering.nothing()


def told(service: Subscription) -> dict[str, Any]:
    """A service as it is answered in lists."""
    return {
        "id": service.id,
        "service_id": service.number,
        "client_id": service.client,
        "project_id": service.project,
        "type": service.type,
        "mode": service.mode,
        "state": service.state.value,
        "limit": service.limit,
        "own_limit": service.own_limit,
        "unlimited": service.unlimited,
        "overage": service.overage,
        "cap": service.cap,
        "starts": None if service.starts_on is None else service.starts_on.isoformat(),
        "expiry": None if service.expires_on is None else service.expires_on.isoformat(),
        "timezone": service.timezone,
        "grace_days": service.grace_days,
        "created_at": replies.instant(service.created_at),
        "version": service.version,
    }


def _found(exchange: Exchange, manager: Manager, named: str) -> Subscription:
    """A service by its id, or by the number that the validation API shows."""
    with contextlib.suppress(NotFound):
        if named.isascii() and named.isdigit() and len(named) < 10:
            return exchange.engine.subscriptions.numbered(manager.actor, int(named))
        return exchange.engine.subscriptions.get(manager.actor, named)
    raise NotFound("service", named)


def _shown(exchange: Exchange, manager: Manager, service: Subscription) -> Answer:
    usage = exchange.engine.seats.usage(manager.actor, service.id)
    terms = exchange.engine.entitlements.fresh_terms(service.tenant, service.project, mode=service.mode)
    plan = next((one.plan for one in terms if one.subscription == service.id), None)
    return answering.one({**told(service), "plan": plan, "current": usage.live, "held": usage.held})


_EXAMPLE = {
    "id": ID,
    "service_id": 12,
    "client_id": ID,
    "project_id": ID,
    "type": "web",
    "mode": "live",
    "state": "active",
    "limit": 100,
    "own_limit": 100,
    "unlimited": False,
    "overage": "hard",
    "cap": 100,
    "starts": None,
    "expiry": "2027-12-31",
    "timezone": "UTC",
    "grace_days": 0,
    "created_at": SINCE,
    "version": 1,
}
_ONE = Reply(
    status=200,
    description="The service and its numbers.",
    model=ServiceBody,
    examples={"service": {**_EXAMPLE, "plan": None, "current": 45, "held": 0}},
)
_LINKS = {
    name: {"service_id": "$response.body#/id"}
    for name in ("get_service", "change_service_limit", "renew_service", "suspend_service", "cancel_service")
}

ROUTES = (
    Route(
        tag="admin_services",
        method="GET",
        rule="/admin/services",
        name="list_services",
        handler=list_services,
        shape=problem_shape,
        summary="List services.",
        query=ListServices,
        answers=(Reply(status=200, description="One page.", model=ServicePage),),
        keyed=False,
        scope=READ,
    ),
    Route(
        tag="admin_services",
        method="POST",
        rule="/admin/services",
        name="add_service",
        handler=add,
        shape=problem_shape,
        summary="Put a project on a plan, or give it a limit of its own, or both.",
        body=AddService,
        example={"project_id": ID, "limit": 100, "expiry": "2027-12-31"},
        answers=(
            Reply(
                status=201,
                description="The service is there.",
                model=ServiceBody,
                examples={"service": _EXAMPLE},
                links=_LINKS,
            ),
        ),
        codes=(
            "not_found",
            "plan_inactive",
            "invalid_date",
            "invalid_date_range",
            "invalid_timezone",
            "invalid_overage",
            "invalid_slug",
        ),
        keyed=False,
        scope=WRITE,
        once=True,
    ),
    Route(
        tag="admin_services",
        method="GET",
        rule="/admin/services/<path:service_id>",
        name="get_service",
        handler=get,
        shape=problem_shape,
        summary="One service and its numbers.",
        description="By its id, or by the number that the validation API shows as `service_id`.",
        answers=(_ONE,),
        keyed=False,
        scope=READ,
    ),
    Route(
        tag="admin_services",
        method="PUT",
        rule="/admin/services/<path:service_id>/limit",
        name="change_service_limit",
        handler=change_limit,
        shape=problem_shape,
        summary="Give a service another limit.",
        description="Below the seats that are taken it is refused with both numbers, unless "
        "`over_limit` is `allow`: then all users stay, and new ones are refused.",
        body=ChangeLimit,
        example={"limit": 50, "version": 1},
        answers=(_ONE,),
        codes=("limit_below_usage", "version_conflict"),
        keyed=False,
        scope=WRITE,
    ),
    Route(
        tag="admin_services",
        method="PUT",
        rule="/admin/services/<path:service_id>/plan",
        name="change_service_plan",
        handler=change_plan,
        shape=problem_shape,
        summary="Move a service to another plan.",
        body=ChangeServicePlan,
        example={"plan": "pro-plan"},
        answers=(_ONE,),
        codes=("limit_below_usage", "version_conflict", "plan_inactive"),
        keyed=False,
        scope=WRITE,
    ),
    Route(
        tag="admin_services",
        method="POST",
        rule="/admin/services/<path:service_id>/renew",
        name="renew_service",
        handler=renew,
        shape=problem_shape,
        summary="Give a service another last day.",
        body=RenewService,
        example={"expiry": "2028-12-31", "version": 1},
        answers=(_ONE,),
        codes=("version_conflict", "invalid_date", "invalid_date_range"),
        keyed=False,
        scope=WRITE,
    ),
    Route(
        tag="admin_services",
        method="POST",
        rule="/admin/services/<path:service_id>/suspend",
        name="suspend_service",
        handler=suspend,
        shape=problem_shape,
        summary="Give no new seats until resumed.",
        description="Users stay.",
        body=Nothing,
        example={},
        answers=(_ONE,),
        codes=("transition_not_allowed",),
        keyed=False,
        scope=WRITE,
    ),
    Route(
        tag="admin_services",
        method="POST",
        rule="/admin/services/<path:service_id>/resume",
        name="resume_service",
        handler=resume,
        shape=problem_shape,
        summary="Give seats again.",
        body=Nothing,
        example={},
        answers=(_ONE,),
        codes=("transition_not_allowed",),
        keyed=False,
        scope=WRITE,
    ),
    Route(
        tag="admin_services",
        method="DELETE",
        rule="/admin/services/<path:service_id>",
        name="cancel_service",
        handler=cancel,
        shape=problem_shape,
        summary="Cancel a service.",
        description="No new seats any more; users stay until they are released. Nothing is removed.",
        answers=(Reply(status=204, description="The service is canceled.", model=None),),
        keyed=False,
        scope=WRITE,
    ),
)
