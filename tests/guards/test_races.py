"""Exact counts through the guards: eight processes with an app each, on one store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from multiprocessing.synchronize import Barrier

import pytest
from flask import Flask, session
from flask.testing import FlaskClient

from seatguard.allowances import Concurrency, Quota, Rate
from seatguard_flask import Seatguard
from tests.servers.redis import RedisServer
from tests.storage.crowd import Arena, crowd

pytestmark = pytest.mark.races

PROCESSES, TIMES = 8, 10
QUOTA = Quota(limit=50)
RATE = Rate(limit=30, window=3600)
SESSIONS = Concurrency(limit=3, per_holder=True, lasts=3600)


def application(arena: Arena) -> Flask:
    """An app with a view for each guard."""
    app = Flask("shop")
    app.config.update(
        SEATGUARD_STORAGE_URI=arena.url, SEATGUARD_GATE_URI=arena.gate, SECRET_KEY="for these tests"
    )
    seats = Seatguard(app)
    sessions = seats.session_guard(
        "sessions", user=lambda: session.get("user"), project="Project", allowance=SESSIONS
    )

    @app.post("/limited")
    @seats.rate_limited("api", project="Project", rate=RATE, caller=lambda: "ada")
    def limited() -> str:
        return "done"

    @app.post("/metered")
    @seats.metered("calls", project="Project", quota=QUOTA)
    def metered() -> str:
        return "done"

    @app.post("/in")
    def sign_in() -> str:
        session["user"] = "ada"
        sessions.admit()
        return "in"

    return app


def visit(number: int, barrier: Barrier, arena: Arena) -> Counter[str]:
    """The three views in turn, each time as a new browser."""
    app = application(arena)
    counted: Counter[str] = Counter()
    barrier.wait()
    for time in range(TIMES):
        for path in ("/limited", "/metered", "/in"):
            counted[f"{path} {settled(app.test_client(), path, key=f'{number}-{time}')}"] += 1
    return counted


def settled(browser: FlaskClient, path: str, *, key: str) -> int:
    """The status in the end: a store too busy to answer in time has done nothing, and is asked again."""
    while (answer := browser.post(path, headers={"Idempotency-Key": key})).status_code == 503:
        pass
    return answer.status_code


def exactly(arena: Arena) -> None:
    """Of 80 requests to each guard as many pass as it allows, and the books say the same."""
    assert sum(crowd(visit, PROCESSES, arena), Counter()) == {
        "/limited 200": 30,
        "/limited 429": 50,
        "/metered 200": 50,
        "/metered 402": 30,
        "/in 200": 3,
        "/in 402": 77,
    }
    engine = arena.open()
    me, where = engine.actor("test", "audit", tenant=arena.tenant), engine.where(arena.project)
    balance = engine.usage.balance(me, where, "calls", quota=QUOTA).facts.balance
    assert balance is not None
    assert balance.used == 50
    assert engine.leases.live(me, where, "sessions", username="ada", allowance=SESSIONS).facts.live == 3
    engine.close()


def test_the_guards_let_exactly_as_many_pass(database_url: str) -> None:
    """On every database."""
    exactly(Arena.build(database_url, limit=1))


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_guards_let_exactly_as_many_pass_at_a_gate(
    database_url: str, redis_servers: Callable[[str], RedisServer]
) -> None:
    """Rates and usage at Valkey, the rest in the ledger beside it."""
    server = redis_servers("valkey")
    server.flush()
    exactly(Arena.build(database_url, limit=1, gate=server.url()))
