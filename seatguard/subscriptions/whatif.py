"""What another agreement would have meant: the recorded history, played again. Pure."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from seatguard.journal.model import Entry
from seatguard.subscriptions.model import Subscription
from seatguard.subscriptions.rules import gives

_GIVEN = frozenset({"seat.taken", "seat.held"})
_FREED = frozenset({"seat.released", "hold.released", "hold.expired"})
REPLAYED = _GIVEN | _FREED
"""Kinds of entry that the history is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What an agreement would do, and would have done.

    Attributes:
        limit: seats agreed then; ``None`` is unlimited.
        cap: what would be enforced.
        live: seats taken now.
        over: of them, how many beyond the cap: they would stay, and nobody would come.
        given: seats that were given in the time looked at.
        refused: of them, how many would not have been.
        refused_by_month: the same by month, ``"2027-03"``, in the subscription's zone.
        first_refused: when the first of them was given; ``None`` when none would have been refused.
        most: how many seats would have been taken at once at most.
        since: from when on it was looked at; ``None`` is from the beginning, which may have been archived:
            then it is the first entry that was not.
    """

    limit: int | None
    cap: int | None
    live: int
    over: int
    given: int
    refused: int
    refused_by_month: Mapping[str, int]
    first_refused: dt.datetime | None
    most: int
    since: dt.datetime | None

    @property
    def fits(self) -> bool:
        """Whether nobody would be over the limit, and nobody would have been refused."""
        return self.over == 0 and self.refused == 0


def played(
    wanted: Subscription,
    entries: Iterable[Entry],
    *,
    live: int,
    zone: dt.tzinfo,
    since: dt.datetime | None = None,
    before: Iterable[str] = (),
) -> WhatIf:
    """The history played again under another agreement.

    A seat that would not have been given is not there when it was freed either. Whoever was given a seat
    before ``since`` has it.

    Args:
        wanted: the subscription as it would be, resolved.
        entries: of its stream, the first first; others than seats given and freed are passed over.
        live: seats taken now.
        before: who was seated before the first entry; see :func:`seated_before`.
    """
    seated = set(before)
    months: Counter[str] = Counter()
    given, most = 0, len(seated)
    first: dt.datetime | None = None
    for entry in entries:
        if entry.kind in _FREED:
            seated.discard(entry.subject)
        # A hold confirmed is a seat that was given before.
        if entry.kind not in _GIVEN or entry.data.get("from") == "hold":
            continue
        counts = since is None or entry.at >= since
        given += counts
        full = wanted.cap is not None and len(seated) >= wanted.cap
        if counts and (full or not gives(wanted, entry.at)):
            months[entry.at.astimezone(zone).strftime("%Y-%m")] += 1
            first = first or entry.at
        else:
            seated.add(entry.subject)
            most = max(most, len(seated)) if counts else most
    return WhatIf(
        limit=wanted.limit,
        cap=wanted.cap,
        live=live,
        over=0 if wanted.cap is None else max(0, live - wanted.cap),
        given=given,
        refused=months.total(),
        refused_by_month=dict(sorted(months.items())),
        first_refused=first,
        most=most,
        since=since,
    )


def seated_before(entries: Iterable[Entry], live: int) -> set[str]:
    """Who sat there before a history whose beginning was archived.

    Whoever was freed in it and was not given a seat in it; and, without a name, so many of those who sit
    there now as it does not tell of.
    """
    seated: set[str] = set()
    before: set[str] = set()
    for entry in entries:
        if entry.kind in _FREED and entry.subject not in seated:
            before.add(entry.subject)
        elif entry.kind in _FREED:
            seated.discard(entry.subject)
        elif entry.kind in _GIVEN and entry.data.get("from") != "hold":
            seated.add(entry.subject)
    return before | {f"before {number}" for number in range(live - len(seated))}
