"""Invitations: a seat held for days, sent again, accepted under another name, taken back."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import String, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from seatguard import Denied, InvalidInput, Misconfigured, NotFound, Reason
from seatguard.storage import open_store
from seatguard.testing import FrozenClock
from seatguard_flask import Seatguard
from tests.storage.stores import migrate
from tests.worlds import World


class Host:
    """An app whose project ``acme`` has two seats, one of them taken by ada; its time moves when told to."""

    def __init__(self) -> None:
        self.clock = FrozenClock()
        self.app = Flask("host")
        self.app.config["SECRET_KEY"] = "of these tests only"
        world = World.on(open_store("memory:", clock=self.clock), self.clock)
        self.seats = Seatguard(self.app, engine=world.engine)
        self.seats.project("acme", limit=2)
        assert self.seats.take("acme", "ada").allowed

    def sitting(self) -> dict[str, str]:
        where = self.seats.where("acme")
        page = self.seats.engine.seats.list(self.seats.actor, where)
        return {seat.holder: seat.state.value for seat in page.items}

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.seats.engine.journal.export(self.seats.actor)]


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    with host.app.app_context():
        yield host


def test_an_invitation_counts_and_is_accepted_without_a_free_seat(host: Host) -> None:
    """The e-mail address becomes the user's id, in one act; at no moment is the seat free."""
    invitation = host.seats.invitations.send("acme", "bob@example.com", days=14, email="bob@example.com")
    assert invitation.decision.allowed
    assert invitation.expires_at == host.clock() + dt.timedelta(days=14)
    assert host.seats.take("acme", "zoe").reason is Reason.LIMIT_REACHED
    assert [seat.holder for seat in host.seats.invitations.open("acme")] == ["bob@example.com"]
    host.clock.travel(days=13)
    accepted = host.seats.invitations.accept(invitation.token, 17, email="bob@example.com")
    assert accepted.reason is Reason.ALLOWED
    assert host.sitting() == {"ada": "assigned", "17": "assigned"}
    assert host.seats.invitations.open("acme") == ()


def test_accepting_twice_is_accepting_once(host: Host) -> None:
    """The same user keeps the seat; another one gets none by the same link."""
    token = host.seats.invitations.send("acme", "bob@example.com").token
    host.seats.invitations.accept(token, "bob").require()
    assert host.seats.invitations.accept(token, "bob").reason is Reason.ALREADY_HELD
    assert host.seats.invitations.accept(token, "eve").reason is Reason.NOT_HELD
    assert host.sitting() == {"ada": "assigned", "bob": "assigned"}


def test_sending_again_takes_no_second_seat(host: Host) -> None:
    """The same seat with a new end, on record; only the newest link works."""
    first = host.seats.invitations.send("acme", "bob@example.com", days=7)
    host.clock.travel(days=5)
    second = host.seats.invitations.send("acme", "Bob@example.com", days=7)
    assert second.decision.reason is Reason.ALLOWED
    assert second.expires_at == host.clock() + dt.timedelta(days=7)
    assert len(host.sitting()) == 2
    assert [kind for kind in host.kinds() if kind.startswith(("seat.held", "hold."))] == [
        "seat.held",
        "hold.renewed",
    ]
    host.clock.travel(days=6)
    with pytest.raises(InvalidInput, match="newer"):
        host.seats.invitations.accept(first.token, "bob")
    assert host.seats.invitations.accept(second.token, "bob").allowed


def test_an_invitation_ends_with_its_day(host: Host) -> None:
    """Past its end the link gives nothing and the seat is somebody else's to take; it may be sent anew."""
    token = host.seats.invitations.send("acme", "bob@example.com", days=2).token
    host.clock.travel(days=2)
    assert host.seats.invitations.accept(token, "bob").reason is Reason.HOLD_EXPIRED
    assert host.seats.invitations.accept(token, "bob").reason is Reason.HOLD_EXPIRED
    again = host.seats.invitations.send("acme", "bob@example.com", days=2)
    assert host.seats.invitations.accept(again.token, "bob").allowed


def test_an_invitation_taken_back(host: Host) -> None:
    """Its seat is free at once and its link void; an accepted one stays."""
    token = host.seats.invitations.send("acme", "bob@example.com").token
    assert host.seats.invitations.revoke("acme", "bob@example.com").reason is Reason.ALLOWED
    assert host.seats.invitations.revoke("acme", "bob@example.com").reason is Reason.NOT_HELD
    assert host.seats.invitations.accept(token, "bob").reason is Reason.NOT_HELD
    assert host.seats.invitations.revoke("acme", "ada").reason is Reason.HOLD_CONFIRMED
    assert host.sitting() == {"ada": "assigned"}


def test_a_member_needs_no_invitation(host: Host) -> None:
    """Inviting who sits changes nothing; a member who follows a link keeps the seat and frees the other."""
    invitation = host.seats.invitations.send("acme", "ada")
    assert (invitation.decision.reason, invitation.token) == (Reason.ALREADY_HELD, None)
    other = host.seats.invitations.send("acme", "ada@example.com")
    assert host.seats.invitations.accept(other.token, "ada").reason is Reason.ALREADY_HELD
    assert host.sitting() == {"ada": "assigned"}


