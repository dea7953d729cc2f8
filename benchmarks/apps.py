"""The app that is measured over HTTP: the validate route, and a bare Flask route beside it.

Both in one app and one process, so that they share its memory, its garbage collector and its luck.
"""

from __future__ import annotations

import os
from typing import Any

from flask import Flask, request

from seatguard_flask import Seatguard

VALIDATE = "/api/v1/validate-subscription"
BARE, AGAIN = "/bare", "/bare-again"

STORE, MAX_AGE = "BENCHMARK_STORE", "BENCHMARK_MAX_AGE"


def create(store: str, max_age: float) -> Flask:
    """The app on that store."""
    app = Flask("benchmark")
    app.config["SEATGUARD_STORAGE_URI"] = store
    app.config["SEATGUARD_VALIDATE_MAX_AGE"] = max_age
    Seatguard(app)

    def bare() -> dict[str, Any]:
        asked = request.get_json()
        return {
            "status": "success",
            "allowed": bool(asked["domain"]),
            "message": "User creation allowed.",
            "data": {
                "service_id": 1000,
                "type": "web",
                "limit": 1000000000,
                "current": 0,
                "expiry": "2099-12-31",
            },
        }

    app.add_url_rule(BARE, "bare", bare, methods=["POST"])
    app.add_url_rule(AGAIN, "again", bare, methods=["POST"])
    return app


def from_environment() -> Flask:
    """For a server: the app that the environment describes."""
    return create(os.environ[STORE], float(os.environ[MAX_AGE]))
