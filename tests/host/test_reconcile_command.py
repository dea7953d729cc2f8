"""`flask seatguard reconcile`: what it prints, and how it ends."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import String, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from seatguard_flask import Seatguard
from seatguard_flask.cli import command_group
from tests.storage.stores import migrate

Run = Callable[..., Result]


@pytest.fixture
def shop(new_database: Callable[[str], str]) -> Iterator[types.SimpleNamespace]:
    """An app with Flask-SQLAlchemy, and one user who came round the guard."""
    url = new_database("sqlite")
    migrate(url)
    app = Flask("shop")
    app.config |= {"SEATGUARD_STORAGE_URI": url, "SQLALCHEMY_DATABASE_URI": url}
    seats = Seatguard(app)
    db = SQLAlchemy(app, model_class=type("Base", (DeclarativeBase,), {}))

    class User(db.Model):  # type: ignore[name-defined, misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(String(100))

    with app.app_context():
        db.create_all()
        seats.project("acme", limit=1)
        db.session.execute(text("INSERT INTO user (name) VALUES ('ada')"))
        db.session.commit()
    yield types.SimpleNamespace(app=app, seats=seats, db=db, user=User)
    for guard in list(seats.model_guards):
        guard.remove()
    with app.app_context():
        seats.engine.close()


@pytest.fixture
def run(shop: types.SimpleNamespace) -> Run:
    """`run("--repair")`: the command inside the app."""
    return lambda *arguments: shop.app.test_cli_runner().invoke(args=["seatguard", "reconcile", *arguments])


def test_a_finding_ends_with_1_until_it_is_repaired(shop: Any, run: Run) -> None:
    """Told, repaired, gone; without --repair nothing changes."""
    shop.seats.guard(shop.user, project="acme", subject="name")
    told = [run(), run("--grace", "0"), run("--repair")]
    assert [one.exit_code for one in told] == [1, 1, 1]
    assert "missing  acme     ada      1    found" in told[0].output
    assert "repaired" in told[2].output
    assert "1 users, 1 of them count; 0 seats" in told[2].output
    last = run("--json")
    assert last.exit_code == 0
    assert json.loads(last.output) == {"ok": True, "users": 1, "counting": 1, "seats": 1, "findings": []}


def test_findings_are_told_to_programs(shop: Any, run: Run) -> None:
    """One object with everything about each of them."""
    shop.seats.guard(shop.user, project="acme", subject="name")
    (finding,) = json.loads(run("--json").output)["findings"]
    assert finding == {
        "kind": "missing",
        "project": "acme",
        "subject": "ada",
        "row": [1],
        "found_in": None,
        "outcome": "found",
        "reason": None,
    }


def test_a_model_is_named_on_the_command_line(shop: Any, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its project and subject, where no guard tells them; a session where Flask-SQLAlchemy has none."""
    module = types.ModuleType("shop_models")
    module.User = shop.user  # type: ignore[attr-defined]
    with shop.app.app_context():
        engine = shop.db.engine
    module.make = lambda: Session(engine)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shop_models", module)
    meaning = ["--model", "shop_models:User", "--project", "acme", "--subject", "name"]
    assert run(*meaning).exit_code == 1
    assert run(*meaning, "--session", "shop_models:make", "--repair").exit_code == 1
    assert run(*meaning).exit_code == 0
    assert run("--model", "shop_models:User").exit_code == 4
    assert run("--model", "shop_models:Nobody").exit_code == 2
    assert run("--model", "shop_models").exit_code == 2


def test_without_a_guard_or_an_app_it_says_what_to_do(run: Run) -> None:
    """A wrong set-up ends with 4 and a sentence."""
    unguarded = run()
    assert unguarded.exit_code == 4
    assert "no model is guarded" in unguarded.output
    outside = CliRunner().invoke(command_group(), ["reconcile"])
    assert outside.exit_code == 4
    assert "flask --app your_app seatguard reconcile" in outside.output
