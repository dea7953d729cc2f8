"""Reconciliation: each kind of drift is found, repaired once, and nobody else is touched."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, String, create_engine, func, select, text
from sqlalchemy.exc import OperationalError, PendingRollbackError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from seatguard import Denied, Misconfigured, StorageUnavailable, signals
from seatguard.journal.ports import Search
from seatguard.testing import FrozenClock
from seatguard_flask import Seatguard
from seatguard_flask.reconciling import Kind, Outcome, Report
from tests.storage.stores import migrate


class Base(DeclarativeBase):
    """Of the host."""


class User(Base):
    """A user model as hosts have it."""

    __tablename__ = "user_account"
    __mapper_args__ = {"confirm_deleted_rows": False}  # noqa: RUF012 - as SQLAlchemy has it
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    company: Mapped[str] = mapped_column(String(100), default="acme")
    is_active: Mapped[bool] = mapped_column(default=True)


@dataclass
class Host:
    """A host app with its users and seats, and ways around the guard."""

    app: Flask
    seats: Seatguard
    database: Engine

    def add(self, *names: str, **values: Any) -> None:
        with Session(self.database) as session:
            session.add_all([User(name=name, **values) for name in names])
            session.commit()

    def sql(self, *statements: str) -> None:
        """Go round the guard."""
        with self.database.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def row(self, name: str, company: str = "acme", *, active: bool = True) -> str:
        state = "true" if active else "false"
        return f"INSERT INTO user_account (name, company, is_active) VALUES ('{name}', '{company}', {state})"

    def reconcile(self, **options: Any) -> Report:
        with Session(self.database) as session:
            return self.seats.reconcile(
                session=session, **{"grace": 0, "projects": ["acme", "other"]} | options
            )

    def seated(self, project: str = "acme") -> list[str]:
        page = self.seats.engine.seats.list(self.seats.actor, self.seats.where(project), limit=200)
        return sorted(seat.holder for seat in page.items)

    def check(self) -> None:
        assert list(self.seats.engine.verify(self.seats.actor)) == []
        assert list(self.seats.engine.journal.verify(self.seats.actor)) == []


def build(url: str, host_url: str, *, limit: int = 6) -> Host:
    migrate(url)
    app = Flask("host")
    app.config["SEATGUARD_STORAGE_URI"] = url
    seats = Seatguard(app)
    database = create_engine(host_url, pool_size=16)
    Base.metadata.create_all(database)
    with app.app_context():
        seats.project("acme", limit=limit)
        seats.project("other", limit=limit)
    return Host(app, seats, database)


def opened(made: Host) -> Iterator[Host]:
    guard = made.seats.guard(
        User, project=lambda user: user.company, subject="name", counts=lambda user: user.is_active
    )
    with made.app.app_context():
        yield made
    guard.remove()
    with made.app.app_context():
        made.seats.engine.close()
    made.database.dispose()


@pytest.fixture
def host(database_url: str) -> Iterator[Host]:
    """Users and seats in one database."""
    yield from opened(build(database_url, database_url))


@pytest.fixture(params=["one database", "two databases"])
def either(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[Host]:
    """SQLite, with the users beside the seats or apart from them."""
    url = new_database("sqlite")
    yield from opened(build(url, url if request.param == "one database" else new_database("sqlite")))


def drift(host: Host) -> None:
    """One of each kind, beside two users with whom all is well."""
    host.add("ada", "bob", "gone", "moved", "off")
    host.sql(
        host.row("Missing"),
        "DELETE FROM user_account WHERE name = 'gone'",
        "UPDATE user_account SET company = 'other' WHERE name = 'moved'",
        "UPDATE user_account SET is_active = false WHERE name = 'off'",
        host.row("ADA"),
        host.row("guest", active=False),
    )
    where = host.seats.where("other")
    host.seats.engine.seats.hold(host.seats.actor, where, "held", seconds=3600).require()
    host.seats.engine.seats.hold(host.seats.actor, where, "invited", seconds=3600).require()
    host.sql(host.row("held", "other"))


FOUND = {
    (Kind.MISSING, "acme", "Missing"),
    (Kind.ORPHAN, "acme", "gone"),
    (Kind.WRONG_PROJECT, "other", "moved"),
    (Kind.WRONG_STATE, "acme", "off"),
    (Kind.WRONG_STATE, "other", "held"),
    (Kind.DUPLICATE, "acme", "ADA"),
}


def told(report: Report) -> set[tuple[str, str, str]]:
    return {(one.kind, one.project, one.subject) for one in report.findings}


def drifts_are_found_and_repaired(host: Host) -> None:
    drift(host)
    before = host.seated(), host.seated("other")
    dry = host.reconcile()
    assert (told(dry), len(dry.findings)) == (FOUND, len(FOUND))
    assert dry.count(outcome=Outcome.FOUND) == len(FOUND)
    assert (host.seated(), host.seated("other")) == before
    repaired = host.reconcile(repair=True)
    assert told(repaired) == FOUND
    assert repaired.count(outcome=Outcome.REPAIRED) == len(FOUND) - 1
    assert repaired.count(Kind.DUPLICATE, Outcome.FOUND) == 1
    assert host.seated() == ["Missing", "ada", "bob"]
    assert host.seated("other") == ["held", "invited", "moved"]
    (twice,) = (one.row for one in repaired.findings if one.kind is Kind.DUPLICATE and one.row)
    host.sql(f"DELETE FROM user_account WHERE id = {twice[0]}")
    again = host.reconcile(repair=True)
    assert again.ok
    assert (again.users, again.counting, again.seats) == (7, 5, 6)
    host.check()


def test_each_kind_is_found_and_repaired(host: Host) -> None:
    """Exactly what drifted is told; a repair heals all but two users of one name; then there is nothing."""
    drifts_are_found_and_repaired(host)


def test_each_kind_is_found_and_repaired_without_a_common_transaction(either: Host) -> None:
    """The same with users in another database than the seats."""
    drifts_are_found_and_repaired(either)


def test_repairs_are_on_record(either: Host) -> None:
    """Who reads the journal sees what a repair did."""
    either.add("gone")
    either.sql("DELETE FROM user_account", either.row("missing"))
    either.reconcile(repair=True)
    page = either.seats.engine.journal.search(either.seats.actor, Search(actor="host:reconcile"), limit=10)
    assert sorted(entry.kind for entry in page.items) == ["seat.released", "seat.taken"]


def test_a_reconciliation_tells_what_it_found_and_did(either: Host) -> None:
    """One signal with all findings when it is over, and one for each seat that was given or freed; silence
    when there was nothing."""
    either.add("ada")
    either.sql(either.row("bob"), "DELETE FROM user_account WHERE name = 'ada'")
    heard: list[tuple[str, dict[str, Any]]] = []
    with ExitStack() as stack:
        for name in ("seat_taken", "seat_released", "reconcile_drift"):

            def hear(_sender: object, *, name: str = name, **facts: Any) -> None:
                heard.append((name, facts))

            stack.enter_context(getattr(signals, name).connected_to(hear, sender=either.seats.engine))
        told = either.reconcile()
        repaired = either.reconcile(repair=True)
        either.reconcile()
    assert [name for name, _ in heard] == [
        "reconcile_drift",
        "seat_released",
        "seat_taken",
        "reconcile_drift",
    ]
    assert (heard[0][1]["findings"], heard[0][1]["repair"]) == (told.findings, False)
    assert (heard[-1][1]["findings"], heard[-1][1]["repair"]) == (repaired.findings, True)
    assert [facts["seat"].holder for _, facts in heard[1:3]] == ["ada", "bob"]


def test_nobody_is_evicted_for_a_missing_seat(either: Host) -> None:
    """A full project refuses the user beyond its limit, and says why."""
    either.add(*(f"user{number}" for number in range(5)))
    either.sql(either.row("late"), either.row("later"))
    report = either.reconcile(repair=True)
    assert sorted((one.outcome, one.reason) for one in report.findings) == [
        (Outcome.REFUSED, "limit_reached"),
        (Outcome.REPAIRED, None),
    ]
    assert len(either.seated()) == 6
    either.check()


def test_the_seat_in_the_wrong_project_stays_while_the_right_one_is_full(either: Host) -> None:
    """A move that is refused changes nothing."""
    either.add(*(f"user{number}" for number in range(6)), company="other")
    either.add("moved")
    either.sql("UPDATE user_account SET company = 'other' WHERE name = 'moved'")
    (finding,) = either.reconcile(repair=True).findings
    assert (finding.kind, finding.outcome) == (Kind.WRONG_PROJECT, Outcome.REFUSED)
    assert either.seated() == ["moved"]
    either.check()


def test_what_is_in_the_making_is_left_alone(either: Host) -> None:
    """Young seats and young users are no findings; later they are."""
    either.add("gone")
    either.sql("DELETE FROM user_account", either.row("fresh"))
    now = either.seats.engine.clock()

    def young(_user: Any) -> Any:
        return now

    meaning = {"project": lambda user: user.company, "subject": "name"}
    assert either.reconcile(grace=600, model=User, created=young, **meaning).ok
    either.seats.engine.clock = FrozenClock(now)
    either.seats.engine.clock.travel(seconds=601)
    later = either.reconcile(grace=600, model=User, created=young, **meaning)
    assert told(later) == {(Kind.ORPHAN, "acme", "gone"), (Kind.MISSING, "acme", "fresh")}


def test_users_that_belong_nowhere_are_told(either: Host) -> None:
    """No such project, no project, a name that cannot be used: with the code of the trouble."""
    either.sql(either.row("a", "nowhere"), either.row("b", ""), either.row(" c"))
    report = either.reconcile(repair=True)
    assert sorted(str(one.reason) for one in report.findings) == [
        "invalid_characters",
        "project_not_found",
        "required",
    ]
    assert report.count(outcome=Outcome.REFUSED) == 3


def test_a_function_as_subject_and_pages_of_users(either: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that only Python can tell, over several pages of rows and seats."""
    monkeypatch.setattr("seatguard_flask.usertable.PAGE", 2)
    monkeypatch.setattr("seatguard_flask.reconciling.comparing.MAX_PAGE", 2)
    meaning: dict[str, Any] = {"model": User, "project": "acme", "subject": lambda user: f"u-{user.name}"}
    either.add("ada", "bob", "cleo", "dora", "eve")
    first = either.reconcile(repair=True, **meaning)
    assert (first.count(Kind.ORPHAN), first.count(Kind.MISSING)) == (5, 5)
    assert either.seated() == ["u-ada", "u-bob", "u-cleo", "u-dora", "u-eve"]
    assert either.reconcile(repair=True, **meaning).ok


