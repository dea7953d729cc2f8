"""Time as an argument: one clock, aware UTC instants, injected everywhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TypeAlias

Clock: TypeAlias = Callable[[], dt.datetime]
"""Answers the present instant, aware and in UTC."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def system_clock() -> dt.datetime:
    """The machine's clock."""
    return dt.datetime.now(dt.UTC)


def to_micros(instant: dt.datetime) -> int:
    """Whole microseconds since 1970-01-01T00:00:00Z: one number that sorts alike in every store.

    >>> to_micros(dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC))
    1000000
    """
    return (instant - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> dt.datetime:
    """The instant ``micros`` microseconds after 1970-01-01T00:00:00Z.

    >>> from_micros(1_000_000).isoformat()
    '1970-01-01T00:00:01+00:00'
    """
    return _EPOCH + dt.timedelta(microseconds=micros)
