"""What a reader has chosen: kept in a cookie of the pages, read by the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode
from zoneinfo import ZoneInfo

from seatguard.errors import InvalidInput
from seatguard.subscriptions.rules import valid_timezone

COOKIE = "sg_prefs"
THEMES = ("auto", "light", "dark")
ROWS = (25, 50, 100)
LANGUAGES = ("auto", "en", "de")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """How the pages look to one reader.

    >>> Preferences.read({COOKIE: "theme=dark&rows=7"})
    Preferences(theme='dark', zone='UTC', rows=50, keys=True, refresh=True, language='auto')
    """

    theme: str = "auto"
    zone: str = "UTC"
    rows: int = 50
    keys: bool = True
    refresh: bool = True
    language: str = "auto"

    @classmethod
    def read(cls, cookies: Mapping[str, str]) -> Preferences:
        """From the cookies of a request; what cannot be used is as if it were not there."""
        given = {name: values[-1] for name, values in parse_qs(cookies.get(COOKIE, "")).items()}
        return cls.of(given)

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Preferences:
        """From the fields of a form or a cookie."""
        rows = given.get("rows", "")
        zone = given.get("zone", "UTC")
        try:
            valid_timezone(zone)
        except InvalidInput:
            zone = "UTC"
        return cls(
            theme=given.get("theme", "") if given.get("theme") in THEMES else "auto",
            zone=zone,
            rows=int(rows) if rows in map(str, ROWS) else 50,
            keys=given.get("keys", "on") == "on",
            refresh=given.get("refresh", "on") == "on",
            language=given.get("language", "") if given.get("language") in LANGUAGES else "auto",
        )

    def written(self) -> str:
        """As a cookie's value."""
        return urlencode(
            {
                "theme": self.theme,
                "zone": self.zone,
                "rows": self.rows,
                "keys": "on" if self.keys else "off",
                "refresh": "on" if self.refresh else "off",
                "language": self.language,
            }
        )

    def tz(self) -> ZoneInfo:
        """The zone in which times are shown."""
        return ZoneInfo(self.zone)
