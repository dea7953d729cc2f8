"""What a guard adds to a host's own request: the decorator, and the model guard.

    python -m benchmarks.guards

First a sign-up: a view that adds a user with SQLAlchemy and commits, against the same view behind
``@seats.consume``, the same with ``seats.guard(User)``, and the same with ``seats.take(session=...)``; each
on a table of its own in one database, each request a new user. Then what a decorator costs where no database
is asked: a store in memory, and beside it Flask-Limiter with its memory storage, which counts requests.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable
from typing import Any

from flask import Flask, request
from flask_limiter import Limiter
from sqlalchemy import Engine, String, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks.apps import call
from benchmarks.measuring import Report, Samples, command, interleave, micros_each, on_cores
from benchmarks.places import Place, places
from seatguard.storage.sqlalchemy.database import Database
from seatguard.storage.sqlalchemy.migrate import upgrade
from seatguard_flask import Seatguard

ENDLESS = 1_000_000_000

BARE, AGAIN = "the same without", "without, again"
CONSUME, GUARD, TAKE = "@seats.consume", "seats.guard(User)", "seats.take(session=)"
ALLOWED, LIMITED = "@seats.require, allowed", "Flask-Limiter, in memory"


class Base(DeclarativeBase):
    """The host's tables, one for each way, so that they grow alike."""


class _Columns:
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    email: Mapped[str] = mapped_column(String(200))


class Plain(_Columns, Base):
    """Of the view without a guard."""

    __tablename__ = "plain_user"


class PlainAgain(_Columns, Base):
    """Of the same once more, for the control."""

    __tablename__ = "plain_user_again"


class Consumed(_Columns, Base):
    """Of the view behind the decorator."""

    __tablename__ = "consumed_user"


class Guarded(_Columns, Base):
    """Of the guarded model."""

    __tablename__ = "guarded_user"


class Taken(_Columns, Base):
    """Of the view that takes the seat itself."""

    __tablename__ = "taken_user"


def run(report: Report, options: argparse.Namespace) -> None:
    """Measure and print."""
    report.section("guards")
    for name in options.places:
        with places(report, [name]) as found:
            for place in found:
                _sign_ups(report, place)
    _decorators(report)


def _sign_ups(report: Report, place: Place) -> None:
    database = Database(place.url)
    upgrade(database)
    database.close()
    host = create_engine(place.url)
    Base.metadata.create_all(host)
    app = Flask("benchmark")
    app.config["SEATGUARD_STORAGE_URI"] = place.url
    seats = Seatguard(app)
    for project in ("consumed", "guarded", "taken"):
        seats.project(project, limit=ENDLESS)
    guard = seats.guard(Guarded, project="guarded", subject="name")
    views = {
        BARE: _adds(host, Plain),
        AGAIN: _adds(host, PlainAgain),
        CONSUME: seats.consume(project="consumed", subject="name")(_adds(host, Consumed)),
        GUARD: _adds(host, Guarded),
        TAKE: _takes(seats, host),
    }
    users = itertools.count()

    def new_user() -> bytes:
        return json.dumps({"name": f"user{next(users)}", "email": "user@shop.example"}).encode()

    times = 5 if report.quick else 60
    with on_cores(0):
        contenders = _routed(app, views, new_user, times)
        samples = interleave(contenders, report.rounds(15))
    for way in (CONSUME, GUARD, TAKE):
        report.compare(f"sign-up, {place.name}", samples, way, BARE, unit="µs", control=AGAIN)
    with app.app_context():
        for project, model in (("consumed", Consumed), ("guarded", Guarded), ("taken", Taken)):
            with Session(host) as session:
                rows = session.query(model).count()
            live = seats.check(project).facts.usage.live
            report.remark(f"{place.name}, {project}: {rows:,} users, {live:,} seats")
        seats.engine.close()
    guard.remove()
    host.dispose()


def _decorators(report: Report) -> None:
    app = Flask("benchmark")
    app.config["SEATGUARD_STORAGE_URI"] = "memory:"
    seats = Seatguard(app)
    seats.project("acme", limit=ENDLESS)
    # Of its own: a limiter looks at every request of its app.
    other = Flask("benchmark")
    limiter = Limiter(lambda: "everybody", app=other, storage_uri="memory://")
    new, seated, read = "a new user", "a user who has a seat", "a method it does not guard"
    views = {
        BARE: _answer(),
        AGAIN: _answer(),
        new: seats.consume(project="acme", subject="name")(_answer()),
        seated: seats.consume(project="acme", subject=lambda: "ada")(_answer()),
        read: seats.consume(project="acme", methods={"DELETE"})(_answer()),
        ALLOWED: seats.require(project="acme")(_answer()),
    }
    users = itertools.count()
    times = 20 if report.quick else 400
    with on_cores(0):
        contenders = _routed(app, views, lambda: b'{"name": "user%d"}' % next(users), times)
        limits = {LIMITED: limiter.limit(f"{ENDLESS} per hour")(_answer())}
        contenders |= _routed(other, limits, lambda: b'{"name": "user"}', times)
        samples = interleave(contenders, report.rounds(21))
    with app.app_context():
        seats.engine.close()
    for way in (ALLOWED, read, seated, new):
        report.compare("a decorator, store in memory", samples, way, BARE, unit="µs", control=AGAIN)
    added: Samples = {
        way: [one - bare for one, bare in zip(samples[way], samples[BARE], strict=True)]
        for way in (ALLOWED, read, seated, new, LIMITED)
    }
    for way in (ALLOWED, read, seated, new):
        report.compare("what the decorator alone adds", added, way, LIMITED, unit="µs")


def _routed(
    app: Flask, views: dict[str, Callable[[], Any]], body: Callable[[], bytes], times: int
) -> dict[str, Callable[[], float]]:
    """A contender for each view."""

    def contender(path: str) -> Callable[[], float]:
        return micros_each(lambda: call(app, path, body()), times)

    contenders = {}
    for number, (name, view) in enumerate(views.items()):
        app.add_url_rule(f"/{number}", f"view{number}", view, methods=["POST"])
        contenders[name] = contender(f"/{number}")
    return contenders


def _adds(host: Engine, model: type[Any]) -> Callable[[], Any]:
    def sign_up() -> Any:
        with Session(host) as session:
            session.add(model(**request.get_json()))
            session.commit()
        return {"made": True}

    return sign_up


def _takes(seats: Seatguard, host: Engine) -> Callable[[], Any]:
    def sign_up() -> Any:
        user = request.get_json()
        with Session(host) as session:
            session.add(Taken(**user))
            session.flush()
            seats.take("taken", user["name"], session=session).require()
            session.commit()
        return {"made": True}

    return sign_up


def _answer() -> Callable[[], Any]:
    def view() -> Any:
        return {"name": request.get_json()["name"]}

    return view


ALL = ("SQLite", "PostgreSQL", "MariaDB")
ARGUMENTS = (("--places", {"nargs": "*", "choices": ALL, "default": ALL}),)

if __name__ == "__main__":
    command("What a guard adds to a request.", run, *ARGUMENTS)
