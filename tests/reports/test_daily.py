"""Sums by the day: the journal's numbers, whether its entries were counted before or are read now."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seatguard
from seatguard.reports.model import Day
from seatguard.storage import open_store
from seatguard.storage.memory.ledger import MemoryLedger
from seatguard.testing import FrozenClock
from seatguard.worker import CHORES, Worker
from tests.storage.stores import sql_store
from tests.worlds import World

LIMIT = 3


@pytest.fixture(params=["memory", "sqlite", "postgresql", "mariadb"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """The same world on memory and on every database."""
    clock = FrozenClock()
    if request.param == "memory":
        yield World.on(open_store("memory:", clock=clock), clock)
        return
    for store in sql_store(request.getfixturevalue("new_database")(request.param), clock):
        yield World.on(store, clock)


class Story:
    """Things that happen on two services, and what the journal says of them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.services = [world.service(LIMIT, type=type) for type in ("web", "mobile")]
        self.users = 0

    def take(self, service: int) -> None:
        """Ask for a seat: given, or refused when the service is full."""
        self.users += 1
        where = self.world.engine.where(self.world.project.id, type=self.services[service].type)
        self.world.engine.seats.take(self.world.actor, where, f"user{self.users}")

    def later(self, hours: int) -> None:
        """Let time go by; sums of refusals of the minutes before are written."""
        self.world.engine.flush()
        self.world.clock.travel(hours=hours)

    def count(self) -> int:
        """What the worker does."""
        return self.world.engine.reports.count_days(self.world.actor)

    def sums_of(self, days: int) -> int:
        """So many, unless nothing is kept: in memory all entries are at hand."""
        return 0 if isinstance(self.world.store.ledger, MemoryLedger) else days

    def agrees(self, days: int = 40) -> None:
        """Every number of the reports is that of the entries."""
        self.world.engine.flush()
        reports, me = self.world.engine.reports, self.world.actor
        today = self.world.clock().date()
        first = today - dt.timedelta(days=days - 1)
        for service in (None, *(one.id for one in self.services)):
            taken: Counter[dt.date] = Counter()
            denied: Counter[dt.date] = Counter()
            reasons: Counter[str] = Counter()
            for entry in self.world.entries(stream=service):
                if entry.kind == "seat.taken":
                    taken[entry.at.date()] += 1
                if entry.kind == "seat.denied":
                    denied[entry.at.date()] += entry.data["count"]
                    if entry.at.date() >= first:
                        reasons[entry.data["reason"]] += entry.data["count"]
            every = [first + dt.timedelta(days=count) for count in range(days)]
            expected = [Day(day, taken[day], denied[day]) for day in every]
            assert reports.seat_series(me, days=days, service=service) == expected
            if service is None:
                assert reports.denials(me, days=days) == reasons


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(0, 1)),
        st.tuples(st.just("later"), st.sampled_from([1, 12, 25, 24 * 5])),
        st.tuples(st.just("count"), st.none()),
    ),
    max_size=25,
)


@given(steps=STEPS)
@settings(max_examples=25, deadline=None)
def test_reports_show_the_numbers_of_the_journal_whatever_was_counted(steps: list[tuple[str, int]]) -> None:
    """Takes, refusals, days that pass and counting in any order: sums and entries make the scan's numbers."""
    with TemporaryDirectory() as folder:
        clock = FrozenClock()
        store = open_store(f"sqlite:///{Path(folder) / 'seats.db'}", clock=clock)
        story = Story(World.on(store, clock))
        for what, how in steps:
            getattr(story, what)(*([] if how is None else [how]))
        story.agrees()
        story.count()
        story.agrees()
        assert story.count() == 0
        store.ledger.close()


def test_days_that_are_over_are_counted_once(world: World) -> None:
    """Today is read from its entries, each day before from its sums, and the numbers are the same."""
    story = Story(world)
    for _ in range(4):
        for service in (0, 0, 1):
            story.take(service)
        story.later(24)
    story.agrees()
    counted = story.count()
    story.agrees()
    assert counted == story.sums_of(5)  # four days, and the one before the first entry
    assert story.count() == 0
    story.take(1)
    story.agrees()


def test_several_who_count_leave_no_day_out(world: World) -> None:
    """Who meets another at a day goes on with the next: all are counted when the first is done."""
    story = Story(world)
    for _ in range(6):
        story.take(0)
        story.later(24)
    together = Barrier(4)

    def count() -> int:
        together.wait()
        story.count()
        return story.count()

    with ThreadPoolExecutor(4) as pool:
        assert [left.result() for left in [pool.submit(count) for _ in range(4)]] == [0] * 4
    story.agrees()


def test_a_day_is_counted_an_hour_after_its_end(world: World) -> None:
    """Not at once: a transaction of that day may still commit."""
    story = Story(world)
    story.take(0)
    midnight = dt.datetime.combine(world.clock().date() + dt.timedelta(days=1), dt.time(), tzinfo=dt.UTC)
    world.clock.travel(seconds=(midnight - world.clock()).total_seconds() + 3599)
    assert story.count() == 0
    world.clock.travel(seconds=1)
    assert story.count() == story.sums_of(2)  # that day, and the one before the first entry
    story.agrees()


def test_entries_that_come_late_are_counted_the_next_time(world: World) -> None:
    """A gate that was relayed a day late adds to days that were counted already."""
    story = Story(world)
    story.take(0)
    story.later(24 * 3)
    story.count()
    world.clock.travel(days=-2)
    # Another process, which has not seen the days that went by: ids never go back within one.
    other = seatguard.Seatguard(world.store, clock=world.clock)
    where = other.where(world.project.id, type="web")
    other.seats.take(world.actor, where, "late").require()
    world.clock.travel(days=2)
    story.count()
    story.agrees()


def test_the_worker_counts_the_days(world: World) -> None:
    """`seatguard work` keeps the sums."""
    story = Story(world)
    story.take(0)
    story.later(24 * 2)
    days = [chore for chore in CHORES if chore.name == "days"]
    done = Worker(world.engine, days).once()
    assert done["days"] == story.sums_of(3)
    story.agrees()
