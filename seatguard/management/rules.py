"""What a management key may hold, how many of a line may live, and who may do what."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterable

from seatguard.decisions import Decision, Reason
from seatguard.errors import Conflict, InvalidInput, Problem
from seatguard.management.model import ManagementKey, ScopeFacts
from seatguard.management.scopes import SCOPES, covers, lacking
from seatguard.projects.rules import MAX_LIVE_KEYS, is_live

USED_EVERY = dt.timedelta(minutes=1)
"""How fresh the time of the last use is kept: reading must not become writing."""


def valid_scopes(scopes: Iterable[object]) -> tuple[str, ...]:
    """Scopes that exist, each once, in order; a ``*`` in the last place covers what begins so.

    Raises:
        InvalidInput: there are none, or one is unknown; each unknown one is named.

    >>> valid_scopes(["admin:seats:read", "admin:clients:*", "admin:seats:read"])
    ('admin:clients:*', 'admin:seats:read')
    """
    given = list(scopes)
    if not given:
        raise InvalidInput.single("scopes", "required", "must name at least one scope")
    problems = [_unknown(scope) for scope in given if not _is_known(scope)]
    if problems:
        raise InvalidInput(problems)
    return tuple(sorted({str(scope) for scope in given}))


def may_do(granted: Iterable[str], needed: Iterable[str]) -> Decision[ScopeFacts]:
    """Whether scopes are enough for what is asked: to do it, or to hand it on."""
    missing = lacking(granted, needed)
    reason = Reason.INSUFFICIENT_SCOPE if missing else Reason.ALLOWED
    return Decision(not missing, reason, ScopeFacts(missing))


def check_room_in_line(line: Iterable[ManagementKey], now: dt.datetime) -> None:
    """Refuse a third live key of one line.

    Raises:
        Conflict: ``too_many_keys``.
    """
    live = [key for key in line if is_live(key, now)]
    if len(live) >= MAX_LIVE_KEYS:
        prefixes = ", ".join(key.prefix for key in live)
        raise Conflict(
            "too_many_keys",
            f"the key has been rotated already and both live on ({prefixes}): revoke one first",
            live=len(live),
        )


def is_due_for_a_mark(key: ManagementKey, now: dt.datetime) -> bool:
    """Whether the time of the last use is so old that it is written anew."""
    return key.last_used_at is None or now - key.last_used_at >= USED_EVERY


def _is_known(scope: object) -> bool:
    if not isinstance(scope, str):
        return False
    return scope in SCOPES or (scope.endswith(":*") and any(covers(scope, known) for known in SCOPES))


def _unknown(scope: object) -> Problem:
    if not isinstance(scope, str):
        return Problem("scopes", "string_expected", "must be a list of strings")
    close = difflib.get_close_matches(scope, SCOPES, n=1)
    advice = f"did you mean {close[0]!r}?" if close else "see the list of scopes in the documentation"
    return Problem("scopes", "unknown_scope", f"holds {scope[:80]!r}, which is no scope: {advice}")
