"""The app behind gunicorn, as a customer meets it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import requests

from benchmarks import apps
from benchmarks.measuring import on_cores
from tests.servers import processes


@contextmanager
def served(environment: Mapping[str, str], *, workers: int, threads: int) -> Iterator[int]:
    """The port of the app that the environment describes; one worker stays on a core of its own."""
    port = processes.free_port()
    cores = (0,) if workers == 1 else (0, 1)
    arguments = ["-w", str(workers), "--worker-class", "gthread", "--threads", str(threads)]
    app = "benchmarks.apps:from_environment()"
    with on_cores(*cores):
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", *arguments),
                *("-b", f"127.0.0.1:{port}", "--log-level", "error", app),
            ],
            env={**os.environ, **environment},
        )
    try:
        _wait_for(port, server)
        yield port
    finally:
        server.terminate()
        server.wait(15)


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while server.poll() is None and time.monotonic() < until:
        try:
            requests.get(f"http://127.0.0.1:{port}{apps.BARE}", timeout=15)
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("gunicorn did not answer")
