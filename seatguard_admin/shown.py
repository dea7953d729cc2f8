"""What templates are given under the name ``sg``: texts, addresses, and values as a reader reads them."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for

from seatguard.catalog.offers import Offer, Price
from seatguard.catalog.values import Amount, FeatureValue
from seatguard.money import Money
from seatguard.reports import rules
from seatguard.reports.model import Count, ServiceRow, Standing
from seatguard_admin import charts, protection
from seatguard_admin.desk import Desk
from seatguard_admin.exports import xlsx_is_there

_MOMENT = re.compile(r"\b\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))?")


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of the navigation."""

    label: str
    icon: str
    url: str
    current: bool
    key: str


def is_moment(text: str) -> bool:
    """Whether a text is an instant or a day, and nothing else.

    >>> is_moment("2026-01-31T09:30:00+00:00"), is_moment("2026-01-31"), is_moment("on 2026-01-31")
    (True, True, False)
    """
    return _MOMENT.fullmatch(text) is not None


class Shown:
    """One reader's view of things."""

    charts = charts

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.t = desk.t
        self.n = desk.n
        self.can = desk.can
        self.url = desk.url
        self.preferences = desk.preferences
        self.identity = desk.identity
        self.request_id = desk.request_id
        self.language = desk.words.language
        self.product = desk.mounted.product
        self.exports_xlsx = xlsx_is_there()
        self.embedded = desk.mounted.embedded
        self.signs_in = desk.mounted.authorizer.signs_in
        self.dialog = desk.wants("dialog")
        self.home = desk.url("dashboard")
        self._note: dict[str, Any] | None = None

    @property
    def now(self) -> dt.datetime:
        """The instant of the request."""
        return self._desk.now

    @property
    def note(self) -> dict[str, Any] | None:
        """What the page before had to say."""
        return self._desk.note() if self.identity is not None else None

    def static(self, file: str) -> str:
        """The address of a static file, which changes with its content."""
        from seatguard_admin.blueprint import stamp

        return url_for(f"{self._desk.mounted.name}.static", filename=file, v=stamp(file))

    def here(self, endpoint: str | None = None, **changes: Any) -> str:
        """This page, or another one, with other filters; a change begins again at page one."""
        # What url_for takes for itself is not the reader's to give.
        kept = {
            name: value
            for name, value in request.args.items()
            if name not in ("after", "before", "endpoint") and not name.startswith("_")
        }
        asked = kept | (request.view_args or {}) | changes
        given = {name: value for name, value in asked.items() if value not in (None, "")}
        name = request.endpoint if endpoint is None else f"{self._desk.mounted.name}.{endpoint}"
        return url_for(str(name), **given)

    def address(self) -> str:
        """Where this page itself is: forms are sent there."""
        return request.script_root + request.full_path.rstrip("?")

    def role(self, role: str) -> str:
        """The word for a role."""
        t = self.t
        return {
            "viewer": t("Viewer"),
            "support": t("Support"),
            "operator": t("Operator"),
            "owner": t("Owner"),
        }[str(role)]

    def csrf(self) -> str:
        """The token of this session's forms."""
        return protection.token()

    def once(self) -> str:
        """A name for one sending of a form, so that a double click makes one thing."""
        return secrets.token_urlsafe(16)

    def nav(self) -> Iterator[tuple[str | None, list[Link]]]:
        """The navigation: groups of links the reader may follow."""
        t = self.t
        groups: list[tuple[str | None, list[tuple[str, str, str, str, str]]]] = [
            (None, [(t("Dashboard"), "layout-dashboard", "dashboard", "services.read", "d")]),
            (
                t("Manage"),
                [
                    (t("Clients"), "users", "clients", "clients.read", "c"),
                    (t("Projects"), "apps", "projects", "projects.read", "p"),
                    (t("Services"), "plug-connected", "services", "services.read", "s"),
                    (t("Plans"), "box", "plans", "plans.read", "l"),
                ],
            ),
            (
                t("Insights"),
                [
                    (t("Reports & Analytics"), "report-analytics", "reports", "reports.read", "r"),
                    (t("Activity Log"), "activity", "activity", "journal.read", "a"),
                ],
            ),
            (t("Developers"), [(t("API Documentation"), "code", "api_docs", "services.read", "i")]),
        ]
        path = request.path
        for title, links in groups:
            shown = []
            for label, icon, endpoint, needs, key in links:
                if self.can(needs):
                    url = self.url(endpoint)
                    inside = url.removeprefix(request.script_root).rstrip("/")
                    home = endpoint == "dashboard"
                    current = path.rstrip("/") == inside if home else path.startswith(inside)
                    shown.append(Link(label, icon, url, current, key))
            if shown:
                yield title, shown

    # Numbers

    def number(self, value: int) -> str:
        """A whole number with its thousands apart."""
        text = f"{value:,}"
        return text.replace(",", ".") if self.language == "de" else text

    def count(self, value: Count) -> str:
        """A count that may have stopped at its bound."""
        return self.number(value.number) + ("" if value.exact else "+")

    def gained(self, series: Sequence[int]) -> str:
        """How much a number has grown over a series."""
        return self.t("+%(count)s in 30 days", count=self.number(series[-1] - series[0]))

    def limit(self, value: int | None) -> str:
        """A limit: ``None`` is unlimited."""
        return self.t("Unlimited") if value is None else self.number(value)

    def amount(self, value: Amount) -> str:
        """An amount that a plan grants."""
        return self.number(value) if isinstance(value, int) else self.t("Unlimited")

    @staticmethod
    def granted(offer: Offer) -> int:
        """How many quotas, rate limits and features an offer has."""
        limits = (*offer.quotas.values(), *offer.rate_limits.values())
        return len(offer.features) + sum(map(len, limits))

    def feature(self, value: FeatureValue) -> str:
        """What a plan grants of a feature."""
        if isinstance(value, bool):
            return self.t("Included") if value else self.t("Not included")
        return self.number(value) if isinstance(value, int) else value

    def money(self, minor: int, currency: str) -> str:
        """An amount of money in the main unit."""
        whole, _, rest = str(Money(minor, currency)).removesuffix(f" {currency}").partition(".")
        point = "," if self.language == "de" else "."
        return self.number(int(whole)) + (f"{point}{rest}" if rest else "") + f" {currency}"

    def price(self, price: Price) -> str:
        """A price, with that of a seat on top."""
        each = self.money(price.per_seat, price.currency)
        if not price.per_seat:
            return self.money(price.amount, price.currency)
        if not price.amount:
            return self.t("%(price)s a seat", price=each)
        return self.t(
            "%(price)s + %(each)s a seat", price=self.money(price.amount, price.currency), each=each
        )

    def term(self, offer: Offer) -> str:
        """How often a price is paid."""
        t, many = self.t, offer.length
        if offer.interval is None:
            return t("once")
        if many == 1:
            return {
                "day": t("every day"),
                "week": t("every week"),
                "month": t("every month"),
                "year": t("every year"),
            }[offer.interval]
        return {
            "day": t("every %(count)s days", count=many),
            "week": t("every %(count)s weeks", count=many),
            "month": t("every %(count)s months", count=many),
            "year": t("every %(count)s years", count=many),
        }[offer.interval]

    def seats(self, used: int, limit: int | None) -> str:
        """How many of how many, in words."""
        if limit is None:
            return self.t("Unlimited · %(used)s used", used=self.number(used))
        if limit == 0 and used == 0:
            return self.t("No seats")
        told = self.n(
            "%(used)s of %(limit)s seat",
            "%(used)s of %(limit)s seats",
            limit,
            used=self.number(used),
            limit=self.number(limit),
        )
        return told + (
            " · " + self.t("%(count)s over", count=self.number(used - limit)) if used > limit else ""
        )

    percent = staticmethod(rules.percent)
    level = staticmethod(rules.level)

    # Services

    def standing(self, row: ServiceRow) -> Standing:
        """How a service stands."""
        return rules.standing(row, self.now)

    def chip(self, standing: Standing | str) -> str:
        """The word of a standing."""
        t = self.t
        return {
            "active": t("Active"),
            "trial": t("Trial"),
            "expiring": t("Expiring"),
            "expired": t("Expired"),
            "suspended": t("Suspended"),
            "scheduled": t("Scheduled"),
            "archived": t("Archived"),
            "past_due": t("Past due"),
        }[str(standing)]

    # Time

    @property
    def zone(self) -> str:
        """The zone in which times are shown."""
        return self.preferences.zone

    def local(self, instant: dt.datetime) -> dt.datetime:
        """An instant in the reader's zone."""
        return instant.astimezone(self.preferences.tz())

    def prose(self, text: str) -> str:
        """A sentence of the engine's, its instants and days told as everywhere on the page."""

        def told(found: re.Match[str]) -> str:
            try:
                moment = dt.datetime.fromisoformat(found[0])
            except ValueError:
                return found[0]
            if len(found[0]) == len("2026-01-31"):
                return self.day(moment.date())
            return f"{self.when(moment)} {self.zone}"

        return _MOMENT.sub(told, text)

    def clock(self, instant: dt.datetime) -> str:
        """The time of day, to the second."""
        return self.local(instant).strftime("%H:%M:%S")

    def when(self, instant: dt.datetime) -> str:
        """Day and time, to the second."""
        return f"{self.day(self.local(instant).date())}, {self.clock(instant)}"

    def day(self, day: dt.date) -> str:
        """A day, without its weekday."""
        name = self._months()[day.month - 1]
        return self.t("%(day)s %(month)s %(year)s", day=f"{day.day:02}", month=name, year=day.year)

    def long_day(self, instant: dt.datetime) -> str:
        """A day with its weekday, as a heading."""
        day = self.local(instant).date()
        t = self.t
        names = [
            t("Monday"),
            t("Tuesday"),
            t("Wednesday"),
            t("Thursday"),
            t("Friday"),
            t("Saturday"),
            t("Sunday"),
        ]
        return f"{names[day.weekday()]}, {self.day(day)}"

    def short_day(self, day: dt.date) -> str:
        """Day and month."""
        return self.t("%(day)s %(month)s", day=day.day, month=self._months()[day.month - 1])

    def ago(self, instant: dt.datetime) -> str:
        """How long ago."""
        seconds = int((self.now - instant).total_seconds())
        if seconds < 45:
            return self.t("just now")
        minutes = max(1, seconds // 60)
        if minutes < 60:
            return self.t("%(count)s min ago", count=minutes)
        if minutes < 24 * 60:
            return self.t("%(count)s h ago", count=minutes // 60)
        days = minutes // (24 * 60)
        return self.t("yesterday") if days == 1 else self.t("%(count)s days ago", count=days)

    def until(self, instant: dt.datetime) -> str:
        """How long still."""
        minutes = max(0, int((instant - self.now).total_seconds()) // 60)
        if minutes < 60:
            return self.t("in %(count)s min", count=minutes)
        if minutes < 48 * 60:
            return self.t("in %(count)s h", count=minutes // 60)
        return self.in_days((instant.date() - self.now.date()).days)

    def rel_day(self, day: dt.date) -> str:
        """How far a day is from today, in UTC."""
        return self.in_days((day - self.now.date()).days)

    def in_days(self, days: int) -> str:
        """A number of days ahead or behind."""
        if days == 0:
            return self.t("today")
        if days == 1:
            return self.t("tomorrow")
        if days == -1:
            return self.t("yesterday")
        if days > 0:
            return self.t("in %(count)s days", count=days)
        return self.t("%(count)s days ago", count=-days)

    def _months(self) -> list[str]:
        t = self.t
        return [
            t("Jan"),
            t("Feb"),
            t("Mar"),
            t("Apr"),
            t("May"),
            t("Jun"),
            t("Jul"),
            t("Aug"),
            t("Sep"),
            t("Oct"),
            t("Nov"),
            t("Dec"),
        ]
