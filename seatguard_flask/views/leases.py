"""Leases: places kept by heartbeats."""

from __future__ import annotations

from typing import Any

from seatguard.decisions import Decision, Reason
from seatguard.errors import AuthenticationFailed, NotFound
from seatguard.ids import is_uuid
from seatguard.leases.model import LeaseFacts
from seatguard_flask import reading, replies
from seatguard_flask.exchange import Exchange
from seatguard_flask.identity import identify
from seatguard_flask.problems import of_reason, problem_shape
from seatguard_flask.replies import Answer
from seatguard_flask.routes import Reply, Route
from seatguard_flask.schemas.leases import CheckOut, GiveBack, Heartbeat, LeaseReturned, LeaseTaken

_SERVICE = ("not_included", "no_service", "expired", "not_started", "suspended", "inactive")


def check_out(exchange: Exchange) -> Answer:
    """Take a place for as long as heartbeats keep it."""
    asked = reading.body(exchange, CheckOut)
    caller = identify(exchange, asked.api_key, asked.domain)
    decision = exchange.engine.leases.checkout(
        caller.actor, caller.where(asked.service_type), asked.name, asked.username, session=asked.session
    )
    return _told(exchange, decision, "Lease taken successfully.", asked.username, created=201)


def beat(exchange: Exchange, lease_id: str) -> Answer:
    """Let a lease live on."""
    asked = reading.body(exchange, Heartbeat)
    caller = identify(exchange, asked.api_key, asked.domain)
    _check_id(lease_id)
    decision = exchange.engine.leases.heartbeat(caller.actor, caller.where(), lease_id)
    return _told(exchange, decision, "Lease renewed successfully.", "")


def give_back(exchange: Exchange, lease_id: str) -> Answer:
    """Free a lease's place; one that is over already is no error."""
    key = reading.key_in_headers(exchange)
    asked = reading.query(exchange, GiveBack)
    if key is None:
        raise AuthenticationFailed
    caller = identify(exchange, key, asked.domain)
    _check_id(lease_id)
    decision = exchange.engine.leases.give_back(caller.actor, caller.where(), lease_id)
    data = {"id": lease_id, "returned": decision.reason is Reason.ALLOWED}
    return replies.answer(200, replies.success("Lease returned successfully.", data))


def _told(
    exchange: Exchange, decision: Decision[LeaseFacts], message: str, username: str, *, created: int = 200
) -> Answer:
    facts, lease = decision.facts, decision.facts.lease
    if not decision.allowed:
        numbers = None
        if decision.reason is Reason.LIMIT_REACHED:
            frees_at = replies.instant(facts.frees_at)
            numbers = {"limit": facts.limit, "live": facts.live, "frees_at": frees_at}
        return problem_shape(of_reason(decision.reason, numbers), exchange.request_id)
    if facts.terms is None:
        raise TypeError(f"a decision without terms is no yes: {decision!r}")
    data: dict[str, Any] = {
        "id": None if lease is None else lease.id,
        "username": username if lease is None else lease.holder,
        "session": None if lease is None else lease.session or None,
        "service_id": facts.terms.number,
        "since": None if lease is None else replies.instant(lease.since),
        "heartbeat_by": None if lease is None else replies.instant(lease.late_at),
        "expires_at": None if lease is None else replies.instant(lease.lapses_at),
        "limit": facts.limit,
        "live": facts.live,
    }
    if decision.reason is Reason.ALLOWED:
        return replies.answer(created, replies.success(message, data))
    if created == 201:
        data["already_held"] = True
    return replies.answer(200, replies.success(message, data))


def _check_id(lease_id: str) -> None:
    """Answer what can be no id at once; some stores could not even compare it."""
    if not is_uuid(lease_id):
        raise NotFound("lease", lease_id)


ROUTES = (
    Route(
        tag="leases",
        method="POST",
        rule="/leases",
        name="check_out",
        handler=check_out,
        shape=problem_shape,
        summary="Take a place for as long as heartbeats keep it.",
        description=(
            "A floating seat, or one of a user's sessions. A session that has a lease keeps it, and so does "
            "a user with a named seat, who needs none: 200 with `already_held`."
        ),
        body=CheckOut,
        answers=(
            Reply(status=201, description="The place is the session's.", model=LeaseTaken),
            Reply(status=200, description="It was before.", model=LeaseTaken),
        ),
        codes=("limit_reached", "invalid_meter", "invalid_session", *_SERVICE),
    ),
    Route(
        tag="leases",
        method="POST",
        rule="/leases/<path:lease_id>/heartbeat",
        name="heartbeat",
        handler=beat,
        shape=problem_shape,
        summary="Let a lease live on.",
        description="Late is better than never: a lapsed lease goes on as long as there is room.",
        body=Heartbeat,
        answers=(Reply(status=200, description="The lease has another end.", model=LeaseTaken),),
        codes=("limit_reached", "lease_ended", "lease_taken_over", "not_found", *_SERVICE),
    ),
    Route(
        tag="leases",
        method="DELETE",
        rule="/leases/<path:lease_id>",
        name="give_back",
        handler=give_back,
        shape=problem_shape,
        summary="Free a lease's place.",
        description="Giving back twice is giving back once.",
        query=GiveBack,
        answers=(Reply(status=200, description="The place is free.", model=LeaseReturned),),
        codes=("not_found",),
    ),
)
