"""Usage: record, give back, balance, history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from seatguard.decisions import Decision, Reason
from seatguard.errors import AuthenticationFailed
from seatguard.usage.model import Account, Balance, Event, UsageFacts
from seatguard_flask import reading, replies
from seatguard_flask.exchange import Exchange
from seatguard_flask.identity import Caller, identify
from seatguard_flask.problems import of_reason, problem_shape
from seatguard_flask.replies import Answer
from seatguard_flask.routes import Reply, Route
from seatguard_flask.schemas.asking import AskedByUrl
from seatguard_flask.schemas.usage import (
    AskUsage,
    ListUsage,
    RecordUsage,
    RecordUsageBatch,
    RefundUsage,
    UsageBalance,
    UsageBatchRecorded,
    UsageHistory,
    UsageRecorded,
)

Asked = TypeVar("Asked", bound=AskedByUrl)

_SERVICE = ("not_included", "no_service", "expired", "not_started", "suspended", "inactive")
_INPUT = ("invalid_meter", "integer_expected", "out_of_range")


def record(exchange: Exchange) -> Answer:
    """Count what was used; sent again with the same key, it is counted once."""
    asked = reading.body(exchange, RecordUsage)
    caller = identify(exchange, asked.api_key, asked.domain)
    decision = exchange.engine.usage.record(
        caller.actor, caller.where(asked.service_type), asked.meter, asked.amount, key=asked.key
    )
    return _told(exchange, decision, "Usage recorded successfully.", _charged, created=201)


def record_batch(exchange: Exchange) -> Answer:
    """Count several things as a whole or not at all."""
    asked = reading.body(exchange, RecordUsageBatch)
    caller = identify(exchange, asked.api_key, asked.domain)
    events = [Event(meter=one.meter, key=one.key, amount=one.amount) for one in asked.events]
    decision = exchange.engine.usage.record_all(caller.actor, caller.where(asked.service_type), events)
    if decision.allowed:
        created = 201 if decision.reason is Reason.ALLOWED else 200
        data = {"events": [_charged(one) for one in decision.facts]}
        return replies.answer(created, replies.success("Usage recorded successfully.", data))
    met = [
        {"meter": event.meter, "key": event.key, "code": one.reason.value, **(_numbers(one.facts) or {})}
        for event, one in zip(events, decision.facts, strict=True)
    ]
    return problem_shape(of_reason(decision.reason, {"events": met}), exchange.request_id)


def refund(exchange: Exchange) -> Answer:
    """Give a charge back, to the period it was counted in; twice is once."""
    asked = reading.body(exchange, RefundUsage)
    caller = identify(exchange, asked.api_key, asked.domain)
    decision = exchange.engine.usage.refund(
        caller.actor, caller.where(asked.service_type), asked.meter, key=asked.key, amount=asked.amount
    )
    return _told(exchange, decision, "Usage refunded successfully.", _charged)


def balance(exchange: Exchange) -> Answer:
    """What was used in the running period, beside what is allowed."""
    asked, caller = _asked(exchange, AskUsage)
    decision = exchange.engine.usage.balance(caller.actor, caller.where(asked.service_type), asked.meter)
    if decision.facts.balance is not None:  # used up is an answer here, and no refusal
        decision = Decision(True, decision.reason, decision.facts)
    return _told(exchange, decision, "Usage read successfully.", _balance)


def history(exchange: Exchange) -> Answer:
    """The periods of a meter in which something was used, the newest first."""
    asked, caller = _asked(exchange, ListUsage)
    usage = exchange.engine.usage
    found = usage.balance(caller.actor, caller.where(asked.service_type), asked.meter)
    if found.facts.terms is None or found.facts.balance is None:
        return problem_shape(of_reason(found.reason, None), exchange.request_id)
    page = usage.history(
        caller.actor, found.facts.terms.subscription, asked.meter, limit=asked.limit, after=asked.after
    )
    data = {"meter": asked.meter, "periods": [_period(one) for one in page.items], "next": page.after}
    return replies.answer(200, replies.success("Usage listed successfully.", data))


def _asked(exchange: Exchange, schema: type[Asked]) -> tuple[Asked, Caller]:
    key = reading.key_in_headers(exchange)
    asked = reading.query(exchange, schema)
    if key is None:
        raise AuthenticationFailed
    return asked, identify(exchange, key, asked.domain)


def _told(
    exchange: Exchange,
    decision: Decision[UsageFacts],
    message: str,
    show: Callable[[Decision[UsageFacts]], dict[str, Any]],
    *,
    created: int = 200,
) -> Answer:
    if not decision.allowed:
        return problem_shape(of_reason(decision.reason, _numbers(decision.facts)), exchange.request_id)
    status = created if decision.reason is Reason.ALLOWED else 200
    return replies.answer(status, replies.success(message, show(decision)))


def _numbers(facts: UsageFacts) -> dict[str, Any] | None:
    """The numbers behind a "no"."""
    if facts.balance is None:
        return None
    return {
        "limit": facts.balance.limit,
        "used": facts.balance.used,
        "remaining": facts.balance.remaining,
        "resets_at": replies.instant(facts.balance.resets_at),
    }


def _balance(decision: Decision[UsageFacts]) -> dict[str, Any]:
    terms, found = decision.facts.terms, decision.facts.balance
    if terms is None or not isinstance(found, Balance):
        raise TypeError(f"a decision without a balance is no yes: {decision!r}")
    return {
        "meter": found.meter,
        "service_id": terms.number,
        "limit": found.limit,
        "used": found.used,
        "remaining": found.remaining,
        "carried": found.carried,
        "over": found.over,
        "period_start": replies.instant(found.starts_at),
        "resets_at": replies.instant(found.resets_at),
    }


def _charged(decision: Decision[UsageFacts]) -> dict[str, Any]:
    charge = decision.facts.charge
    if charge is None:
        raise TypeError(f"a decision without a charge is no yes to a recorder: {decision!r}")
    data = {
        **_balance(decision),
        "key": charge.key,
        "amount": charge.amount,
        "refunded": charge.refunded,
    }
    return data | ({"already_recorded": True} if decision.reason is Reason.ALREADY_RECORDED else {})


def _period(account: Account) -> dict[str, Any]:
    return {
        "used": account.used,
        "limit": account.limit,
        "carried": account.carried,
        "period_start": replies.instant(account.starts_at),
        "period_end": replies.instant(account.ends_at),
    }


ROUTES = (
    Route(
        tag="usage",
        method="POST",
        rule="/usage",
        name="record_usage",
        handler=record,
        shape=problem_shape,
        summary="Count what was used.",
        description="Sent again with the same `key`, it is counted once: 200 with `already_recorded`.",
        body=RecordUsage,
        answers=(
            Reply(status=201, description="The event is counted.", model=UsageRecorded),
            Reply(status=200, description="It was counted before.", model=UsageRecorded),
        ),
        codes=("quota_exhausted", "key_reused", "invalid_idempotency_key", *_SERVICE, *_INPUT),
    ),
    Route(
        tag="usage",
        method="POST",
        rule="/usage/batch",
        name="record_usage_batch",
        handler=record_batch,
        shape=problem_shape,
        summary="Count several things as a whole or not at all.",
        description="A refusal tells in `events` what each of them met; none of them was counted.",
        body=RecordUsageBatch,
        answers=(
            Reply(status=201, description="All events are counted.", model=UsageBatchRecorded),
            Reply(status=200, description="All were counted before.", model=UsageBatchRecorded),
        ),
        codes=("quota_exhausted", "key_reused", "invalid_idempotency_key", *_SERVICE, *_INPUT),
    ),
    Route(
        tag="usage",
        method="POST",
        rule="/usage/refund",
        name="refund_usage",
        handler=refund,
        shape=problem_shape,
        summary="Give a charge back.",
        description="To the period it was counted in. Giving back twice is giving back once.",
        body=RefundUsage,
        answers=(Reply(status=200, description="That much is given back.", model=UsageRecorded),),
        codes=("not_found", *_SERVICE, *_INPUT),
    ),
    Route(
        tag="usage",
        method="GET",
        rule="/usage",
        name="read_usage",
        handler=balance,
        shape=problem_shape,
        summary="What was used of a meter in the running period.",
        query=AskUsage,
        answers=(Reply(status=200, description="The balance.", model=UsageBalance),),
        codes=("invalid_meter", *_SERVICE),
    ),
    Route(
        tag="usage",
        method="GET",
        rule="/usage/history",
        name="list_usage",
        handler=history,
        shape=problem_shape,
        summary="The periods of a meter in which something was used, the newest first.",
        query=ListUsage,
        answers=(Reply(status=200, description="A page of periods.", model=UsageHistory),),
        codes=("invalid_cursor", *_SERVICE, *_INPUT),
    ),
)
