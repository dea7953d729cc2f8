"""An app on the memory store, a project with a key, and a caller who speaks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import seatguard
from seatguard.actors import Actor
from seatguard.testing import FrozenClock
from seatguard_flask import Seatguard

DOMAIN = "acme.example"
PREFIX = "/api/v1"


@dataclass
class Ticks:
    """A monotonic clock that is moved by hand."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Api:
    """A caller with a key and a domain; every member can be replaced, or left out with None."""

    client: FlaskClient
    key: str
    domain: str = DOMAIN
    prefix: str = PREFIX

    def post(self, path: str, headers: dict[str, str] | None = None, **members: Any) -> TestResponse:
        body = {"api_key": self.key, "domain": self.domain, **members}
        body = {name: value for name, value in body.items() if value is not None}
        return self.client.post(self.prefix + path, json=body, headers=headers)

    def raw(self, path: str, data: bytes, content_type: str | None = "application/json") -> TestResponse:
        return self.client.post(self.prefix + path, data=data, content_type=content_type)

    def _by_url(self, method: str, path: str, headers: dict[str, str] | None, query: Any) -> TestResponse:
        sent = {"X-API-Key": self.key, "X-Seatguard-Domain": self.domain, **(headers or {})}
        return self.client.open(
            self.prefix + path,
            method=method,
            headers={name: value for name, value in sent.items() if value is not None},
            query_string=query,
        )

    def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> TestResponse:
        return self._by_url("GET", path, headers, query)

    def delete(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> TestResponse:
        return self._by_url("DELETE", path, headers, query)

    def validate(self, **members: Any) -> TestResponse:
        return self.post("/validate-subscription", **members)

    def register(self, username: Any, headers: dict[str, str] | None = None, **members: Any) -> TestResponse:
        return self.post("/register-user", headers, username=username, **members)


@dataclass
class World:
    """A tenant with one client, one project and one service, and an app on it."""

    engine: seatguard.Seatguard
    clock: FrozenClock
    ticks: Ticks
    config: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.app = self.make_app()
        self.settle(self.engine.actor("cli", "tests"))

    def settle(self, me: Actor) -> None:
        """Give the actor's tenant a client, a project and a key, and speak for it from now on."""
        self.me = me
        self.client_id = self.engine.clients.add(self.me, name="Acme").id
        self.project_id = self.engine.projects.add(self.me, self.client_id, name="Shop", domains=(DOMAIN,)).id
        self.key = self.engine.projects.add_key(self.me, self.project_id)
        self.api = Api(self.app.test_client(), self.key.secret.reveal())

    def make_app(self, **config: Any) -> Flask:
        app = Flask("shop")
        app.config.update(self.config, **config)
        Seatguard(app, engine=self.engine)
        return app

    def set(self, **settings: Any) -> Api:
        """The same caller at an app with other settings."""
        app = self.make_app(**{f"SEATGUARD_{name}": value for name, value in settings.items()})
        return Api(app.test_client(), self.api.key)

    def service(self, **agreed: Any) -> str:
        """Give the project a service; its id."""
        return self.engine.subscriptions.add(self.me, self.project_id, **agreed).id

    def other_project(self, name: str = "Other", domain: str = "other.example", **agreed: Any) -> Api:
        """Another project of the same client, with a service of its own."""
        project = self.engine.projects.add(self.me, self.client_id, name=name, domains=(domain,))
        self.engine.subscriptions.add(self.me, project.id, **(agreed or {"limit": 5}))
        key = self.engine.projects.add_key(self.me, project.id).secret.reveal()
        return Api(self.app.test_client(), key, domain)

    def entries(self, kind: str | None = None) -> list[Any]:
        """The journal's entries of a kind, oldest first."""
        from seatguard.journal.ports import Search

        page = self.engine.journal.search(self.me, Search(kind=kind), limit=200)
        return sorted(page.items, key=lambda entry: entry.id)


def make_world(
    options: seatguard.EngineOptions | None = None,
    store: Any = None,
    steady: FrozenClock | None = None,
    **config: Any,
) -> World:
    clock, ticks = FrozenClock(), Ticks()
    store = store or seatguard.open_store("memory:", clock=clock, steady=steady)
    engine = seatguard.Seatguard(store, clock=clock, options=options, monotonic=ticks)
    return World(engine, clock, ticks, config)


@pytest.fixture
def world() -> World:
    """A project without a service; ask for one with ``world.service(limit=...)``."""
    return make_world()


@pytest.fixture
def api(world: World) -> Api:
    """A caller whose project has two seats."""
    world.service(limit=2, type="standard", expiry="2027-12-31")
    return world.api


@pytest.fixture
def new_world() -> Callable[..., World]:
    """Makes a world with other options, another store or other settings."""
    return make_world
