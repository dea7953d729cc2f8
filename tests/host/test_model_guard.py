"""The model guard: every door, every set-up, every database; the register follows the rows."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import String, create_engine, delete, func, insert, select, update
from sqlalchemy.exc import OperationalError, PendingRollbackError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from seatguard import Denied, InvalidInput, StorageUnavailable, signals
from seatguard_flask import Seatguard
from tests.storage.stores import migrate

LIMIT = 5


class UserColumns:
    """A user model as hosts have it."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    company: Mapped[str] = mapped_column(String(100), default="acme")
    is_active: Mapped[bool] = mapped_column(default=True)
    visits: Mapped[int] = mapped_column(default=0)


@dataclass
class Host:
    """A host app: its user model, its sessions, and the guarded register."""

    app: Flask
    seats: Seatguard
    user: Any
    session: Callable[[], AbstractContextManager[Session]]

    def add(self, *names: str, **values: Any) -> None:
        with self.session() as session:
            session.add_all([self.user(name=name, **values) for name in names])
            session.commit()

    def attempt(self, act: Callable[[Session], object]) -> None:
        """Do something in a transaction; undo it when it fails."""
        with self.session() as session:
            try:
                act(session)
                session.commit()
            except BaseException:
                session.rollback()
                raise

    def change(self, whom: str, **values: Any) -> None:
        with self.session() as session:
            user = session.scalars(select(self.user).where(self.user.name == whom)).one()
            for field, value in values.items():
                setattr(user, field, value)
            session.commit()

    def remove(self, name: str) -> None:
        with self.session() as session:
            session.delete(session.scalars(select(self.user).where(self.user.name == name)).one())
            session.commit()

    def seated(self, project: str = "acme") -> list[str]:
        with self.app.app_context():
            page = self.seats.engine.seats.list(self.seats.actor, self.seats.where(project), limit=200)
            return sorted(seat.holder for seat in page.items)

    def rows(self) -> int:
        with self.session() as session:
            counted = select(func.count()).select_from(self.user).where(self.user.is_active)
            return session.scalar(counted) or 0

    def check(self) -> None:
        with self.app.app_context():
            assert list(self.seats.engine.verify(self.seats.actor)) == []
            assert list(self.seats.engine.journal.verify(self.seats.actor)) == []


def plain(app: Flask, url: str) -> tuple[Any, Callable[[], AbstractContextManager[Session]]]:
    """SQLAlchemy itself."""

    class Base(DeclarativeBase):
        pass

    class User(UserColumns, Base):
        __tablename__ = "user_account"

    engine = create_engine(url, pool_size=16)
    Base.metadata.create_all(engine)
    return User, lambda: Session(engine)


def flask_sqlalchemy(app: Flask, url: str) -> tuple[Any, Callable[[], AbstractContextManager[Session]]]:
    """Flask-SQLAlchemy 3.1."""
    from flask_sqlalchemy import SQLAlchemy

    class Base(DeclarativeBase):
        pass

    app.config |= {"SQLALCHEMY_DATABASE_URI": url, "SQLALCHEMY_ENGINE_OPTIONS": {"pool_size": 16}}
    db = SQLAlchemy(app, model_class=Base)

    class User(UserColumns, db.Model):  # type: ignore[name-defined, misc]
        __tablename__ = "user_account"

    with app.app_context():
        db.create_all()

    @contextmanager
    def session() -> Iterator[Session]:
        with app.app_context():
            yield db.session  # type: ignore[misc]

    return User, session


def flask_sqlalchemy_lite(app: Flask, url: str) -> tuple[Any, Callable[[], AbstractContextManager[Session]]]:
    """Flask-SQLAlchemy-Lite."""
    from flask_sqlalchemy_lite import SQLAlchemy

    class Base(DeclarativeBase):
        pass

    class User(UserColumns, Base):
        __tablename__ = "user_account"

    app.config["SQLALCHEMY_ENGINES"] = {"default": {"url": url, "pool_size": 16}}
    db = SQLAlchemy(app)
    with app.app_context():
        Base.metadata.create_all(db.engine)

    @contextmanager
    def session() -> Iterator[Session]:
        with app.app_context():
            yield db.session

    return User, session