def test_a_model_without_a_guard_must_be_explained(either: Host) -> None:
    """Nothing is guessed about who a user is."""
    with pytest.raises(Misconfigured, match="is not guarded here"):
        either.reconcile(model=Base)


@pytest.mark.races
def test_repairs_during_traffic(database_url: str) -> None:
    """Four threads make and remove users while repairs run again and again: counter == seats == rows."""
    made = build(database_url, database_url, limit=500)
    drifted = [f"drift{number}" for number in range(20)]
    threads, stop = threading.Barrier(5), threading.Event()

    def again(step: Callable[[], None]) -> None:
        while True:
            try:
                return step()
            except (StorageUnavailable, OperationalError, PendingRollbackError, Denied):
                continue

    def create(name: str) -> None:
        made.add(name)

    def remove(name: str) -> None:
        with Session(made.database) as session:
            for user in session.scalars(select(User).where(User.name == name)):
                session.delete(user)
            session.commit()

    def traffic(thread: int) -> None:
        with made.app.app_context():
            threads.wait()
            for number in range(40):
                name = f"user{thread}-{number % 7}"
                again(partial(create, name))
                if number % 10 == thread:
                    again(partial(remove, drifted[number // 2]))
                again(partial(remove, name)) if number < 33 else None

    def repairs() -> int:
        with made.app.app_context():
            threads.wait()
            runs = 0
            while not stop.is_set():
                made.reconcile(repair=True)
                runs += 1
            return runs

    for host in opened(made):
        host.add(*drifted[:10])
        host.sql(
            "DELETE FROM user_account WHERE name IN ('drift0', 'drift1', 'drift2')",
            *(host.row(name) for name in drifted[10:]),
        )
        with ThreadPoolExecutor(5) as pool:
            repairing = pool.submit(repairs)
            list(pool.map(traffic, range(4)))
            stop.set()
            assert repairing.result() >= 1
        assert host.reconcile().ok
        with Session(host.database) as session:
            rows = session.scalar(select(func.count()).select_from(User).where(User.is_active))
        assert rows == host.seats.check("acme").facts.usage.live == len(host.seated())
        host.check()
