"""The app that is measured over HTTP: the validate route, and a bare Flask route beside it.

Both in one app and one process, so that they share its memory, its garbage collector and its luck.
"""

from __future__ import annotations

import importlib.util
import io
import os
import sys
import threading
from typing import Any

from flask import Flask, request

from seatguard_flask import Seatguard

VALIDATE = "/api/v1/validate-subscription"
FIRST = "/first/v1/validate-subscription"
REGISTER = "/api/v1/register-user"
BARE, AGAIN, LIMITED = "/bare", "/bare-again", "/limited"
ORM, NOTHING = "/orm", "/nothing"

STORE, MAX_AGE = "BENCHMARK_STORE", "BENCHMARK_MAX_AGE"


def _limited(view: Any) -> Flask:
    """An app of its own: the limiter looks at every request of its app."""
    from flask_limiter import Limiter

    app = Flask("limited")
    limiter = Limiter(lambda: "everybody", app=app, storage_uri="memory://")
    app.add_url_rule(LIMITED, "limited", limiter.limit("1000000000 per minute")(view), methods=["POST"])
    return app


def _beside(app: Any, limited: Flask) -> Any:
    def choose(environ: Any, start: Any) -> Any:
        return (limited if environ["PATH_INFO"] == LIMITED else app)(environ, start)

    return choose


def create(store: str, max_age: float) -> Flask:
    """The app on that store."""
    app = Flask("benchmark")
    app.config["SEATGUARD_STORAGE_URI"] = store
    app.config["SEATGUARD_VALIDATE_MAX_AGE"] = max_age
    Seatguard(app)
    # Once more on the same app, answering before Flask begins.
    app.config["FIRST_SEATGUARD_STORAGE_URI"] = store
    app.config["FIRST_SEATGUARD_VALIDATE_MAX_AGE"] = max_age
    app.config["FIRST_SEATGUARD_VALIDATE_FIRST"] = True
    app.config["FIRST_SEATGUARD_URL_PREFIX"] = FIRST.removesuffix("/validate-subscription")
    Seatguard(app, name="first")

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
    if importlib.util.find_spec("flask_limiter") is not None:
        app.wsgi_app = _beside(app.wsgi_app, _limited(bare))  # type: ignore[method-assign]
    return app


def registering(store: str) -> Flask:
    """The app that registers users, and beside it what others would write."""
    from benchmarks.peers import OrmTaker
    from benchmarks.places import Arena

    app = Flask("registering")
    app.config["SEATGUARD_STORAGE_URI"] = store
    Seatguard(app)
    takers = threading.local()

    def orm() -> dict[str, Any]:
        if not hasattr(takers, "mine"):
            takers.mine = OrmTaker(Arena(store, "", ()))
        return {"allowed": takers.mine.take(0, request.get_json()["username"])}

    def nothing() -> dict[str, Any]:
        return {"allowed": bool(request.get_json()["username"])}

    app.add_url_rule(ORM, "orm", orm, methods=["POST"])
    app.add_url_rule(NOTHING, "nothing", nothing, methods=["POST"])
    return app


def from_environment() -> Flask:
    """For a server: the app that the environment describes."""
    if MAX_AGE not in os.environ:
        return registering(os.environ[STORE])
    return create(os.environ[STORE], float(os.environ[MAX_AGE]))


def call(app: Flask, path: str, body: bytes) -> bytes:
    """One request as a WSGI server would hand it over."""
    environ = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    statuses: list[str] = []

    def start(status: str, _headers: Any, _error: Any = None) -> Any:
        statuses.append(status)

    chunks = app(environ, start)
    answered = b"".join(chunks)
    getattr(chunks, "close", lambda: None)()
    if statuses != ["200 OK"]:
        raise RuntimeError(f"{path} answered {statuses} {answered!r}")
    return answered
