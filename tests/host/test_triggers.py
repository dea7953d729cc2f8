"""Triggers on the host's table: the database itself refuses what goes past every guard."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import Engine, String, create_engine, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from seatguard import Denied
from seatguard_flask import Seatguard
from seatguard_flask.cli import command_group
from tests.storage.crowd import crowd
from tests.storage.stores import migrate

REFUSED = "seatguard: limit_reached"


class Base(DeclarativeBase):
    """Of the models here."""


class User(Base):
    """A user, as hosts have them."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    company: Mapped[str | None] = mapped_column(String(50), index=True)
    active: Mapped[bool]


def printed(*options: str, dialect: str) -> str:
    """What ``seatguard db triggers`` prints."""
    result = CliRunner().invoke(
        command_group(), ["db", "triggers", "--table", "users", "--dialect", dialect, *options]
    )
    assert result.exit_code == 0, result.output
    return result.stdout


def run(engine: Engine, source: str, act: str) -> None:
    """Run a printed migration's upgrade or downgrade, as the host's Alembic would."""
    spec = importlib.util.spec_from_loader("migration", loader=None)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    exec(compile(source, "migration", "exec"), module.__dict__)
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        getattr(module, act)()


@pytest.fixture
def engine(database_url: str, database: str) -> Iterator[Engine]:
    """The host's database, with triggers by column; two companies of 3 and 1 seats, and one without end."""
    migrate(database_url)
    app = Flask("host")
    app.config["SEATGUARD_STORAGE_URI"] = database_url
    seats = Seatguard(app)
    with app.app_context():
        seats.project("acme", limit=3)
        seats.project("duo", limit=1)
        seats.plan("endless", seats=None)
        seats.project("endless", plan="endless")
        seats.engine.close()
    engine = create_engine(database_url)
    Base.metadata.create_all(engine)
    options = ("--project-column", "company", "--active-column", "active", "--alembic")
    run(engine, printed(*options, dialect=database), "upgrade")
    yield engine
    engine.dispose()


def insert(engine: Engine, name: str, company: str | None = "acme", *, active: bool = True) -> bool:
    """Past everything: raw SQL on a connection of its own. Whether the database took it."""
    return execute(
        engine,
        "INSERT INTO users (name, company, active) VALUES (:name, :company, :active)",
        name=name,
        company=company,
        active=active,
    )


def execute(engine: Engine, statement: str, **values: object) -> bool:
    """Whether the database let a statement pass; refused for anything else than the limit is an error."""
    try:
        with engine.begin() as connection:
            connection.execute(text(statement), values)
    except DBAPIError as error:
        if REFUSED not in str(error.orig):
            raise
        return False
    return True


def rows(engine: Engine) -> Counter[str]:
    """Active users by company."""
    with Session(engine) as session:
        counted = session.execute(
            select(User.company, func.count()).where(User.active).group_by(User.company)
        )
        return Counter({str(company): count for company, count in counted})


def test_raw_sql_stops_at_the_limit(engine: Engine) -> None:
    """Each company at its own; the inactive and those of no company need no seat; unlimited has no limit."""
    assert [insert(engine, f"u{n}") for n in range(5)] == [True, True, True, False, False]
    assert [insert(engine, f"d{n}", "duo") for n in range(2)] == [True, False]
    assert all(insert(engine, f"e{n}", "endless") for n in range(9))
    assert insert(engine, "sleeps", active=False)
    assert insert(engine, "free", None)
    assert not insert(engine, "lost", "unknown")
    assert rows(engine) == {"acme": 3, "duo": 1, "endless": 9, "None": 1}


def test_one_statement_with_many_rows_is_refused_whole(engine: Engine) -> None:
    """The fourth of four rows takes the other three along."""
    values = ", ".join(f"('u{n}', 'acme', TRUE)" for n in range(4))
    assert not execute(engine, f"INSERT INTO users (name, company, active) VALUES {values}")
    assert rows(engine) == {}


def test_switching_on_and_moving_need_room(engine: Engine) -> None:
    """An update that makes a user count is held to the limit; any other is not, also when all is full."""
    for number in range(3):
        assert insert(engine, f"u{number}")
    assert insert(engine, "d0", "duo")
    assert insert(engine, "sleeps", active=False)
    assert not execute(engine, "UPDATE users SET active = TRUE WHERE name = 'sleeps'")
    assert not execute(engine, "UPDATE users SET company = 'acme' WHERE name = 'd0'")
    assert execute(engine, "UPDATE users SET name = 'renamed' WHERE name = 'u0'")
    assert execute(engine, "UPDATE users SET active = FALSE WHERE name = 'u1'")
    assert execute(engine, "UPDATE users SET active = TRUE WHERE name = 'sleeps'")
    assert rows(engine) == {"acme": 3, "duo": 1}


