"""Kinds of values that several commands read."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import click

from seatguard.errors import InvalidInput
from seatguard.manifest.model import NEVER
from seatguard.records import valid_count
from seatguard.subscriptions.rules import valid_date

UNLIMITED = "unlimited"


class _Limit(click.ParamType[Any]):
    """A number of seats, or the word for none at all."""

    name = "N|unlimited"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if value == UNLIMITED or isinstance(value, int):
            return value  # type: ignore[no-any-return]
        try:
            return valid_count(int(value), field="limit")
        except (ValueError, InvalidInput):
            self.fail(f"{value!r} is no number of seats: give 0 to 2147483647, or 'unlimited'", param, ctx)


class _Day(click.ParamType[Any]):
    """A last day, or never."""

    name = "YYYY-MM-DD|never"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.date | str:
        if value == NEVER:
            return NEVER
        try:
            return valid_date(value, field="expiry")
        except InvalidInput as error:
            self.fail(f"{error.problems[0].message}, or 'never'", param, ctx)


class _Instant(click.ParamType[Any]):
    """An instant; a day is its beginning in UTC, and so is a time without a zone."""

    name = "WHEN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.datetime:
        if isinstance(value, dt.datetime):
            return value
        try:
            instant = dt.datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time: write 2027-12-31 or 2027-12-31T23:59:59Z", param, ctx)
        return instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)


class _Duration(click.ParamType[Any]):
    """A time span: 90s, 30m, 24h, 7d, or 0."""

    name = "SPAN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.timedelta:
        if isinstance(value, dt.timedelta):
            return value
        match = re.fullmatch(r"(\d{1,9})([smhd]?)", value)
        if match is None or (not match[2] and match[1] != "0"):
            self.fail(f"{value!r} is no time span: write 90s, 30m, 24h, 7d or 0", param, ctx)
        unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "": "seconds"}[match[2]]
        return dt.timedelta(**{unit: int(match[1])})


LIMIT = _Limit()
DAY = _Day()
INSTANT = _Instant()
DURATION = _Duration()

mode_option = click.option(
    "--mode",
    type=click.Choice(["live", "test"]),
    default="live",
    show_default=True,
    help="Services for live keys or for test keys.",
)
type_option = click.option("--type", "type_", metavar="TYPE", help="Only services of this type.")
