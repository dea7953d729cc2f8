"""Bodies and responses: JSON in the documented order, encoded once."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from flask import Response
from werkzeug.datastructures import Headers

from seatguard.entitlements.model import Terms
from seatguard.seats.model import Seat, SeatFacts

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

JSON = "application/json"


def encode(body: dict[str, Any] | list[Any]) -> bytes:
    """The body as it is sent: compact, in the order of its members."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def text(value: str) -> bytes:
    """A text as a member of a body."""
    return json.dumps(value, ensure_ascii=False).encode()


class Written(Headers):
    """Headers whose pairs are our own words: they are not checked once more, one by one, to be kept."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__()
        self._list.extend(pairs)

    def write(self, *pairs: tuple[str, str]) -> None:
        """Add more of them. What comes from elsewhere is added by ``extend``, which checks it."""
        self._list.extend(pairs)


class Answer(Response):
    """A response whose headers are complete when it is made.

    Werkzeug copies and checks all headers once more when it sends them, to put in what is missing; of
    these none is. The validate route is called often enough for that to matter.
    """

    finished = False
    headers: Written

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:  # noqa: ARG002
        """The headers as they stand."""
        return self.headers


def answer(
    status: int, body: bytes, headers: Sequence[tuple[str, str]] = (), media_type: str = JSON
) -> Answer:
    """A response with exactly these bytes."""
    written = Written(content(body, media_type))
    if headers:
        written.extend(headers)
    return Answer([body], status, written)


def content(body: bytes, media_type: str = JSON) -> tuple[tuple[str, str], ...]:
    """The headers that tell of a body."""
    return ("Content-Type", media_type), ("Content-Length", str(len(body)))


def age(facts: SeatFacts) -> tuple[str, str]:
    """The header that tells how many seconds old an advice is."""
    return "Seatguard-Age", f"{facts.age:.3f}"


def success(message: str, data: dict[str, Any]) -> bytes:
    """The body of a "yes" of every route but validate."""
    return encode({"status": "success", "message": message, "data": data})


def numbers(facts: SeatFacts) -> dict[str, Any] | None:
    """Limit, current use and expiry as documented; ``held`` only where there are holds."""
    terms, usage = facts.terms, facts.usage
    if terms is None:
        return None
    shown: dict[str, Any] = {
        "limit": terms.limit,
        "current": usage.live,
        "expiry": None if terms.expires_on is None else terms.expires_on.isoformat(),
    }
    if usage.held:
        shown["held"] = usage.held
    return shown


def allowed(facts: SeatFacts) -> bytes:
    """The body of validate's "yes", put together without an encoder: it is asked before every new user."""
    terms, usage = terms_of(facts), facts.usage
    limit = "null" if terms.limit is None else terms.limit
    expiry = "null" if terms.expires_on is None else f'"{terms.expires_on}"'
    held = f',"held":{usage.held}' if usage.held else ""
    return (
        '{"status":"success","allowed":true,"message":"User creation allowed.","data":'
        f'{{"service_id":{terms.number},"type":{_text(terms.type)},"limit":{limit},'
        f'"current":{usage.live},"expiry":{expiry}{held}}}}}'
    ).encode()


def terms_of(facts: SeatFacts) -> Terms:
    """The terms; every "yes" is about a subscription."""
    if facts.terms is None:
        raise TypeError(f"a decision without terms is no yes: {facts!r}")
    return facts.terms


def seat_of(facts: SeatFacts) -> Seat:
    """The seat; every "yes" to a taker has one."""
    if facts.seat is None:
        raise TypeError(f"a decision without a seat is no yes to a taker: {facts!r}")
    return facts.seat


def instant(moment: dt.datetime | None) -> str | None:
    """An instant as RFC 3339 in UTC."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def hold(facts: SeatFacts) -> dict[str, Any]:
    """A hold, or the seat it has become."""
    terms, usage, seat = terms_of(facts), facts.usage, seat_of(facts)
    return {
        "id": seat.id,
        "user_id": seat.number,
        "username": seat.holder,
        "service_id": terms.number,
        "state": seat.state.value,
        "expires_at": instant(seat.lapses_at),
        "limit": terms.limit,
        "current": usage.live,
        "held": usage.held,
    }


@lru_cache(maxsize=1024)
def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
