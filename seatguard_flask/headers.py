"""Headers of every answer of the API."""

from __future__ import annotations

from flask import Response

from seatguard_flask.exchange import Exchange
from seatguard_flask.replies import Written

PROTECTION = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)
"""Nothing of an answer is kept, guessed at, passed on or framed."""


def finish(response: Response, exchange: Exchange) -> Response:
    """The answer with its protection, the request's id, and what the view had to say beside its body."""
    ours = (*PROTECTION, ("X-Request-Id", exchange.request_id), *exchange.headers)
    if isinstance(response.headers, Written):
        response.headers.write(*ours)
    else:
        response.headers.extend(ours)
    return response
