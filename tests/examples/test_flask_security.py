"""The Flask-Security-Too example: its own registration, refused at the limit."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import request
from flask.testing import FlaskClient
from flask_security import auth_required, current_user, user_registered
from sqlalchemy import func, select

from seatguard import Denied
from tests.examples.running import check, rows

PASSWORD = "correct horse battery"


@pytest.fixture
def security(example: Any) -> Any:
    found = example("flask_security")

    @found.app.post("/profile")
    @auth_required()
    def profile() -> dict[str, str]:
        current_user.email = request.json["email"]
        found.db.session.commit()
        return {"email": current_user.email}

    return found


@pytest.fixture
def outside_of_tests(security: Any) -> None:
    """Flask raises errors under test; visitors are answered with 500 instead."""
    security.app.testing = False


def token(client: FlaskClient, page: str) -> dict[str, str]:
    """What proves that a form comes from the site's own page."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(page).text)
    assert found is not None
    return {"csrf_token": found[1]}


def register(security: Any, name: str, client: FlaskClient | None = None, **options: Any) -> Any:
    client = client or security.app.test_client()
    data = {"email": f"{name}@example.com", "password": PASSWORD, "password_confirm": PASSWORD}
    return client.post("/register", data=data | token(client, "/register"), **options)


def login(client: FlaskClient, name: str, password: str = PASSWORD) -> None:
    credentials = {"email": f"{name}@example.com", "password": password}
    assert client.post("/login", json=credentials | token(client, "/login")).status_code == 200


def fill(security: Any) -> None:
    assert [register(security, name).status_code for name in ("ada", "bob", "cleo")] == [302] * 3


def test_registration_is_refused_at_the_limit(security: Any, outside_of_tests: None) -> None:
    """Three register; the fourth reads a page, has no row, no seat and no session."""
    fill(security)
    client = security.app.test_client()
    refused = register(security, "late", client, headers={"Accept": "text/html"})
    assert (refused.status_code, refused.mimetype) == (402, "text/html")
    assert "All seats are taken." in refused.text
    with client.session_transaction() as session:
        assert "_user_id" not in session
        assert "csrf_token" in session
    assert client.get("/").status_code == 302  # to the page for logging in
    assert check(security, security.User.active) == rows(security) == 3


def test_a_registration_in_json_is_refused_in_json(security: Any, outside_of_tests: None) -> None:
    """A program reads a code."""
    fill(security)
    client = security.app.test_client()
    body = {"email": "late@example.com", "password": PASSWORD, "password_confirm": PASSWORD}
    refused = client.post("/register", json=body | token(client, "/register"))
    assert (refused.status_code, refused.mimetype) == (402, "application/problem+json")
    assert refused.json["code"] == "limit_reached"
    assert check(security, security.User.active) == rows(security) == 3


def test_debugging_shows_the_same_answer(security: Any) -> None:
    """An app under test or in debug mode raises what is a server error; a refusal is none."""
    fill(security)
    assert security.app.testing
    assert register(security, "late").status_code == 402


def test_a_handler_of_the_hosts_is_asked(security: Any, outside_of_tests: None) -> None:
    """As after any view, with a session that can be used."""

    @security.app.errorhandler(Denied)
    def full(_denied: Denied) -> tuple[str, int]:
        count = security.db.session.scalar(select(func.count()).select_from(security.User))
        return f"{count} are here, you are {'in' if current_user.is_authenticated else 'out'}", 409

    fill(security)
    refused = register(security, "late")
    assert (refused.status_code, refused.text) == (409, "3 are here, you are out")


def test_a_mail_of_welcome_waits_for_the_seat(security: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a receiver of Flask-Security's own signal, nobody is welcomed who is refused."""
    welcomed: list[str] = []
    monkeypatch.setitem(security.app.config, "SECURITY_SEND_REGISTER_EMAIL", True)
    monkeypatch.setattr(
        security.security._mail_util,
        "send_mail",
        lambda _template, _subject, to, *_, **__: welcomed.append(to),
    )

    def flush(_app: Any, **_facts: Any) -> None:
        security.db.session.flush()

    with user_registered.connected_to(flush, sender=security.app):
        fill(security)
        assert register(security, "late").status_code == 402
    assert welcomed == ["ada@example.com", "bob@example.com", "cleo@example.com"]
    assert check(security, security.User.active) == rows(security) == 3


def test_a_member_changes_name_and_password_at_the_limit(security: Any, outside_of_tests: None) -> None:
    """Whoever sits there is never refused: logging in, another password, another address."""
    fill(security)
    client = security.app.test_client()
    login(client, "ada")
    changed = client.post(
        "/change",
        json={"password": PASSWORD, "new_password": PASSWORD + "!", "new_password_confirm": PASSWORD + "!"}
        | token(client, "/change"),
    )
    assert changed.status_code == 200
    answer = client.post("/profile", json={"email": "lovelace@example.com"})
    assert answer.json == {"email": "lovelace@example.com"}
    again = security.app.test_client()
    login(again, "lovelace", PASSWORD + "!")
    assert check(security, security.User.active) == rows(security) == 3


def test_members_log_in_and_a_freed_seat_is_given_again(security: Any) -> None:
    """At the limit a member still comes in; deactivating one lets another register."""
    fill(security)
    client = security.app.test_client()
    login(client, "ada")
    assert client.get("/").json == {"email": "ada@example.com"}
    runner = security.app.test_cli_runner()
    assert runner.invoke(args=["users", "deactivate", "bob@example.com"]).exit_code == 0
    assert check(security, security.User.active) == 2
    assert register(security, "dora").status_code == 302
    refused = runner.invoke(args=["users", "activate", "bob@example.com"])
    assert refused.exit_code != 0
    assert (check(security, security.User.active), rows(security)) == (3, 4)


def test_a_user_made_at_the_command_line_needs_a_seat(security: Any) -> None:
    """`flask users create` is a door like any other."""
    runner = security.app.test_cli_runner()
    for name in ("ada", "bob", "cleo", "late"):
        runner.invoke(args=["users", "create", f"{name}@example.com", "--password", PASSWORD, "--active"])
    assert check(security, security.User.active) == rows(security) == 3


def test_an_address_that_is_there_costs_no_seat(security: Any) -> None:
    """Flask-Security refuses it itself, before a seat is asked for."""
    register(security, "ada")
    assert register(security, "ada").status_code == 200
    assert check(security, security.User.active) == rows(security) == 1
