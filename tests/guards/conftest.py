"""An app whose views are guarded, on an engine in memory whose clock stands still."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

import seatguard
from seatguard.testing import FrozenClock
from seatguard_flask import Seatguard
from tests.flask.conftest import Ticks


@dataclass
class Host:
    """An app with one guard and one project, ``acme``."""

    limit: int | None = 2
    config: dict[str, Any] = field(default_factory=dict)
    wrap: Callable[[seatguard.Store], seatguard.Store] = lambda store: store
    gate: str | None = None

    def __post_init__(self) -> None:
        self.clock, self.ticks = FrozenClock(), Ticks()
        opened = seatguard.open_store("memory:", gate=self.gate, clock=self.clock, steady=self.clock)
        store = self.wrap(opened)
        self.engine = seatguard.Seatguard(store, clock=self.clock, monotonic=self.ticks)
        self.app = Flask("shop")
        self.app.config.update(self.config)
        self.seats = Seatguard(self.app, engine=self.engine)
        self.project = self.seats.project("acme", limit=self.limit, domains=["acme.example"])
        self.client = self.app.test_client()

    @property
    def me(self) -> seatguard.Actor:
        return self.engine.actor("cli", "tests")

    def post(self, path: str = "/users", **options: Any) -> TestResponse:
        return self.client.post(path, **options)

    def seated(self) -> dict[str, str]:
        """Who sits there, and how: ``assigned`` or ``held``."""
        page = self.engine.seats.list(self.me, self.engine.where(self.project.id), limit=200)
        return {seat.holder: seat.state.value for seat in page.items}

    def taken(self) -> tuple[int, int]:
        """How many seats are taken: (assigned, held). Checked against the rows."""
        assert list(self.engine.verify(self.me)) == []
        states = list(self.seated().values())
        return states.count("assigned"), states.count("held")

    def entries(self, kind: str) -> list[Any]:
        """The journal's entries of a kind, oldest first."""
        from seatguard.journal.ports import Search

        self.engine.flush()
        return sorted(
            self.engine.journal.search(self.me, Search(kind=kind), limit=200).items, key=lambda e: e.id
        )


@pytest.fixture
def new_host() -> Callable[..., Host]:
    """``new_host(limit=2, SEATGUARD_EXPOSE_USAGE=True)``."""

    def make(limit: int | None = 2, **config: Any) -> Host:
        return Host(limit, config)

    return make


@pytest.fixture
def host(new_host: Callable[..., Host]) -> Host:
    """An app whose project has two seats."""
    return new_host()


@pytest.fixture(params=["sync", "async"])
def colour(request: pytest.FixtureRequest) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Runs the test with plain views and with coroutines: wraps a function as the one or the other."""

    def coroutine(function: Callable[..., Any]) -> Callable[..., Any]:
        async def view(*args: Any, **arguments: Any) -> Any:
            return function(*args, **arguments)

        return view

    return coroutine if request.param == "async" else lambda function: function
