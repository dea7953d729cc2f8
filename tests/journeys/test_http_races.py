"""Never oversold through HTTP: eight client processes at a server of several workers."""

from __future__ import annotations

import time
from collections import Counter
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from tests.journeys.server import Api, serving
from tests.storage.crowd import Arena, crowd, measure

pytestmark = pytest.mark.races

CLIENTS, ATTEMPTS, LIMIT = 8, 2500, 1000


def register_over_http(number: int, barrier: Barrier, port: int, key: str) -> Counter[int]:
    """Register that many users of this client's own; count the statuses."""
    api = Api.at(port, key, "acme.example")
    statuses: Counter[int] = Counter()
    barrier.wait()
    for attempt in range(ATTEMPTS):
        status, body, _ = api.post("/register-user", username=f"user{number}-{attempt}")
        statuses[status] += 1
        if status == 403:
            assert body["data"]["current"] == LIMIT, body
    return statuses


def test_exactly_the_limit_is_registered(database_url: str, database: str, tmp_path: Path) -> None:
    """8 clients x 2,500 users at limit 1,000: 1,000 answered 200, the others 403, none 5xx, none lost."""
    arena = Arena.build(database_url, limit=LIMIT)
    engine = arena.open()
    actor = engine.actor("test", "keys", tenant=arena.tenant)
    key = engine.projects.add_key(actor, arena.project).secret.reveal()
    engine.close()
    with serving(database_url, tmp_path / "server.log", workers=4) as (port, _):
        began = time.monotonic()
        statuses = sum(crowd(register_over_http, CLIENTS, port, key), Counter())
        measure(f"{database}: {CLIENTS} clients x {ATTEMPTS} over HTTP", began, CLIENTS * ATTEMPTS)
    assert statuses == {200: LIMIT, 403: CLIENTS * ATTEMPTS - LIMIT}
    found = arena.audit()
    assert (found["counter"], found["rows"], found["seat.taken"]) == (LIMIT, LIMIT, LIMIT)
