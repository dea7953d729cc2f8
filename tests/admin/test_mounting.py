"""Mounting the pages: what they refuse, and who is let in by which adapter."""

from __future__ import annotations

import flask_login
import pytest
from flask import Flask, Request

from seatguard import Misconfigured
from seatguard_admin import FlaskLogin, FlaskSecurity, Identity, SeatguardAdmin, SignIn
from seatguard_flask import Seatguard
from tests.admin.conftest import Read
from tests.admin.sample import SECRET, Sample, app_on


def an_app(**config: object) -> tuple[Flask, Seatguard]:
    app = Flask("host")
    app.config.update(SEATGUARD_STORAGE_URI="memory:", TESTING=True, **config)
    return app, Seatguard(app)


def test_without_an_authorizer_nothing_is_mounted() -> None:
    """Pages open to everybody are a mistake; the message names the ways to say who may see them."""
    app, seats = an_app(SECRET_KEY=SECRET)
    with pytest.raises(Misconfigured, match="SignIn"):
        SeatguardAdmin(app, seatguard=seats)
    assert app.test_client().get("/seatguard/").status_code == 404


@pytest.mark.parametrize(
    "secret",
    [
        None,
        "",
        "dev",
        "x" * 64,
        "change-me-0123456789-abcdefghijklmnop",
        "django-insecure-0123456789-abcdefgh",
        7,
    ],
)
def test_a_weak_secret_is_refused(secret: object) -> None:
    """Whoever guesses it can forge a session; the message tells how to make one and shows none."""
    app, seats = an_app(SECRET_KEY=secret)
    with pytest.raises(Misconfigured, match="token_hex") as raised:
        SeatguardAdmin(app, seatguard=seats, authorizer=SignIn())
    assert not secret or str(secret) not in str(raised.value)


def test_prefix_and_blocks_are_checked() -> None:
    """A path without its slash and a block that is none are refused with the value."""
    app, seats = an_app(SECRET_KEY=SECRET)
    with pytest.raises(Misconfigured, match="'admin'"):
        SeatguardAdmin(app, seatguard=seats, authorizer=SignIn(), url_prefix="admin")
    with pytest.raises(Misconfigured, match="no name of a block"):
        SeatguardAdmin(app, seatguard=seats, authorizer=SignIn(), block="a b")


def test_a_function_lets_in_whom_it_names(bare: Sample, reader: Read) -> None:
    """`None` is nobody; something else than an identity is a mistake of the host's."""

    def who(request: Request) -> Identity | None:
        name = request.headers.get("X-Name")
        return Identity(name=name, role="viewer") if name else None

    ada = reader(bare, authorizer=who)
    assert ada.get("/").status_code == 401
    assert ada.get("/", headers={"X-Name": "ada"}).status_code == 200
    wrong = reader(bare, authorizer=lambda request: "ada")
    assert wrong.get("/").status_code == 500
    with pytest.raises(Misconfigured, match="'emperor' is no role"):
        Identity(name="ada", role="emperor")


def test_flask_login_says_who_and_where_to_sign_in(bare: Sample, reader: Read) -> None:
    """Its user's role counts; without one the pages are closed; nobody is led to the host's sign-in."""
    login = flask_login.LoginManager()

    class User(flask_login.UserMixin):
        def __init__(self, name: str) -> None:
            self.id = name

    ada = reader(bare, authorizer=FlaskLogin(role=lambda user: "owner" if user.id == "ada" else None))
    app = ada.client.application
    login.init_app(app)
    login.user_loader(User)
    app.add_url_rule("/login", "login", lambda: "")
    assert ada.get("/").status_code == 401
    login.login_view = "login"
    away = ada.get("/services?q=x")
    assert away.status_code == 303
    assert away.location.startswith("/login?next=")
    for name, status in (("ada", 200), ("bob", 303)):
        with ada.client.session_transaction() as session:
            session["_user_id"] = name
        assert ada.get("/").status_code == status


def test_flask_security_roles_give_roles_here() -> None:
    """Of several roles the highest counts; one that is not named gives none."""

    class Role:
        def __init__(self, name: str) -> None:
            self.name = name

    class User:
        def __init__(self, *roles: str) -> None:
            self.roles = [Role(name) for name in roles]
            self.email = "ada@example.com"

    adapter = FlaskSecurity(roles={"admin": "owner", "helpdesk": "support"})
    assert adapter._role(User("helpdesk", "admin")) == "owner"
    assert adapter._role(User("helpdesk", "author")) == "support"
    assert adapter._role(User("author")) is None


def test_two_instances_live_side_by_side(bare: Sample) -> None:
    """With names and prefixes of their own."""
    app = app_on(bare)
    second = Seatguard(name="crm", engine=bare.engine)
    app.config["CRM_SEATGUARD_URL_PREFIX"] = "/crm/api/v1"
    second.init_app(app)
    SeatguardAdmin(
        app,
        seatguard=second,
        authorizer=lambda request: Identity(name="eve", role="viewer"),
        url_prefix="/crm",
        name="crm_admin",
    )
    client = app.test_client()
    assert client.get("/crm/").status_code == 200
    assert "/crm/services" in client.get("/crm/").text
    assert client.get("/seatguard/").status_code == 303
