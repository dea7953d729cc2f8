"""A server that loses patience with a view."""

from __future__ import annotations

import contextlib
import http.client
import json
from pathlib import Path

from tests.guards.serving import gunicorn, seats_of


def test_a_view_that_times_out_costs_no_seat(tmp_path: Path) -> None:
    """gunicorn ends the worker in the middle of the view; the seat is free when the client hears of it."""
    uri = f"sqlite:///{tmp_path}/seats.db"
    with gunicorn(uri, tmp_path / "gunicorn.log", "--workers", "1", "--timeout", "1") as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        body = json.dumps({"username": "ada"})
        connection.request("POST", "/slow", body, {"Content-Type": "application/json"})
        # A gunicorn tells of its error, or just hangs up.
        with contextlib.suppress(http.client.RemoteDisconnected):
            assert connection.getresponse().status == 500
        connection.close()
        assigned, held = seats_of(uri)
    log = (tmp_path / "gunicorn.log").read_text()
    assert "WORKER TIMEOUT" in log
    # A worker that has not ended a second later is killed; then the hold ends by itself.
    assert (assigned, held) == (0, 0) or (assigned == 0 and "SIGKILL" in log)
