"""What happened by the day, counted once for each day that is over; see ``seatguard.reports.ports.Daily``."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Date,
    String,
    delete,
    func,
    insert,
    literal,
    null,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.exc import DBAPIError

from seatguard.errors import Conflict
from seatguard.ids import floor
from seatguard.reports.model import Day
from seatguard.reports.rules import DENIED, TAKEN, refused, times
from seatguard.storage.sqlalchemy import tables
from seatguard.storage.sqlalchemy.faults import Fault, fault_of

_MICROS = 86_400_000_000
_EPOCH = dt.date(1970, 1, 1)
_ONE = dt.timedelta(days=1)

_Sums = Counter[tuple[str, dt.date, str]]
"""How often something was done, by its stream, its day and what it was."""

_entry, _daily = tables.entry, tables.daily


class SqlDaily:
    """Sums by the day of one tenant on one connection."""

    def __init__(self, connection: Connection, tenant: str | None) -> None:
        self._connection = connection
        self._tenant = tenant or ""

    def days(self, since: dt.date, today: dt.date, *, stream: str | None) -> list[Day]:
        """See ``Daily.days``."""
        taken: Counter[dt.date] = Counter()
        denied: Counter[dt.date] = Counter()
        for (day, what), number in self._sums(_through(since, today), stream).items():
            (taken if what == TAKEN else denied)[day] += number
        return [Day(day, taken[day], denied[day]) for day in sorted({*taken, *denied})]

    def denials(self, since: dt.date, today: dt.date) -> dict[str, int]:
        """See ``Daily.denials``."""
        found: Counter[str] = Counter()
        for (_, what), number in self._sums(_through(since, today), None).items():
            if what != TAKEN:
                found[what.removeprefix(DENIED)] += number
        return dict(found)

    def due(self, *, before: dt.date, again_since: dt.date) -> list[dt.date]:
        """See ``Daily.due``."""
        first = self._connection.execute(
            select(_daily.c.day).where(_daily.c.tenant == self._tenant).order_by(_daily.c.day).limit(1)
        ).scalar()
        if first is None:
            oldest = self._connection.execute(
                select(_entry.c.at).where(_entry.c.tenant == self._tenant).order_by(_entry.c.id).limit(1)
            ).scalar()
            if oldest is None or oldest.date() >= before:
                return []
            # A clock that stepped back meanwhile made entries of an earlier day than the first.
            first = oldest.date() - _ONE
        asked = _through(first, before - _ONE)
        counted = self._counted(asked)
        return [
            day
            for day in asked
            if day not in counted or (day >= again_since and self._entries_of(day) > counted[day])
        ]

    def count(self, day: dt.date) -> None:
        """See ``Daily.count``."""
        try:
            self._count(day)
        except DBAPIError as error:
            if fault_of(error) in (Fault.DUPLICATE, Fault.RACE):
                raise Conflict("already_exists", "another process counts that day") from error
            raise

    def _count(self, day: dt.date) -> None:
        mine = (_daily.c.tenant == self._tenant, _daily.c.day == day)
        # An id tells the time of its entry, or a later one where a clock stepped back.
        begin, end = _midnight(day), _midnight(day + _ONE)
        asked = (
            *(_entry.c.tenant == self._tenant, _entry.c.at >= begin, _entry.c.at < end),
            *(_entry.c.id >= floor(begin), _entry.c.id < floor(end + _ONE)),
        )
        self._connection.execute(delete(_daily).where(*mine))
        by_stream = (
            select(_entry.c.tenant, _entry.c.stream, literal(day, Date), literal(TAKEN, String), func.count())
            .where(*asked, _entry.c.kind == TAKEN)
            .group_by(_entry.c.tenant, _entry.c.stream)
        )
        columns = ["tenant", "stream", "day", "what", "times"]
        self._connection.execute(insert(_daily).from_select(columns, by_stream))
        taken = self._connection.execute(select(func.sum(_daily.c.times)).where(*mine)).scalar()
        sums = self._refusals(asked)
        for (_, _, what), number in list(sums.items()):
            sums[self._tenant, day, what] += number
        if taken:
            sums[self._tenant, day, TAKEN] = int(taken)
        sums[self._tenant, day, ""] = self._entries_of(day)
        rows = [
            {"tenant": self._tenant, "stream": stream, "day": day, "what": what, "times": number}
            for (stream, _, what), number in sums.items()
        ]
        self._connection.execute(insert(_daily), rows)

    def _sums(self, asked: Sequence[dt.date], stream: str | None) -> Counter[tuple[dt.date, str]]:
        """How often what was done on which day: the days that were counted, and the entries after them."""
        mine = stream or self._tenant
        found: Counter[tuple[dt.date, str]] = Counter()
        begin = asked[0]
        for row in self._connection.execute(
            select(_daily.c.stream, _daily.c.day, _daily.c.what, _daily.c.times).where(
                _daily.c.tenant == self._tenant,
                _daily.c.day.in_(asked),
                _daily.c.stream.in_({mine, self._tenant}),
            )
        ):
            if not row.what:
                begin = max(begin, row.day + _ONE)
            elif row.stream == mine:
                found[row.day, row.what] += row.times
        for (_, day, what), number in self._scanned(_midnight(begin), stream).items():
            found[day, what] += number
        return found

    def _scanned(self, since: dt.datetime, stream: str | None) -> _Sums:
        """The same for each stream, from the entries themselves."""
        asked = [_entry.c.tenant == self._tenant, _entry.c.at >= since, _entry.c.id >= floor(since)]
        if stream is not None:
            asked.append(_entry.c.stream == stream)
        found: _Sums = Counter()
        day = day_number(_entry.c.at)
        taken = select(day, func.count(), type_coerce(null(), _entry.c.data.type)).where(
            *asked, _entry.c.kind == TAKEN
        )
        denied = select(day, literal(0), _entry.c.data).where(*asked, _entry.c.kind == "seat.denied")
        mine = stream or self._tenant
        for number, count, data in self._connection.execute(union_all(taken.group_by(day), denied)):
            if data is None:
                found[mine, day_of(number), TAKEN] += count
            else:
                found[mine, day_of(number), refused(data)] += times(data)
        return found

    def _refusals(self, asked: Sequence[ColumnElement[bool]]) -> _Sums:
        found: _Sums = Counter()
        query = select(_entry.c.stream, _entry.c.at, _entry.c.data)
        for stream, at, data in self._connection.execute(query.where(*asked, _entry.c.kind == "seat.denied")):
            found[stream, at.date(), refused(data)] += times(data)
        return found

    def _counted(self, asked: Sequence[dt.date]) -> dict[dt.date, int]:
        """Which of these days were counted, and how many entries there were then."""
        rows = self._connection.execute(
            select(_daily.c.day, _daily.c.times).where(
                _daily.c.tenant == self._tenant,
                _daily.c.day.in_(asked),
                _daily.c.stream == self._tenant,
                _daily.c.what == "",
            )
        )
        return {row.day: row.times for row in rows}

    def _entries_of(self, day: dt.date) -> int:
        """How many entries have an id of that day."""
        query = select(func.count()).where(
            _entry.c.tenant == self._tenant,
            _entry.c.id >= floor(_midnight(day)),
            _entry.c.id < floor(_midnight(day + _ONE)),
        )
        return int(self._connection.execute(query).scalar_one())


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC)


def _through(first: dt.date, last: dt.date) -> list[dt.date]:
    """All days from one to another: named one by one, each is a look into the index."""
    return [first + dt.timedelta(days=count) for count in range((last - first).days + 1)]


def day_number(instant: ColumnElement[Any]) -> ColumnElement[int]:
    """The day of an instant, in UTC, as a number of days since 1970."""
    return type_coerce(instant, BigInteger) // _MICROS


def day_of(number: int) -> dt.date:
    """The day of such a number; MariaDB divides to decimals."""
    return _EPOCH + dt.timedelta(days=int(number))
