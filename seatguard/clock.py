"""Time as an argument: one clock, aware UTC instants, injected everywhere."""

from __future__ import annotations

import datetime as dt
import time
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


def uptime() -> float:
    """Seconds since this machine started, the same in all its processes, whoever sets the clock."""
    # Linux counts the time asleep in CLOCK_BOOTTIME only; elsewhere the monotonic clock has to do.
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def steady_clock(wall: Clock = system_clock, ticks: Callable[[], float] = uptime) -> Clock:
    """A clock that starts at the wall clock's time and then goes on by itself.

    For lengths of time that must not change when somebody sets the wall clock.

    >>> walls, ticks = iter([from_micros(0)]), iter([100.0, 101.5])
    >>> steady = steady_clock(lambda: next(walls), lambda: next(ticks))
    >>> to_micros(steady())
    1500000
    """
    start = wall() - dt.timedelta(seconds=ticks())
    return lambda: start + dt.timedelta(seconds=ticks())
