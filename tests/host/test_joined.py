"""Seats inside the host's own transaction: they stand or fall with it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, String, create_engine, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from seatguard import Actor, Misconfigured, Reason, Seatguard, StorageUnavailable, Where
from tests.storage.crowd import Arena


class Base(DeclarativeBase):
    pass


class Account(Base):
    """A user table of the host's."""

    __tablename__ = "account"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))


@dataclass
class Host:
    """A host application's database with Seatguard's tables in it."""

    engine: Engine
    seatguard: Seatguard
    actor: Actor
    where: Where
    subscription: str

    def sign_up(self, session: Session, name: str) -> Reason:
        """Add an account and take its seat in one transaction."""
        session.add(Account(name=name))
        session.flush()
        seats = self.seatguard.seats_within(session.connection())
        return seats.take(self.actor, self.where, name).reason

    def live(self) -> int:
        return self.seatguard.seats.usage(self.actor, self.subscription).live

    def accounts(self) -> int:
        with Session(self.engine) as session:
            return session.scalar(select(func.count()).select_from(Account)) or 0

    def check(self) -> None:
        assert list(self.seatguard.verify(self.actor)) == []
        assert list(self.seatguard.journal.verify(self.actor)) == []


SETUPS = [
    ("sqlite", None),
    ("postgresql", None),
    ("postgresql", "REPEATABLE READ"),
    ("mariadb", "READ COMMITTED"),
    ("mariadb", None),  # MariaDB's default is REPEATABLE READ
]


@pytest.fixture(params=SETUPS, ids=lambda setup: "-".join(part or "default" for part in setup))
def host(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[Host]:
    kind, isolation = request.param
    arena = Arena.build(new_database(kind), limit=100)
    options = {} if isolation is None else {"isolation_level": isolation}
    engine = create_engine(arena.url, pool_size=16, **options)
    Base.metadata.create_all(engine)
    seatguard = arena.open()
    actor = seatguard.actor("test", "host", tenant=arena.tenant)
    yield Host(engine, seatguard, actor, seatguard.where(arena.project), arena.subscription)
    seatguard.close()
    engine.dispose()


def test_commit_keeps_both(host: Host) -> None:
    """The account and its seat are there together."""
    with Session(host.engine) as session, session.begin():
        assert host.sign_up(session, "ada") is Reason.ALLOWED
    assert (host.accounts(), host.live()) == (1, 1)
    host.check()


def test_rollback_frees_the_seat(host: Host) -> None:
    """Neither the account nor the seat nor the entry is there."""
    with Session(host.engine) as session:
        host.sign_up(session, "ada")
        session.rollback()
    assert (host.accounts(), host.live()) == (0, 0)
    host.check()


def test_savepoint_undoes_its_part_only(host: Host) -> None:
    """What a nested transaction took is freed with it; the rest stands."""
    with Session(host.engine) as session, session.begin():
        host.sign_up(session, "ada")
        nested = session.begin_nested()
        host.sign_up(session, "bob")
        nested.rollback()
        host.sign_up(session, "cleo")
    assert (host.accounts(), host.live()) == (2, 2)
    host.check()


def test_nobody_else_sees_it_before_the_commit(host: Host) -> None:
    """A count read from another connection does not show the seat that is not committed."""
    with Session(host.engine) as session, session.begin():
        host.sign_up(session, "ada")
        assert host.live() == 0
    assert host.live() == 1


def test_another_database_is_refused(host: Host, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A session on another database cannot make the seat part of its transaction."""
    other = create_engine(f"sqlite:///{tmp_path_factory.mktemp('other') / 'other.db'}")
    with other.connect() as connection, pytest.raises(Misconfigured, match="not Seatguard's"):
        host.seatguard.seats_within(connection)
    memory = Seatguard.open("memory:")
    with other.connect() as connection, pytest.raises(Misconfigured, match="no transaction"):
        memory.seats_within(connection)


def test_one_file_spelled_in_two_ways_is_one_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative and an absolute path to the same SQLite file share a transaction."""
    monkeypatch.chdir(tmp_path)
    arena = Arena.build("sqlite:///one.db", limit=5)
    seatguard = arena.open()
    actor, where = seatguard.actor("test", "host", tenant=arena.tenant), seatguard.where(arena.project)
    host = create_engine(f"sqlite:///{tmp_path / 'one.db'}")
    with host.begin() as connection:
        assert seatguard.seats_within(connection).take(actor, where, "ada").allowed
    assert seatguard.seats.usage(actor, arena.subscription).live == 1
    host.dispose()
    seatguard.close()


def test_threads_roll_back_and_delete_and_never_disagree(host: Host) -> None:
    """12 threads x 50 creations, a fifth rolled back, a fifth deleted again: counter == seats == rows."""
    barrier = threading.Barrier(12)

    def again(step: Callable[[], Reason]) -> Reason:
        """Run a transaction until it is not undone by a lost race, as a host would."""
        while True:
            try:
                return step()
            except (StorageUnavailable, OperationalError):
                continue

    def create(name: str, *, keep: bool) -> Reason:
        with Session(host.engine) as session:
            reason = host.sign_up(session, name)
            if keep and reason is Reason.ALLOWED:
                session.commit()
            return reason

    def delete(name: str) -> Reason:
        with Session(host.engine) as session, session.begin():
            session.delete(session.scalars(select(Account).where(Account.name == name)).one())
            session.flush()
            seats = host.seatguard.seats_within(session.connection())
            return seats.release(host.actor, host.where, name).reason

    def traffic(thread: int) -> Counter[Reason]:
        barrier.wait()
        answers: Counter[Reason] = Counter()
        for number in range(50):
            name = f"user{thread}-{number}"
            reason = again(partial(create, name, keep=number % 5 != 0))
            answers[reason] += 1
            if reason is Reason.ALLOWED and number % 5 == 1:
                assert again(partial(delete, name)) is Reason.ALLOWED
        return answers

    with ThreadPoolExecutor(12) as pool:
        answers = sum(pool.map(traffic, range(12)), Counter())
    assert set(answers) == {Reason.ALLOWED, Reason.LIMIT_REACHED}
    assert host.live() == host.accounts() == 100
    host.check()
