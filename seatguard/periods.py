"""Periods by the calendar: when they begin and end, counted from an anchor. Pure."""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


class Period(StrEnum):
    """How long an allowance lasts until it is given anew."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    NEVER = "never"
    """Given once: it is never reset."""


@dataclass(frozen=True, slots=True)
class Span:
    """One period.

    Attributes:
        start: first instant, in UTC.
        end: first instant of the next one, in UTC; ``None`` when there is no next one.
    """

    start: dt.datetime
    end: dt.datetime | None

    def holds(self, instant: dt.datetime) -> bool:
        """Whether the instant lies in this period."""
        return self.start <= instant and (self.end is None or instant < self.end)


_DAYS = {Period.DAY: 1, Period.WEEK: 7}
_MONTHS = {Period.MONTH: 1, Period.QUARTER: 3, Period.YEAR: 12}


def span_at(period: Period, anchor: dt.datetime, instant: dt.datetime) -> Span:
    """The period in which ``instant`` lies.

    Every period begins at the anchor's own time of day in the anchor's own zone, on the day that the
    calendar gives: one month after 31 January is the last of February, two months after is 31 March. A
    ``NEVER`` has one period for good, from the anchor on. Other periods reach back before the anchor too.

    Args:
        anchor: where counting begins, aware; its zone decides when a day begins.
        instant: aware.

    >>> anchor = dt.datetime(2025, 1, 31, tzinfo=dt.UTC)
    >>> span = span_at(Period.MONTH, anchor, dt.datetime(2025, 3, 1, tzinfo=dt.UTC))
    >>> span.start.date().isoformat(), span.end.date().isoformat()
    ('2025-02-28', '2025-03-31')
    """
    if period is Period.NEVER:
        return Span(anchor.astimezone(dt.UTC), None)
    number = number_at(period, anchor, instant)
    return Span(start_of(period, anchor, number), start_of(period, anchor, number + 1))


def number_at(period: Period, anchor: dt.datetime, instant: dt.datetime) -> int:
    """The number of the period in which ``instant`` lies; the anchor begins number 0.

    >>> anchor = dt.datetime(2025, 1, 31, tzinfo=dt.UTC)
    >>> number_at(Period.MONTH, anchor, dt.datetime(2025, 3, 30, tzinfo=dt.UTC))
    1
    """
    number = _guess(period, anchor, instant)
    while start_of(period, anchor, number) > instant:
        number -= 1
    while start_of(period, anchor, number + 1) <= instant:
        number += 1
    return number


def start_of(period: Period, anchor: dt.datetime, number: int) -> dt.datetime:
    """When the period of that number begins, in UTC; the anchor begins number 0.

    Counted from the anchor and not from the period before, so that a short month shortens no other.

    >>> anchor = dt.datetime(2024, 1, 31, tzinfo=dt.UTC)
    >>> [start_of(Period.MONTH, anchor, number).date().isoformat() for number in range(3)]
    ['2024-01-31', '2024-02-29', '2024-03-31']
    """
    if period in _DAYS:
        day = anchor + dt.timedelta(days=number * _DAYS[period])
        return day.replace(fold=anchor.fold).astimezone(dt.UTC)
    years, month = divmod(anchor.month - 1 + number * _MONTHS[period], 12)
    year, month = anchor.year + years, month + 1
    last = calendar.monthrange(year, month)[1]
    return anchor.replace(year=year, month=month, day=min(anchor.day, last)).astimezone(dt.UTC)


def _guess(period: Period, anchor: dt.datetime, instant: dt.datetime) -> int:
    """A number near the right one."""
    local = instant.astimezone(anchor.tzinfo)
    if period in _DAYS:
        return (local.date() - anchor.date()).days // _DAYS[period]
    return (12 * (local.year - anchor.year) + local.month - anchor.month) // _MONTHS[period]
