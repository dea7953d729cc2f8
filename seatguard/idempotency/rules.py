"""What a request with a known key meets. Pure."""

from __future__ import annotations

import datetime as dt
import hashlib

from seatguard.errors import InvalidInput
from seatguard.idempotency.model import InFlight, Replied, Reply, ReplyState, Reused

MAX_KEY = 255
KEPT_FOR = dt.timedelta(hours=24)
GIVEN_UP_AFTER = dt.timedelta(seconds=30)
"""A request in flight for longer has lost its process; the next one with its key goes ahead."""


def valid_key(text: object, *, field: str = "Idempotency-Key") -> str:
    """An idempotency key: 1 to 255 visible ASCII characters, with spaces inside it at most.

    >>> valid_key("order-17")
    'order-17'
    """
    if not isinstance(text, str) or not _is_usable(text):
        raise InvalidInput.single(
            field,
            "invalid_idempotency_key",
            f"must be 1 to {MAX_KEY} printable ASCII characters without spaces around them, sent once",
        )
    return text


def _is_usable(text: str) -> bool:
    return 1 <= len(text) <= MAX_KEY and text.isascii() and text.isprintable() and text == text.strip()


def fingerprint(body: bytes) -> str:
    """What a request asked, in short.

    >>> len(fingerprint(b"{}"))
    64
    """
    return hashlib.sha256(body).hexdigest()


def met(known: Reply, asked: str, now: dt.datetime) -> Replied | InFlight | Reused | None:
    """What a request with a known key meets; ``None`` when it may go ahead in the old one's place."""
    age = now - known.since
    if age >= KEPT_FOR or known.state is ReplyState.ABANDONED:
        return None
    if known.fingerprint != asked:
        return Reused()
    if known.state is ReplyState.DONE:
        return Replied(known.status, known.body)
    return InFlight(retry_after=1) if age < GIVEN_UP_AFTER else None
