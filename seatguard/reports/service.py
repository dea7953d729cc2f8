"""Lists, counts and series for operators."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from seatguard.actors import Actor
from seatguard.clock import Clock
from seatguard.errors import Conflict, InvalidInput, StorageUnavailable
from seatguard.ids import is_uuid
from seatguard.records import MAX_PAGE
from seatguard.reports.model import (
    ClientRow,
    ClientView,
    Count,
    Day,
    Growth,
    Listing,
    Overview,
    PlanRow,
    ProjectRow,
    ServiceRow,
    ServiceSearch,
    Sort,
    View,
)
from seatguard.reports.ports import Ledger, Place, Work
from seatguard.reports.rules import BANDS

RowT = TypeVar("RowT")

SETTLED = dt.timedelta(hours=1)
"""After its end a day is counted: transactions that began on it are over by then."""

LATE = dt.timedelta(days=29)
"""Entries that come later than that to a day that was counted, from a gate that nothing relayed, are in the
journal and not in the sums. Less than what an archive leaves in the ledger: no day is counted anew of which
entries are gone."""

COUNT_BOUND = 10_000
"""Counting stops here: a page shows ``10,000+``."""

FOUND_BOUND = 1_000
"""Counting what a text finds stops here: each of these rows is looked up by its names."""

_PASSES = 10
"""So often is asked what is left to count, where others count, too."""

GROWTH_BOUND = 2_000
"""What came in some days is told day by day up to here."""

_AT_MOST = COUNT_BOUND + 1

_STRETCH = 1000
"""Rows that an export reads at once."""


class ReportService:
    """Knows what operators want to see at a glance."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    def overview(self, actor: Actor) -> Overview:
        """The dashboard's numbers; each is the count of the view of its name."""
        now = self._clock()
        searches = [ServiceSearch(view=view) for view in (View.ACTIVE, View.EXPIRING, View.HIGH)]
        with self._ledger.read(actor.tenant) as work:
            active, expiring, high = self._counts(work, searches, now)
            return Overview(
                active=active,
                expiring=expiring,
                high=high,
                clients=work.reads.count_clients(ClientView.ALL, None, at_most=_AT_MOST),
            )

    def growth(self, actor: Actor, overview: Overview, *, days: int = 30) -> Growth:
        """How the numbers of an overview came about in the last days, today included, and which come next.

        Of what is there now: clients archived since, and services that ended, are in none of the numbers.
        """
        now = self._clock()
        first = now.date() - dt.timedelta(days=days - 1)
        since = dt.datetime.combine(first, dt.time(), tzinfo=dt.UTC)
        with self._ledger.read(actor.tenant) as work:
            added = work.reads.added(since, now=now, at_most=GROWTH_BOUND + 1)
        ahead = [added.expiring.get(now.date() + dt.timedelta(days=day), 0) for day in range(days + 1)]
        return Growth(
            clients=_grown(overview.clients, added.clients, first, days),
            active=_grown(overview.active, added.active, first, days),
            expiring=tuple(ahead) if sum(added.expiring.values()) <= GROWTH_BOUND else None,
        )

    def services(
        self,
        actor: Actor,
        search: ServiceSearch | None = None,
        *,
        sort: Sort = Sort.ADDED,
        limit: int = 50,
        after: str | None = None,
        before: str | None = None,
    ) -> Listing[ServiceRow]:
        """Services, one page at a time.

        Args:
            after: cursor of a page; or ``before``, not both.

        Raises:
            InvalidInput: the limit is not 1 to 200, or the cursor is none.
        """
        now = self._clock()
        wanted = search or ServiceSearch()
        with self._ledger.read(actor.tenant) as work:
            return _page(
                lambda place, backwards, most: work.reads.services(
                    wanted, now=now, sort=sort, limit=most, after=place, backwards=backwards
                ),
                limit,
                after,
                before,
                _day if sort is Sort.EXPIRES else None,
            )

    def every_service(
        self, actor: Actor, search: ServiceSearch | None = None, *, sort: Sort = Sort.ADDED
    ) -> Iterator[ServiceRow]:
        """All services of a search, read as they are asked for: what comes is not kept, nor a connection."""
        now, wanted = self._clock(), search or ServiceSearch()
        after: Place | None = None
        while True:
            with self._ledger.read(actor.tenant) as work:
                found = work.reads.services(
                    wanted, now=now, sort=sort, limit=_STRETCH, after=after, backwards=False
                )
            yield from (row for _, row in found)
            if len(found) < _STRETCH:
                return
            after = found[-1][0]

    def every_client(
        self, actor: Actor, *, view: ClientView = ClientView.ALL, q: str | None = None
    ) -> Iterator[ClientRow]:
        """All clients of a search by name, read as they are asked for."""
        today = self._clock().date()
        after: Place | None = None
        while True:
            with self._ledger.read(actor.tenant) as work:
                found = work.reads.clients(view, q, today=today, limit=_STRETCH, after=after, backwards=False)
            yield from (row for _, row in found)
            if len(found) < _STRETCH:
                return
            after = found[-1][0]

    def service(self, actor: Actor, service_id: str) -> ServiceRow | None:
        """One service as lists show it, ``None`` when there is none of that id."""
        with self._ledger.read(actor.tenant) as work:
            return work.reads.service(service_id)

    def client(self, actor: Actor, client_id: str) -> ClientRow | None:
        """One client as lists show it, ``None`` when there is none of that id."""
        with self._ledger.read(actor.tenant) as work:
            return work.reads.client(client_id, today=self._clock().date())

    def count_services(self, actor: Actor, search: ServiceSearch) -> Count:
        """How many services a search finds, exact up to 10,000."""
        with self._ledger.read(actor.tenant) as work:
            return self._counts(work, [search], self._clock())[0]

    def counts(self, actor: Actor, searches: Sequence[ServiceSearch]) -> list[Count]:
        """How many services each search finds, exact up to 10,000; asked all at once."""
        if not searches:
            return []
        with self._ledger.read(actor.tenant) as work:
            return self._counts(work, list(searches), self._clock())

    def view_counts(self, actor: Actor, search: ServiceSearch | None = None) -> dict[View, Count]:
        """How many services each view has of what a search finds."""
        now, wanted = self._clock(), search or ServiceSearch()
        with self._ledger.read(actor.tenant) as work:
            counts = self._counts(work, [replace(wanted, view=view) for view in View], now)
        return dict(zip(View, counts, strict=True))

    def clients(
        self,
        actor: Actor,
        *,
        view: ClientView = ClientView.ALL,
        q: str | None = None,
        limit: int = 50,
        after: str | None = None,
        before: str | None = None,
    ) -> Listing[ClientRow]:
        """Clients by name, with what their services add up to."""
        today = self._clock().date()
        with self._ledger.read(actor.tenant) as work:
            return _page(
                lambda place, backwards, most: work.reads.clients(
                    view, q, today=today, limit=most, after=place, backwards=backwards
                ),
                limit,
                after,
                before,
            )

    def count_clients(
        self, actor: Actor, *, view: ClientView = ClientView.ALL, q: str | None = None
    ) -> Count:
        """How many clients there are, exact up to 10,000."""
        with self._ledger.read(actor.tenant) as work:
            return work.reads.count_clients(view, q, at_most=_at_most(q))

    def projects(
        self,
        actor: Actor,
        *,
        client: str | None = None,
        q: str | None = None,
        limit: int = 50,
        after: str | None = None,
        before: str | None = None,
    ) -> Listing[ProjectRow]:
        """Projects by name, with their domains and what their services add up to."""
        with self._ledger.read(actor.tenant) as work:
            return _page(
                lambda place, backwards, most: work.reads.projects(
                    client, q, limit=most, after=place, backwards=backwards
                ),
                limit,
                after,
                before,
            )

    def plans(
        self, actor: Actor, *, limit: int = 50, after: str | None = None, before: str | None = None
    ) -> Listing[PlanRow]:
        """Plans with what they promise now and how many services are on them."""
        with self._ledger.read(actor.tenant) as work:
            return _page(
                lambda place, backwards, most: work.reads.plans(
                    limit=most, after=place, backwards=backwards, at_most=_AT_MOST
                ),
                limit,
                after,
                before,
            )

    def bands(self, actor: Actor) -> dict[int, Count]:
        """How many active services are in each band of utilization, by the percentage it begins at.

        The band at 101 is of those over their limit, however little; services without a limit are in none.
        """
        with self._ledger.read(actor.tenant) as work:
            found = work.reads.bands(now=self._clock(), at_most=_AT_MOST)
        return dict(zip(BANDS, found, strict=True))

    def last_days_by_month(self, actor: Actor, search: ServiceSearch) -> dict[dt.date, int]:
        """How many services of a search have their last day in which month, by the month's first day.

        Of the 10,000 soonest, when there are more.
        """
        with self._ledger.read(actor.tenant) as work:
            found = work.reads.last_days(search, now=self._clock(), at_most=COUNT_BOUND)
        months: Counter[dt.date] = Counter()
        for day, number in found.items():
            months[day.replace(day=1)] += number
        return dict(sorted(months.items()))

    def names(self, actor: Actor, aggregate: str, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
        """What records are called, by id: their own name, and their client's; a plan's slug.

        Args:
            aggregate: which kind of record: ``client``, ``project``, ``plan`` or ``subscription``.
        """
        wanted = sorted(set(ids))
        if not wanted:
            return {}
        with self._ledger.read(actor.tenant) as work:
            return work.reads.names(aggregate, wanted)

    def seat_series(self, actor: Actor, *, days: int = 30, service: str | None = None) -> list[Day]:
        """Seats given and requests refused on each of the last days, today included, in UTC."""
        today = self._clock().date()
        first = today - dt.timedelta(days=days - 1)
        with self._ledger.read(actor.tenant) as work:
            found = work.daily.days(first, today, stream=service)
        known = {one.day: one for one in found}
        return [
            known.get(day) or Day(day, 0, 0)
            for day in (first + dt.timedelta(days=count) for count in range(days))
        ]

    def denials(self, actor: Actor, *, days: int = 30) -> dict[str, int]:
        """Refusals of the last days by reason, the most frequent first."""
        today = self._clock().date()
        with self._ledger.read(actor.tenant) as work:
            found = work.daily.denials(today - dt.timedelta(days=days - 1), today)
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def count_days(self, actor: Actor) -> int:
        """Count what happened on the days that are over, so that reports need not read their entries.

        Without it reports show the same numbers, and take longer. Safe beside itself, and to be killed.
        Afterwards every day that was due is counted, by this call or by one beside it.

        Returns:
            how many days this call counted.

        Raises:
            StorageUnavailable: others have been counting all the while.
        """
        before = (self._clock() - SETTLED).date()
        counted = 0
        for _ in range(_PASSES):
            with self._ledger.read(actor.tenant) as work:
                due = work.daily.due(before=before, again_since=before - LATE)
            if not due:
                return counted
            counted += sum(self._count_day(actor, day) for day in due)
        raise StorageUnavailable("others count the same days; ask again when they are done")

    def _count_day(self, actor: Actor, day: dt.date) -> bool:
        """Whether this call counted it, and no other one."""
        try:
            with self._ledger.begin(actor.tenant) as work:
                work.daily.count(day)
                work.commit()
        except Conflict:
            return False
        return True

    def _counts(self, work: Work, searches: list[ServiceSearch], now: dt.datetime) -> list[Count]:
        at_most = min((_at_most(search.q) for search in searches), default=_AT_MOST)
        return work.reads.count_services(searches, now=now, at_most=at_most)


def _at_most(q: str | None) -> int:
    return _AT_MOST if q is None else FOUND_BOUND + 1


def _grown(now: Count, added: Mapping[dt.date, int], first: dt.date, days: int) -> tuple[int, ...] | None:
    """How many there were at the end of each day, counted back from how many there are."""
    if sum(added.values()) > GROWTH_BOUND or not now.exact:
        return None
    came = [added.get(first + dt.timedelta(days=day), 0) for day in range(days)]
    return tuple(now.number - sum(came[day + 1 :]) for day in range(days))


def _page(
    read: Callable[[Place | None, bool, int], list[tuple[Place, RowT]]],
    limit: int,
    after: str | None,
    before: str | None,
    value: Callable[[Any], Any] | None = None,
) -> Listing[RowT]:
    """One page from a reader of rows: it is asked for one row more than is shown."""
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidInput.single("limit", "out_of_range", f"must be 1 to {MAX_PAGE}, not {limit}")
    backwards = before is not None
    place = _place(before if backwards else after, value)
    found = read(place, backwards, limit + 1)
    more, found = len(found) > limit, found[:limit]
    if backwards:
        found.reverse()
    items = tuple(row for _, row in found)
    if not found:
        return Listing(items=())
    return Listing(
        items=items,
        after=_cursor(found[-1][0]) if more or backwards else None,
        before=_cursor(found[0][0]) if (more if backwards else place is not None) else None,
    )


def _cursor(place: Place) -> str:
    value, identifier = place
    return json.dumps([value.isoformat() if isinstance(value, dt.date) else value, identifier])


def _place(cursor: str | None, value: Callable[[Any], Any] | None) -> Place | None:
    if cursor is None:
        return None
    try:
        key, identifier = json.loads(cursor)
        if not is_uuid(identifier) or not isinstance(key, str | int | None):
            raise ValueError
        return (key if value is None else value(key)), identifier
    except (ValueError, TypeError):
        raise InvalidInput.single("after", "invalid_cursor", "is no cursor: start again without it") from None


def _day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)
