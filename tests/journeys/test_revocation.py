"""A management key that is revoked stops in every worker."""

from __future__ import annotations

import http.client
import time
from collections import Counter
from pathlib import Path

from seatguard import Seatguard
from tests.journeys.server import serving
from tests.storage.stores import migrate

WORKERS, TOLD_WITHIN = 4, 1.0


def status_of(port: int, key: str) -> int:
    """One call on a connection of its own, so that any of the workers may take it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/api/v1/admin/clients", headers={"X-API-Key": key})
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_revoked_key_stops_within_a_second_in_every_worker(tmp_path: Path) -> None:
    """Every worker had let it in; no call that begins a second after the revocation gets in."""
    storage = f"sqlite:///{tmp_path / 'seats.db'}"
    migrate(storage)
    engine = Seatguard.open(storage)
    me = engine.actor("cli", "tests")
    made = engine.management.add(me, name="ci", scopes=["admin:clients:read"])
    secret = made.secret.reveal()
    # Else the calls that are refused here would be told to wait: 429.
    unlimited = {"SEATGUARD_AUTH_FAILURES_PER_MINUTE": "0"}
    with serving(storage, tmp_path / "server.log", workers=WORKERS, **unlimited) as (port, _):
        assert {status_of(port, secret) for _ in range(40)} == {200}
        engine.management.revoke(me, made.record.id)
        revoked = time.monotonic()
        late: Counter[int] = Counter()
        calls = 0
        while time.monotonic() - revoked < TOLD_WITHIN or calls < 40:
            begun = time.monotonic() - revoked
            status = status_of(port, secret)
            if begun >= TOLD_WITHIN or status == 401:
                late[status] += 1
            calls += 1
        late.update(status_of(port, secret) for _ in range(40))
    engine.close()
    assert set(late) == {401}
