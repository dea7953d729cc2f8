"""One application host: registers users, signs up its own, serves a page, and tells how each request went.

python -m tests.journeys.host STORE GATE KEY DOMAIN PROJECT NAME POLICY    (GATE may be empty)
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from seatguard_flask import Seatguard

PAUSE = 0.02
"""Seconds between two requests of one kind: what is measured is the network, not how fast a machine is."""


def main(store: str, gate: str, key: str, domain: str, project: str, name: str, policy: str) -> None:
    """Until the pipe is closed."""
    app = Flask("host")
    app.config["SEATGUARD_STORAGE_URI"] = store
    app.config["SEATGUARD_ON_STORAGE_ERROR"] = policy
    if gate:
        app.config["SEATGUARD_GATE_URI"] = gate
    seats = Seatguard(app)
    app.add_url_rule("/own", "own", lambda: "the host's own")

    @app.post("/users")
    @seats.consume(project=project, subject="username")
    def create() -> tuple[dict[str, str], int]:
        return {}, 201

    client = app.test_client
    told, telling = sys.stdout, threading.Lock()

    def tell(what: str, user: str, ask: Callable[[], TestResponse]) -> None:
        began = time.monotonic()
        answer = ask()
        ended = time.monotonic()
        said: dict[str, Any] = {
            "what": what,
            "user": user,
            "status": answer.status_code,
            "unchecked": "Seatguard-Unchecked" in answer.headers,
            "at": ended,
            "took": ended - began,
        }
        with telling:
            told.write(json.dumps(said) + "\n")
            told.flush()
        threading.Event().wait(PAUSE)

    def register() -> None:
        for number in itertools.count():
            user = f"{name}-{number}"
            body = {"api_key": key, "domain": domain, "username": user}
            tell("register", user, lambda body=body: client().post("/api/v1/register-user", json=body))

    def sign_up() -> None:
        for number in itertools.count():
            user = f"{name}-own-{number}"
            tell("sign up", user, lambda user=user: client().post("/users", json={"username": user}))

    def own() -> None:
        while True:
            tell("own", "", lambda: client().get("/own"))

    for act in (register, sign_up, own):
        threading.Thread(target=act, daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
