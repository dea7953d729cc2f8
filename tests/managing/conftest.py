"""An app with one of everything, managers with scopes, and a second tenant with one of everything."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import seatguard
from seatguard.actors import Actor
from seatguard.testing import FrozenClock
from seatguard_flask.views import ROUTES
from tests.flask.conftest import Ticks, World

PREFIX = "/api/v1"
MANAGED = [route for route in ROUTES if route.scope is not None]
NOWHERE = "018bcfe5-6800-7000-8000-00000000dead"
USER = "ada"


@dataclass
class Caller:
    """Somebody with a management key, or without."""

    client: FlaskClient
    key: str | None
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, **query: Any
    ) -> TestResponse:
        own = {} if self.key is None else {"X-API-Key": self.key}
        sent = {} if body is None else {"json": body}
        return self.client.open(
            PREFIX + path,
            method=method,
            headers={**own, **self.headers, **(headers or {})},
            query_string=query,
            **sent,
        )

    def get(self, path: str, **query: Any) -> TestResponse:
        return self("GET", path, **query)

    def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> TestResponse:
        return self("POST", path, body, headers)

    def put(self, path: str, body: Any) -> TestResponse:
        return self("PUT", path, body)

    def patch(self, path: str, body: Any) -> TestResponse:
        return self("PATCH", path, body)

    def delete(self, path: str) -> TestResponse:
        return self("DELETE", path)


@dataclass
class Managed(World):
    """A world with managers."""

    def caller(self, scopes: Iterable[str] = ("admin:*",), actor: Actor | None = None) -> Caller:
        made = self.engine.management.add(actor or self.me, name="tests", scopes=scopes)
        return Caller(self.app.test_client(), made.secret.reveal())

    def anybody(self) -> Caller:
        return Caller(self.app.test_client(), None)

    def ids(self, actor: Actor) -> dict[str, str]:
        """One of everything of a tenant, by the names of the paths' variables; made once."""
        engine = self.engine
        client = engine.clients.add(actor, name="Theirs", external_id="theirs")
        project = engine.projects.add(actor, client.id, name="Shop", domains=("their.example",))
        service = engine.subscriptions.add(actor, project.id, limit=5)
        engine.seats.take(actor, engine.where(project.id), USER).require()
        plan = engine.catalog.add(actor, slug="theirs", seats=5)
        engine.user_subscriptions.assign(actor, USER, plan="theirs")
        engine.overrides.change_user(actor, USER, {"rate_limits": {"api": {"perMinute": 1}}})
        return {
            "client_id": client.id,
            "project_id": project.id,
            "service_id": service.id,
            "key_id": engine.projects.add_key(actor, project.id).record.id,
            "management_key": engine.management.add(actor, name="x", scopes=["admin:*"]).record.id,
            "id": plan.id,
            "name": "their.example",
            "username": USER,
            "userId": USER,
        }

    def stranger(self) -> Actor:
        """Somebody of another tenant."""
        return self.engine.actor("cli", "other", tenant=self._new_tenant())

    def newcomer(self) -> Managed:
        """The same app and engine with a tenant of its own, which has a client, a project and a key."""
        other = copy.copy(self)
        other.settle(self.engine.actor("cli", "tests", tenant=self._new_tenant()))
        return other

    def _new_tenant(self) -> str:
        return self.engine.tenants.ensure(f"tenant-{len(self.engine.tenants.ids())}").id


@pytest.fixture(scope="package")
def installation() -> Managed:
    """One app for all: what takes time about an app is its routes. Who guesses keys is not stopped."""
    return _make(SEATGUARD_AUTH_FAILURES_PER_MINUTE=1_000_000)


@pytest.fixture
def managed(installation: Managed) -> Managed:
    """The app on the memory store, its clock frozen, for a tenant that nobody else is in."""
    return installation.newcomer()


@pytest.fixture
def alone() -> Managed:
    """An installation of its own, for its default tenant."""
    return _make()


def _make(**config: Any) -> Managed:
    clock, ticks = FrozenClock(), Ticks()
    store = seatguard.open_store("memory:", clock=clock)
    return Managed(seatguard.Seatguard(store, clock=clock, monotonic=ticks), clock, ticks, config)


@pytest.fixture
def boss(managed: Managed) -> Caller:
    """A caller who may do everything."""
    return managed.caller()


def path_of(route: Any, values: dict[str, str]) -> str:
    """The route's path with its variables filled in."""
    path: str = route.path
    for name in route.variables:
        key = "management_key" if name == "key_id" and "management-keys" in path else name
        path = path.replace("{" + name + "}", values[key])
    return path
