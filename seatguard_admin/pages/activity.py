"""The activity log: every entry of the journal, with filters; nothing here can change one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from flask import Response, request

from seatguard.errors import NotFound
from seatguard.ids import is_uuid
from seatguard.journal.model import Entry
from seatguard.journal.ports import Search
from seatguard.reports.model import Listing
from seatguard_admin.desk import Desk
from seatguard_admin.exports import CSV, file
from seatguard_admin.forms import list_value
from seatguard_admin.lists import Tab, paged
from seatguard_admin.pages.views import saved
from seatguard_admin.registry import Pages
from seatguard_admin.told import masked, told

pages = Pages()

RANGES = {
    "24h": dt.timedelta(hours=24),
    "7d": dt.timedelta(days=7),
    "30d": dt.timedelta(days=30),
    "all": None,
}

KINDS_OF_ACTORS = ("admin", "key", "cli", "system")


@pages.get("/activity", needs="journal.read")
def activity(desk: Desk) -> Response:
    """The entries, the newest first, grouped by day."""
    chosen = _range()
    page = paged(desk, lambda limit, after, before: _listing(desk, limit, after, before))
    t = desk.t
    kinds = [
        ("", t("All actions")),
        ("seat.", t("Seats")),
        ("seat.denied", t("Denied requests")),
        ("hold.", t("Holds")),
        ("subscription.", t("Services")),
        ("client.", t("Clients")),
        ("project.", t("Projects")),
        ("key.", t("API keys")),
        ("plan.", t("Plans")),
        ("administrator.", t("Administrators")),
        ("journal.", t("Exports")),
    ]
    ranges = [("24h", t("24 h")), ("7d", t("7 days")), ("30d", t("30 days")), ("all", t("All time"))]
    actors = [
        ("", t("Everybody")),
        ("admin", t("Administrators")),
        ("key", t("API keys")),
        ("cli", t("Commands")),
        ("system", t("The system itself")),
    ]
    since, until = _days()
    return desk.show(
        "activity.html",
        region=("sg-list", "activity_list.html"),
        page=page,
        entries=told(desk, page.items),
        kinds=kinds,
        kind=list_value("kind") or "",
        ranges=ranges,
        chosen=chosen,
        tabs=[Tab(t("All"), desk.url("activity"), not request.args)],
        own=saved(desk, "activity"),
        actors=actors,
        who=list_value("who") or "",
        since=since,
        until=until,
        q=list_value("q"),
        archived=page.after is None and _older_archived(desk),
        filtered=any(list_value(name) for name in ("q", "kind", "who", "actor", "request_id", "subject")),
    )


@pages.get("/activity/<entry>", needs="journal.read")
def entry(desk: Desk, entry: str) -> Response:
    """One entry, at an address of its own."""
    return desk.show("entry.html", told=told(desk, [_found(desk, entry)])[0])


@pages.post("/activity/export", needs="journal.export")
def activity_export(desk: Desk) -> Response:
    """Exactly the entries of the present filter as a file; the export is itself an entry."""
    sees_people = desk.can("seats.read_pii")

    def cells(one: Entry) -> list[object]:
        people = one.erasable or {}
        if not sees_people:
            people = {name: masked(text) for name, text in people.items()}
        return [
            one.at.isoformat(),
            one.actor,
            one.kind,
            one.aggregate,
            one.stream,
            one.seq,
            one.subject,
            one.request_id,
            "; ".join(f"{name}={value}" for name, value in one.data.items()),
            "; ".join(f"{name}={value}" for name, value in people.items()),
            one.id,
        ]

    columns = [
        "at",
        "actor",
        "kind",
        "aggregate",
        "stream",
        "seq",
        "subject",
        "request_id",
        "data",
        "personal",
        "entry",
    ]
    rows = map(cells, desk.engine.journal.export(desk.actor, _search(desk)))
    return file(desk, request.form.get("format") or CSV, "activity", columns, rows)


def _listing(desk: Desk, limit: int, after: str | None, before: str | None) -> Listing[Entry]:
    """A page of the journal, whose own cursors lead one way only."""
    page = desk.engine.journal.search(
        desk.actor, _search(desk), limit=limit, after=before or after, newest_first=before is None
    )
    if before is None:
        first = page.items[0].id if page.items and after is not None else None
        return Listing(items=page.items, after=page.after, before=first)
    items: Sequence[Entry] = tuple(reversed(page.items))
    return Listing(
        items=tuple(items),
        after=items[-1].id if items else None,
        before=items[0].id if page.after is not None else None,
    )


def _search(desk: Desk) -> Search:
    span, (first, last) = RANGES.get(_range()), _days()
    values = {name: list_value(name) for name in ("actor", "request_id", "subject", "kind")}
    who = list_value("who")
    if who in KINDS_OF_ACTORS and values["actor"] is None:
        values["actor"] = f"{who}:"
    q = list_value("q")
    if q is not None:
        if is_uuid(q):
            values["subject"] = q
        elif ":" in q:
            values["actor"] = q
        else:
            values["request_id"] = q
    since = None if span is None else desk.now - span
    if _range() == "days":
        zone = desk.preferences.tz()
        since = None if first is None else dt.datetime.combine(first, dt.time(), tzinfo=zone)
        if last is not None and last < dt.date.max:
            values["until"] = dt.datetime.combine(last + dt.timedelta(days=1), dt.time(), tzinfo=zone)
    return Search(since=since, **values)


def _older_archived(desk: Desk) -> bool:
    """Whether the range reaches back to before the ledger's entries begin."""
    since, newest = _search(desk).since, desk.engine.archives.newest(desk.actor)
    return newest is not None and (since is None or since < newest.before)


def _range() -> str:
    """The span that was chosen; days of one's own go before."""
    if any(_days()):
        return "days"
    chosen = request.values.get("range", "7d")
    return chosen if chosen in RANGES else "7d"


def _days() -> tuple[dt.date | None, dt.date | None]:
    """The first and the last day that the address asks for, both included; what is no day counts as none."""

    def day(name: str) -> dt.date | None:
        try:
            return dt.date.fromisoformat(request.values.get(name, ""))
        except ValueError:
            return None

    return day("since"), day("until")


def _found(desk: Desk, entry: str) -> Entry:
    found = desk.engine.journal.search(desk.actor, Search(id=entry), limit=1).items
    if not found:
        raise NotFound("entry", entry)
    return found[0]
