"""A host that commits in ``after_request``: a refusal there is answered, and is no server error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request, session
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from seatguard import Denied
from seatguard_flask import Seatguard


class Host:
    """An app with one seat, whose requests are committed when the view has answered."""

    def __init__(self, url: str) -> None:
        class Base(DeclarativeBase):
            pass

        self.app = Flask("shop")
        self.app.config |= {
            "SECRET_KEY": "of this test",
            "SQLALCHEMY_DATABASE_URI": url,
            "SEATGUARD_STORAGE_URI": url,
        }
        self.db = db = SQLAlchemy(self.app, model_class=Base)
        self.seats = Seatguard(self.app)
        self.late: list[Any] = [db.session.commit]

        class User(db.Model):  # type: ignore[name-defined, misc]
            id: Mapped[int] = mapped_column(primary_key=True)
            name: Mapped[str] = mapped_column(unique=True)

        self.user = User
        self.seats.project("acme", limit=1)
        self.guard = self.seats.guard(User, project="acme", subject="id")

        @self.app.post("/users")
        def make() -> tuple[str, int]:
            session["welcome"] = request.form["name"]
            db.session.add(User(name=request.form["name"]))
            if "early" in request.form:
                db.session.flush()
            return "made", 201

        @self.app.after_request
        def finish(response: Any) -> Any:
            for act in self.late:
                act()
            return response

        with self.app.app_context():
            db.create_all()

    def post(self, name: str, **more: str) -> Any:
        self.client = self.app.test_client()
        return self.client.post("/users", data={"name": name, **more})

    def users(self) -> int:
        with self.app.app_context():
            assert self.seats.check("acme").facts.usage.live == 1
            return self.db.session.scalar(select(func.count()).select_from(self.user)) or 0

    def close(self) -> None:
        self.guard.remove()
        with self.app.app_context():
            self.seats.engine.close()
            self.db.engine.dispose()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(f"sqlite:///{tmp_path}/shop.db")
    with host.app.app_context():
        host.db.session.add(host.user(name="ada"))
        host.db.session.commit()
    yield host
    host.close()


@pytest.mark.parametrize("testing", [True, False])
@pytest.mark.parametrize("more", [{}, {"early": "yes"}], ids=["at the commit", "in the view"])
def test_a_refusal_is_answered(host: Host, more: dict[str, str], *, testing: bool) -> None:
    """By the commit, or in the view with the commit of a broken transaction after it: 402, and no trace."""
    host.app.testing = testing
    refused = host.post("bob", **more)
    assert (refused.status_code, refused.json["code"]) == (402, "limit_reached")
    with host.client.session_transaction() as kept:
        assert dict(kept) == {}
    assert host.users() == 1


def test_the_hosts_handlers_are_asked_in_their_order(host: Host) -> None:
    """The one for refusals, and never the one for server errors."""
    host.app.register_error_handler(500, lambda _: ("broken", 500))
    host.app.register_error_handler(Denied, lambda _: ("none left", 409))
    assert host.post("cleo").text == "none left"


def test_what_is_no_refusal_stays_a_server_error(host: Host) -> None:
    """Of an ``after_request`` function, and of a handler that fails itself."""
    host.app.register_error_handler(Denied, lambda _: 1 / 0)
    assert host.post("bob").status_code == 500
    host.app.testing = True
    with pytest.raises(ZeroDivisionError):
        host.post("cleo")
    assert host.users() == 1
    host.late.append(lambda: {}["missing"])
    with host.seats.disabled(), pytest.raises(KeyError):
        host.post("dora")