SETUPS = {
    "sqlalchemy": plain,
    "flask-sqlalchemy": flask_sqlalchemy,
    "flask-sqlalchemy-lite": flask_sqlalchemy_lite,
}


def build(url: str, host_url: str, setup: str, *, limit: int = LIMIT) -> Host:
    migrate(url)
    app = Flask(f"host-{setup}")
    app.config["SEATGUARD_STORAGE_URI"] = url
    seats = Seatguard(app)
    user, session = SETUPS[setup](app, host_url)
    with app.app_context():
        seats.project("acme", limit=limit)
        seats.project("other", limit=limit)
    return Host(app, seats, user, session)


@pytest.fixture(params=SETUPS)
def host(request: pytest.FixtureRequest, database_url: str) -> Iterator[Host]:
    """One database for users and seats."""
    made = build(database_url, database_url, request.param)
    guard = guarded(made)
    yield made
    guard.remove()
    with made.app.app_context():
        made.seats.engine.close()


@pytest.fixture
def apart(new_database: Callable[[str], str]) -> Iterator[Host]:
    """Users in one database, seats in another."""
    made = build(new_database("sqlite"), new_database("sqlite"), "sqlalchemy")
    guard = guarded(made)
    yield made
    guard.remove()
    with made.app.app_context():
        made.seats.engine.close()


def guarded(host: Host) -> Any:
    return host.seats.guard(
        host.user, project=lambda user: user.company, subject="name", counts=lambda user: user.is_active
    )


def test_every_door_takes_and_frees(host: Host) -> None:
    """Insert, delete, deactivate, reactivate, rename and a move to another project."""
    with host.app.app_context():
        host.add("ada", "bob")
        assert host.seated() == ["ada", "bob"]
        host.remove("bob")
        assert host.seated() == ["ada"]
        host.change("ada", is_active=False)
        assert host.seated() == []
        host.change("ada", is_active=True)
        assert host.seated() == ["ada"]
        host.change("ada", name="lovelace")
        assert host.seated() == ["lovelace"]
        host.change("lovelace", company="other")
        assert (host.seated(), host.seated("other")) == ([], ["lovelace"])
        host.add("guest", is_active=False)
        assert host.seated() == []
        host.check()


def test_the_user_beyond_the_limit_is_refused_with_the_row(host: Host) -> None:
    """Neither the row nor the seat is there, and the users before it stay."""
    with host.app.app_context():
        host.add(*(f"user{number}" for number in range(LIMIT)))
        with pytest.raises(Denied) as refused:
            host.attempt(lambda session: session.add(host.user(name="late")))
        assert refused.value.decision.reason.value == "limit_reached"
        assert host.rows() == len(host.seated()) == LIMIT
        host.check()


def test_holders_are_never_refused_an_edit(host: Host) -> None:
    """A full register hinders nobody who sits: edits, log-ins, and two users changing places."""
    with host.app.app_context():
        host.add(*(f"user{number}" for number in range(LIMIT)))
        host.change("user0", visits=1)
        with host.session() as session:
            leaving = session.scalars(select(host.user).where(host.user.name == "user1")).one()
            session.delete(leaving)
            session.add(host.user(name="successor"))
            session.commit()
        assert "successor" in host.seated()
        assert host.rows() == len(host.seated()) == LIMIT
        host.check()


def test_rollback_and_savepoints_undo_the_seats_too(host: Host) -> None:
    """What the host takes back, the register takes back."""
    with host.app.app_context():
        with host.session() as session:
            session.add(host.user(name="ada"))
            session.flush()
            session.rollback()
        assert host.seated() == []
        with host.session() as session:
            session.add(host.user(name="ada"))
            session.flush()
            nested = session.begin_nested()
            session.add(host.user(name="bob"))
            session.flush()
            nested.rollback()
            session.commit()
        assert host.seated() == ["ada"]
        host.check()


