"""How requests come in: what stands before the API, and what the app believes about hosts and addresses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from seatguard_flask.doctor.patient import Found, Patient
from seatguard_flask.passage import MARK, Guarded


def csrf(patient: Patient) -> Iterator[Found]:
    """Something of the host's that refuses the API's callers, who have keys and no cookies.

    It sends one empty request to the API, within this process.
    """
    if not patient.state.settings.api_enabled:
        return
    path = f"{patient.state.settings.url_prefix}/register-user"
    hosts = patient.config("TRUSTED_HOSTS") or ["localhost"]
    with _as_for_visitors(patient.app):
        answer = patient.app.test_client().post(
            path, json={}, base_url=f"https://{str(hosts[0]).lstrip('.')}"
        )
    body = answer.get_json(silent=True)
    if not isinstance(body, dict) or body.get("code") != "missing_field":
        yield Found(
            f"POST {path} is answered with {answer.status_code} before it reaches the API: by a CSRF"
            " protection, or a before_request that wants a session",
            "let it pass requests to this path: the API identifies its callers by key",
        )


def hosts(patient: Patient) -> Iterator[Found]:
    """Host names that anybody can claim, or that nobody asks for."""
    trusted = bool(patient.config("TRUSTED_HOSTS"))
    fix = _proxy_fix(patient.app)
    if fix is not None and fix.x_host and not trusted:
        yield Found(
            "X-Forwarded-Host is believed, and TRUSTED_HOSTS is not set: a request may claim any host name",
            "set TRUSTED_HOSTS to the names of this app",
        )
    if trusted or patient.seats._resolver is not None:
        return
    for rule in patient.app.url_map.iter_rules():
        guarded: Guarded | None = getattr(patient.app.view_functions[rule.endpoint], MARK, None)
        if (
            guarded is not None
            and guarded.instance == patient.seats.name
            and guarded.project is None
            and "project_id" not in rule.arguments
        ):
            yield Found(
                f"the guard of {rule.rule} names no project, and without TRUSTED_HOSTS it does not ask the"
                " host name: only callers with a project key pass",
                "set TRUSTED_HOSTS, or name the project, or write a @seats.project_resolver",
            )


def proxy(patient: Patient) -> Iterator[Found]:
    """HTTPS that ends before this process, which then sees the proxy for every client."""
    if (
        patient.is_live
        and patient.config("PREFERRED_URL_SCHEME") == "https"
        and _proxy_fix(patient.app) is None
    ):
        yield Found(
            "the app is served by HTTPS, so behind a proxy, and nothing tells it who asks: host names are the"
            " proxy's, and failed identifications of all clients are counted together",
            "app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1), with the hops there are",
        )


def _proxy_fix(app: Flask) -> ProxyFix | None:
    layer: Any = app.wsgi_app
    for _ in range(20):
        if layer is None or isinstance(layer, ProxyFix):
            return layer
        layer = getattr(layer, "app", None) or getattr(layer, "wsgi_app", None)
    return None


@contextmanager
def _as_for_visitors(app: Flask) -> Iterator[None]:
    """Errors of the host's become answers, also where the app is debugged or tested."""
    before = app.config["PROPAGATE_EXCEPTIONS"]
    app.config["PROPAGATE_EXCEPTIONS"] = False
    try:
        yield
    finally:
        app.config["PROPAGATE_EXCEPTIONS"] = before