def test_an_invitation_needs_a_free_seat(host: Host) -> None:
    """Refused at the limit, with the numbers and without a token."""
    host.seats.take("acme", "bob")
    invitation = host.seats.invitations.send("acme", "cleo@example.com")
    assert (invitation.decision.reason, invitation.token) == (Reason.LIMIT_REACHED, None)


def test_a_token_is_signed_by_this_application(host: Host) -> None:
    """A forged, a shortened, another application's token, and none at all, are refused as input."""
    token = str(host.seats.invitations.send("acme", "bob@example.com").token)
    stranger = Flask("stranger")
    stranger.config.update(SECRET_KEY="another one", SEATGUARD_STORAGE_URI="memory:")
    theirs = Seatguard(stranger)
    with stranger.app_context():
        theirs.project("acme", limit=2)
        foreign = theirs.invitations.send("acme", "bob@example.com").token
    for forged in (token[:-4], f"x{token}", foreign, "", None):
        with pytest.raises(InvalidInput, match="token"):
            host.seats.invitations.accept(forged, "bob")
    host.app.config["SECRET_KEY"] = None
    with pytest.raises(Misconfigured, match="SECRET_KEY"):
        host.seats.invitations.send("acme", "cleo@example.com")


def test_a_crowd_accepts_one_invitation(host: Host) -> None:
    """16 users follow one link at once: one of them gets the seat."""
    token = host.seats.invitations.send("acme", "bob@example.com").token
    barrier = threading.Barrier(16)

    def accept(number: int) -> Reason:
        with host.app.app_context():
            barrier.wait()
            return host.seats.invitations.accept(token, f"user{number}").reason

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(accept, range(16)))
    assert sorted(answers) == [Reason.ALLOWED] + [Reason.NOT_HELD] * 15
    assert len(host.sitting()) == 2


class Base(DeclarativeBase):
    """Of the model here."""


class User(Base):
    """A guarded user."""

    __tablename__ = "invited_users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)


@pytest.fixture
def apart() -> bool:
    """Whether the rows lie in another database."""
    return False


@pytest.fixture
def guarded(database_url: str, tmp_path: Path, *, apart: bool) -> Iterator[Any]:
    """A guarded model with its rows in Seatguard's database, or in another one; one seat in all."""
    migrate(database_url)
    app = Flask("host")
    app.config.update(SECRET_KEY="of these tests only", SEATGUARD_STORAGE_URI=database_url)
    seats = Seatguard(app)
    seats.project("acme", limit=1)
    engine = create_engine(f"sqlite:///{tmp_path / 'users.db'}" if apart else database_url)
    Base.metadata.create_all(engine)
    guard = seats.guard(User, project="acme", subject="id")
    with app.app_context():
        yield seats, engine
        seats.engine.close()
    guard.remove()
    engine.dispose()


@pytest.mark.parametrize(
    ("database", "apart"),
    [("sqlite", False), ("postgresql", False), ("mariadb", False), ("sqlite", True)],
)
def test_a_guarded_user_sits_on_the_invited_seat(guarded: Any) -> None:
    """Invited by address, known by id: the row is added at the limit, and seat and row commit together.

    What is rolled back has not accepted anything, and the next try does.
    """
    seats, engine = guarded
    where = seats.where("acme")
    token = seats.invitations.send("acme", "bob@example.com").token
    with Session(engine) as session:
        session.add(User(name="uninvited"))
        with pytest.raises(Denied):
            session.commit()
        session.rollback()
        assert seats.invitations.accept(token, session=session).allowed
        session.add(User(name="bob"))
        session.flush()
        session.rollback()
        assert [seat.holder for seat in seats.invitations.open("acme")] == ["bob@example.com"]
        session.add(User(name="bob"))
        session.commit()
        bob = session.scalars(select(User)).one()
        (seat,) = seats.engine.seats.list(seats.actor, where).items
        assert (seat.holder, seat.state.value) == (str(bob.id), "assigned")
        session.add(User(name="another"))
        with pytest.raises(Denied):
            session.commit()


def test_a_guarded_user_with_a_void_invitation_comes_as_anybody(guarded: Any) -> None:
    """Revoked between the link and the commit: the seat that is free now is theirs all the same."""
    seats, engine = guarded
    token = seats.invitations.send("acme", "bob@example.com").token
    with Session(engine) as session:
        assert seats.invitations.accept(token, session=session).allowed
        seats.invitations.revoke("acme", "bob@example.com")
        session.add(User(name="bob"))
        session.commit()
        assert len(seats.engine.seats.list(seats.actor, seats.where("acme")).items) == 1
    assert seats.invitations.accept(token, session=session).reason is Reason.HOLD_EXPIRED


def test_somebody_must_be_named(host: Host) -> None:
    """Neither a user nor a session is a mistake in the program; an unknown project is not found."""
    token = host.seats.invitations.send("acme", "bob@example.com").token
    with pytest.raises(TypeError, match="whose seat"):
        host.seats.invitations.accept(token)
    with pytest.raises(NotFound):
        host.seats.invitations.send("nobody", "bob@example.com")
    with pytest.raises(InvalidInput):
        host.seats.invitations.send("acme", "bob@example.com", days=400)