def test_bulk_statements_are_guarded(host: Host) -> None:
    """ORM INSERT, UPDATE and DELETE of many rows take and free seats, all or none."""
    with host.app.app_context():
        rows = [{"name": f"user{number}", "company": "acme"} for number in range(3)]
        with host.session() as session:
            session.execute(insert(host.user), rows)
            session.commit()
        assert host.seated() == ["user0", "user1", "user2"]
        with host.session() as session:
            session.execute(update(host.user).where(host.user.name != "user0").values(is_active=False))
            session.commit()
        assert host.seated() == ["user0"]
        with host.session() as session:
            session.execute(update(host.user).values(is_active=True))
            session.execute(delete(host.user).where(host.user.name == "user2"))
            session.commit()
        assert host.seated() == ["user0", "user1"]
        late = [{"name": f"late{number}", "company": "acme"} for number in range(9)]
        with pytest.raises(Denied):
            host.attempt(lambda session: session.execute(insert(host.user), late))
        assert host.rows() == len(host.seated()) == 2
        with pytest.raises(InvalidInput, match="RETURNING"):
            host.attempt(lambda session: session.execute(insert(host.user).returning(host.user.id), late[:1]))
        host.check()


def test_old_values_never_read_are_known(host: Host) -> None:
    """An attribute set on an expired object still changes the register by what it was."""
    with host.app.app_context(), host.session() as session:
        user = host.user(name="ada")
        session.add(user)
        session.commit()
        user.is_active = False  # expired by the commit and never read since
        session.commit()
        assert host.seated() == []
        user.company = "other"
        user.is_active = True
        session.commit()
        assert (host.seated(), host.seated("other")) == ([], ["ada"])
    host.check()


def test_missing_project_names_the_field(host: Host) -> None:
    """A user that needs a seat and belongs nowhere is refused with a sentence."""
    with host.app.app_context(), pytest.raises(InvalidInput, match="project: is missing"):
        host.attempt(lambda session: session.add(host.user(name="ada", company="")))


def test_switched_off_the_guard_lets_everybody_pass(host: Host) -> None:
    """``seats.disabled()``, ``SEATGUARD_ENABLED`` and a dry run: rows come in, nobody is refused."""
    with host.app.app_context():
        with host.seats.disabled():
            host.add("unseen")
        host.app.config["SEATGUARD_ENABLED"] = False
        host.add("also unseen")
        host.app.config["SEATGUARD_ENABLED"] = True
        assert host.seated() == []
        host.app.config["SEATGUARD_DRY_RUN"] = True
        host.add(*(f"user{number}" for number in range(LIMIT + 2)))
        assert (len(host.seated()), host.rows()) == (LIMIT, LIMIT + 4)
        host.app.config["SEATGUARD_DRY_RUN"] = False
        host.check()


def test_signals_wait_for_the_commit(host: Host) -> None:
    """What is rolled back is never told; what is committed is told once; a refusal is told in any case."""
    told: list[tuple[str, str]] = []

    def hear(name: str) -> Callable[..., None]:
        def receiver(_sender: object, *, seat: Any = None, holder: str = "", **_facts: object) -> None:
            told.append((name, holder or seat.holder))

        return receiver

    receivers = {name: hear(name) for name in ("seat_taken", "seat_released", "seat_denied")}
    for name, receiver in receivers.items():
        getattr(signals, name).connect(receiver, sender=host.seats.engine)
    with host.app.app_context():
        with host.session() as session:
            session.add(host.user(name="ada"))
            session.flush()
            nested = session.begin_nested()
            session.add(host.user(name="bob"))
            session.flush()
            nested.rollback()
            assert told == []
            session.commit()
        assert told == [("seat_taken", "ada")]
        with host.session() as session:
            session.add(host.user(name="cleo"))
            session.flush()
            session.rollback()
        host.remove("ada")
        assert told[1:] == [("seat_released", "ada")]
        with pytest.raises(Denied):
            host.attempt(
                lambda session: session.add_all(host.user(name=f"user{n}") for n in range(LIMIT + 1))
            )
        assert told[2:] == [("seat_denied", f"user{LIMIT}")]


