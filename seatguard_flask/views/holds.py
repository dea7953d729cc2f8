"""Holds: a seat taken for a while, then confirmed, released, or lapsed."""

from __future__ import annotations

import re
from typing import Any

from seatguard.decisions import Decision, Reason
from seatguard.errors import AuthenticationFailed, NotFound
from seatguard.seats.model import SeatFacts
from seatguard.seats.service import Render
from seatguard_flask import reading, replies
from seatguard_flask.exchange import Exchange
from seatguard_flask.idempotency import once
from seatguard_flask.identity import identify
from seatguard_flask.problems import problem_shape
from seatguard_flask.replies import Answer
from seatguard_flask.routes import Reply, Route, refusing
from seatguard_flask.schemas.holds import (
    ConfirmHold,
    Held,
    HoldReleased,
    ReleaseHold,
    RenewHold,
    TakeHold,
)

_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def take(exchange: Exchange) -> Answer:
    """Take a seat for a while; a user who holds or has one keeps it as it is."""
    asked = reading.body(exchange, TakeHold)
    caller = identify(exchange, asked.api_key, asked.domain)
    where = caller.where(asked.service_type)
    seconds = exchange.settings.hold_ttl if asked.expires_in is None else asked.expires_in

    def act(render: Render | None) -> Decision[SeatFacts]:
        return exchange.engine.seats.hold(
            caller.actor, where, asked.username, seconds=seconds, email=asked.email, render=render
        )

    return once(
        exchange,
        caller,
        "POST /holds",
        reading.fields_of(asked),
        act,
        lambda decision: _told(decision, "Seat held successfully.", created=201),
        refusing(problem_shape, exchange),
    )


def confirm(exchange: Exchange, hold_id: str) -> Answer:
    """Turn a hold into a seat for good; needs no free seat, and twice is once."""
    asked = reading.body(exchange, ConfirmHold)
    caller = identify(exchange, asked.api_key, asked.domain)
    _check_id(hold_id)

    def act(render: Render | None) -> Decision[SeatFacts]:
        seats, where = exchange.engine.seats, caller.where()
        if asked.username is None:
            return seats.confirm(caller.actor, where, hold_id, render=render)
        return seats.confirm_for(
            caller.actor, where, hold_id, asked.username, email=asked.email, render=render
        )

    return once(
        exchange,
        caller,
        "POST /holds/confirm",
        {**reading.fields_of(asked), "hold": hold_id},
        act,
        lambda decision: _told(decision, "Hold confirmed successfully."),
        refusing(problem_shape, exchange),
    )


def renew(exchange: Exchange, hold_id: str) -> Answer:
    """Let a hold end later, counted from now."""
    asked = reading.body(exchange, RenewHold)
    caller = identify(exchange, asked.api_key, asked.domain)
    _check_id(hold_id)
    seconds = exchange.settings.hold_ttl if asked.expires_in is None else asked.expires_in

    def act(render: Render | None) -> Decision[SeatFacts]:
        return exchange.engine.seats.renew(
            caller.actor, caller.where(), hold_id, seconds=seconds, render=render
        )

    return once(
        exchange,
        caller,
        "POST /holds/renew",
        {**reading.fields_of(asked), "hold": hold_id},
        act,
        lambda decision: _told(decision, "Hold renewed successfully."),
        refusing(problem_shape, exchange),
    )


def release(exchange: Exchange, hold_id: str) -> Answer:
    """Let go of a hold; one that is gone already is no error, one that was confirmed is."""
    key = reading.key_in_headers(exchange)
    asked = reading.query(exchange, ReleaseHold)
    if key is None:
        raise AuthenticationFailed
    caller = identify(exchange, key, asked.domain)
    _check_id(hold_id)
    decision = exchange.engine.seats.release_hold(caller.actor, caller.where(), hold_id)
    if not decision.allowed:
        return refusing(problem_shape, exchange)(decision)
    data = {"id": hold_id, "released": decision.reason is Reason.ALLOWED}
    return replies.answer(200, replies.success("Hold released successfully.", data))


def _told(decision: Decision[SeatFacts], message: str, *, created: int = 200) -> tuple[int, bytes]:
    data: dict[str, Any] = replies.hold(decision.facts)
    if decision.reason is not Reason.ALREADY_HELD:
        return created, replies.success(message, data)
    data["already_held"] = True
    return 200, replies.success(message, data)


def _check_id(hold_id: str) -> None:
    """Answer what can be no id at once; some stores could not even compare it."""
    if not _ID.fullmatch(hold_id):
        raise NotFound("hold", hold_id)


ROUTES = (
    Route(
        tag="holds",
        method="POST",
        rule="/holds",
        name="take_hold",
        handler=take,
        shape=problem_shape,
        summary="Hold a seat for a while.",
        description=(
            "The seat counts until it is confirmed, released, or its time is over. "
            "A user who holds or has a seat keeps it as it is: 200 with `already_held`."
        ),
        body=TakeHold,
        answers=(
            Reply(status=201, description="The seat is held.", model=Held),
            Reply(status=200, description="The user held or had a seat before.", model=Held),
        ),
        codes=("limit_reached", "expired", "not_started", "suspended", "inactive", "no_service"),
        once=True,
    ),
    Route(
        tag="holds",
        method="POST",
        rule="/holds/<path:hold_id>/confirm",
        name="confirm_hold",
        handler=confirm,
        shape=problem_shape,
        summary="Turn a hold into a seat for good.",
        description=(
            "Needs no free seat. Confirming twice is confirming once. With `username` it becomes that user's "
            "seat; one who sits already keeps that seat, and the hold is free: 200 with `already_held`."
        ),
        body=ConfirmHold,
        answers=(Reply(status=200, description="The user has the seat for good.", model=Held),),
        codes=("hold_expired", "not_found"),
        once=True,
    ),
    Route(
        tag="holds",
        method="POST",
        rule="/holds/<path:hold_id>/renew",
        name="renew_hold",
        handler=renew,
        shape=problem_shape,
        summary="Let a hold end later.",
        body=RenewHold,
        answers=(Reply(status=200, description="The hold has another end.", model=Held),),
        codes=("hold_expired", "not_found"),
        once=True,
    ),
    Route(
        tag="holds",
        method="DELETE",
        rule="/holds/<path:hold_id>",
        name="release_hold",
        handler=release,
        shape=problem_shape,
        summary="Let go of a hold.",
        description=(
            "Releasing twice is releasing once. A hold that was confirmed has become the user's seat: "
            "it stays, 409; `deactivate-user` frees it."
        ),
        query=ReleaseHold,
        answers=(Reply(status=200, description="The hold is gone.", model=HoldReleased),),
        codes=("hold_confirmed", "no_service", "not_found"),
    ),
)
