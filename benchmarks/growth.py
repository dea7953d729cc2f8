"""What grows with ten million seats and as many entries: takes, checks, pages and reports.

    python -m benchmarks.growth [--sizes 10000 10000000]

Each size has a database of its own, with one subscription that holds all the seats, and all are measured in
the same rounds. The goal is a ratio of at most 1.5. ``benchmarks/filling.py`` tells how the seats got there.
Ten million need 12 GB on PostgreSQL and 10 on SQLite; ``TMPDIR`` says where.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from benchmarks.filling import DAYS, driver, fill
from benchmarks.measuring import Report, Samples, command, interleave, micros_each
from benchmarks.places import Arena, Place, another, places
from seatguard import Seatguard
from seatguard.clock import system_clock
from seatguard.errors import StorageUnavailable
from seatguard.ids import Uuid7
from seatguard.journal.drafts import person_digest
from seatguard.journal.ports import Search
from seatguard.reports.model import ServiceSearch, Sort, View
from seatguard.storage.sqlalchemy.database import Database

ALL = ("SQLite", "PostgreSQL")
SIZES = (10_000, 10_000_000)
ENDLESS = 1_000_000_000
PAGE = 50
REPORTS = (
    "report: overview",
    "report: counts of all views",
    "report: services, newest",
    "report: clients",
    "report: seats of 30 days",
    "report: seats of 30 days, of this service",
    "report: seats of a year",
    "report: refusals of 30 days",
)
"""Those that goals name."""


def run(report: Report, options: argparse.Namespace) -> None:
    """Measure and print."""
    report.section("growth")
    sizes = (1_000, 5_000) if report.quick else options.sizes
    with places(report, options.places) as found:
        arenas = {
            (place.name, size): _empty(another(place, f"seats{size}")) for place in found for size in sizes
        }
        began = time.monotonic()
        # The largest first: two at a time, they end together.
        work = sorted(((size, arena) for (_, size), arena in arenas.items()), key=lambda one: -one[0])
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            pool.starmap(fill, [(arena, size) for size, arena in work], chunksize=1)
        report.remark(
            f"loaded {2 * sum(size for size, _ in work):,} rows in {time.monotonic() - began:.0f} s"
        )
        for place in found:
            _measure(report, place, {size: arenas[place.name, size] for size in sizes})


def _empty(place: Place) -> Arena:
    """An arena of two: the one to fill, and a quiet one whose seats are found among the others' rows."""
    long_ago = system_clock() - dt.timedelta(days=DAYS + 1)
    return Arena.build(place.url, services=2, limit=ENDLESS, clock=lambda: long_ago)


