"""Pages on a sample, and somebody who reads and sends them as a browser without scripts would."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.admin.sample import PASSWORD, Sample, anybody, app_on, empty, filled

HOME = "/seatguard"


class Fields(HTMLParser):
    """Collects what a browser would send of the form with the most fields."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self._forms = 0
        self._area: str | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name"), given.get("value") or ""
        match tag:
            case "form" if "sg-form" in (given.get("class") or ""):
                self._forms = 1
            case "input" if self._forms and name is not None:
                if given.get("type") not in ("checkbox", "radio") or "checked" in given:
                    ticked = given.get("type") == "checkbox"
                    self.values.setdefault(name, []).append(value or "on" if ticked else value)
            case "textarea" if self._forms and name is not None:
                self._area = name
                self.values[name] = [""]
            case "select" if self._forms:
                self._select = name
            case "option" if self._select is not None:
                if self._select not in self.values or "selected" in given:
                    self.values[self._select] = [value]

    def handle_endtag(self, tag: str) -> None:
        match tag:
            case "form":
                self._forms = 0
            case "textarea":
                self._area = None
            case "select":
                self._select = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self.values[self._area] = [self.values[self._area][0] + data]


class Reader:
    """A browser without scripts: reads pages, fills forms in, and sends them with what is hidden in them."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, **options: Any) -> TestResponse:
        """A page."""
        return self.client.get(HOME + path, **options)

    def text(self, path: str) -> str:
        """A page that must be there."""
        response = self.get(path)
        assert response.status_code == 200, (path, response.status_code)
        return response.text

    def hidden(self, path: str) -> dict[str, str]:
        """The hidden fields of the forms of a page."""
        text = self.text(path)
        found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', text)
        return {name: unescape(value) for name, value in found if name != "theme"}

    def fill(self, path: str, **fields: Any) -> TestResponse:
        """Fill in the form of a page and send it."""
        return self.client.post(HOME + path, data=self.hidden(path) | fields)

    def filled(self, path: str) -> dict[str, list[str]]:
        """The fields of a page's form as they stand there, each with all its values."""
        found = Fields()
        found.feed(self.text(path))
        return found.values

    def reviewed(self, path: str, fields: dict[str, Any]) -> dict[str, Any]:
        """What the second of two steps sends: the form as the page that shows its changes has it."""
        shown = self.client.post(HOME + path, data=self.filled(path) | fields)
        assert shown.status_code == 200, shown.text
        found = Fields()
        found.feed(shown.text)
        return found.values | {"step": "publish"}

    def post(self, path: str, **fields: Any) -> TestResponse:
        """Press a button that is a form of its own."""
        token = self.hidden("/preferences")["csrf_token"]
        return self.client.post(HOME + path, data={"csrf_token": token} | fields)


@pytest.fixture
def sample() -> Sample:
    """Something of everything."""
    return filled()


@pytest.fixture
def bare() -> Sample:
    """Nothing yet."""
    return empty()


Read = Callable[..., Reader]


@pytest.fixture
def reader() -> Read:
    """`reader(sample, role="viewer")`: somebody of that role at the pages of a sample."""

    def read(sample: Sample, *, role: str = "owner", **options: Any) -> Reader:
        options.setdefault("authorizer", anybody(role))
        return Reader(app_on(sample, **options).test_client())

    return read


@pytest.fixture
def signed_in() -> Callable[[Sample, str], Reader]:
    """`signed_in(sample, "ada")`: somebody signed in by the pages' own form."""

    def sign_in(sample: Sample, name: str) -> Reader:
        reader = Reader(app_on(sample).test_client())
        answer = reader.fill("/sign-in", name=name, password=PASSWORD)
        assert answer.status_code == 303
        return reader

    return sign_in
