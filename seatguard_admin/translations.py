"""Texts in the reader's language: a gettext domain of our own, with or without Flask-Babel."""

from __future__ import annotations

import functools
import gettext
from pathlib import Path
from typing import Any

from flask import Request

DOMAIN = "seatguard_admin"
LOCALES = Path(__file__).parent / "locale"
KNOWN = ("en", "de")


class Words:
    """The texts of one language.

    >>> Words("en").n("%(count)s seat", "%(count)s seats", 1, count=1)
    '1 seat'
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self._catalog = _catalog(language)

    def t(self, text: str, /, **values: Any) -> str:
        """A text; ``values`` are put in the places ``%(name)s``."""
        told = self._catalog.gettext(text)
        return told % values if values else told

    def n(self, one: str, many: str, count: int, /, **values: Any) -> str:
        """A text for one or for many."""
        return self._catalog.ngettext(one, many, count) % values


@functools.cache
def _catalog(language: str) -> gettext.NullTranslations:
    # English is the texts themselves.
    return gettext.translation(DOMAIN, LOCALES, languages=[language], fallback=True)


def language_of(request: Request, chosen: str) -> str:
    """The reader's language: chosen here, else the host's by Flask-Babel, else the browser's."""
    if chosen in KNOWN:
        return chosen
    return _by_babel() or request.accept_languages.best_match(KNOWN, default="en") or "en"


def _by_babel() -> str | None:
    from flask import current_app

    if "babel" not in current_app.extensions:
        return None
    import flask_babel

    locale = flask_babel.get_locale()
    return locale.language if locale is not None and locale.language in KNOWN else None
