"""``POST /validate-subscription``: may a user be created? Takes nothing."""

from __future__ import annotations

from seatguard.seats.model import SeatFacts
from seatguard_flask import reading, replies
from seatguard_flask.exchange import Exchange
from seatguard_flask.identity import identify
from seatguard_flask.problems import of_decision, validation_shape
from seatguard_flask.replies import Answer
from seatguard_flask.routes import Reply, Route
from seatguard_flask.schemas.validation import CreationAllowed, ValidateSubscription


def validate(exchange: Exchange) -> Answer:
    """Whether there is room; near the limit and for a "no" the numbers are of this instant."""
    environ, advice = exchange.request.environ, exchange.state.advice
    raw = reading.raw_body(exchange.request)
    recalled = advice.recall(exchange.state, environ, raw)
    if recalled is not None:
        return _allowed(exchange, recalled)
    asked = reading.body(exchange, ValidateSubscription, form=True, raw=raw)
    began = exchange.engine.moment()
    caller = identify(exchange, asked.api_key, asked.domain)
    decision = exchange.engine.seats.check(caller.actor, caller.where(asked.service_type), since=began)
    if decision.allowed:
        plain = not exchange.headers and not caller.access.allow_dev_domains
        if plain and exchange.settings.validate_max_age:
            advice.remember(environ, raw, asked.api_key.get_secret_value(), caller.domain, asked.service_type)
        return _allowed(exchange, decision.facts)
    exchange.headers.append(replies.age(decision.facts))
    return validation_shape(of_decision(decision, exchange), exchange.request_id)


def _allowed(exchange: Exchange, facts: SeatFacts) -> Answer:
    exchange.headers.append(replies.age(facts))
    return replies.answer(200, replies.allowed(facts))


ROUTES = (
    Route(
        tag="validation",
        method="POST",
        rule="/validate-subscription",
        name="validate_subscription",
        handler=validate,
        shape=validation_shape,
        summary="May a user be created?",
        description=(
            "Call it before you create a user. It is advice and takes nothing: `register-user` decides. "
            "Far from the limit the numbers may be a moment old; `Seatguard-Age` tells how many seconds."
        ),
        body=ValidateSubscription,
        answers=(
            Reply(
                status=200,
                description="There is room.",
                model=CreationAllowed,
                examples={
                    "allowed": {
                        "status": "success",
                        "allowed": True,
                        "message": "User creation allowed.",
                        "data": {
                            "service_id": 1,
                            "type": "standard",
                            "limit": 100,
                            "current": 45,
                            "expiry": "2026-12-31",
                        },
                    }
                },
            ),
        ),
        codes=("limit_reached", "expired", "not_started", "suspended", "inactive", "no_service"),
    ),
)
