"""The command `seatguard serve` in a process of its own, and clients that speak plain HTTP to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.processes import free_port


@dataclass(frozen=True)
class Api:
    """One client's connection to the API; kept open as long as the server keeps it."""

    connection: http.client.HTTPConnection
    key: str
    domain: str

    @classmethod
    def at(cls, port: int, key: str, domain: str) -> Api:
        """A client of the server on that port."""
        return cls(http.client.HTTPConnection("127.0.0.1", port, timeout=20), key, domain)

    def post(self, path: str, **members: Any) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Send a JSON body with key and domain.

        Returns:
            status, body and headers.
        """
        body = json.dumps({"api_key": self.key, "domain": self.domain, **members})
        self.connection.request("POST", f"/api/v1{path}", body, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read()), dict(answer.getheaders())


@contextmanager
def serving(storage: str, log: Path, *, workers: int = 2, **environment: str) -> Iterator[tuple[int, int]]:
    """`seatguard serve` on a free port; ended by its process id.

    Yields:
        the port and the process id.
    """
    port = free_port()
    command = [sys.executable, "-m", "seatguard_flask.cli", "serve", "--storage", storage]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)]
    with log.open("wb") as written:
        process = subprocess.Popen(
            command,
            stdout=written,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
            start_new_session=True,
        )
    try:
        _until_it_listens(process, port, log)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)


def _until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            continue
        return
    raise AssertionError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")
