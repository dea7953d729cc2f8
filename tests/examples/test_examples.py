"""The examples work as their READMEs say: each against a server process on a free port."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import requests

from tests.examples.running import ENVIRONMENT, EXAMPLES, ROOT, Spawn, read_until


@pytest.fixture
def demo(spawn: Spawn) -> dict[str, Any]:
    line = read_until(
        spawn("seatguard_flask.cli", "demo", "--port", "0", "--data", "demo", "--json"), r"^(\{.*\})$"
    )
    facts: dict[str, Any] = json.loads(line)
    return facts


def test_the_quickstart_refuses_its_101st_user(spawn: Spawn) -> None:
    """As the README says: 201 as often as you ask for one user, 402 for one too many."""
    app = EXAMPLES / "quickstart" / "app.py"
    server = spawn("flask", "--app", str(app), "run", "--port", "0", "--no-reload")
    url = read_until(server, r"Running on (http://\S+)") + "/users"
    with requests.Session() as session:
        for _ in range(2):
            answer = session.post(url, json={"username": "ada"}, timeout=10)
            assert (answer.status_code, answer.json()) == (201, {"username": "ada"})
        statuses = [
            session.post(url, json={"username": f"user{number}"}, timeout=10).status_code
            for number in range(100)
        ]
        assert statuses == [201] * 99 + [402]
        refused = session.post(url, json={"username": "bob"}, timeout=10)
        assert refused.json()["code"] == "limit_reached"


def test_the_quickstart_is_the_application_of_the_readme() -> None:
    """The two are one text, so that neither grows old alone."""

    def spaced(text: str) -> list[str]:
        return [line for line in text.splitlines() if line.strip()]

    block = re.search(r"```python\n(from flask import.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block is not None
    app = (EXAMPLES / "quickstart" / "app.py").read_text()
    assert spaced(block[1]) == spaced(app.partition("\n")[2])


def client(*command: str, key: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=EXAMPLES / "validation_client",
        env={**ENVIRONMENT, "SEATGUARD_API_KEY": key},
    )


def commands() -> list[tuple[str, ...]]:
    return [(sys.executable, "client.py"), ("sh", "client.sh")]


@pytest.mark.parametrize("command", commands(), ids=["python", "curl"])
def test_a_client_registers_a_user_and_is_told_when_it_is_full(
    command: tuple[str, ...], demo: dict[str, Any]
) -> None:
    """0 for a seat, 0 again for the same user, 1 when there is none to give."""
    if shutil.which(command[0]) is None or (command[0] == "sh" and shutil.which("curl") is None):
        pytest.skip("curl is not installed")
    for _ in range(2):
        done = client(*command, demo["url"], demo["domain"], "john_doe", key=demo["api_key"])
        assert done.returncode == 0, done
        assert "User registered successfully." in done.stdout
    assert demo["api_key"] not in done.stdout + done.stderr
    lower = subprocess.run(
        [sys.executable, "-m", "seatguard_flask.cli", "service", "limit", str(demo["service_id"]), "46"],
        env={**ENVIRONMENT, "SEATGUARD_STORAGE_URI": f"sqlite:///{demo['data']}/seats.db"},
        check=True,
        capture_output=True,
    )
    assert lower.returncode == 0
    full = client(*command, demo["url"], demo["domain"], "one_too_many", key=demo["api_key"])
    assert full.returncode == 1, full
    assert "Subscription limit reached or expired." in full.stdout


@pytest.mark.parametrize("command", commands(), ids=["python", "curl"])
def test_a_client_that_is_not_known_gets_no_verdict(command: tuple[str, ...], demo: dict[str, Any]) -> None:
    """2: neither yes nor no."""
    done = client(*command, demo["url"], demo["domain"], "ada", key=demo["api_key"][::-1])
    assert done.returncode == 2, done


class _Flaky(BaseHTTPRequestHandler):
    """Away twice, then there."""

    keys: list[tuple[str, str | None]]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.keys.append((self.path, self.headers["Idempotency-Key"]))
        away = len(self.keys) % 3 != 0
        body = {"status": "error", "code": "storage_unavailable", "message": "Away."}
        if not away:
            body = {"status": "success", "message": "User registered successfully.", "data": {}}  # type: ignore[dict-item]
        self.send_response(503 if away else 200)
        if away:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def test_the_python_client_asks_again_with_the_same_key() -> None:
    """Three attempts, one idempotency key: whichever of them arrived, one seat."""
    handler = type("Handler", (_Flaky,), {"keys": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        done = client(sys.executable, "client.py", url, "yourdomain.com", "ada", key="key")
    finally:
        server.shutdown()
        server.server_close()
    assert done.returncode == 0, done
    for route in ("validate-subscription", "register-user"):
        keys = [key for path, key in handler.keys if path.endswith(route)]  # type: ignore[attr-defined]
        assert len(keys) == 3
        assert len(set(keys)) == 1
