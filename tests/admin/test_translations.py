"""Two languages, complete: every text of the pages is translated, and shown to whom wants it."""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from seatguard_admin.translations import DOMAIN, LOCALES, Words
from tests.admin.conftest import Read
from tests.admin.messages import texts
from tests.admin.places import places
from tests.admin.pseudo import CLOSE, OPEN, speak
from tests.admin.sample import CLIENTS, Sample

PLACES = re.compile(r"%\(\w+\)[sd]|%%")


def catalog() -> dict[object, str]:
    """The compiled German texts."""
    found = gettext.translation(DOMAIN, LOCALES, languages=["de"])
    made: dict[object, str] = found._catalog  # type: ignore[attr-defined]
    return made


def entries() -> Iterator[tuple[str, str | None, list[str]]]:
    """What the German source file says: text, plural, translations."""
    source = (LOCALES / "de" / "LC_MESSAGES" / f"{DOMAIN}.po").read_text()
    for block in source.split("\n\n")[1:]:
        words = {}
        for key, value in re.findall(r'^(msg\S+) ((?:".*"\n?)+)', block + "\n", re.MULTILINE):
            words[key] = "".join(
                part.encode().decode("unicode_escape").encode("latin-1").decode()
                for part in re.findall(r'"(.*)"', value)
            )
        told = [text for key, text in words.items() if key.startswith("msgstr")]
        yield words["msgid"], words.get("msgid_plural"), told


def test_every_text_is_translated() -> None:
    """None is missing, none is left over, and none is empty."""
    known = {one: many for one, many, _ in entries()}
    assert known == texts()
    assert all(text for _, _, told in entries() for text in told)


def test_what_is_put_in_is_put_in_everywhere() -> None:
    """A translation has the same places as its text."""
    for one, _, told in entries():
        for text in told:
            assert sorted(PLACES.findall(text)) == sorted(PLACES.findall(one)), one


def test_the_compiled_file_is_that_of_the_source() -> None:
    """`msgfmt` was run after the last change."""
    compiled = catalog()
    for one, many, told in entries():
        if many is None:
            assert compiled[one] == told[0]
        else:
            assert [compiled[(one, at)] for at in range(len(told))] == told


def test_one_and_many() -> None:
    """By number, in both languages."""
    for language, one, many in (("en", "1 service", "2 services"), ("de", "1 Dienst", "2 Dienste")):
        words = Words(language)
        for count, told in ((1, one), (2, many)):
            assert words.n("%(count)s service", "%(count)s services", count, count=count) == told


class _Said(HTMLParser):
    """Collects what is shown or read out and stands in no text: neither translated nor marked as data."""

    DATA = frozenset(
        {"bdi", "code", "pre", "kbd", "time", "option", "title", "style", "script", "ins", "del"}
    )

    def __init__(self) -> None:
        super().__init__()
        self.bare: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("input", "link", "meta", "use", "rect", "line", "polyline", "path", "img", "br"):
            self._inside.append(tag)
        self._look([value for name, value in attrs if name in ("placeholder", "alt") and value])

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not self.DATA.intersection(self._inside):
            self._look([data.strip()])

    def _look(self, texts: list[str]) -> None:
        for text in texts:
            rest, before = text, None
            while rest != before:
                rest, before = re.sub(f"{OPEN}[^{OPEN}{CLOSE}]*{CLOSE}", "", rest), rest
            # A single word is a name or a code; two are said by somebody.
            if re.search("[A-Za-z]{2,} [A-Za-z]{2,}", rest):
                self.bare.append(text)


def test_every_text_on_every_page_is_translated(
    sample: Sample, reader: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a language of brackets what is outside them is a name, a code, a number, or somebody's data."""
    speak(monkeypatch)
    ada, bare = reader(sample), set()
    for path in places(sample):
        if path == "/api-docs":
            continue  # the document of the API has one language
        said = _Said()
        said.feed(ada.text(path))
        bare.update(said.bare)
    # Fields of entries are told as they are on record.
    told = ["external id", "old ends at", "priority support"]
    known = [*CLIENTS, "Back office", *told]
    assert sorted(text for text in bare if not any(name in text for name in known)) == []


@pytest.mark.parametrize("header", ["de-DE,de;q=0.9,en;q=0.5", "de"])
def test_the_browsers_language_counts(sample: Sample, reader: Read, header: str) -> None:
    """Every page is there in German, with its language told."""
    ada = reader(sample)
    for path in places(sample):
        response = ada.get(path, headers={"Accept-Language": header})
        assert response.status_code == 200, path
        assert '<html lang="de"' in response.text
    page = ada.get("/", headers={"Accept-Language": header}).text
    assert "Ablaufende Abos" in page
    assert "Expiring Subscriptions" not in page


def test_the_readers_choice_goes_before(sample: Sample, reader: Read) -> None:
    """And an unknown language is English."""
    ada = reader(sample)
    assert 'lang="en"' in ada.get("/", headers={"Accept-Language": "fi"}).text
    ada.fill("/preferences", language="de", zone="UTC", theme="auto")
    assert 'lang="de"' in ada.get("/", headers={"Accept-Language": "en"}).text


def test_a_hosts_flask_babel_counts_too(sample: Sample) -> None:
    """Where the host translates its pages, ours follow."""
    babel = pytest.importorskip("flask_babel")
    from tests.admin.sample import anybody, app_on

    app = app_on(sample, authorizer=anybody())
    babel.Babel(app, locale_selector=lambda: "de")
    assert 'lang="de"' in app.test_client().get("/seatguard/").text
