"""A server, a Chromium, and pages that keep an account of everything that went wrong in them."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from werkzeug.serving import make_server

from tests.admin.sample import PASSWORD, Sample, anybody, app_on, empty, filled

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

SHOTS = Path(__file__).parents[2] / "screenshots"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is for the browser's own run."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


def _executable() -> str:
    found = os.environ.get("SEATGUARD_TEST_CHROMIUM") or shutil.which("chromium")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("there is no chromium; on CI that is a failure")
        pytest.skip("there is no chromium")
    return found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One browser for the whole run."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=_executable(), args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Visit:
    """One page in one window, and what went wrong or was asked for in it."""

    page: Any
    base: str
    wrong: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def open(self, path: str = "/") -> Any:
        """Go to one of our pages."""
        self.page.goto(f"{self.base}/seatguard{path}")
        return self.page

    def foreign(self) -> list[str]:
        """Requests that left the host."""
        home = urlsplit(self.base).netloc
        return [url for url in self.asked if urlsplit(url).netloc not in (home, "")]


Open = Callable[..., Visit]


@pytest.fixture
def visit(chromium: Any) -> Iterator[Open]:
    """`visit(base, theme="dark", width=390)`: a window with nothing in its cache."""
    contexts = []

    def open_window(
        base: str, *, theme: str = "light", width: int = 1440, scripts: bool = True, **options: Any
    ) -> Visit:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=theme,
            java_script_enabled=scripts,
            **options,
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        page = context.new_page()
        seen = Visit(page, base)

        def note(message: Any) -> None:
            # A refused form is told by its status too; that is no error of the page.
            if message.type == "error" and "the server responded with a status of 4" not in message.text:
                seen.wrong.append(message.text)

        page.on("console", note)
        page.on("pageerror", lambda error: seen.wrong.append(str(error)))
        page.on("request", lambda request: seen.asked.append(request.url))
        return seen

    yield open_window
    for context in contexts:
        context.close()


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """The app behind a port of this machine."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture(scope="session")
def stock() -> Sample:
    """Something of everything, for tests that only look."""
    return filled()


@pytest.fixture(scope="session")
def shown(stock: Sample) -> Iterator[str]:
    """The pages on it, open to an owner."""
    with serving(app_on(stock, authorizer=anybody())) as base:
        yield base


@pytest.fixture
def sample() -> Sample:
    """Something of everything, to be changed."""
    return filled()


@pytest.fixture
def bare() -> Sample:
    """Nothing yet."""
    return empty()


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """`serve(sample, role="viewer")`: the pages on a sample."""
    stack = []

    def start(sample: Sample, *, role: str = "owner", **options: Any) -> str:
        options.setdefault("authorizer", anybody(role))
        return run(app_on(sample, **options))

    def run(app: Flask) -> str:
        context = serving(app)
        stack.append(context)
        return context.__enter__()

    start.app = run  # type: ignore[attr-defined]
    yield start
    for context in stack:
        context.__exit__(None, None, None)


@pytest.fixture
def password() -> str:
    """Of every administrator of a sample."""
    return PASSWORD
