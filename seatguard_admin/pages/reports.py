"""Reports: what expires, what is full, seats over time, and what was refused."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Response, request

from seatguard.decisions import Reason
from seatguard.reports import rules
from seatguard.reports.model import Day, ServiceRow, ServiceSearch, Sort, View
from seatguard_admin.desk import Desk
from seatguard_admin.exports import file
from seatguard_admin.lists import Tab, paged
from seatguard_admin.registry import Pages
from seatguard_admin.shown import Shown

pages = Pages()

WINDOWS = (7, 14, 30, 60, 90)
THRESHOLDS = (70, 80, 90, 95)
RANGES = (7, 30, 90, 365)


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
    if kind := _kind():
        return _services_file(desk, kind, "expiring", search, Sort.EXPIRES)
    page = paged(
        desk,
        lambda limit, after, before: desk.engine.reports.services(
            desk.actor, search, sort=Sort.EXPIRES, limit=limit, after=after, before=before
        ),
    )
    months = desk.engine.reports.last_days_by_month(desk.actor, search)
    return _show(
        desk,
        "expiring",
        page=page,
        chosen=days,
        choices=WINDOWS,
        bars=list(months.items()),
        total=desk.engine.reports.count_services(desk.actor, search),
    )


@pages.get("/reports/utilization", needs="reports.read")
def report_utilization(desk: Desk) -> Response:
    """Services of which at least a share is taken, the fullest first."""
    percent = _chosen("percent", THRESHOLDS, rules.HIGH)
    search = ServiceSearch(view=View.ACTIVE, util_gte=percent)
    if kind := _kind():
        return _services_file(desk, kind, "utilization", search, Sort.UTILIZATION)
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
    if kind := _kind():
        return file(
            desk,
            kind,
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
    if kind := _kind():
        return file(desk, kind, "denials", ["reason", "count"], list(found.items()))
    return _show(desk, "denials", denials=found, says=_reasons(desk), chosen=days, choices=RANGES)


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
    """How many services there are in each band of utilization; the bars are of exact or bounded counts."""
    names = ("0-49%", "50-74%", "75-89%", "90-99%", "100%", desk.t("over"))
    counts = desk.engine.reports.bands(desk.actor).values()
    return [(name, count.number) for name, count in zip(names, counts, strict=True)]


def _reasons(desk: Desk) -> dict[str, str]:
    """What the reasons mean for which seats are refused."""
    t = desk.t
    return {
        Reason.LIMIT_REACHED: t("no seat was free"),
        Reason.EXPIRED: t("the service had expired"),
        Reason.NOT_STARTED: t("the service had not started yet"),
        Reason.SUSPENDED: t("the service was suspended"),
        Reason.INACTIVE: t("the service gave no seats in its state"),
        Reason.NO_SERVICE: t("the project had no such service"),
    }


def _coarser(series: list[Day]) -> list[Day]:
    """A year in weeks: more bars than that cannot be told apart."""
    if len(series) <= 90:
        return series
    weeks = [series[at : at + 7] for at in range(0, len(series), 7)]
    return [
        Day(week[0].day, sum(one.taken for one in week), sum(one.denied for one in week)) for week in weeks
    ]


def _services_file(desk: Desk, kind: str, name: str, search: ServiceSearch, sort: Sort) -> Response:
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
    rows = map(cells, desk.engine.reports.every_service(desk.actor, search, sort=sort))
    return file(desk, kind, name, columns, rows)


def _chosen(name: str, choices: tuple[int, ...], default: int) -> int:
    given = request.args.get(name, "")
    return int(given) if given in map(str, choices) else default


def _kind() -> str | None:
    """Which kind of file is asked for, if any."""
    return request.args.get("format") or None
