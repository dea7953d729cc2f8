"""Refusals on record, summed: one entry a minute, subject and reason, however many there were."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from dataclasses import dataclass

from seatguard.actors import Actor
from seatguard.clock import Clock
from seatguard.errors import NotFound
from seatguard.journal.drafts import Drafts
from seatguard.journal.ports import Ledger

_MAX_SUBJECTS = 10_000


@dataclass(frozen=True, slots=True)
class _Subject:
    actor: Actor
    stream: str
    reason: str


class RefusalTally:
    """Counts refusals in this process and writes the sums of a minute when the next one has begun.

    A refusal itself writes nothing, so that a flood of them costs the store nothing. The sums of
    the minute under way are lost when the process dies; :meth:`flush` writes them on the way out.
    """

    def __init__(self, ledger: Ledger, drafts: Drafts, clock: Clock) -> None:
        self._ledger = ledger
        self._drafts = drafts
        self._clock = clock
        self._lock = threading.Lock()
        self._minute: dt.datetime | None = None
        self._counts: Counter[_Subject] = Counter()

    def note(self, actor: Actor, stream: str, reason: str) -> None:
        """Count one refusal on a subscription's stream."""
        minute = self._clock().replace(second=0, microsecond=0)
        subject = _Subject(actor.during(None), stream, reason)
        with self._lock:
            due = self._take_counts() if self._minute not in (None, minute) else None
            self._minute = minute
            if subject in self._counts or len(self._counts) < _MAX_SUBJECTS:
                self._counts[subject] += 1
        if due:
            self._write(*due)

    def flush(self) -> None:
        """Write what was counted so far."""
        with self._lock:
            due = self._take_counts()
        if due:
            self._write(*due)

    def _take_counts(self) -> tuple[dt.datetime, Counter[_Subject]] | None:
        counts, self._counts = self._counts, Counter()
        return (self._minute, counts) if counts and self._minute is not None else None

    def _write(self, minute: dt.datetime, counts: Counter[_Subject]) -> None:
        for subject, count in counts.items():
            try:
                with self._ledger.begin(subject.actor.tenant) as work:
                    work.journal.append(
                        self._drafts.draft(
                            subject.actor,
                            "seat.denied",
                            "subscription",
                            subject.stream,
                            data={"reason": subject.reason, "count": count, "minute": minute.isoformat()},
                        )
                    )
                    work.commit()
            except NotFound:
                continue  # the stream's owner is gone; there is no chain to put the sum on
