"""A line in front of a guarded model: rows that go make room for those who wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import String, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from seatguard import Denied
from seatguard_flask import Seatguard
from tests.storage.stores import migrate


class Base(DeclarativeBase):
    """Of the model here."""


class User(Base):
    """A guarded user, known by name."""

    __tablename__ = "waiting_users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))


@pytest.fixture
def host(database_url: str) -> Iterator[tuple[Seatguard, Session]]:
    """Two guarded users on two seats; a freed one is held for an hour for the first in line."""
    migrate(database_url)
    app = Flask("host")
    app.config.update(SEATGUARD_STORAGE_URI=database_url, SEATGUARD_OFFER_TTL=3600)
    seats = Seatguard(app)
    engine = create_engine(database_url)
    Base.metadata.create_all(engine)
    guard = seats.guard(User, project="acme", subject="name")
    with app.app_context(), Session(engine) as session:
        seats.project("acme", limit=2)
        session.add_all([User(name="ada"), User(name="bob")])
        session.commit()
        yield seats, session
        session.rollback()
        seats.engine.close()
    guard.remove()
    engine.dispose()


def test_a_deleted_user_makes_room_for_the_first_in_line(host: Any) -> None:
    """When the deletion has committed, and not before; a newcomer is refused, who was offered comes in."""
    seats, session = host
    where, waiting = seats.where("acme"), seats.engine.waiting
    waiting.join(seats.actor, where, "cleo")
    waiting.join(seats.actor, where, "dan")
    ada = session.query(User).filter_by(name="ada").one()
    session.delete(ada)
    session.flush()
    session.rollback()
    assert waiting.length(seats.actor, where) == 2
    session.delete(ada)
    session.commit()
    assert [seat.holder for seat in seats.engine.seats.holds(seats.actor, where)] == ["cleo"]
    session.add(User(name="zoe"))
    with pytest.raises(Denied):
        session.commit()
    session.rollback()
    session.add(User(name="cleo"))
    session.commit()
    assert [one.holder for one in waiting.list(seats.actor, where).items] == ["dan"]
    assert session.query(User).count() == 2
    assert list(seats.engine.verify(seats.actor)) == []
