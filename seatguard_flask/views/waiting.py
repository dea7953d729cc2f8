"""The line: a user who was refused a seat waits for one, or waits no longer."""

from __future__ import annotations

from typing import Any

from seatguard.decisions import Decision, Reason
from seatguard.errors import AuthenticationFailed, NotFound
from seatguard.seats.model import SeatFacts, Usage
from seatguard_flask import reading, replies
from seatguard_flask.exchange import Exchange
from seatguard_flask.identity import identify
from seatguard_flask.problems import problem_shape
from seatguard_flask.replies import Answer
from seatguard_flask.routes import Reply, Route, refusing
from seatguard_flask.schemas.waiting import JoinLine, LeaveLine, Left, Waiting


def join(exchange: Exchange) -> Answer:
    """Stand in line; a user who waits keeps the place, and one who sits the seat."""
    asked = reading.body(exchange, JoinLine)
    caller = identify(exchange, asked.api_key, asked.domain)
    _check_open(exchange)
    decision = exchange.engine.waiting.join(
        caller.actor, caller.where(asked.service_type), asked.username, email=asked.email
    )
    place, seat = decision.facts, decision.facts.seat
    if not decision.allowed:
        refused = Decision(False, decision.reason, SeatFacts(None, Usage(0, 0)))
        return refusing(problem_shape, exchange)(refused)
    data: dict[str, Any] = {
        "username": asked.username,
        "waiting": place.waiting is not None,
        "ahead": None if place.waiting is None else place.ahead,
        "hold_id": None if seat is None else seat.id,
        "expires_at": None if seat is None else replies.instant(seat.lapses_at),
    }
    message = "Waiting for a seat." if data["waiting"] else "The user has a seat."
    return replies.answer(201 if decision.reason is Reason.ALLOWED else 200, replies.success(message, data))


def leave(exchange: Exchange, username: str) -> Answer:
    """Wait no longer; a user who does not wait is no error."""
    key = reading.key_in_headers(exchange)
    asked = reading.query(exchange, LeaveLine)
    if key is None:
        raise AuthenticationFailed
    caller = identify(exchange, key, asked.domain)
    _check_open(exchange)
    left = exchange.engine.waiting.leave(caller.actor, caller.where(), username)
    data = {"username": username, "left": left}
    return replies.answer(200, replies.success("Not waiting.", data))


def _check_open(exchange: Exchange) -> None:
    if exchange.engine.options.offer_seconds is None:
        raise NotFound("waiting list", "here")


ROUTES = (
    Route(
        tag="waiting",
        method="POST",
        rule="/waiting",
        name="join_line",
        handler=join,
        shape=problem_shape,
        summary="Let a user wait for a seat.",
        description=(
            "What becomes free is held for those who wait, in their order. A user who waits keeps the place, "
            "and one who has a seat keeps that: 200. Where a seat is free it is held at once. 404 where the "
            "server holds no seats for a line."
        ),
        body=JoinLine,
        answers=(
            Reply(status=201, description="The user waits, or was offered a seat.", model=Waiting),
            Reply(status=200, description="The user waited or had a seat before.", model=Waiting),
        ),
        codes=("expired", "not_started", "suspended", "inactive", "no_service", "not_found"),
    ),
    Route(
        tag="waiting",
        method="DELETE",
        rule="/waiting/<path:username>",
        name="leave_line",
        handler=leave,
        shape=problem_shape,
        summary="Let a user wait no longer.",
        description="A user who does not wait is no error.",
        query=LeaveLine,
        answers=(Reply(status=200, description="The user does not wait.", model=Left),),
        codes=("not_found",),
    ),
)
