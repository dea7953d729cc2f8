"""A host's own CSRF protection keeps protecting the host, and leaves callers with keys alone."""

from __future__ import annotations

import pytest
from flask import Flask

from seatguard_flask import Seatguard

csrf_protect = pytest.importorskip("flask_wtf.csrf").CSRFProtect


def app_with(order: str) -> Flask:
    app = Flask("host")
    app.config.update(SECRET_KEY="x" * 32, SEATGUARD_STORAGE_URI="memory:")
    for step in order.split():
        if step == "csrf":
            csrf_protect(app)
        else:
            Seatguard(app)

    @app.post("/host")
    def host() -> str:
        return "done"

    return app


@pytest.mark.parametrize("order", ["csrf seats", "seats csrf"])
def test_callers_with_a_key_need_no_csrf_token(order: str) -> None:
    """A service has no session; in both orders it is answered by us, and forms of the host stay protected."""
    client = app_with(order).test_client()
    for _ in range(2):
        for path in ("validate-subscription", "register-user", "holds", "transfer-user"):
            answer = client.post(f"/api/v1/{path}", json={})
            assert (answer.status_code, answer.get_json()["code"]) == (400, "missing_field")
        assert client.post("/host").status_code == 400
        assert b"CSRF" in client.post("/host").data


def test_the_receiver_goes_after_the_first_request() -> None:
    """One request looks, all others pay nothing."""
    from flask import request_started

    app = app_with("seats")
    before = len(list(request_started.receivers_for(app)))
    app.test_client().get("/api/v1/health")
    assert len(list(request_started.receivers_for(app))) == before - 1


def test_an_app_without_protection_needs_none() -> None:
    """Flask-WTF is no dependency of the API."""
    assert app_with("seats").test_client().post("/host").status_code == 200
