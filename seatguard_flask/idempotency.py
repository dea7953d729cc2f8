"""Changes made once: the reply to a request with an ``Idempotency-Key`` is kept with the change."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from seatguard.decisions import Decision
from seatguard.errors import InvalidInput, StorageUnavailable
from seatguard.idempotency.model import Begun, InFlight, Replied, Reply, Reused
from seatguard.seats.model import SeatFacts
from seatguard.seats.service import Render
from seatguard_flask import replies
from seatguard_flask.exchange import Exchange
from seatguard_flask.identity import Caller
from seatguard_flask.problems import IdempotencyKeyReused, RequestInProgress

HEADER = "Idempotency-Key"
REPLAYED = ("Idempotency-Replayed", "true")

Act = Callable[[Render | None], Decision[SeatFacts]]
Encode = Callable[[Decision[SeatFacts]], tuple[int, bytes]]
Refuse = Callable[[Decision[SeatFacts]], replies.Answer]


def once(
    exchange: Exchange,
    caller: Caller,
    route: str,
    asked: Mapping[str, Any],
    act: Act,
    encode: Encode,
    refuse: Refuse,
) -> replies.Answer:
    """Do something, or answer as the first time.

    Without the header nothing is kept. With it, the bytes sent are the bytes that the store keeps,
    written by the same atomic act as the change.

    Args:
        route: method and path; the key belongs to it and to the caller's project.
        asked: what was asked, without the secret.
        act: does it; is handed the maker of the reply to keep.
        encode: makes status and body of a "yes".
        refuse: makes the answer of a "no", which is never kept.

    Raises:
        InvalidInput: the header cannot be used.
        RequestInProgress: the first request with the key still runs.
        IdempotencyKeyReused: the key was sent with other content.
    """
    key = exchange.header("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        decision = act(None)
        return replies.answer(*encode(decision)) if decision.allowed else refuse(decision)
    if "," in key:
        # Servers join a header that is sent twice with a comma; nobody can tell which of the two is meant.
        raise InvalidInput.single(
            HEADER, "invalid_idempotency_key", "must be sent once, without a comma in it"
        )
    service = exchange.engine.idempotency
    start = service.begin(
        caller.actor,
        route=f"{route} {caller.access.project}:{caller.access.mode}",
        key=key,
        body=_canonical(caller, asked),
    )
    sealed: _Sealed
    match start:
        case Replied(status, body):
            return replies.answer(status, body, [REPLAYED])
        case InFlight(seconds):
            raise RequestInProgress(seconds)
        case Reused():
            raise IdempotencyKeyReused
        case Begun(reply):
            sealed = _Sealed(reply, encode)

    def nothing_was_done() -> None:
        # If the store is away, the key frees itself in time.
        with contextlib.suppress(StorageUnavailable):
            service.abandon(caller.actor, reply)

    try:
        decision = act(sealed)
    except BaseException:
        nothing_was_done()
        raise
    if not decision.allowed:
        nothing_was_done()
        return refuse(decision)
    if sealed.answer is None:
        # There was nothing to change and so no act to keep the answer with; a retry must find none either.
        kept = sealed(decision)
        if kept is not None:
            service.keep(caller.actor, kept)
    return replies.answer(*(sealed.answer or encode(decision)))


class _Sealed:
    """Makes the reply to keep, and remembers its bytes. A store may undo an act and begin it again."""

    def __init__(self, reply: Reply, encode: Encode) -> None:
        self._reply = reply
        self._encode = encode
        self.answer: tuple[int, bytes] | None = None

    def __call__(self, decision: Decision[SeatFacts]) -> Reply | None:
        if not decision.allowed:
            self.answer = None
            return None
        self.answer = self._encode(decision)
        return self._reply.done(*self.answer)


def _canonical(caller: Caller, asked: Mapping[str, Any]) -> bytes:
    """One spelling for what was asked; keys may be rotated between two attempts, so none is in it."""
    return json.dumps({**asked, "domain": caller.domain}, sort_keys=True, separators=(",", ":")).encode()
