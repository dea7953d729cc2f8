"""Refusals on record, summed: one entry a minute, subject and reason, however many there were."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections import Counter
from dataclasses import dataclass

from seatguard.actors import Actor
from seatguard.clock import Clock
from seatguard.errors import NotFound, StorageUnavailable
from seatguard.journal.drafts import Drafts
from seatguard.journal.ports import Ledger

_MAX_SUMS = 10_000


@dataclass(frozen=True, slots=True)
class _Sum:
    """What is counted together."""

    actor: Actor
    stream: str
    reason: str
    minute: dt.datetime
    kind: str = "seat.denied"
    aggregate: str = "subscription"


class RefusalTally:
    """Counts refusals in this process and writes the sums of a minute when the next one has begun.

    A refusal itself writes nothing, so that a flood of them costs the store nothing. Sums that the
    store did not take are kept for the next minute: a refusal is answered whether or not it can be
    put on record now. The sums of the minute under way are lost when the process dies;
    :meth:`flush` writes them on the way out.
    """

    def __init__(self, ledger: Ledger, drafts: Drafts, clock: Clock) -> None:
        self._ledger = ledger
        self._drafts = drafts
        self._clock = clock
        self._lock = threading.Lock()
        self._minute: dt.datetime | None = None
        self._counts: Counter[_Sum] = Counter()

    def note(self, actor: Actor, stream: str, reason: str, kind: str = "seat.denied") -> None:
        """Count one refusal on a subscription's stream; write the minutes before, if they are over."""
        minute = self._this_minute()
        with self._lock:
            due = self._take_counts() if self._minute not in (None, minute) else Counter()
            self._minute = minute
        with contextlib.suppress(StorageUnavailable):
            self._write(due)
        self.count(actor, stream, reason, kind)

    def count(self, actor: Actor, stream: str, reason: str, kind: str = "seat.denied") -> None:
        """Count one refusal and write nothing: for callers inside a transaction that holds the stream."""
        self._count(_Sum(actor.during(None), stream, reason, self._this_minute(), kind))

    def count_unchecked(self, actor: Actor, project: str, reason: str) -> None:
        """Count one user who was let pass undecided, on the project's stream; write nothing yet.

        The reason is a store that does not answer, so the sum waits until it does.
        """
        self._count(
            _Sum(actor.during(None), project, reason, self._this_minute(), "seat.unchecked", "project")
        )

    def flush(self) -> None:
        """Write what was counted so far.

        Raises:
            StorageUnavailable: the store did not answer in time; what it did not take is kept.
        """
        with self._lock:
            due = self._take_counts()
        self._write(due)

    def _count(self, one: _Sum) -> None:
        with self._lock:
            self._minute = self._minute or one.minute
            self._add(Counter([one]))

    def _this_minute(self) -> dt.datetime:
        return self._clock().replace(second=0, microsecond=0)

    def _take_counts(self) -> Counter[_Sum]:
        counts, self._counts = self._counts, Counter()
        return counts

    def _add(self, counts: Counter[_Sum]) -> None:
        for one, count in counts.items():
            if one in self._counts or len(self._counts) < _MAX_SUMS:
                self._counts[one] += count

    def _write(self, due: Counter[_Sum]) -> None:
        left = due.copy()
        try:
            for one, count in sorted(due.items(), key=lambda item: item[0].minute):
                self._write_sum(one, count)
                del left[one]
        finally:
            with self._lock:
                self._add(left)

    def _write_sum(self, one: _Sum, count: int) -> None:
        data = {"reason": one.reason, "count": count, "minute": one.minute.isoformat()}
        try:
            with self._ledger.begin(one.actor.tenant) as work:
                work.journal.append(
                    self._drafts.draft(one.actor, one.kind, one.aggregate, one.stream, data=data)
                )
                work.commit()
        except NotFound:
            return  # the stream's owner is gone; there is no chain to put the sum on