def test_refusal_in_a_view_is_answered_without_a_handler(host: Host) -> None:
    """A commit refused inside a view is 402 with the reason; the host's own handler would come first."""

    @host.app.post("/sign-up/<name>")
    def sign_up(name: str) -> str:
        host.add(name)
        return "welcome"

    client = host.app.test_client()
    for number in range(LIMIT):
        assert client.post(f"/sign-up/user{number}").text == "welcome"
    refused = client.post("/sign-up/late")
    assert (refused.status_code, refused.json["code"]) == (402, "limit_reached")
    with host.app.app_context():
        host.seats.engine.ready()
        host.check()


def test_two_databases_hold_then_confirm(apart: Host) -> None:
    """In two databases the seat is held during the transaction and confirmed after its commit."""
    with apart.app.app_context():
        with apart.session() as session:
            session.add(apart.user(name="ada"))
            session.flush()
            usage = apart.seats.check("acme").facts.usage
            assert (usage.live, usage.held) == (1, 1)
            session.commit()
        usage = apart.seats.check("acme").facts.usage
        assert (usage.live, usage.held) == (1, 0)
        with apart.session() as session:
            session.add(apart.user(name="bob"))
            session.flush()
            nested = session.begin_nested()
            session.add(apart.user(name="cleo"))
            session.flush()
            nested.rollback()
            assert apart.seated() == ["ada", "bob"]
            session.rollback()
        assert apart.seated() == ["ada"]
        apart.change("ada", name="lovelace")
        assert apart.seated() == ["lovelace"]
        apart.remove("lovelace")
        assert apart.seated() == []
        apart.check()


def test_two_databases_refuse_beyond_the_limit(apart: Host) -> None:
    """The refused user's row is not there, and nothing stays held."""
    with apart.app.app_context():
        apart.add(*(f"user{number}" for number in range(LIMIT)))
        with pytest.raises(Denied):
            apart.attempt(lambda session: session.add(apart.user(name="late")))
        assert apart.rows() == len(apart.seated()) == LIMIT
        assert apart.seats.check("acme").facts.usage.held == 0
        apart.check()


@pytest.mark.races
@pytest.mark.parametrize(
    ("database", "setup"),
    # The database decides who waits for whom, the extension which session is whose: each once.
    [
        ("sqlite", "sqlalchemy"),
        ("mariadb", "sqlalchemy"),
        *(("postgresql", setup) for setup in SETUPS),
    ],
)
def test_threads_create_roll_back_and_delete(database_url: str, setup: str) -> None:
    """12 threads x 50 creations, a fifth rolled back, a fifth deleted again: counter == seats == rows."""
    limit = 300
    made = build(database_url, database_url, setup, limit=limit)
    guard = guarded(made)
    barrier = threading.Barrier(12)

    def again(step: Callable[[], str]) -> str:
        """Run a transaction until it is not undone by a lost race, as a host would."""
        while True:
            with made.app.app_context():
                try:
                    return step()
                except (StorageUnavailable, OperationalError, PendingRollbackError):
                    continue

    def create(name: str, *, keep: bool) -> str:
        with made.session() as session:
            session.add(made.user(name=name))
            try:
                session.flush()
                session.commit() if keep else session.rollback()
            except Denied as denied:
                session.rollback()
                return denied.decision.reason.value
            except BaseException:
                session.rollback()
                raise
            return "kept" if keep else "undone"

    def remove(name: str) -> str:
        with made.session() as session:
            try:
                user = session.scalars(select(made.user).where(made.user.name == name)).one_or_none()
                if user is not None:
                    session.delete(user)
                session.commit()
            except BaseException:
                session.rollback()
                raise
            return "removed"

    def traffic(thread: int) -> Counter[str]:
        barrier.wait()
        answers: Counter[str] = Counter()
        for number in range(50):
            name = f"user{thread}-{number}"
            answer = again(partial(create, name, keep=number % 5 != 0))
            answers[answer] += 1
            if answer == "kept" and number % 5 == 1:
                again(partial(remove, name))
        return answers

    with ThreadPoolExecutor(12) as pool:
        answers = sum(pool.map(traffic, range(12)), Counter())
    assert set(answers) <= {"kept", "undone", "limit_reached"}
    with made.app.app_context():
        live = made.seats.check("acme").facts.usage.live
        assert live == made.rows() <= limit
        made.check()
        guard.remove()
        made.seats.engine.close()
