"""More users at once than there are seats: exact counts, in threads and in processes forked from one."""

from __future__ import annotations

import http.client
import json
import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from flask import Flask

from tests.guards.serving import ROOT, gunicorn, seats_of
from tests.storage.stores import migrate

CROWD = 150
# So few connections a worker that one of them alone cannot have the crowd.
CROWDED = ("--workers", "2", "--worker-class", "gthread", "--threads", "4", "--worker-connections", "20")


def all_at_once(ask: Callable[[int], int]) -> Counter[int]:
    """The statuses that a crowd is answered with, released together.

    On a machine with other work a store may be too slow for a crowd; after a 503 asking again is safe.
    """
    start = Barrier(CROWD)

    def one(number: int) -> int:
        start.wait(60)
        while (status := ask(number)) == 503:
            pass
        return status

    with ThreadPoolExecutor(CROWD) as threads:
        return Counter(threads.map(one, range(CROWD)))


def test_the_application_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 12 lines; 150 threads at once get 100 seats, and the 101st user is refused ever after."""
    monkeypatch.chdir(tmp_path)
    block = re.search(r"```python\n(from flask import.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block is not None
    assert len([line for line in block[1].splitlines() if line.strip()]) <= 12
    made: dict[str, Any] = {"__name__": "__main__"}
    exec(block[1], made)
    app: Flask = made["app"]

    def ask(number: int) -> int:
        return app.test_client().post("/users", json={"username": f"user{number}"}).status_code

    assert all_at_once(ask) == {201: 100, 402: 50}
    assert ask(1000) == 402
    assert seats_of("sqlite:///seats.db") == (100, 0)


def test_one_user_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd of double submits is one seat, whichever of them fails."""
    monkeypatch.setenv("STORAGE", f"sqlite:///{tmp_path}/seats.db")
    made: dict[str, Any] = {"__name__": "made"}
    exec((Path(__file__).parent / "app_under_gunicorn.py").read_text(), made)
    app: Flask = made["app"]

    def ask(number: int) -> int:
        return app.test_client().post("/users", json={"username": "ada"}).status_code

    assert all_at_once(ask) == {201: CROWD}
    assert seats_of(f"sqlite:///{tmp_path}/seats.db") == (1, 0)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_forked_workers(database: str, new_database: Callable[[str], str], tmp_path: Path) -> None:
    """`gunicorn --preload`: both workers give seats, exactly as many as there are; failures cost none."""
    uri = new_database(database)
    if database != "sqlite":
        migrate(uri)
    pids: set[int] = set()

    with gunicorn(uri, tmp_path / "gunicorn.log", *CROWDED) as port:

        def ask(number: int) -> int:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            body = json.dumps({"username": f"user{number}"})
            connection.request("POST", "/users", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            read = answer.read()
            connection.close()
            if answer.status == 201:
                pids.add(json.loads(read)["pid"])
            return answer.status

        statuses = all_at_once(ask)
        made = statuses[201]
        # A failing view held a seat meanwhile, so some of the crowd may have been refused too early.
        while ask(1000 + 10 * made) == 201:
            made += 1
    assert set(statuses) <= {201, 402, 500}
    assert made == 100
    assert seats_of(uri) == (100, 0)
    assert len(pids) == 2
