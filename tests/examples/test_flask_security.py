"""The Flask-Security-Too example: its own registration, refused at the limit."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.examples.running import check, rows

FULL = "All seats are taken. Please ask the administrator for one."
PASSWORD = "correct horse battery"


@pytest.fixture
def security(example: Any) -> Any:
    return example("flask_security")


def token(client: FlaskClient, page: str) -> dict[str, str]:
    """What proves that a form comes from the site's own page."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(page).text)
    assert found is not None
    return {"csrf_token": found[1]}


def register(security: Any, name: str) -> Any:
    client = security.app.test_client()
    data = {"email": f"{name}@example.com", "password": PASSWORD, "password_confirm": PASSWORD}
    return client.post("/register", data=data | token(client, "/register"))


def test_registration_is_refused_at_the_limit(security: Any) -> None:
    """Three register; the fourth reads a page, has no row, no seat and no session."""
    assert [register(security, name).status_code for name in ("ada", "bob", "cleo")] == [302] * 3
    refused = register(security, "late")
    assert refused.status_code == 402
    assert FULL in refused.text
    assert check(security, security.User.active) == rows(security) == 3


def test_a_registration_in_json_is_refused_in_json(security: Any) -> None:
    """The API of Flask-Security answers in its own form."""
    for name in ("ada", "bob", "cleo"):
        register(security, name)
    client = security.app.test_client()
    body = {"email": "late@example.com", "password": PASSWORD, "password_confirm": PASSWORD}
    refused = client.post("/register", json=body | token(client, "/register"))
    assert (refused.status_code, refused.json) == (402, {"response": {"errors": [FULL]}})
    assert check(security, security.User.active) == rows(security) == 3


def test_members_log_in_and_a_freed_seat_is_given_again(security: Any) -> None:
    """At the limit a member still comes in; deactivating one lets another register."""
    for name in ("ada", "bob", "cleo"):
        register(security, name)
    client = security.app.test_client()
    credentials = {"email": "ada@example.com", "password": PASSWORD}
    answer = client.post("/login", json=credentials | token(client, "/login"))
    assert answer.status_code == 200
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
