"""The guarded application in processes of its own, and what its store says afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seatguard import Seatguard
from tests.journeys.server import _until_it_listens as until_it_listens
from tests.servers.processes import free_port

ROOT = Path(__file__).parents[2]


def seats_of(uri: str) -> tuple[int, int]:
    """Seats taken by the rows: (assigned, held). Every checker must find nothing."""
    engine = Seatguard.open(uri)
    me = engine.actor("test", "audit")
    assert list(engine.verify(me)) == []
    assert list(engine.journal.verify(me)) == []
    service = engine.subscriptions.list(me).items[0]
    usage = engine.seats.usage(me, service.id)
    engine.close()
    return usage.live - usage.held, usage.held


@contextmanager
def gunicorn(storage: str, log: Path, *options: str) -> Iterator[int]:
    """The application, forked from a parent that had used its store; ended by its id."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--preload", *options]
    command += ["--bind", f"127.0.0.1:{port}", "tests.guards.app_under_gunicorn:app"]
    with log.open("wb") as written:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=written,
            stderr=subprocess.STDOUT,
            env={**os.environ, "STORAGE": storage, "PYTHONPATH": str(ROOT)},
        )
    try:
        until_it_listens(process, port, log)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
