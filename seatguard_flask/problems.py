"""Every "no" and every error as an answer: one table of statuses, two shapes of body."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from seatguard.decisions import Decision, Reason
from seatguard.errors import (
    AuthenticationFailed,
    Conflict,
    Denied,
    InvalidInput,
    Misconfigured,
    NotFound,
    SeatguardError,
    StorageUnavailable,
)
from seatguard.management.model import ScopeFacts
from seatguard.seats.model import SeatFacts
from seatguard.sentences import sentence
from seatguard.subscriptions.rules import LimitFacts
from seatguard_flask import replies
from seatguard_flask.bearer import InvalidToken
from seatguard_flask.body import BodyError
from seatguard_flask.exchange import Exchange

logger = logging.getLogger("seatguard.flask")

FULL_OR_EXPIRED = "Subscription limit reached or expired."
"""The documented sentence: one for every reason; the reason is the ``code``."""

STATUS: dict[str, int] = {
    # The request cannot be read.
    "invalid_json": 400,
    "invalid_encoding": 400,
    "json_too_deep": 400,
    "duplicate_member": 400,
    "object_expected": 400,
    "missing_field": 400,
    "unknown_field": 400,
    "conflicting_credentials": 400,
    "domain_not_url": 400,
    "domain_has_port": 400,
    "domain_not_allowed": 400,
    "invalid_domain": 400,
    "invalid_idempotency_key": 400,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "method_not_allowed": 405,
    # Its values cannot be used; the codes of InvalidInput that are not named here are 422 too.
    "invalid_characters": 422,
    "invalid_email": 422,
    "invalid_meter": 422,
    "invalid_session": 422,
    "integer_expected": 422,
    "out_of_range": 422,
    "required": 422,
    "string_expected": 422,
    "too_long": 422,
    "boolean_expected": 422,
    "list_expected": 422,
    "invalid_choice": 422,
    "invalid_date": 422,
    "invalid_date_range": 422,
    "invalid_timezone": 422,
    "invalid_overage": 422,
    "invalid_mode": 422,
    "invalid_slug": 422,
    "invalid_permission": 422,
    "invalid_value": 422,
    "invalid_cursor": 422,
    "unknown_scope": 422,
    "unknown_permission": 422,
    "idempotency_key_reused": 422,
    # Who asks, and how often.
    "invalid_credentials": 401,
    "invalid_token": 401,
    "too_many_attempts": 429,
    # The agreement says no.
    Reason.LIMIT_REACHED.value: 403,
    Reason.EXPIRED.value: 403,
    Reason.NOT_STARTED.value: 403,
    Reason.SUSPENDED.value: 403,
    Reason.INACTIVE.value: 403,
    Reason.NOT_INCLUDED.value: 403,
    Reason.INSUFFICIENT_SCOPE.value: 403,
    Reason.QUOTA_EXHAUSTED.value: 403,
    Reason.RATE_LIMITED.value: 429,
    # There is no such thing.
    Reason.NO_SERVICE.value: 404,
    Reason.NOT_HELD.value: 404,
    "not_found": 404,
    # It does not fit what is there; the codes of Conflict that are not named here are 409 too.
    Reason.HOLD_EXPIRED.value: 409,
    Reason.HOLD_CONFIRMED.value: 409,
    Reason.HOLDER_SEATED.value: 409,
    Reason.LIMIT_BELOW_USAGE.value: 409,
    Reason.PLAN_INACTIVE.value: 409,
    Reason.STILL_SEATED.value: 409,
    Reason.TRANSITION_NOT_ALLOWED.value: 409,
    Reason.LEASE_ENDED.value: 409,
    Reason.LEASE_TAKEN_OVER.value: 409,
    "key_reused": 409,
    "request_in_progress": 409,
    "version_conflict": 409,
    "external_id_taken": 409,
    "slug_exists": 409,
    "project_exists": 409,
    "too_many_keys": 409,
    "key_not_live": 409,
    # We cannot.
    "internal_error": 500,
    "misconfigured": 503,
    "storage_unavailable": 503,
}
"""From code to status. Reasons, input codes and our own codes; nothing else decides a status."""

_RETRYABLE = frozenset({"storage_unavailable", "misconfigured", "request_in_progress", "too_many_attempts"})

_SENTENCES = {
    Reason.LIMIT_REACHED: FULL_OR_EXPIRED,
    Reason.EXPIRED: FULL_OR_EXPIRED,
    Reason.NOT_STARTED: FULL_OR_EXPIRED,
    Reason.SUSPENDED: FULL_OR_EXPIRED,
    Reason.INACTIVE: FULL_OR_EXPIRED,
    Reason.NO_SERVICE: "The project has no service of this kind.",
    Reason.NOT_HELD: "The user has no seat to give away.",
    Reason.HOLD_EXPIRED: "The hold is past its end; take a new one.",
    Reason.HOLD_CONFIRMED: "The hold has become the user's seat; deactivate the user to free it.",
    Reason.HOLDER_SEATED: "The other user has a seat already.",
}
_MEASURED = {
    Reason.LIMIT_REACHED: "All places are taken.",
    Reason.EXPIRED: "The service has expired.",
    Reason.NOT_STARTED: "The service has not started yet.",
    Reason.SUSPENDED: "The service is suspended.",
    Reason.INACTIVE: "The service gives nothing in its state.",
    Reason.NOT_INCLUDED: "No service of the project includes this.",
    Reason.QUOTA_EXHAUSTED: "The amount is more than what is left of this period.",
    Reason.LEASE_ENDED: "The lease has ended; check out again.",
    Reason.LEASE_TAKEN_OVER: "Another session has the lease's place; check out again.",
}
"""What is said of usage and leases; of seats there is one sentence for most reasons."""

_NAMELESS = "The API key and domain do not identify a project."
_AWAY = "The service is temporarily unavailable. Nothing is lost by asking again."


class RequestInProgress(SeatguardError):
    """The first request with this idempotency key still runs."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__("the first request with this Idempotency-Key still runs; ask again")


