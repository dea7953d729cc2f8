"""Periods by the calendar."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatguard.periods import Period, number_at, span_at, start_of

CALENDAR = [period for period in Period if period is not Period.NEVER]


def utc(*parts: int) -> dt.datetime:
    """An instant in UTC."""
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("period", "anchor", "at", "start", "end"),
    [
        (Period.DAY, utc(2025, 1, 1), utc(2025, 1, 1, 23, 59), utc(2025, 1, 1), utc(2025, 1, 2)),
        (Period.DAY, utc(2025, 1, 1, 9), utc(2025, 1, 2, 8), utc(2025, 1, 1, 9), utc(2025, 1, 2, 9)),
        (Period.WEEK, utc(2025, 1, 1), utc(2025, 1, 8), utc(2025, 1, 8), utc(2025, 1, 15)),
        (Period.MONTH, utc(2025, 1, 31), utc(2025, 2, 28), utc(2025, 2, 28), utc(2025, 3, 31)),
        (Period.MONTH, utc(2025, 1, 31), utc(2025, 3, 30), utc(2025, 2, 28), utc(2025, 3, 31)),
        (Period.MONTH, utc(2024, 1, 31), utc(2024, 2, 29), utc(2024, 2, 29), utc(2024, 3, 31)),
        (Period.MONTH, utc(2025, 1, 31), utc(2025, 4, 30), utc(2025, 4, 30), utc(2025, 5, 31)),
        (Period.MONTH, utc(2025, 1, 15), utc(2026, 1, 14), utc(2025, 12, 15), utc(2026, 1, 15)),
        (Period.QUARTER, utc(2024, 11, 30), utc(2025, 2, 27), utc(2024, 11, 30), utc(2025, 2, 28)),
        (Period.QUARTER, utc(2024, 11, 30), utc(2025, 3, 1), utc(2025, 2, 28), utc(2025, 5, 30)),
        (Period.YEAR, utc(2024, 2, 29), utc(2025, 2, 28), utc(2025, 2, 28), utc(2026, 2, 28)),
        (Period.YEAR, utc(2024, 2, 29), utc(2028, 3, 1), utc(2028, 2, 29), utc(2029, 2, 28)),
        (Period.MONTH, utc(2025, 3, 31), utc(2025, 3, 1), utc(2025, 2, 28), utc(2025, 3, 31)),
    ],
)
def test_periods_follow_the_calendar(
    period: Period, anchor: dt.datetime, at: dt.datetime, start: dt.datetime, end: dt.datetime
) -> None:
    """Short months end early and make no later month short; leap days come back; the anchor is no wall."""
    span = span_at(period, anchor, at)
    assert (span.start, span.end) == (start, end)


def test_an_allowance_given_once_has_one_period() -> None:
    """It begins at the anchor and never ends."""
    span = span_at(Period.NEVER, utc(2025, 1, 1), utc(2099, 1, 1))
    assert (span.start, span.end) == (utc(2025, 1, 1), None)
    assert span.holds(utc(2099, 1, 1))


def test_a_day_begins_at_midnight_of_the_anchors_zone() -> None:
    """On the days of the clock change too: they are 23 and 25 hours long."""
    berlin = dt.datetime(2025, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    spring = span_at(Period.DAY, berlin, utc(2025, 3, 30, 12))
    autumn = span_at(Period.DAY, berlin, utc(2025, 10, 26, 12))
    assert (spring.start, spring.end) == (utc(2025, 3, 29, 23), utc(2025, 3, 30, 22))
    assert (autumn.start, autumn.end) == (utc(2025, 10, 25, 22), utc(2025, 10, 26, 23))


@given(
    period=st.sampled_from(CALENDAR),
    anchor=st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2060, 1, 1)),
    at=st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2060, 1, 1)),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu"]),
)
def test_every_instant_lies_in_exactly_one_period(
    period: Period, anchor: dt.datetime, at: dt.datetime, zone: str
) -> None:
    """Its own holds it, the one before ends where it starts, and the next starts where it ends."""
    anchor, instant = anchor.replace(tzinfo=ZoneInfo(zone)), at.replace(tzinfo=dt.UTC)
    span = span_at(period, anchor, instant)
    assert span.holds(instant)
    assert span.end is not None
    assert span_at(period, anchor, span.end).start == span.end
    assert span_at(period, anchor, span.start) == span
    assert start_of(period, anchor, 0) == anchor.astimezone(dt.UTC)
    assert start_of(period, anchor, number_at(period, anchor, instant)) == span.start
