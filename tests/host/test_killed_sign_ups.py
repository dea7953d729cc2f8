"""`kill -9` between every two steps of a guarded sign-up."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from seatguard import Actor, Seatguard, Where
from seatguard.seats.model import Usage
from seatguard.testing import FrozenClock
from tests.host.signing_up import Base, Outcome, Round, User, serve
from tests.storage.crowd import spawn
from tests.storage.stores import migrate

pytestmark = pytest.mark.crash

ROUNDS = 100
NOW = "2027-06-15T12:00:00+00:00"
TTL = 60
"""`SEATGUARD_HOLD_TTL` as it is by default."""


@contextmanager
def nursery(url: str) -> Iterator[Callable[[Round], Outcome]]:
    """Runs rounds, each in a process of its own."""
    mine, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(theirs, url))
    process.start()
    theirs.close()

    def attempt(wanted: Round) -> Outcome:
        mine.send(wanted)
        assert mine.poll(60), "a sign-up did not end"
        outcome: Outcome = mine.recv()
        return outcome

    try:
        yield attempt
        mine.send(None)
        process.join(10)
    finally:
        process.kill()
        process.join()


class Register:
    """What Seatguard says of the one project, asked by a process that lives on."""

    def __init__(self, url: str, *, limit: int) -> None:
        migrate(url)
        self.clock = FrozenClock(NOW)
        self.engine = Seatguard.open(url, clock=self.clock)
        self.actor: Actor = self.engine.actor("test", "survivor")
        client = self.engine.clients.add(self.actor, name="Acme")
        self.where: Where = self.engine.where(self.engine.projects.add(self.actor, client.id, name="acme").id)
        self.service = self.engine.subscriptions.add(self.actor, self.where.project, limit=limit).id

    def seated(self) -> set[str]:
        seated, after = set(), None
        while True:
            page = self.engine.seats.list(self.actor, self.where, limit=200, after=after)
            seated |= {seat.holder for seat in page.items}
            after = page.after
            if after is None:
                return seated

    def usage(self) -> Usage:
        return self.engine.seats.usage(self.actor, self.service)

    def check(self) -> None:
        assert list(self.engine.verify(self.actor)) == []
        assert list(self.engine.journal.verify(self.actor)) == []


@pytest.mark.parametrize("manner", ["guard", "take"])
def test_user_and_seat_are_never_apart(database_url: str, database: str, manner: str) -> None:
    """100 rounds, killed at each step in turn: never a user without a seat nor a seat without a user,
    counter == rows, and whatever was answered is there."""
    register = Register(database_url, limit=1000)
    host = create_engine(database_url)
    Base.metadata.create_all(host)
    answered: set[str] = set()
    killed = 0
    with nursery(database_url) as attempt:
        whole = attempt(Round(manner, "whole", 0))
        assert (whole.killed, whole.status) == (False, 201)
        answered.add("whole")
        for number, step in zip(range(ROUNDS), itertools.cycle(range(1, whole.steps + 2)), strict=False):
            outcome = attempt(Round(manner, f"user{number}", step))
            killed += outcome.killed
            if outcome.status == 201:
                answered.add(f"user{number}")
            with Session(host) as session:
                users = set(session.scalars(select(User.name)))
            assert users == register.seated(), f"killed at step {step} of {whole.steps}"
            assert register.usage().live == len(users)
    assert answered <= users
    # One round in so many is killed after its last step, that is not at all.
    assert killed > ROUNDS * 3 // 4
    print(f"{database}, {manner}: {whole.steps} steps, {killed} killed, {len(users)} users with their seats")
    register.check()
    register.engine.close()
    host.dispose()


def test_the_hold_of_a_killed_view_ends_at_its_end_and_not_before(database_url: str, database: str) -> None:
    """Killed at each step around the view: the seat is nobody's, a hold, or taken for good. A hold counts
    to the last second, and not one second longer."""
    register = Register(database_url, limit=1)
    ends: list[str] = []
    with nursery(database_url) as attempt:
        whole = attempt(Round("consume", "whole", 0, now=NOW))
        assert (whole.killed, whole.status) == (False, 201)
        for step in range(1, whole.steps + 1):
            register.engine.seats.release(register.actor, register.where, "whole")
            register.clock.set(NOW)
            assert attempt(Round("consume", "whole", step, now=NOW)).killed
            before = register.usage()
            ends.append("held" if before.held else "taken" if before.live else "free")
            register.clock.travel(seconds=TTL - 1)
            assert register.usage() == before
            refused = register.engine.seats.take(register.actor, register.where, "next")
            assert refused.allowed == (ends[-1] == "free")
            register.clock.travel(seconds=1)
            allowed = register.engine.seats.take(register.actor, register.where, "next").allowed
            assert allowed == (ends[-1] != "taken")
            register.check()
            for name in ("next", "whole"):
                register.engine.seats.release(register.actor, register.where, name)
    assert [end for end, _ in itertools.groupby(ends)] == ["free", "held", "taken"]
    print(f"{database}: killed at {whole.steps} steps: {ends.count('held')} holds")
    register.engine.close()