class IdempotencyKeyReused(SeatguardError):
    """The idempotency key belongs to a request with other content."""

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key was sent with other content before; use a new one")


class TooManyAttempts(SeatguardError):
    """The client's address failed to identify itself too often."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__("too many failed identifications from this address")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldProblem:
    """What is wrong with one field of the request."""

    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A "no" or an error before it has a shape.

    Attributes:
        status: from :data:`STATUS`.
        code: for programs; the sentence may change, the code does not.
        detail: one sentence for people; never holds anything secret.
        retryable: whether the same request may succeed later.
        facts: the numbers behind it: ``limit``, ``current``, ``expiry``, ``held``.
        fields: what is wrong with which field.
        headers: that the answer needs, such as ``Retry-After``.
    """

    status: int
    code: str
    detail: str
    retryable: bool = False
    facts: dict[str, Any] | None = None
    fields: Sequence[FieldProblem] = ()
    headers: Sequence[tuple[str, str]] = field(default=())


Shape: TypeAlias = Callable[[Refusal, str], replies.Answer]
"""Gives a refusal the body of a family of routes; the second argument is the request's id."""


def validation_shape(refusal: Refusal, request_id: str) -> replies.Answer:
    """The documented shape of the validation routes, with code, retryable and request_id added.

    A service refuses with the same words and numbers until something changes: those bytes are kept.
    """
    words = refusal.detail, refusal.code, refusal.retryable
    # Without numbers it is no decision, and the words may be the caller's own.
    start = _start(*words) if refusal.facts is None else _kept_start(*words, tuple(refusal.facts.items()))
    return replies.answer(refusal.status, start + replies.text(request_id) + b"}", refusal.headers)


def _start(
    detail: str, code: str, retryable: bool, facts: tuple[tuple[str, int | str | None], ...] | None = None
) -> bytes:
    """The body up to the request's id."""
    body: dict[str, Any] = {"status": "error", "allowed": False, "message": detail}
    if facts is not None:
        body["data"] = dict(facts)
    body |= {"code": code, "retryable": retryable}
    return replies.encode(body).removesuffix(b"}") + b',"request_id":'


_kept_start = lru_cache(maxsize=4096)(_start)


def problem_shape(refusal: Refusal, request_id: str) -> replies.Answer:
    """RFC 9457, with ``code``, ``retryable``, ``request_id``, the facts and ``errors`` added."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTP_STATUS_CODES[refusal.status],
        "status": refusal.status,
        "detail": refusal.detail,
        "code": refusal.code,
        "retryable": refusal.retryable,
        "request_id": request_id,
        **(refusal.facts or {}),
    }
    if refusal.fields:
        body["errors"] = [
            {"pointer": f"/{one.field}", "code": one.code, "detail": one.message} for one in refusal.fields
        ]
    return replies.answer(refusal.status, replies.encode(body), refusal.headers, "application/problem+json")


def shape_without_422(refusal: Refusal, request_id: str) -> replies.Answer:
    """As :func:`problem_shape`, where a contract has one status for whatever is wrong with a body."""
    status = without_422(refusal.status)
    return problem_shape(dataclasses.replace(refusal, status=status), request_id)


def without_422(status: int) -> int:
    """The status that such a route answers instead.

    >>> without_422(422), without_422(409)
    (400, 409)
    """
    return 400 if status == 422 else status


def of_reason(reason: Reason, facts: dict[str, Any] | None) -> Refusal:
    """A "no" that is not about seats, with its own numbers."""
    return Refusal(
        status=STATUS[reason.value],
        code=reason.value,
        detail=_MEASURED.get(reason) or _SENTENCES.get(reason, reason.value),
        retryable=reason.retryable,
        facts=facts,
    )


def of_decision(decision: Decision[SeatFacts], exchange: Exchange) -> Refusal:
    """A decision's "no"."""
    reason, settings = decision.reason, exchange.settings
    status = STATUS[reason.value]
    detail = _SENTENCES.get(reason, reason.value)
    facts = replies.numbers(decision.facts)
    if reason is Reason.NO_SERVICE and settings.missing_service == 403:
        status, detail, facts = 403, FULL_OR_EXPIRED, {"limit": 0, "current": 0, "expiry": None}
    # A refused transfer is about people, not about numbers.
    if reason in (Reason.NOT_HELD, Reason.HOLDER_SEATED):
        facts = None
    return Refusal(status=status, code=reason.value, detail=detail, retryable=reason.retryable, facts=facts)