def test_a_deleted_user_makes_room(engine: Engine) -> None:
    """At once."""
    assert [insert(engine, f"u{n}") for n in range(4)] == [True, True, True, False]
    assert execute(engine, "DELETE FROM users WHERE name = 'u0'")
    assert [insert(engine, "next"), insert(engine, "one more")] == [True, False]


def test_a_conflict_clause_does_not_help(engine: Engine, database: str) -> None:
    """``INSERT OR IGNORE`` and its like are no door."""
    for number in range(3):
        insert(engine, f"u{number}")
    word = {"sqlite": "INSERT OR IGNORE", "mariadb": "INSERT IGNORE", "postgresql": "INSERT"}[database]
    end = " ON CONFLICT DO NOTHING" if database == "postgresql" else ""
    with contextlib.suppress(DBAPIError):
        execute(engine, f"{word} INTO users (name, company, active) VALUES ('x', 'acme', TRUE){end}")
    assert rows(engine) == {"acme": 3}


def test_a_closed_service_takes_nobody(engine: Engine, database_url: str) -> None:
    """Suspended, or past its last day: who is in stays, nobody comes in."""
    assert insert(engine, "u0")
    app = Flask("host")
    app.config["SEATGUARD_STORAGE_URI"] = database_url
    seats = Seatguard(app)
    with app.app_context():
        first = seats.engine.subscriptions.list(seats.actor).items[0]
        seats.engine.subscriptions.suspend(seats.actor, first.id)
        assert not insert(engine, "u1")
        seats.engine.subscriptions.resume(seats.actor, first.id)
        assert insert(engine, "u2")
        seats.engine.subscriptions.renew(seats.actor, first.id, expiry="2020-01-01")
        assert not insert(engine, "u3")
        seats.engine.close()


def test_users_of_a_model_guard_pass(engine: Engine, database_url: str) -> None:
    """Guard and triggers agree to the last seat: whom the guard lets in the database lets in.

    At the limit the host sees a guard's refusal, whichever of the two was asked first, and also for raw
    SQL; a deleted user's seat goes to the next.
    """
    app = Flask("host")
    app.config["SEATGUARD_STORAGE_URI"] = database_url
    seats = Seatguard(app)

    def company(user: Any) -> str:
        return str(user.company)

    with app.app_context():
        guard = seats.guard(User, project=company, subject="id", counts="active")
        try:
            with Session(engine) as session:
                users = [User(name=f"u{n}", company="acme", active=True) for n in range(3)]
                session.add_all(users)
                session.commit()
                session.add(User(name="u3", company="acme", active=True))
                with pytest.raises(Denied):
                    session.commit()
                session.rollback()
                session.delete(users[0])
                session.flush()  # else SQLAlchemy writes the new row before it deletes the old one
                session.add(User(name="u4", company="acme", active=True))
                session.commit()
            where = seats.where("acme")
            assert len(seats.engine.seats.list(seats.actor, where).items) == 3
            assert rows(engine) == {"acme": 3}
            with pytest.raises(Denied):
                insert(engine, "raw")
        finally:
            guard.remove()
            seats.engine.close()


def test_the_way_back(engine: Engine, database: str) -> None:
    """After the downgrade nothing is refused, and an upgrade works again."""
    options = ("--project-column", "company", "--active-column", "active", "--alembic")
    source = printed(*options, dialect=database)
    run(engine, source, "downgrade")
    assert all(insert(engine, f"u{n}") for n in range(5))
    run(engine, source, "upgrade")
    assert not insert(engine, "u5")


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_plain_sql_of_one_project(database_url: str, database: str) -> None:
    """The script runs as it is printed, for a table whose rows are all of one project."""
    migrate(database_url)
    app = Flask("host")
    app.config["SEATGUARD_STORAGE_URI"] = database_url
    seats = Seatguard(app)
    with app.app_context():
        seats.project("acme", limit=2)
        seats.engine.close()
    engine = create_engine(database_url)
    Base.metadata.create_all(engine)
    script = printed("--project", "acme", dialect=database)
    if database == "sqlite":
        with contextlib.closing(sqlite3.connect(str(engine.url.database))) as connection:
            connection.executescript(script)
    else:
        with engine.begin() as connection:
            connection.exec_driver_sql(script)
    assert [insert(engine, f"u{n}", None, active=False) for n in range(3)] == [True, True, False]
    engine.dispose()


