"""A host whose process kills itself in the middle of a sign-up, at a step that is told by its number.

A step is a statement or a commit, of the host's or of Seatguard's: just before it, and just after it. What
runs here is started anew for each case, as a fork of a process that has loaded everything and opened
nothing, so that a round takes as long as a sign-up.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

from flask import Flask, request
from sqlalchemy import Engine, String, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from seatguard import Seatguard as SeatEngine
from seatguard import Store
from seatguard.clock import system_clock
from seatguard.storage.sqlalchemy import Database, SqlGate, SqlLedger
from seatguard.storage.sqlalchemy.raw import watched
from seatguard.testing import FrozenClock
from seatguard_flask import Seatguard, current_seat


class Base(DeclarativeBase):
    pass


class User(Base):
    """The host's users."""

    __tablename__ = "user_account"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)


@dataclass(frozen=True)
class Round:
    """One sign-up.

    Attributes:
        manner: ``guard``, ``take`` or ``consume``.
        die_at: the step at which the process kills itself; 0 is never.
        now: what the clock shows; only ``consume`` asks for it.
    """

    manner: str
    name: str
    die_at: int
    now: str = ""


@dataclass(frozen=True)
class Outcome:
    """What is known of a round from outside.

    Attributes:
        killed: the process was.
        steps: how many there were; 0 when it was killed.
        status: of the answer; 0 when there was none.
    """

    killed: bool
    steps: int
    status: int


class Steps:
    """Counts steps, and kills this process at one of them.

    Args:
        engines: whose statements of the short way are steps too; SQLAlchemy's events tell of the others.
    """

    def __init__(self, die_at: int, *engines: Engine) -> None:
        self.number = 0
        self._die_at = die_at
        for engine in engines:
            watched[engine] = self
        for name in ("before_cursor_execute", "after_cursor_execute", "commit", "rollback"):
            event.listen(Engine, name, self.step)
        event.listen(Session, "after_commit", self.step)

    def begins(self, _statement: str) -> None:
        """See ``Watch.begins``."""
        self.step()

    def ends(self, _statement: str) -> None:
        """See ``Watch.ends``."""
        self.step()

    def commits(self, _commit: object, _invalidate: object) -> None:
        """See ``Watch.commits``."""
        self.step()

    def step(self, *_: object) -> None:
        self.number += 1
        if self.number == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)


def serve(connection: Connection, url: str) -> None:
    """Run each round that comes in a process of its own, until ``None`` comes."""
    import_module("seatguard_flask.models")
    create_engine(url).dispose()
    while (wanted := connection.recv()) is not None:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writing, "{} {}".format(*run(wanted, url)).encode())
            finally:
                os._exit(0)
        os.close(writing)
        _, ended = os.waitpid(child, 0)
        with os.fdopen(reading) as told:
            said = told.read().split()
        killed = os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGKILL
        steps, status = (int(word) for word in said or ("0", "0"))
        connection.send(Outcome(killed, steps, status))


def run(wanted: Round, url: str) -> tuple[int, int]:
    """Sign a user up, and die on the way if that is wanted.

    Returns:
        the number of steps, and the status of the answer.
    """
    database = create_engine(url)
    app = Flask("shop")
    app.config |= {"SEATGUARD_STORAGE_URI": url, "SEATGUARD_API_ENABLED": False}
    own, clock = Database(url), FrozenClock(wanted.now) if wanted.now else system_clock
    gate = SqlGate(own, clock)
    seats = Seatguard(app, engine=SeatEngine(Store(SqlLedger(own), gate, gate.joined), clock=clock))
    seats.check("acme")  # opens the store; that is no part of a sign-up
    steps = Steps(wanted.die_at, own.engine, database)
    app.add_url_rule("/", "sign_up", _VIEWS[wanted.manner](seats, database, steps), methods=["POST"])
    status = app.test_client().post("/", json={"name": wanted.name}).status_code
    steps.step()
    return steps.number, status


def _by_guard(seats: Seatguard, database: Engine, _: Steps) -> Callable[[], Any]:
    """The model guard takes the seat with the row."""
    seats.guard(User, project="acme", subject="name")

    def sign_up() -> Any:
        with Session(database) as session:
            session.add(User(name=request.json["name"]))
            session.commit()
        return {}, 201

    return sign_up


def _by_take(seats: Seatguard, database: Engine, _: Steps) -> Callable[[], Any]:
    """The view takes it, within its own transaction."""

    def sign_up() -> Any:
        with Session(database) as session:
            session.add(User(name=request.json["name"]))
            session.flush()
            seats.take("acme", request.json["name"], session=session).require()
            session.commit()
        return {}, 201

    return sign_up


def _by_consume(seats: Seatguard, _: Engine, steps: Steps) -> Callable[[], Any]:
    """The decorator holds it while the view runs."""

    @seats.consume(project="acme")
    def sign_up() -> Any:
        steps.step()
        current_seat.assign(request.json["name"])
        return {}, 201

    return sign_up


_VIEWS = {"guard": _by_guard, "take": _by_take, "consume": _by_consume}
