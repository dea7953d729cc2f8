"""Users take seats, give them up, pass them on, and are listed."""

from __future__ import annotations

from typing import Any

from seatguard.decisions import Decision, Reason
from seatguard.errors import AuthenticationFailed
from seatguard.seats.model import Seat, SeatFacts, SeatState
from seatguard.seats.service import Render
from seatguard_flask import reading, replies
from seatguard_flask.exchange import Exchange
from seatguard_flask.idempotency import once
from seatguard_flask.identity import Caller, identify
from seatguard_flask.problems import problem_shape, validation_shape
from seatguard_flask.replies import Answer
from seatguard_flask.routes import Reply, Route, refusing
from seatguard_flask.schemas.registration import (
    DeactivateByUrl,
    Deactivated,
    DeactivateUser,
    ListUsers,
    Registered,
    RegisterUser,
    Transferred,
    TransferUser,
    UserPage,
)


def register(exchange: Exchange) -> Answer:
    """Take a seat; a user who has one keeps it."""
    asked = reading.body(exchange, RegisterUser, form=True)
    caller = identify(exchange, asked.api_key, asked.domain)
    where = caller.where(asked.service_type)

    def act(render: Render | None) -> Decision[SeatFacts]:
        return exchange.engine.seats.take(
            caller.actor, where, asked.username, email=asked.email, render=render
        )

    return once(
        exchange,
        caller,
        "POST /register-user",
        reading.fields_of(asked),
        act,
        _registered,
        refusing(validation_shape, exchange),
    )


def deactivate(exchange: Exchange) -> Answer:
    """Free a seat; a user without one is no error."""
    asked = reading.body(exchange, DeactivateUser, form=True)
    caller = identify(exchange, asked.api_key, asked.domain)
    where = caller.where(asked.service_type)

    def act(render: Render | None) -> Decision[SeatFacts]:
        return exchange.engine.seats.release(caller.actor, where, asked.username, render=render)

    return once(
        exchange,
        caller,
        "POST /deactivate-user",
        reading.fields_of(asked),
        act,
        lambda decision: _deactivated(decision, asked.username),
        refusing(validation_shape, exchange),
    )


def deactivate_by_url(exchange: Exchange, username: str) -> Answer:
    """The same as a DELETE."""
    caller, asked = _by_url(exchange, DeactivateByUrl)
    decision = exchange.engine.seats.release(caller.actor, caller.where(asked.service_type), username)
    if not decision.allowed:
        return refusing(validation_shape, exchange)(decision)
    return replies.answer(*_deactivated(decision, username))


def transfer(exchange: Exchange) -> Answer:
    """Give a seat to another user; at no moment is it free."""
    asked = reading.body(exchange, TransferUser)
    caller = identify(exchange, asked.api_key, asked.domain)
    where = caller.where(asked.service_type)

    def act(render: Render | None) -> Decision[SeatFacts]:
        decision = exchange.engine.seats.transfer(
            caller.actor, where, asked.username, to=asked.to_username, email=asked.email, render=render
        )
        # To the engine having no seat is no refusal; but then there is nothing to give away.
        allowed = decision.allowed and decision.reason is not Reason.NOT_HELD
        return Decision(allowed, decision.reason, decision.facts)

    return once(
        exchange,
        caller,
        "POST /transfer-user",
        reading.fields_of(asked),
        act,
        lambda decision: _transferred(decision, asked.username),
        refusing(problem_shape, exchange),
    )


def users(exchange: Exchange) -> Answer:
    """One page of the users who have a seat."""
    caller, asked = _by_url(exchange, ListUsers)
    engine, access = exchange.engine, caller.access
    page = engine.seats.list(
        caller.actor, caller.where(asked.service_type), limit=asked.limit, after=asked.after
    )
    numbers = {
        terms.subscription: terms.number
        for terms in engine.entitlements.terms(access.tenant, access.project, mode=access.mode).value
    }
    listed = [_user(seat, numbers) for seat in page.items]
    return replies.answer(200, replies.success("Users listed.", {"users": listed, "next": page.after}))


def _by_url(exchange: Exchange, schema: type[reading.QueryT]) -> tuple[Caller, reading.QueryT]:
    key = reading.key_in_headers(exchange)
    asked = reading.query(exchange, schema)
    if key is None:
        raise AuthenticationFailed
    return identify(exchange, key, asked.domain), asked


