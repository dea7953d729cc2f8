"""A clock that stands until it is told to move."""

from __future__ import annotations

import datetime as dt


class FrozenClock:
    """A clock for tests.

    >>> clock = FrozenClock("2027-01-01T00:00:00+00:00")
    >>> clock.travel(seconds=90)
    >>> clock().isoformat()
    '2027-01-01T00:01:30+00:00'
    """

    def __init__(self, instant: str | dt.datetime = "2027-06-15T12:00:00+00:00") -> None:
        self._now = _aware(instant)

    def __call__(self) -> dt.datetime:
        """The instant it stands at."""
        return self._now

    def travel(self, **by: float) -> None:
        """Move by ``days=``, ``hours=``, ``seconds=`` ... as ``datetime.timedelta`` takes them."""
        self._now += dt.timedelta(**by)

    def set(self, instant: str | dt.datetime) -> None:
        """Move to an instant."""
        self._now = _aware(instant)


def _aware(instant: str | dt.datetime) -> dt.datetime:
    parsed = dt.datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    if parsed.tzinfo is None:
        raise ValueError(f"{instant} names no zone: add +00:00")
    return parsed.astimezone(dt.UTC)
