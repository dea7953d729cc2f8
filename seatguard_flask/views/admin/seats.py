"""Seats of a project: list, give, free."""

from __future__ import annotations

from typing import Any

from seatguard.decisions import Reason
from seatguard.entitlements.model import Where
from seatguard.errors import NotFound
from seatguard.management.model import Manager
from seatguard.seats.model import Seat
from seatguard_flask import reading, replies
from seatguard_flask.exchange import Exchange
from seatguard_flask.problems import problem_shape
from seatguard_flask.replies import Answer
from seatguard_flask.routes import Reply, Route, refusing
from seatguard_flask.schemas.admin.seats import GiveSeat, ListSeats, OfServices, SeatBody, SeatPage
from seatguard_flask.views.admin import answering
from seatguard_flask.views.admin.answering import ID, SINCE

READ, WRITE = "admin:seats:read", "admin:seats:write"


def list_seats(exchange: Exchange, manager: Manager, project_id: str) -> Answer:
    """One page of a project's seats."""
    asked = reading.parameters(exchange, ListSeats)
    where = _where(exchange, manager, project_id, asked.mode, asked.service_type)
    found = exchange.engine.seats.list(manager.actor, where, limit=asked.limit, after=asked.after)
    return answering.page(found, told)


def give(exchange: Exchange, manager: Manager, project_id: str) -> Answer:
    """Give a user a seat; one who has a seat keeps it."""
    asked = reading.members(exchange, GiveSeat)
    where = _where(exchange, manager, project_id, asked.mode, asked.service_type)
    decision = exchange.engine.seats.take(manager.actor, where, asked.username, email=asked.email)
    if not decision.allowed:
        return refusing(problem_shape, exchange)(decision)
    seat = told(replies.seat_of(decision.facts))
    if decision.reason is Reason.ALREADY_HELD:
        return answering.one({**seat, "already_held": True})
    return answering.one(seat, status=201)


def get(exchange: Exchange, manager: Manager, project_id: str, username: str) -> Answer:
    """The seat of a user."""
    asked = reading.parameters(exchange, OfServices)
    where = _where(exchange, manager, project_id, asked.mode, asked.service_type)
    seat = exchange.engine.seats.find(manager.actor, where, username)
    if seat is None:
        raise NotFound("seat", username)
    return answering.one(told(seat))


def free(exchange: Exchange, manager: Manager, project_id: str, username: str) -> Answer:
    """Free the seat of a user."""
    asked = reading.parameters(exchange, OfServices)
    where = _where(exchange, manager, project_id, asked.mode, asked.service_type)
    decision = exchange.engine.seats.release(manager.actor, where, username)
    if not decision.allowed:
        return refusing(problem_shape, exchange)(decision)
    return answering.nothing()


def told(seat: Seat) -> dict[str, Any]:
    """A seat as it is answered."""
    return {
        "id": seat.id,
        "user_id": seat.number,
        "service": seat.subscription,
        "username": seat.holder,
        "email": seat.email,
        "state": seat.state.value,
        "since": replies.instant(seat.since),
        "expires_at": replies.instant(seat.lapses_at),
    }


def _where(exchange: Exchange, manager: Manager, project_id: str, mode: str, type: str | None) -> Where:
    """The project's services; a project that is not the tenant's is none at all."""
    found = exchange.engine.projects.get(manager.actor, project_id)
    return exchange.engine.where(found.id, mode=mode, type=type)


_EXAMPLE = {
    "id": ID,
    "user_id": 105,
    "service": ID,
    "username": "john_doe",
    "email": "john@example.com",
    "state": "assigned",
    "since": SINCE,
    "expires_at": None,
}

ROUTES = (
    Route(
        tag="admin_seats",
        method="GET",
        rule="/admin/projects/<path:project_id>/seats",
        name="list_project_seats",
        handler=list_seats,
        shape=problem_shape,
        summary="List who has a seat in a project.",
        description="Holds included.",
        query=ListSeats,
        answers=(Reply(status=200, description="One page.", model=SeatPage),),
        keyed=False,
        scope=READ,
    ),
    Route(
        tag="admin_seats",
        method="POST",
        rule="/admin/projects/<path:project_id>/seats",
        name="give_seat",
        handler=give,
        shape=problem_shape,
        summary="Give a user a seat.",
        description="A user who has a seat keeps it: 200 with `already_held`. Asking again is safe.",
        body=GiveSeat,
        example={"username": "john_doe", "email": "john@example.com"},
        answers=(
            Reply(
                status=201,
                description="The user has the seat.",
                model=SeatBody,
                examples={"seat": _EXAMPLE},
                links={
                    "get_seat": {
                        "project_id": "$request.path.project_id",
                        "username": "$response.body#/username",
                    },
                    "free_seat": {
                        "project_id": "$request.path.project_id",
                        "username": "$response.body#/username",
                    },
                },
            ),
            Reply(status=200, description="The user had the seat before.", model=SeatBody),
        ),
        codes=(
            "limit_reached",
            "expired",
            "not_started",
            "suspended",
            "inactive",
            "no_service",
            "invalid_email",
        ),
        keyed=False,
        scope=WRITE,
    ),
    Route(
        tag="admin_seats",
        method="GET",
        rule="/admin/projects/<path:project_id>/seats/<path:username>",
        name="get_seat",
        handler=get,
        shape=problem_shape,
        summary="The seat of a user.",
        query=OfServices,
        answers=(Reply(status=200, description="The seat.", model=SeatBody, examples={"seat": _EXAMPLE}),),
        codes=("invalid_characters", "too_long", "required"),
        keyed=False,
        scope=READ,
    ),
    Route(
        tag="admin_seats",
        method="DELETE",
        rule="/admin/projects/<path:project_id>/seats/<path:username>",
        name="free_seat",
        handler=free,
        shape=problem_shape,
        summary="Free the seat of a user.",
        description="A user without a seat is no error.",
        query=OfServices,
        answers=(Reply(status=204, description="The user has no seat.", model=None),),
        codes=("no_service", "invalid_characters", "too_long", "required"),
        keyed=False,
        scope=WRITE,
    ),
)
