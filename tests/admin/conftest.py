"""Pages on a sample, and somebody who reads and sends them as a browser without scripts would."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.admin.sample import PASSWORD, Sample, anybody, app_on, empty, filled

HOME = "/seatguard"


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