@dataclass
class _Grown:
    """One arena and what is asked of it."""

    arena: Arena
    size: int
    engine: Seatguard
    uncached: Seatguard
    database: Database
    raw: psycopg.Connection[Any] | None = None

    @classmethod
    def open(cls, arena: Arena, size: int) -> _Grown:
        return cls(arena, size, arena.open(), arena.open(max_age=0), Database(arena.url))

    def acts(self) -> dict[str, Callable[[], object]]:
        """What is measured, by name."""
        engine, actor, where = self.engine, self.arena.actor(self.engine), self.arena.where(0)
        numbers = itertools.count()
        first, quiet = (service.subscription for service in self.arena.services)
        engine.seats.take(actor, self.arena.where(1), "ada").require()
        middle = str(self.size // 2)
        journal = engine.journal
        halfway = (
            journal.search(
                actor, Search(stream=first), limit=1, after=self._middle_entry(), newest_first=True
            )
            .items[0]
            .id
        )
        hold = Search(subject=Uuid7(system_clock)(), kind="hold.expired")
        person = Search(person=person_digest(self.arena.tenant, f"user-{self.size // 2}"))
        week = Search(since=system_clock() - dt.timedelta(days=7))
        return {
            "take": lambda: engine.seats.take(actor, where, f"new-{next(numbers)}").require(),
            "check, uncached": lambda: self.uncached.seats.check(actor, where).require(),
            "page of seats, first": lambda: engine.seats.list(actor, where, limit=PAGE),
            "page of seats, middle": lambda: engine.seats.list(actor, where, limit=PAGE, after=middle),
            "page of the journal, newest": lambda: journal.search(actor, Search(), limit=PAGE),
            "page of the journal, middle": lambda: journal.search(actor, Search(), limit=PAGE, after=halfway),
            "page of the journal, last week": lambda: journal.search(actor, week, limit=PAGE),
            "page of this service's entries": lambda: journal.search(actor, Search(stream=first), limit=PAGE),
            "page of a quiet service's entries": lambda: journal.search(
                actor, Search(stream=quiet), limit=PAGE
            ),
            "entries of a rare kind": lambda: journal.search(
                actor, Search(kind="subscription.added"), limit=PAGE
            ),
            "entries of a rare actor": lambda: journal.search(actor, Search(actor="cli:nobody"), limit=PAGE),
            "a hold that is not there": lambda: journal.search(actor, hold, limit=1),
            "entries of a person": lambda: journal.search(actor, person, limit=PAGE),
            **self._reports(),
        }

    def _reports(self) -> dict[str, Callable[[], object]]:
        """Everything that ``engine.reports`` answers."""
        reports, me = self.engine.reports, self.arena.actor(self.engine)
        active = ServiceSearch(view=View.ACTIVE)
        first = self.arena.services[0].subscription
        client = reports.clients(me).items[0].client.id
        return {
            "report: overview": lambda: reports.overview(me),
            "report: counts of all views": lambda: reports.view_counts(me),
            "report: count of services": lambda: reports.count_services(me, active),
            "report: services, newest": lambda: reports.services(me),
            "report: services, by client": lambda: reports.services(me, sort=Sort.CLIENT),
            "report: services, by last day": lambda: reports.services(me, active, sort=Sort.EXPIRES),
            "report: services, by utilization": lambda: reports.services(me, sort=Sort.UTILIZATION),
            "report: services, by prefix": lambda: reports.services(me, ServiceSearch(q="project")),
            "report: one service": lambda: reports.service(me, first),
            "report: clients": lambda: reports.clients(me),
            "report: count of clients": lambda: reports.count_clients(me),
            "report: one client": lambda: reports.client(me, client),
            "report: projects": lambda: reports.projects(me),
            "report: plans": lambda: reports.plans(me),
            "report: names": lambda: reports.names(me, "subscription", [first]),
            "report: seats of 30 days": lambda: reports.seat_series(me),
            "report: seats of 30 days, of this service": lambda: reports.seat_series(me, service=first),
            "report: seats of a year": lambda: reports.seat_series(me, days=365),
            "report: refusals of 30 days": lambda: reports.denials(me),
        }

    def counted(self) -> object:
        """The check that is written first; of ten million it may take longer than a statement of ours."""
        query = (
            "SELECT (SELECT count(*) FROM seatguard_seat WHERE subscription = s.id) < cap "
            f"FROM seatguard_subscription s WHERE id = '{self.arena.services[0].subscription}'"
        )
        if self.database.is_sqlite:
            with self.database.connection(write=False) as connection:
                row: Any = connection.exec_driver_sql(query).first()
        else:
            self.raw = self.raw or driver(self.arena)
            row = self.raw.execute(query).fetchone()
        if row is None or not row[0]:
            raise RuntimeError("the count says full")
        return row

    def _middle_entry(self) -> str:
        with self.database.connection(write=False) as connection:
            query = (
                f"SELECT id FROM seatguard_entry WHERE seq = {self.size // 2} "
                f"AND stream = '{self.arena.services[0].subscription}'"
            )
            return str(connection.exec_driver_sql(query).scalar_one())

    def close(self) -> None:
        """Let go of connections."""
        self.engine.close()
        self.uncached.close()
        if self.raw is not None:
            self.raw.close()
        self.database.close()


def _measure(report: Report, place: Place, arenas: dict[int, Arena]) -> None:
    grown = {size: _Grown.open(arena, size) for size, arena in arenas.items()}
    acts = {size: one.acts() for size, one in grown.items()}
    smallest = min(grown)
    for what in acts[smallest]:
        contenders = {_seats(size): _few(acts[size][what]) for size in grown}
        contenders["control"] = _few(acts[smallest][what])
        try:
            samples: Samples = interleave(contenders, report.rounds(9))
        except StorageUnavailable:
            report.remark(f"{what}, {place.name}: no answer within the deadline of a statement")
            continue
        for size in grown:
            if size != smallest:
                report.compare(
                    f"{what}, {place.name}",
                    samples,
                    _seats(size),
                    _seats(smallest),
                    unit="µs",
                    control="control",
                )
    for size, one in grown.items():
        check, count = "check by the counter", "check by SELECT count(*)"
        samples = interleave(
            {check: _few(acts[size]["check, uncached"]), count: _few(one.counted)}, report.rounds(9)
        )
        report.compare(f"{_seats(size)}, {place.name}", samples, check, count, unit="µs")
    for one in grown.values():
        one.close()


def _few(act: Callable[[], object]) -> Callable[[], float]:
    """As often as fits into some milliseconds: what is slow is measured once."""

    def measure() -> float:
        took = micros_each(act, 1)()
        times = max(1, min(30, int(30_000 / took)))
        return micros_each(act, times)()

    return measure


def _seats(size: int) -> str:
    return f"{size:,} seats"


ARGUMENTS = (
    ("--places", {"nargs": "+", "choices": ALL, "default": ALL, "help": "where to measure"}),
    ("--sizes", {"nargs": "+", "type": int, "default": SIZES, "help": "how many seats"}),
)

if __name__ == "__main__":
    command("What a service with many users costs.", run, *ARGUMENTS)
