"""Reports: what expires, what is full, seats over time, and what was refused."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Any

from flask import Response, request

from seatguard.reports import rules
from seatguard.reports.model import Day, ServiceRow, ServiceSearch, Sort, View
from seatguard_admin.desk import Desk
from seatguard_admin.lists import Tab, csv, paged
from seatguard_admin.registry import Pages
from seatguard_admin.shown import Shown

pages = Pages()

WINDOWS = (7, 14, 30, 60, 90)
THRESHOLDS = (70, 80, 90, 95)
RANGES = (7, 30, 90, 365)
MOST = 5_000
"""Services that a distribution is made of at most."""


@pages.get("/reports", needs="reports.read")
def reports(desk: Desk) -> Response:
    """The first of the reports."""
    return expiring(desk)


@pages.get("/reports/expiring", needs="reports.read")
def report_expiring(desk: Desk) -> Response:
    """Services whose last day comes within a window."""
    return expiring(desk)


def expiring(desk: Desk) -> Response:
    """Services whose last day comes within a window, the soonest first."""
    days = _chosen("days", WINDOWS, 30)
    search = ServiceSearch(view=View.ACTIVE, expires_before=desk.today + dt.timedelta(days=days + 1))
    if _as_csv():
        return _csv(desk, "expiring", search, Sort.EXPIRES)
    page = paged(
        desk,
        lambda limit, after, before: desk.engine.reports.services(
            desk.actor, search, sort=Sort.EXPIRES, limit=limit, after=after, before=before
        ),
    )
    months = Counter(
        row.subscription.expires_on.replace(day=1)
        for row in islice(_every(desk, search, Sort.EXPIRES), MOST)
        if row.subscription.expires_on is not None
    )
    return _show(
        desk,
        "expiring",
        page=page,
        chosen=days,
        choices=WINDOWS,
        bars=sorted(months.items()),
        total=desk.engine.reports.count_services(desk.actor, search),
    )


@pages.get("/reports/utilization", needs="reports.read")
def report_utilization(desk: Desk) -> Response:
    """Services of which at least a share is taken, the fullest first."""
    percent = _chosen("percent", THRESHOLDS, rules.HIGH)
    search = ServiceSearch(view=View.ACTIVE, util_gte=percent)
    if _as_csv():
        return _csv(desk, "utilization", search, Sort.UTILIZATION)
    page = paged(
        desk,
        lambda limit, after, before: desk.engine.reports.services(
            desk.actor, search, sort=Sort.UTILIZATION, limit=limit, after=after, before=before
        ),
    )
    return _show(
        desk,
        "utilization",
        page=page,
        chosen=percent,
        choices=THRESHOLDS,
        bands=_bands(desk),
        total=desk.engine.reports.count_services(desk.actor, search),
    )


@pages.get("/reports/seats", needs="reports.read")
def report_seats(desk: Desk) -> Response:
    """Seats given and refused, day by day."""
    days = _chosen("days", RANGES, 30)
    series = desk.engine.reports.seat_series(desk.actor, days=days)
    if _as_csv():
        return csv(
            desk,
            "seats",
            ["day", "registered", "denied"],
            [[one.day, one.taken, one.denied] for one in series],
        )
    return _show(desk, "seats", series=_coarser(series), chosen=days, choices=RANGES, days=series)


@pages.get("/reports/denials", needs="reports.read")
def report_denials(desk: Desk) -> Response:
    """Refusals by their reason."""
    days = _chosen("days", RANGES, 30)
    found = desk.engine.reports.denials(desk.actor, days=days)
    if _as_csv():
        return csv(desk, "denials", ["reason", "count"], [[reason, count] for reason, count in found.items()])
    return _show(desk, "denials", denials=found, chosen=days, choices=RANGES)


def _show(desk: Desk, name: str, **values: Any) -> Response:
    t = desk.t
    words = {
        "expiring": t("Expiring"),
        "utilization": t("Utilization"),
        "seats": t("Seats over time"),
        "denials": t("Denials"),
    }
    tabs = [Tab(label, desk.url(f"report_{one}"), one == name) for one, label in words.items()]
    return desk.show("reports.html", name=name, tabs=tabs, report=words[name], **values)


def _bands(desk: Desk) -> list[tuple[str, int]]:
    """How many services there are in each band of utilization."""
    names: list[tuple[str, Callable[[int], bool]]] = [
        ("0-49%", lambda share: share < 50),
        ("50-74%", lambda share: 50 <= share < 75),
        ("75-89%", lambda share: 75 <= share < 90),
        ("90-99%", lambda share: 90 <= share < 100),
        ("100%", lambda share: share == 100),
        (desk.t("over"), lambda share: share > 100),
    ]
    shares = [
        share
        for row in islice(_every(desk, ServiceSearch(view=View.ACTIVE), Sort.ADDED), MOST)
        if (share := rules.percent(row.live, row.subscription.limit)) is not None
    ]
    return [(name, sum(map(fits, shares))) for name, fits in names]


def _coarser(series: list[Day]) -> list[Day]:
    """A year in weeks: more bars than that cannot be told apart."""
    if len(series) <= 90:
        return series
    weeks = [series[at : at + 7] for at in range(0, len(series), 7)]
    return [
        Day(week[0].day, sum(one.taken for one in week), sum(one.denied for one in week)) for week in weeks
    ]


def _every(desk: Desk, search: ServiceSearch, sort: Sort) -> Any:
    after: str | None = None
    while True:
        listing = desk.engine.reports.services(desk.actor, search, sort=sort, limit=200, after=after)
        yield from listing.items
        if listing.after is None:
            return
        after = listing.after


def _csv(desk: Desk, name: str, search: ServiceSearch, sort: Sort) -> Response:
    def cells(row: ServiceRow) -> list[Any]:
        one = row.subscription
        share = Shown.percent(row.live, one.limit)
        return [
            one.number,
            row.client_name,
            row.project_name,
            one.type,
            row.live,
            one.limit,
            share,
            one.expires_on,
        ]

    columns = ["service_id", "client", "project", "type", "seats", "limit", "percent", "expiry"]
    return csv(desk, name, columns, [cells(row) for row in _every(desk, search, sort)])


def _chosen(name: str, choices: tuple[int, ...], default: int) -> int:
    given = request.args.get(name, "")
    return int(given) if given in map(str, choices) else default


def _as_csv() -> bool:
    return request.args.get("format") == "csv"
