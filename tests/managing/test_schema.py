"""Requests made from the OpenAPI document, good and bad ones, each by nobody, by somebody weak, by the boss.

For each operation: no 5xx, no status and no body that the document does not have, and no body accepted that
the document forbids. ``SEATGUARD_TEST_SCHEMA_CASES`` sets how many requests the boss makes in all (300).
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask, request
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.generation.case import Case
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)
from werkzeug.serving import make_server

from seatguard_flask import Seatguard
from tests.flask.conftest import DOMAIN
from tests.managing.conftest import USER, Managed

CASES = int(os.environ.get("SEATGUARD_TEST_SCHEMA_CASES", "300"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
STATES = ("nobody", "weak", "boss")
TRANSPORTS = ("in process", "over HTTP")


@pytest.fixture
def managed(alone: Managed) -> Managed:
    """An installation whose host signs in whom a header names, and that stops nobody who guesses keys."""
    app = Flask("shop")
    app.config["SEATGUARD_AUTH_FAILURES_PER_MINUTE"] = 1_000_000
    Seatguard(app, engine=alone.engine).holder_loader(lambda: request.headers.get("X-User"))
    alone.app = app
    return alone


@pytest.fixture
def served(managed: Managed) -> Iterator[str]:
    """The app behind a socket; its URL."""
    server = make_server("127.0.0.1", 0, managed.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join(10)
    server.server_close()


def who(managed: Managed, state: str) -> Callable[[Any], dict[str, str]]:
    """The headers with which somebody calls an operation."""
    if state == "nobody":
        return lambda _: {}
    engine, me = managed.engine, managed.me
    if state == "weak":
        client = engine.clients.add(me, name="Weak")
        project = engine.projects.add(me, client.id, name="Weak", domains=("weak.example",))
        key = engine.projects.add_key(me, project.id).secret.reveal()
        domain, scopes, user = "weak.example", ["subscriptions:read"], "stranger"
    else:
        key, domain, scopes, user = managed.api.key, DOMAIN, ["admin:*", "subscriptions:read"], USER
    manager = engine.management.add(me, name=state, scopes=scopes).secret.reveal()

    def headers(operation: Any) -> dict[str, str]:
        schemes = {scheme for one in operation.definition.raw.get("security", ()) for scheme in one}
        if "management" in schemes:
            return {"X-API-Key": manager}
        if "token" in schemes:
            return {"X-User": user}
        return {"X-API-Key": key, "X-Seatguard-Domain": domain}

    return headers


def fitting(names: set[str], ids: dict[str, str], path: str) -> dict[str, Any] | None:
    """Values for the variables of a path with which there is something at its end."""
    if not names:
        return None
    known = {
        **ids,
        "slug": "theirs",
        "key_id": ids["management_key" if "management-keys" in path else "key_id"],
    }
    return {name: known.get(name, "018bcfe5-6800-7000-8000-00000000dead") for name in names}


def is_sent_wrong(case: Case) -> bool:
    """Whether what is wrong with a request is still wrong on the wire.

    A list in a list becomes one text there, which a parameter may be; and a header ``Authorization`` that is
    no bearer's means nothing beside a good key.
    """
    parts = {part.value: about.mode for part, about in case.meta.components.items()} if case.meta else {}
    values = [
        value
        for given in (case.query or {}).values()
        for value in (given if isinstance(given, list) else [given])
    ]
    nested = any(isinstance(value, list | dict) for value in values)
    others = [mode for name, mode in parts.items() if name != "header"]
    return not nested and (GenerationMode.NEGATIVE in others or "header" not in parts)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_happens_is_what_is_documented(managed: Managed, served: str, transport: str) -> None:
    """In process and over HTTP, whoever asks."""
    schema = (
        schemathesis.openapi.from_wsgi("/api/v1/openapi.json", managed.app)
        if transport == "in process"
        else schemathesis.openapi.from_url(served + "/api/v1/openapi.json")
    )
    operations = [found.ok() for found in schema.get_all_operations()]
    ids, callers = managed.ids(managed.me), {state: who(managed, state) for state in STATES}
    managed.service(limit=1000)
    each = max(1, CASES // (2 * len(operations) * len(TRANSPORTS)))
    answered: dict[str, Counter[int]] = {state: Counter() for state in STATES}

    def run(operation: Any, mode: GenerationMode, values: dict[str, Any] | None) -> None:
        given_values = {} if values is None else {"path_parameters": values}

        @settings(
            max_examples=each,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(mode, **given_values))
        def one(case: Case) -> None:
            checks = CHECKS if is_sent_wrong(case) else CHECKS[:-1]
            # To make a request takes longer than to answer it: each is made once, for all of them.
            for state, headers in callers.items():
                own = headers(operation)
                response = case.call(headers=own)
                answered[state][response.status_code] += 1
                case.validate_response(response, checks=checks, headers=own)

        try:
            one()
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, operation.label  # nothing of it can be wrong

    for operation in operations:
        names = {one["name"] for one in operation.definition.raw.get("parameters", ()) if one["in"] == "path"}
        for mode in GenerationMode:
            values = fitting(names, ids, operation.path) if mode is GenerationMode.POSITIVE else None
            run(operation, mode, values)
    for state, statuses in answered.items():
        print(f"{state}, {transport}: {statuses.total()} requests", dict(sorted(statuses.items())))
        assert statuses.total() >= len(operations)
        assert {status for status in statuses if status >= 500} == set()
    assert {200, 201, 204, 404} <= {*answered["boss"]}
    assert 401 in answered["nobody"]
    assert 403 in answered["weak"]
