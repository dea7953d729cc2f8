"""Validate's usual "yes" from memory: a body that was answered before is not parsed and checked anew.

What is remembered of a body is who asks about what; whether that is still so, and whether there is room,
is looked up at every request in the same snapshots that the view reads. Whatever is unusual, a refusal
first of all, is left to the view.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from seatguard.entitlements.model import Where
from seatguard.projects.service import fingerprint
from seatguard.seats.model import SeatFacts
from seatguard_flask.attempts import FailedAttempts

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from seatguard.engine import Seatguard as Engine

    class Opened(Protocol):
        """Who has an engine, open by the time that a first "yes" was given."""

        @property
        def engine(self) -> Engine:
            """The engine."""


_MOST = 30_000
_SAY_MORE = ("HTTP_X_API_KEY", "HTTP_AUTHORIZATION", "HTTP_X_SEATGUARD_DOMAIN")


class Advice:
    """Remembers bodies by their digests: it holds no key and no text of any caller."""

    def __init__(self, attempts: FailedAttempts) -> None:
        self._attempts = attempts
        self._known: dict[bytes, tuple[bytes, str, str | None]] = {}

    def recall(self, opened: Opened, environ: WSGIEnvironment, raw: bytes) -> SeatFacts | None:
        """The facts of a "yes" that needs no reading; ``None`` where the view has to decide."""
        known = self._known.get(hashlib.sha256(raw).digest())
        if (
            known is None
            or not _is_plain(environ)
            or self._attempts.retry_after(environ.get("REMOTE_ADDR")) is not None
        ):
            return None
        key, domain, type = known
        engine = opened.engine
        access = engine.projects.recall(key, domain)
        if access is None:
            return None
        where = Where(project=access.project, mode=access.mode, type=type)
        decision = engine.seats.recall(access.tenant, where)
        return None if decision is None else decision.facts

    def remember(self, environ: WSGIEnvironment, raw: bytes, key: str, domain: str, type: str | None) -> None:
        """Keep what a body asked for, once it has been answered with a "yes" and without a warning.

        Args:
            domain: in its normal spelling.
        """
        if not _is_plain(environ):
            return
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[hashlib.sha256(raw).digest()] = (fingerprint(key), domain, type)


def _is_plain(environ: WSGIEnvironment) -> bool:
    """Whether all that is asked stands in a body of JSON."""
    return environ.get("CONTENT_TYPE") == "application/json" and not any(
        name in environ for name in _SAY_MORE
    )
