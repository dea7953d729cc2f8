"""Changes made once: the reply to a request with an ``Idempotency-Key`` is kept with the change."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from seatguard.actors import Actor
from seatguard.decisions import Decision
from seatguard.errors import InvalidInput, StorageUnavailable
from seatguard.idempotency.model import Begun, InFlight, Replied, Reply, Reused
from seatguard.idempotency.sealing import Seal
from seatguard.seats.model import SeatFacts
from seatguard.seats.service import Render
from seatguard_flask import replies
from seatguard_flask.exchange import Exchange
from seatguard_flask.identity import Caller
from seatguard_flask.problems import IdempotencyKeyReused, RequestInProgress

HEADER = "Idempotency-Key"
REPLAYED = ("Idempotency-Replayed", "true")

T = TypeVar("T")
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
    return _once(
        exchange,
        caller.actor,
        f"{route} {caller.access.project}:{caller.access.mode}",
        {**asked, "domain": caller.domain},
        act,
        lambda decision: encode(decision) if decision.allowed else None,
        refuse,
    )


def made_once(
    exchange: Exchange,
    actor: Actor,
    route: str,
    asked: Mapping[str, Any],
    make: Callable[[Seal[T] | None], T],
    encode: Callable[[T], tuple[int, bytes]],
) -> replies.Answer:
    """Make something, or answer as the first time; as :func:`once`, for what is made or raises.

    Args:
        route: method and path; the key belongs to it and to the actor's tenant.
        make: makes it; is handed the maker of the reply to keep.
        encode: makes status and body.

    Raises:
        InvalidInput, RequestInProgress, IdempotencyKeyReused: as :func:`once`.
    """

    def nothing_to_refuse(made: T) -> replies.Answer:
        raise TypeError(f"{route} made nothing: {made!r}")

    return _once(exchange, actor, route, asked, make, encode, nothing_to_refuse)


def _once(
    exchange: Exchange,
    actor: Actor,
    route: str,
    asked: Mapping[str, Any],
    act: Callable[[Seal[T] | None], T],
    encode: Callable[[T], tuple[int, bytes] | None],
    refuse: Callable[[T], replies.Answer],
) -> replies.Answer:
    key = exchange.header("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        done = act(None)
        told = encode(done)
        return refuse(done) if told is None else replies.answer(*told)
    if "," in key:
        # Servers join a header that is sent twice with a comma; nobody can tell which of the two is meant.
        raise InvalidInput.single(
            HEADER, "invalid_idempotency_key", "must be sent once, without a comma in it"
        )
    service = exchange.engine.idempotency
    start = service.begin(actor, route=route, key=key, body=_canonical(asked))
    sealed: _Sealed[T]
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
            service.abandon(actor, reply)

    try:
        done = act(sealed)
    except BaseException:
        nothing_was_done()
        raise
    told = encode(done)
    if told is None:
        nothing_was_done()
        return refuse(done)
    if sealed.answer is None:
        # There was nothing to change and so no act to keep the answer with; a retry must find none either.
        kept = sealed(done)
        if kept is not None:
            service.keep(actor, kept)
    return replies.answer(*(sealed.answer or told))


class _Sealed(Generic[T]):
    """Makes the reply to keep, and remembers its bytes. A store may undo an act and begin it again."""

    def __init__(self, reply: Reply, encode: Callable[[T], tuple[int, bytes] | None]) -> None:
        self._reply = reply
        self._encode = encode
        self.answer: tuple[int, bytes] | None = None

    def __call__(self, done: T) -> Reply | None:
        self.answer = self._encode(done)
        return None if self.answer is None else self._reply.done(*self.answer)


def _canonical(asked: Mapping[str, Any]) -> bytes:
    """One spelling for what was asked; keys may be rotated between two attempts, so none is in it."""
    return json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()
