"""The Flask-Admin example: its forms say why, its buttons free seats."""

from __future__ import annotations

from typing import Any

import flask_babel
import pytest
from flask.testing import FlaskClient

from tests.examples.running import check, rows

FULL = "All seats are taken. Delete a user or switch one off first."


@pytest.fixture
def admin(example: Any) -> Any:
    module = example("flask_admin")
    # Where Flask-Babel is installed, Flask-Admin takes its texts from it and wants it set up.
    flask_babel.Babel(module.app)
    return module


@pytest.fixture
def client(admin: Any) -> FlaskClient:
    client: FlaskClient = admin.app.test_client()
    for name in ("ada", "bob", "cleo"):
        assert create(client, name).status_code == 302
    return client


def create(client: FlaskClient, name: str) -> Any:
    return client.post("/admin/user/new/", data={"name": name, "is_active": "y"})


def test_the_form_says_why_and_keeps_what_was_typed(admin: Any, client: FlaskClient) -> None:
    """At the limit the form comes back with one sentence: no row, no seat, no error of the server."""
    refused = create(client, "late")
    assert refused.status_code == 200
    assert refused.text.count(FULL) == 1
    assert 'value="late"' in refused.text
    assert "Failed to create record" not in refused.text
    assert check(admin, admin.User.is_active) == rows(admin) == 3


def test_deleting_frees_the_seat(admin: Any, client: FlaskClient) -> None:
    """By the button of one user and by the action on many."""
    client.post("/admin/user/delete/", data={"id": "1"})
    assert check(admin, admin.User.is_active) == 2
    client.post("/admin/user/action/", data={"action": "delete", "rowid": ["2", "3"]})
    assert check(admin, admin.User.is_active) == 0
    assert create(client, "dora").status_code == 302
    assert check(admin, admin.User.is_active) == rows(admin) == 1


def test_switching_on_needs_a_seat(admin: Any, client: FlaskClient) -> None:
    """In the form of a user as in the list; switching off frees the seat."""
    client.post("/admin/user/edit/?id=1", data={"name": "ada"})
    assert create(client, "dora").status_code == 302
    refused = client.post("/admin/user/edit/?id=1", data={"name": "ada", "is_active": "y"})
    assert FULL in refused.text
    in_the_list = client.post("/admin/user/ajax/update/", data={"list_form_pk": "1", "is_active": "True"})
    assert FULL in in_the_list.text
    assert (check(admin, admin.User.is_active), rows(admin)) == (3, 4)


def test_a_user_who_sits_can_be_edited_at_the_limit(admin: Any, client: FlaskClient) -> None:
    """A new name needs no new seat."""
    assert (
        client.post("/admin/user/edit/?id=1", data={"name": "lovelace", "is_active": "y"}).status_code == 302
    )
    assert check(admin, admin.User.is_active) == 3


def test_flask_admin_as_it_is_refuses_too(
    admin: Any, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the view's method the refusal is a message all the same, in Flask-Admin's words."""
    monkeypatch.delattr(admin.UserView, "handle_view_exception")
    refused = create(client, "late")
    assert refused.status_code == 200
    assert "Failed to create record." in refused.text
    assert check(admin, admin.User.is_active) == rows(admin) == 3


def test_a_fast_mass_delete_frees_the_seats(
    admin: Any, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flask-Admin can delete by one statement instead of row by row; the guard sees it."""
    monkeypatch.setattr(admin.UserView, "fast_mass_delete", True)
    client.post("/admin/user/action/", data={"action": "delete", "rowid": ["1", "2"]})
    assert check(admin, admin.User.is_active) == rows(admin) == 1
