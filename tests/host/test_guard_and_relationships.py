"""The model guard where other rows tell a user's project, and in a process that has just begun."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import ForeignKey, create_engine, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, object_session, relationship

from seatguard import Denied
from seatguard_flask import Seatguard
from tests.storage.stores import migrate


class Base(DeclarativeBase):
    """Base of the models."""


class Company(Base):
    __tablename__ = "company"

    id: Mapped[int] = mapped_column(primary_key=True)
    project: Mapped[str]


class Member(Base):
    __tablename__ = "member"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    company_id: Mapped[int] = mapped_column(ForeignKey(Company.id))
    company: Mapped[Company] = relationship()


class Guest(Member):
    """A subclass with a table of its own."""

    __tablename__ = "guest"

    member_id: Mapped[int] = mapped_column(ForeignKey(Member.id), primary_key=True)


@dataclass
class Host:
    """Two companies with one seat each, and a guarded model."""

    app: Flask
    seats: Seatguard
    url: str
    guard: Callable[..., None]

    def session(self) -> Session:
        return Session(create_engine(self.url))

    def seated(self, project: str) -> list[str]:
        page = self.seats.engine.seats.list(self.seats.actor, self.seats.where(project), limit=200)
        return sorted(seat.holder for seat in page.items)


@pytest.fixture
def host(new_database: Callable[[str], str]) -> Iterator[Host]:
    """In an application's context."""
    url = new_database("sqlite")
    migrate(url)
    app = Flask("host")
    app.config["SEATGUARD_STORAGE_URI"] = url
    seats = Seatguard(app)
    guards: list[Any] = []

    def guard(**options: Any) -> None:
        guards.append(seats.guard(Member, subject="name", **options))

    made = Host(app, seats, url, guard)
    with app.app_context(), made.session() as session:
        Base.metadata.create_all(session.get_bind())
        for project in ("acme", "bolt"):
            seats.project(project, limit=1)
            session.add(Company(project=project))
        session.commit()
        yield made
        for one in guards:
            one.remove()
        seats.engine.close()


def by_key(member: Any) -> str:
    session = object_session(member)
    assert session is not None
    return session.get_one(Company, member.company_id).project


def by_relationship(member: Any) -> str:
    return str(member.company.project)


@pytest.mark.parametrize("project", [by_key, by_relationship])
def test_a_new_user_knows_the_project_by_the_foreign_key(host: Host, project: Any) -> None:
    """Only the key was set, as forms do, and the related row was never loaded."""
    host.guard(project=project)
    with host.session() as session:
        session.add(Member(name="ada", company_id=2))
        session.commit()
    assert (host.seated("acme"), host.seated("bolt")) == ([], ["ada"])


@pytest.mark.parametrize("project", [by_key, by_relationship])
def test_a_project_that_comes_with_its_first_user(host: Host, project: Any) -> None:
    """Company and member are written by one flush."""
    host.guard(project=project)
    host.seats.project("cone", limit=1)
    with host.session() as session:
        session.add(Member(name="ada", company=Company(project="cone")))
        session.commit()
    assert host.seated("cone") == ["ada"]


@pytest.mark.parametrize("kind", [Member, Guest])
@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize("change", ["key", "object"])
@pytest.mark.parametrize("project", [by_key, by_relationship])
def test_a_user_who_moves_takes_the_seat_along(
    host: Host, project: Any, change: str, loaded: bool, kind: type[Member]
) -> None:
    """Whether the key is changed or the related object, whether that was loaded or not."""
    host.guard(project=project)
    with host.session() as session:
        session.add(kind(name="ada", company_id=1))
        session.commit()
        ada = session.scalars(select(Member)).one()
        if loaded:
            assert ada.company.project == "acme"
        if change == "key":
            ada.company_id = 2
        else:
            ada.company = session.get_one(Company, 2)
        session.commit()
    assert (host.seated("acme"), host.seated("bolt")) == ([], ["ada"])


@pytest.mark.parametrize("opened_by", ["insert", "update"])
def test_the_first_seat_of_a_process_may_be_taken_in_a_transaction(host: Host, opened_by: str) -> None:
    """The store is opened by the guard itself, while the host's transaction has the file to itself."""
    host.guard(project=by_key)
    host.seats.engine.close()
    app = Flask("another process")
    app.config["SEATGUARD_STORAGE_URI"] = host.url
    host.seats.init_app(app)
    with app.app_context(), host.session() as session:
        if opened_by == "update":
            session.execute(update(Company).values(project=Company.project))
        session.add(Member(name="ada", company_id=1))
        session.commit()
        session.add(Member(name="bob", company_id=1))
        with pytest.raises(Denied):
            session.commit()
        session.rollback()
        assert host.seated("acme") == ["ada"]
        host.seats.engine.close()