def _registered(decision: Decision[SeatFacts]) -> tuple[int, bytes]:
    data = _counted(decision.facts)
    if decision.reason is Reason.ALREADY_HELD:
        data["already_registered"] = True
    return 200, replies.success("User registered successfully.", data)


def _deactivated(decision: Decision[SeatFacts], username: str) -> tuple[int, bytes]:
    facts = decision.facts
    if facts.seat is None:
        data: dict[str, Any] = {
            "username": username,
            "service_id": replies.terms_of(facts).number,
            "new_count": facts.usage.live,
            "already_deactivated": True,
        }
    else:
        data = _counted(facts)
    return 200, replies.success("User deactivated successfully.", data)


def _transferred(decision: Decision[SeatFacts], before: str) -> tuple[int, bytes]:
    facts = decision.facts
    seat = replies.seat_of(facts)
    data = {
        "id": seat.number,
        "username": seat.holder,
        "from_username": before,
        "service_id": replies.terms_of(facts).number,
        "current": facts.usage.live,
    }
    return 200, replies.success("Seat transferred successfully.", data)


def _user(seat: Seat, numbers: dict[str, int]) -> dict[str, Any]:
    return {
        "id": seat.number,
        "username": seat.holder,
        "email": seat.email,
        "service_id": numbers[seat.subscription],
        "state": seat.state.value,
        "since": replies.instant(seat.since),
        "expires_at": replies.instant(seat.lapses_at),
        "hold_id": seat.id if seat.state is SeatState.HELD else None,
    }


def _counted(facts: SeatFacts) -> dict[str, Any]:
    seat = replies.seat_of(facts)
    return {
        "id": seat.number,
        "username": seat.holder,
        "service_id": replies.terms_of(facts).number,
        "new_count": facts.usage.live,
    }


_REFUSALS = ("limit_reached", "expired", "not_started", "suspended", "inactive", "no_service")

ROUTES = (
    Route(
        tag="registration",
        method="POST",
        rule="/register-user",
        name="register_user",
        handler=register,
        shape=validation_shape,
        summary="Take a seat for a user.",
        description=(
            "Call it after you have created the user. A user who is registered already keeps the seat, "
            "gets the same `id`, and is answered with `already_registered`."
        ),
        body=RegisterUser,
        answers=(
            Reply(
                status=200,
                description="The user has a seat.",
                model=Registered,
                examples={
                    "registered": {
                        "status": "success",
                        "message": "User registered successfully.",
                        "data": {"id": 12, "username": "john_doe", "service_id": 1, "new_count": 46},
                    }
                },
            ),
        ),
        codes=_REFUSALS,
        once=True,
    ),
    Route(
        tag="registration",
        method="POST",
        rule="/deactivate-user",
        name="deactivate_user",
        handler=deactivate,
        shape=validation_shape,
        summary="Free a user's seat.",
        description="A user who has no seat is no error: the answer says `already_deactivated`.",
        body=DeactivateUser,
        answers=(Reply(status=200, description="The user has no seat.", model=Deactivated),),
        codes=("no_service",),
        once=True,
    ),
    Route(
        tag="registration",
        method="DELETE",
        rule="/users/<path:username>",
        name="delete_user",
        handler=deactivate_by_url,
        shape=validation_shape,
        summary="Free a user's seat.",
        description="The same as `deactivate-user`.",
        query=DeactivateByUrl,
        answers=(Reply(status=200, description="The user has no seat.", model=Deactivated),),
        codes=("no_service",),
    ),
    Route(
        tag="users",
        method="POST",
        rule="/transfer-user",
        name="transfer_user",
        handler=transfer,
        shape=problem_shape,
        summary="Give a user's seat to another user.",
        description="In one step: at no moment is the seat free, and no free seat is needed.",
        body=TransferUser,
        answers=(Reply(status=200, description="The seat has another user.", model=Transferred),),
        codes=("not_held", "holder_seated", "no_service"),
        once=True,
    ),
    Route(
        tag="users",
        method="GET",
        rule="/users",
        name="list_users",
        handler=users,
        shape=problem_shape,
        summary="List the users who have a seat.",
        description="In the order they took it. Compare it with your own users to find who is missing.",
        query=ListUsers,
        answers=(Reply(status=200, description="One page.", model=UserPage),),
    ),
)
