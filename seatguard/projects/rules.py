"""Which keys count, how many there may be, and when an old one stops."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Protocol

from seatguard.errors import Conflict, InvalidInput
from seatguard.projects import domains
from seatguard.projects.model import Access, ProjectKey

MAX_LIVE_KEYS = 2
MAX_OVERLAP = dt.timedelta(days=7)
DEFAULT_OVERLAP = dt.timedelta(hours=24)


class Ending(Protocol):
    """A key of any kind, as far as its end goes."""

    @property
    def expires_at(self) -> dt.datetime | None:
        """From when on it identifies nobody; ``None`` is never."""

    @property
    def revoked_at(self) -> dt.datetime | None:
        """When it was stopped, if it was."""


def is_live(key: Ending, now: dt.datetime) -> bool:
    """Whether the key identifies anybody now."""
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


def check_room_for_key(keys: Iterable[ProjectKey], mode: str, now: dt.datetime) -> None:
    """Refuse a third live key of one mode.

    Raises:
        Conflict: ``too_many_keys``.
    """
    live = [key for key in keys if key.mode == mode and is_live(key, now)]
    if len(live) >= MAX_LIVE_KEYS:
        prefixes = ", ".join(key.prefix for key in live)
        raise Conflict(
            "too_many_keys",
            f"the project already has {len(live)} live {mode} keys ({prefixes}): revoke one first",
            live=len(live),
        )


def valid_overlap(overlap: dt.timedelta) -> dt.timedelta:
    """How long an old key may go on: 0 to 7 days.

    Raises:
        InvalidInput: out of that range.
    """
    if not dt.timedelta(0) <= overlap <= MAX_OVERLAP:
        raise InvalidInput.single(
            "overlap", "out_of_range", f"must be between 0 seconds and 7 days, not {overlap}"
        )
    return overlap


def admits_domain(access: Access, domain: str) -> bool:
    """Whether the project registered that (normalised) domain. No domain registered admits none."""
    return any(domains.matches(pattern, domain) for pattern in access.domains)