@pytest.mark.parametrize(
    "options",
    [
        ["--project", "it's"],
        ["--project", "a\\"],
        ["--project-column", "x; DROP TABLE users"],
        ["--project", "acme", "--active-column", 'a"b'],
        ["--project", "acme", "--table", "a.b.c"],
        ["--project", "acme", "--project-column", "company"],
        [],
    ],
)
def test_what_is_no_name_is_not_written_into_sql(options: list[str]) -> None:
    """Exit code 2 and the field; nothing is printed that could be run."""
    line = ["db", "triggers", "--table", "users", "--dialect", "sqlite", *options]
    result = CliRunner().invoke(command_group(), line)
    assert (result.exit_code, result.stdout) == (2, "")


def test_statements_for_programs() -> None:
    """With ``--json`` each statement by itself, up and down."""
    answer = json.loads(printed("--project", "acme", "--json", dialect="mariadb"))
    assert set(answer) == {"create", "drop"}
    assert [one.split()[0] for one in (*answer["create"], *answer["drop"])] == ["CREATE", "DROP"]


def pour(number: int, barrier: Barrier, url: str, isolation: str | None, churn: bool) -> Counter[str]:
    """Insert by raw SQL, in this process's own connections; with ``churn`` delete some of them again."""
    engine = create_engine(url, **({"isolation_level": isolation} if isolation else {}))
    answers: Counter[str] = Counter()
    barrier.wait()
    for attempt in range(40):
        name = f"u{number}-{attempt}"
        for _ in range(200):
            try:
                with engine.begin() as connection:
                    # So that a transaction with one snapshot has it before it inserts.
                    connection.execute(text("SELECT count(*) FROM users")).scalar_one()
                    statement = "INSERT INTO users (name, company, active) VALUES (:name, 'acme', TRUE)"
                    if churn and attempt % 4 == 3:
                        name = f"u{number}-{attempt - 1}"
                        statement = "DELETE FROM users WHERE name = :name"
                    connection.execute(text(statement), {"name": name})
                answers["done"] += 1
            except DBAPIError as error:
                if REFUSED not in str(error.orig):
                    answers["again"] += 1
                    continue
                answers["refused"] += 1
            break
    engine.dispose()
    return answers


Make = Callable[[str], str]


@pytest.mark.races
@pytest.mark.parametrize(
    ("database", "isolation"),
    [
        ("sqlite", None),
        ("postgresql", "READ COMMITTED"),
        ("postgresql", "REPEATABLE READ"),
        ("mariadb", "REPEATABLE READ"),
    ],
)
def test_eight_processes_with_raw_sql_stop_at_100(
    new_database: Make, database: str, isolation: str | None
) -> None:
    """8 x 40 inserts for 100 seats: 100 rows and 220 refusals, at every isolation the host may use."""
    url = _hundred(new_database(database), database)
    answers = sum(crowd(pour, 8, url, isolation, False), Counter())
    print(database, isolation, dict(answers))
    assert (answers["done"], answers["refused"]) == (100, 220)
    engine = create_engine(url)
    assert rows(engine) == {"acme": 100}
    engine.dispose()


@pytest.mark.races
@pytest.mark.parametrize("database", ["mariadb"])
def test_inserts_and_deletes_never_pass_100(database_url: str, database: str) -> None:
    """With deletes between them there are never more than 100; a lost race is run again.

    Where rows are counted under locks, a delete and an insert could each wait for the other.
    """
    url = _hundred(database_url, database)
    answers = sum(crowd(pour, 8, url, None, True), Counter())
    print(database, "churn", dict(answers))
    assert answers["done"] + answers["refused"] == 320
    engine = create_engine(url)
    assert 0 < rows(engine)["acme"] <= 100
    engine.dispose()


def _hundred(url: str, database: str) -> str:
    migrate(url)
    app = Flask("host")
    app.config["SEATGUARD_STORAGE_URI"] = url
    seats = Seatguard(app)
    with app.app_context():
        seats.project("acme", limit=100)
        seats.engine.close()
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    options = ("--project-column", "company", "--active-column", "active", "--alembic")
    run(engine, printed(*options, dialect=database), "upgrade")
    engine.dispose()
    return url
