"""A language that nobody speaks: texts in brackets and 40 percent longer, so that what is none shows."""

from __future__ import annotations

import gettext
import re

import pytest

from seatguard_admin import translations

OPEN, CLOSE = "\u27e6", "\u27e7"
_PLACE = re.compile(r"(%\(\w+\)[sd]|%%)")
_ACCENTS = str.maketrans("aeiouAEIOU", "\u00e5\u00e9\u00ef\u00f8\u00fc\u00c5\u00c9\u00cf\u00d8\u00dc")


def pseudo(text: str) -> str:
    """The text in that language.

    >>> pseudo("Seats") == "\u27e6S\u00e9\u00e5ts ~~\u27e7"
    True
    """
    parts = _PLACE.split(text)
    told = "".join(part if _PLACE.fullmatch(part) else part.translate(_ACCENTS) for part in parts)
    return f"{OPEN}{told} {'~' * max(2, len(text) * 4 // 10)}{CLOSE}"


class _Pseudo(gettext.NullTranslations):
    def gettext(self, message: str) -> str:
        return pseudo(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return pseudo(msgid1 if n == 1 else msgid2)


def speak(monkeypatch: pytest.MonkeyPatch) -> None:
    """All pages speak it, until the test is over."""
    monkeypatch.setattr(translations, "_catalog", lambda _language: _Pseudo())
