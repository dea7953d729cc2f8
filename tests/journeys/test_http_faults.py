"""Dead databases and killed workers, as a client of the API sees them."""

from __future__ import annotations

import http.client
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from sqlalchemy.engine import make_url

from tests.journeys.server import Api, serving
from tests.servers import MariaDBServer, PostgresServer, TcpProxy
from tests.storage.crowd import Arena

SERVERS = {"postgresql": "postgres_server", "mariadb": "mariadb_server"}


def key_of(arena: Arena) -> str:
    engine = arena.open()
    actor = engine.actor("test", "keys", tenant=arena.tenant)
    key = engine.projects.add_key(actor, arena.project).secret.reveal()
    engine.close()
    return key


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("failure", ["cut", "hold"])
def test_dead_database_is_503_in_time(
    request: pytest.FixtureRequest,
    new_database: Callable[[str], str],
    proxied: Callable[[PostgresServer | MariaDBServer], TcpProxy],
    tmp_path: Path,
    kind: str,
    failure: str,
) -> None:
    """Within three seconds, with Retry-After, never `allowed: true`; normal within two seconds of healing."""
    arena = Arena.build(new_database(kind), limit=100)
    key = key_of(arena)
    server = request.getfixturevalue(SERVERS[kind])
    proxy = proxied(server)
    database = make_url(arena.url).database
    assert database is not None
    through_proxy = server.url(database, port=proxy.port)
    with serving(through_proxy, tmp_path / "log", workers=1, SEATGUARD_VALIDATE_MAX_AGE="0") as (port, _):
        api = Api.at(port, key, "acme.example")
        assert api.post("/register-user", username="before")[0] == 200
        getattr(proxy, failure)()
        for path, members in [
            ("/validate-subscription", {}),
            ("/register-user", {"username": "during"}),
            ("/deactivate-user", {"username": "before"}),
            ("/holds", {"username": "during"}),
        ]:
            began = time.monotonic()
            status, body, headers = api.post(path, **members)
            assert time.monotonic() - began < 3.0, path
            assert (status, body["code"]) == (503, "storage_unavailable"), (path, body)
            assert int(headers["Retry-After"]) >= 1
            assert body.get("allowed") is not True
        proxy.heal()
        began = time.monotonic()
        while api.post("/register-user", username="after")[0] != 200:
            assert time.monotonic() - began < 2.0
            threading.Event().wait(0.05)
    arena.audit()


@pytest.mark.crash
def test_killed_workers_lose_no_acknowledged_seat(database_url: str, database: str, tmp_path: Path) -> None:
    """Workers are killed one after the other under load: what was answered 200 is there, nothing twice."""
    arena = Arena.build(database_url, limit=1_000_000)
    key = key_of(arena)
    acknowledged: set[str] = set()
    over = threading.Event()

    def register(client: int, port: int) -> None:
        api, attempt = Api.at(port, key, "acme.example"), 0
        while not over.is_set():
            attempt += 1
            username = f"c{client}-{attempt}"
            try:
                status, body, _ = api.post("/register-user", username=username)
            except (http.client.HTTPException, OSError):
                api.connection.close()
                continue
            assert status == 200, body
            acknowledged.add(username)

    with serving(database_url, tmp_path / "log", workers=3) as (port, pid):
        clients = [threading.Thread(target=register, args=(number, port)) for number in range(4)]
        for client in clients:
            client.start()
        killed = 0
        give_up = time.monotonic() + 60
        while killed < 12 and time.monotonic() < give_up:
            before = len(acknowledged)
            while len(acknowledged) < before + 25 and time.monotonic() < give_up:
                over.wait(0.005)
            workers = psutil.Process(pid).children(recursive=True)
            if workers:
                os.kill(workers[killed % len(workers)].pid, signal.SIGKILL)
                killed += 1
        over.set()
        for client in clients:
            client.join(30)
    assert killed == 12
    print(f"{database}: 12 workers killed, {len(acknowledged)} acknowledged")
    engine = arena.open()
    actor = engine.actor("test", "audit", tenant=arena.tenant)
    seated, after = set(), None
    while True:
        page = engine.seats.list(actor, engine.where(arena.project), limit=200, after=after)
        seated |= {seat.holder for seat in page.items}
        after = page.after
        if after is None:
            break
    engine.close()
    assert acknowledged <= seated
    found = arena.audit()
    assert found["counter"] == found["rows"] == found["seat.taken"]
