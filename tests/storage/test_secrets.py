"""Nothing that Seatguard says, logs or raises shows a key, and no statement that fails shows its values."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import DBAPIError

from seatguard import Conflict, Store
from seatguard.storage.sqlalchemy import tables
from seatguard.storage.sqlalchemy.database import Database
from seatguard.testing import FrozenClock
from tests.storage.stores import sql_store
from tests.worlds import PEPPER, World

seat = tables.seat


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def store(clock: FrozenClock, database_url: str) -> Iterator[Store]:
    yield from sql_store(database_url, clock)


@pytest.fixture
def world(store: Store, clock: FrozenClock) -> World:
    return World.on(store, clock)


@pytest.fixture
def raw(database_url: str) -> Iterator[Database]:
    """The database as its administrator sees it."""
    database = Database(database_url)
    yield database
    database.close()


SECRET_NAME, SECRET_ADDRESS = "Zaphod Beeblebrox", "zaphod@heartofgold.example"


def test_errors_of_the_database_show_no_values(world: World, raw: Database) -> None:
    """A statement that fails does not show what it was given."""
    world.service(3)
    world.engine.seats.take(world.actor, world.where, SECRET_NAME, email=SECRET_ADDRESS).require()

    def again(connection: Connection) -> None:
        row = connection.execute(select(seat)).mappings().one()
        connection.execute(insert(seat).values({**row, "number": row["number"] + 1}))

    # The driver's own message may quote a doubled unique value: the comparison key of a name. No other.
    with pytest.raises(DBAPIError) as caught, raw.engine.connect() as connection:
        again(connection)
    shown = str(caught.value) + repr(caught.value)
    assert "parameters hidden" in shown
    assert SECRET_ADDRESS not in shown


def test_conflicts_show_no_secret(world: World) -> None:
    """Refusals of a service name what the caller gave and what may be shown, and no digest."""
    first = world.engine.projects.add_key(world.actor, world.project.id)
    second = world.engine.projects.add_key(world.actor, world.project.id)
    with pytest.raises(Conflict) as caught:
        world.engine.projects.add_key(world.actor, world.project.id)
    shown = str(caught.value) + repr(caught.value) + repr(caught.value.facts)
    for made in (first, second):
        assert made.secret.reveal() not in shown
        assert made.record.digest.hex() not in shown


def test_what_is_logged_and_shown_holds_no_secret(
    world: World, raw: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """With everything logged, and everything on the way printed, no key and no pepper comes out."""
    caplog.set_level(logging.DEBUG)
    world.service(3)
    made = world.engine.projects.add_key(world.actor, world.project.id)
    secret = made.secret.reveal()
    access = world.engine.projects.identify(secret, "acme.example")
    decision = world.engine.seats.take(world.actor, world.where, SECRET_NAME, email=SECRET_ADDRESS)
    rotated = world.engine.projects.rotate_key(world.actor, made.record.id)
    shown = [made, made.secret, made.record, access, rotated, world.engine, world.store, raw, world.entries()]
    text = "\n".join([*map(repr, shown), *map(str, shown), caplog.text])
    for key in (secret, rotated.secret.reveal()):
        assert key not in text
        assert key[12:-4] not in text
    assert PEPPER.decode() not in text
    assert SECRET_NAME not in caplog.text
    assert SECRET_ADDRESS not in caplog.text
    assert decision.allowed


@pytest.mark.parametrize("database", ["mariadb"])
def test_a_url_with_a_password_is_not_shown(raw: Database) -> None:
    """Whoever prints the database sees where it is, and not how to get in."""
    assert raw.url.password
    assert f":{raw.url.password}@" not in repr(raw) + repr(raw.url) + repr(raw.engine) + str(raw.engine.url)
