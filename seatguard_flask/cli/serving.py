"""A server for the API: gunicorn where it is installed, else werkzeug's for a demo."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NoReturn

from flask import Flask

from seatguard import InvalidInput, Misconfigured
from seatguard_flask.settings import Settings


def make_app(config: Mapping[str, Any], *, secret: str | None = None) -> Flask:
    """The application that serves the API, and with a secret the admin pages too.

    Args:
        secret: signs the sessions of the admin pages.
    """
    from seatguard_flask import Seatguard as Extension

    app = Flask("seatguard", static_folder=None)
    app.config.update(config)
    seats = Extension(app)
    if secret is not None:
        app.config.update(SECRET_KEY=secret, SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_HTTPONLY=True)
        # By name: the pages know this package, and not the other way round.
        pages = import_module("seatguard_admin")
        pages.SeatguardAdmin(app, seatguard=seats, authorizer=pages.SignIn())
    return app


def has_admin() -> bool:
    """Whether the extra ``admin`` is installed."""
    return find_spec("flask_wtf") is not None


def check(uri: str, settings: Settings, *, workers: int) -> None:
    """Fail before anything listens if the workers would.

    Raises:
        Misconfigured: the store's schema is not the one wanted, or it is not shared between workers.
        StorageUnavailable: the store did not answer.
    """
    if uri.partition(":")[0] == "memory" and workers > 1:
        raise Misconfigured(
            "memory: is seen by one process only, so several workers would sell its seats several times:"
            " use --workers 1, or a storage such as sqlite:///seats.db"
        )
    engine = settings.open_engine(uri)
    engine.ready()
    engine.close()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens, or a sentence why not.

    Raises:
        InvalidInput: the address is not ours, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidInput.single(
            "port", "cannot_listen", f"{host}:{port} cannot be used: {reason}"
        ) from error


def url_of(listener: socket.socket) -> str:
    """Where a browser on this machine finds the listener."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"


def has_gunicorn() -> bool:
    """Whether the extra ``server`` is installed."""
    return find_spec("gunicorn") is not None


def run(
    make: Callable[[], Flask],
    listener: socket.socket,
    *,
    workers: int,
    threads: int,
    ready: Callable[[], None],
) -> NoReturn:
    """Serve until told to stop, by SIGTERM or Ctrl-C.

    Args:
        make: called in each worker, so that no connection is carried over a fork.
        ready: called when requests are accepted.
    """
    if has_gunicorn():
        _run_gunicorn(make, listener, workers=workers, threads=threads, ready=ready)
    _run_werkzeug(make, listener, ready)


def _run_gunicorn(
    make: Callable[[], Flask],
    listener: socket.socket,
    *,
    workers: int,
    threads: int,
    ready: Callable[[], None],
) -> NoReturn:
    from gunicorn.app.base import BaseApplication

    options = {
        "bind": f"fd://{listener.fileno()}",
        "workers": workers,
        "threads": threads,
        "worker_class": "gthread",
        "loglevel": "warning",
        "graceful_timeout": 10,
        "proc_name": "seatguard",
        "when_ready": lambda _: ready(),
    }

    class Server(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in options.items():
                self.cfg.set(name, value)
            if "control_socket_disable" in self.cfg.settings:
                self.cfg.set("control_socket_disable", True)

        def load(self) -> Flask:
            return make()

    Server().run()
    raise SystemExit(0)


def _run_werkzeug(make: Callable[[], Flask], listener: socket.socket, ready: Callable[[], None]) -> NoReturn:
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    host, port = listener.getsockname()[:2]
    server = make_server(host, port, make(), threaded=True, fd=listener.fileno())

    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    ready()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
    raise SystemExit(0)