def of_error(error: Exception, exchange: Exchange) -> Refusal:
    """Whatever was raised, told without anything that is not the caller's business."""
    match error:
        case Denied(decision=Decision(facts=SeatFacts()) as decision):
            return of_decision(decision, exchange)
        case Denied(decision=decision):
            return _of_denied(decision)
        case BodyError(status=status, code=code, message=message):
            return Refusal(status=status, code=code, detail=_sentence(message))
        case InvalidInput():
            return _of_input(error)
        case InvalidToken():
            challenge = ("WWW-Authenticate", 'Bearer realm="seatguard", error="invalid_token"')
            return _refusal("invalid_token", "The token identifies nobody.", headers=[challenge])
        case AuthenticationFailed():
            challenge = ("WWW-Authenticate", 'Bearer realm="seatguard"')
            return _refusal("invalid_credentials", _NAMELESS, headers=[challenge])
        case TooManyAttempts(retry_after=seconds):
            return _refusal("too_many_attempts", _sentence(str(error)), headers=_later(seconds))
        case NotFound(kind=kind):
            return _refusal("not_found", f"There is no such {kind}.")
        case RequestInProgress(retry_after=seconds):
            return _refusal("request_in_progress", _sentence(str(error)), headers=_later(seconds))
        case IdempotencyKeyReused():
            return _refusal("idempotency_key_reused", _sentence(str(error)))
        case Conflict(code=code):
            return Refusal(status=STATUS.get(code, 409), code=code, detail=_sentence(str(error)))
        case StorageUnavailable(retry_after=seconds):
            logger.warning("storage unavailable: %s", error, extra={"request_id": exchange.request_id})
            return _refusal("storage_unavailable", _AWAY, headers=_later(seconds))
        case Misconfigured():
            logger.error("misconfigured: %s", error, extra={"request_id": exchange.request_id})
            return _refusal("misconfigured", _AWAY, headers=_later(30))
        case HTTPException():
            return _of_http(error)
    return _refusal("internal_error", "Something went wrong on our side.")


def _refusal(code: str, detail: str, *, headers: Sequence[tuple[str, str]] = ()) -> Refusal:
    return Refusal(
        status=STATUS[code], code=code, detail=detail, retryable=code in _RETRYABLE, headers=headers
    )


def _of_denied(decision: Decision[Any]) -> Refusal:
    """A "no" of the agreement or of the scopes, with its numbers."""
    facts: dict[str, Any] | None = None
    match decision.facts:
        case LimitFacts(cap=cap, live=live):
            facts = {"limit": cap, "current": live}
        case ScopeFacts(missing=missing):
            facts = {"missing": list(missing)}
    return Refusal(
        status=STATUS[decision.reason.value],
        code=decision.reason.value,
        detail=_sentence(sentence(decision)),
        retryable=decision.reason.retryable,
        facts=facts,
    )


def _of_input(error: InvalidInput) -> Refusal:
    # A request that could not be read says more than a value that could not be used.
    first = min(error.problems, key=lambda problem: STATUS.get(problem.code, 422))
    return Refusal(
        status=STATUS.get(first.code, 422),
        code=first.code,
        detail="; ".join(f"{problem.field} {problem.message}" for problem in error.problems) + ".",
        fields=[
            FieldProblem(field=problem.field, code=problem.code, message=problem.message)
            for problem in error.problems
        ],
    )


def _of_http(error: HTTPException) -> Refusal:
    """What the framework or the host's own hooks raised on our routes."""
    status = error.code or 500
    if status == 413:
        return _refusal("body_too_large", "The body is too large; send less.")
    if status >= 500:
        return _refusal("internal_error", "Something went wrong on our side.")
    skipped = ("content-type", "content-length")
    headers = [(name, value) for name, value in error.get_headers() if name.lower() not in skipped]
    code = error.name.lower().replace(" ", "_").replace("'", "")
    return Refusal(status=status, code=code, detail=f"{error.name}.", headers=headers)


def _later(seconds: int) -> list[tuple[str, str]]:
    return [("Retry-After", str(seconds))]


def _sentence(text: str) -> str:
    """The text with a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")
