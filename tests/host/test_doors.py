"""Doors: planted ways past the guards are found, guarded ones are not, and running ones are recorded."""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, insert, text
from sqlalchemy.orm import Session

from seatguard_flask.doors import BLIND, doors

HEAD = """
import click
from flask import Flask, request
from flask.views import MethodView
from sqlalchemy import insert, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from werkzeug.local import LocalProxy
from seatguard_flask import Seatguard

app = Flask(__name__)
app.config["SEATGUARD_STORAGE_URI"] = "memory:"
seats = Seatguard(app)
session = None
engine = None
absent = LocalProxy(lambda: {}["nothing"])

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    is_active: Mapped[bool] = mapped_column(default=True)

class Post(Base):
    __tablename__ = "user_post"
    id: Mapped[int] = mapped_column(primary_key=True)

@app.get("/")
def home():
    "Shows no door: INSERT INTO user is only spoken of."
    return absent or "hello"

@app.post("/posts")
def write_post():
    session.add(Post())
    return ""

@app.post("/guarded")
@seats.consume(project="acme", subject="name")
def guarded_sign_up():
    session.execute(text("INSERT INTO user (name) VALUES (:name)"))
    session.add(User(name=request.form["name"]))
    return "", 201

class GuardedView(MethodView):
    decorators = [seats.consume(project="acme", subject="name")]

    def post(self):
        session.add(User(name="x"))
        return "", 201

app.add_url_rule("/guarded-class", view_func=GuardedView.as_view("guarded_class"))
"""

PLANTED = """
def make(name):
    session.add(User(name=name))

@app.post("/sign-up")
def sign_up():
    make(request.form["name"])
    return "", 201

@app.get("/sso/callback")
def sso():
    user = User(name="sso")
    session.add(user)
    return ""

@app.post("/users/<int:id>/reactivate")
def reactivate(id):
    user = session.get(User, id)
    user.is_active = True
    return ""

@app.post("/api/users")
def core_insert():
    with engine.begin() as connection:
        connection.execute(User.__table__.insert(), [{"name": "x"}])
    return ""

@app.post("/generic")
def generic():
    session.add(request.get_json())
    return ""

class Admin(MethodView):
    def get(self):
        return ""

    def post(self):
        session.add(User(name="x"))
        return ""

app.add_url_rule("/admin", view_func=Admin.as_view("admin"))

@app.cli.command("import-users")
def import_users():
    with engine.begin() as connection:
        connection.execute(text("insert into user (name) values ('x')"))

def nightly():
    session.bulk_insert_mappings(User, [])

def awaken():
    engine.execute("UPDATE user SET is_active = 1")

def visit():
    engine.execute("UPDATE user SET visits = visits + 1")
"""

GUARD = """
seats.guard(User, project="acme", subject="name", counts="is_active")
"""


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """`plant(source)`: a host's module, loaded as if it were imported."""
    planted: list[Any] = []

    def plant(*sources: str) -> Any:
        name = f"planted_shop_{len(planted)}_{tmp_path.name}"
        file = tmp_path / f"{name}.py"
        file.write_text(textwrap.dedent("".join(sources)))
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module: Any = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        planted.append(module)
        spec.loader.exec_module(module)
        return module

    yield plant
    for module in planted:
        for guard in list(module.seats.model_guards):
            guard.remove()
        del sys.modules[module.__name__]


def found(module: Any, kind: str) -> set[str]:
    with module.app.app_context():
        return {
            door.name.rpartition("(")[2].rstrip(")") if kind == "route" else door.name
            for door in doors(module.app, [module.seats])
            if door.kind == kind
        }


def lines(module: Any, *words: str) -> set[str]:
    source = Path(module.__file__).read_text().splitlines()
    return {f"{module.__file__}:{source.index(next(s for s in source if word in s)) + 1}" for word in words}


def test_every_planted_door_is_found_where_nothing_is_guarded(plant: Callable[..., Any]) -> None:
    """Routes, a method of a class, single sign-on, a helper, a reactivation, a command, and statements."""
    module = plant(HEAD, PLANTED)
    assert found(module, "route") == {"sign_up", "sso", "reactivate", "core_insert", "generic", "admin"}
    assert found(module, "command") == {"flask import-users"}
    assert found(module, "model") == {f"{module.__name__}.User"}
    statements = ["__table__.insert()", "insert into user", "bulk_insert_mappings", "SET is_active"]
    assert found(module, "statement") == lines(module, *statements)


def test_a_guarded_model_leaves_only_what_goes_past_sessions(plant: Callable[..., Any]) -> None:
    """The model guard stands at every door of the ORM; Core and raw SQL remain."""
    module = plant(HEAD, PLANTED, GUARD)
    assert found(module, "model") == set()
    assert found(module, "route") == {"core_insert"}
    assert found(module, "command") == {"flask import-users"}
    assert len(found(module, "statement")) == 4


