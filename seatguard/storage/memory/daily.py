"""What happened by the day; see ``seatguard.reports.ports.Daily``.

No sums are kept: all entries are at hand.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator

from seatguard.journal.model import Entry
from seatguard.reports.model import Day
from seatguard.reports.rules import DENIED, TAKEN, refused, times
from seatguard.storage.memory.rows import MemoryRows


class MemoryDaily:
    """Sums by the day of one tenant."""

    def __init__(self, rows: MemoryRows, tenant: str | None) -> None:
        self._rows = rows
        self._tenant = tenant

    def days(self, since: dt.date, today: dt.date, *, stream: str | None) -> list[Day]:  # noqa: ARG002
        """See ``Daily.days``."""
        taken: Counter[dt.date] = Counter()
        denied: Counter[dt.date] = Counter()
        for entry in self._entries(since):
            if stream not in (None, entry.stream):
                continue
            if entry.kind == TAKEN:
                taken[entry.at.date()] += 1
            elif entry.kind == "seat.denied":
                denied[entry.at.date()] += times(entry.data)
        return [Day(day, taken[day], denied[day]) for day in sorted({*taken, *denied})]

    def denials(self, since: dt.date, today: dt.date) -> dict[str, int]:  # noqa: ARG002 - nor are days of the future
        """See ``Daily.denials``."""
        found: Counter[str] = Counter()
        for entry in self._entries(since):
            if entry.kind == "seat.denied":
                found[refused(entry.data).removeprefix(DENIED)] += times(entry.data)
        return dict(found)

    def due(self, *, before: dt.date, again_since: dt.date) -> list[dt.date]:  # noqa: ARG002 - nothing is kept
        """See ``Daily.due``."""
        return []

    def count(self, day: dt.date) -> None:
        """See ``Daily.count``."""

    def _entries(self, since: dt.date) -> Iterator[Entry]:
        return (
            entry
            for entry in self._rows.entries.values()
            if entry.at.date() >= since and self._tenant in (None, entry.tenant)
        )