def test_where_everything_is_guarded_no_door_is_found(plant: Callable[..., Any]) -> None:
    """Guarded views, a class with a guard in its decorators, other models, words in docstrings: no doors."""
    assert doors_of(plant(HEAD, GUARD)) == []


def test_a_model_without_a_guard_is_told_though_its_views_are_guarded(plant: Callable[..., Any]) -> None:
    """Whoever adds a view tomorrow is not."""
    assert [door.kind for door in doors_of(plant(HEAD))] == ["model"]


def doors_of(module: Any) -> list[Any]:
    with module.app.app_context():
        return doors(module.app, [module.seats])


def test_the_command_tells_doors_and_what_it_cannot_see(plant: Callable[..., Any]) -> None:
    """Ends with 1 when there is a door, and is honest either way."""
    bad, good = plant(HEAD, PLANTED), plant(HEAD, GUARD)
    told = bad.app.test_cli_runner().invoke(args=["seatguard", "doors"])
    assert told.exit_code == 1
    assert "POST /sign-up (sign_up)" in told.output
    assert BLIND[0] in told.output
    quiet = good.app.test_cli_runner().invoke(args=["seatguard", "doors", "--json"])
    assert quiet.exit_code == 0
    assert json.loads(quiet.output) == {"ok": True, "doors": [], "recordings": 0, "cannot_see": list(BLIND)}


def test_inserts_past_the_guard_are_recorded(
    plant: Callable[..., Any], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Core, raw SQL and the old bulk methods; not what a session flushes or inserts in bulk."""
    module = plant(HEAD, GUARD)
    engine = create_engine(f"sqlite:///{tmp_path / 'users.db'}")
    module.Base.metadata.create_all(engine)
    with module.app.app_context(), module.seats.record_doors() as log:
        module.seats.project("acme", limit=9)
        with Session(engine) as session:
            session.add(module.User(name="flushed"))
            session.commit()
            session.execute(insert(module.User), [{"name": "bulk", "is_active": True}])
            session.add(module.Post())
            session.commit()
            assert log.total == 0
            with caplog.at_level(logging.WARNING, "seatguard.flask"):
                session.execute(text("INSERT INTO user (name, is_active) VALUES ('raw', true)"))
                session.execute(insert(module.User.__table__), [{"name": "core", "is_active": True}])
                session.bulk_insert_mappings(module.User, [{"name": "old", "is_active": True}])
                session.commit()
            with engine.begin() as connection:
                connection.execute(insert(module.User), [{"name": "connection", "is_active": True}])
        assert log.total == 4
        assert all(table == "user" and __file__ in place for table, place in log.places)
        assert "INSERT INTO user at" in caplog.text
    with engine.begin() as connection:
        connection.execute(insert(module.User), [{"name": "later", "is_active": True}])
    assert log.total == 4
    engine.dispose()


def test_the_command_tells_what_was_recorded(plant: Callable[..., Any], tmp_path: Path) -> None:
    """Doors that no search can find, once for each place, from all processes that wrote into the file."""
    module = plant(HEAD, GUARD)
    runner, file = module.app.test_cli_runner(), tmp_path / "doors.jsonl"
    command = ["seatguard", "doors", "--runtime", str(file)]
    assert "No such file" in runner.invoke(args=command).stderr
    file.write_text("")
    assert (runner.invoke(args=command).exit_code, runner.invoke(args=command).stderr) == (
        2,
        f"runtime: {file} is empty: nothing recorded into it\n",
    )
    engine = create_engine(f"sqlite:///{tmp_path / 'users.db'}")
    module.Base.metadata.create_all(engine)
    with module.seats.record_doors(file):
        calm = runner.invoke(args=[*command, "--json"])
        assert (calm.exit_code, json.loads(calm.stdout)["recordings"]) == (0, 1)
        hidden = "us" + "er"
        with engine.begin() as connection:
            for number in range(2):
                connection.execute(text(f"INSERT INTO {hidden} (name, is_active) VALUES ('{number}', true)"))
    engine.dispose()
    module.seats.record_doors(file).close()
    told = runner.invoke(args=[*command, "--json"])
    facts = json.loads(told.stdout)
    (door,) = facts["doors"]
    assert told.exit_code == 1
    assert (door["kind"], __file__ in door["name"], door["why"]) == (
        "insert",
        True,
        "was seen to INSERT INTO user past the guard",
    )
    assert (facts["recordings"], len(facts["cannot_see"])) == (2, 7)
    shown = runner.invoke(args=command).stdout
    assert "Recorded by 2 processes." in shown
    assert "A recording cannot see:" in shown
