"""What a take costs: ``engine.seats.take`` against the same work written by hand on the same server.

    python -m benchmarks.register [--places SQLite PostgreSQL "PostgreSQL 1 ms" MariaDB ...]

One client, then 4 processes of 4 threads on one service that all want, and on 1,000 services; then what a
"no" and a repeated registration cost, beside a take that gives a seat. Some places are for one of these only.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable

from sqlalchemy import func, select, text

from benchmarks.crowd import PROCESSES, THREADS, Ran, crowd
from benchmarks.measuring import RATE, Report, command, interleave, micros_each
from benchmarks.peers import CORE, GATE, HAND, ONE, ORM, SAME_ROWS, GateTaker, Takers, prepare
from benchmarks.places import Arena, Place, another, places
from seatguard.storage.sqlalchemy import tables
from seatguard.storage.sqlalchemy.database import Database

ALONE_IN_MEMORY, THREADS_SLOW, CROWD_SLOW = "SQLite in memory", "SQLite 1 ms", "MariaDB 1 ms"
ALL = ("SQLite", "PostgreSQL", "PostgreSQL 1 ms", "MariaDB", ALONE_IN_MEMORY, THREADS_SLOW, CROWD_SLOW)
ENDLESS = 1_000_000_000
MANY = 1_000
ALONE = (GATE, HAND, SAME_ROWS, ORM)
CROWDED = (GATE, HAND, ORM)
SLOW_DISK = "PostgreSQL 1 ms"
FAIR, ALIKE = "Seatguard, the idlest thread", "Seatguard, the busiest thread"


def run(report: Report, options: argparse.Namespace) -> None:
    """Measure and print."""
    report.section("register")
    for name in options.places:
        with places(report, [name]) as found:
            for place in found:
                _measure(report, place)


def _measure(report: Report, place: Place) -> None:
    arena = Arena.build(place.url, services=20 if report.quick else MANY, limit=ENDLESS)
    prepare(arena, limit=ENDLESS)
    if place.name == THREADS_SLOW:
        _threads(report, place, arena)
        return
    if place.name != CROWD_SLOW:
        _alone(report, place, arena)
    if place.name not in (CROWD_SLOW, ALONE_IN_MEMORY):
        _no_and_again(report, place)
    if place.name != ALONE_IN_MEMORY:
        _crowded(report, place, arena)


def _alone(report: Report, place: Place, arena: Arena) -> None:
    takers = Takers(arena)
    numbers = itertools.count()

    def contender(way: str) -> Callable[[], float]:
        taker = takers.of(way, 0)

        def take() -> None:
            if not taker.take(0, f"one-{next(numbers)}"):
                raise RuntimeError(f"{way} refused a seat there is")

        return micros_each(take, 20 if report.quick else 150)

    ways = {way: contender(way) for way in ALONE} | {"control": contender(HAND)}
    samples = interleave(ways, report.rounds(15))
    title = f"take, one client, {place.name}"
    report.compare(title, samples, GATE, HAND, unit="µs", control="control")
    report.compare(title, samples, GATE, SAME_ROWS, unit="µs")
    report.compare(title, samples, GATE, ORM, unit="µs")


def _no_and_again(report: Report, place: Place) -> None:
    """A "no" at the limit, and a user who has a seat, beside a take that gives one."""
    full = Arena.build(another(place, "full").url, services=2, limit=1)
    roomy = Arena.build(another(place, "roomy").url, services=2, limit=ENDLESS)
    at_limit, with_room = GateTaker(full), GateTaker(roomy)
    numbers = itertools.count()
    if not at_limit.take(0, "ada") or not with_room.take(0, "ada"):
        raise RuntimeError("the first user was refused")

    def expecting(taker: GateTaker, holder: Callable[[], str], allowed: bool) -> Callable[[], float]:
        def act() -> None:
            if taker.take(0, holder()) is not allowed:
                raise RuntimeError(f"a take was not {allowed}")

        return micros_each(act, 20 if report.quick else 150)

    def new() -> str:
        return f"user-{next(numbers)}"

    granted, no, again = "a take that gives a seat", 'a "no" at the limit', "a user who has a seat"
    before = _rows(full)
    # Each kind in a service of its own, as one that was just full is asked with more care the next time.
    samples = interleave(
        {
            granted: expecting(with_room, new, True),
            no: expecting(at_limit, new, False),
            again: expecting(at_limit, lambda: "ada", True),
        },
        report.rounds(15),
    )
    written = {name: count - before[name] for name, count in _rows(full).items()}
    title = f"refused and repeated, {place.name}"
    report.compare(title, samples, no, granted, unit="µs")
    report.compare(title, samples, again, granted, unit="µs")
    told = ", ".join(f"{count} {name}" for name, count in written.items())
    report.remark(f'{place.name}: rows written by all the "no" and repetitions: {told}')
    at_limit.engine.close()
    with_room.engine.close()


def _rows(arena: Arena) -> dict[str, int]:
    """Seats, entries of seats given, and other entries: sums of refusals, one a minute."""
    database = Database(arena.url)
    entry = tables.entry
    with database.connection(write=False) as connection:
        seats = connection.execute(select(func.count()).select_from(tables.seat)).scalar_one()
        summed = select(func.count()).where(entry.c.kind == "seat.denied")
        sums = connection.execute(summed).scalar_one()
        entries = connection.execute(select(func.count()).select_from(entry)).scalar_one()
    database.close()
    return {"seats": seats, "entries": entries - sums, "sums of refusals (one a minute)": sums}


def _crowded(report: Report, place: Place, arena: Arena) -> None:
    seconds = 0.3 if report.quick else 1.5
    everywhere, hot = range(len(arena.services)), range(1)
    ways = (*CROWDED, ONE, CORE) if place.name == SLOW_DISK else CROWDED
    waits: dict[str, list[float]] = {}
    worst: dict[str, list[float]] = {}

    with crowd(arena) as people:

        def contender(way: str, services: range) -> Callable[[], float]:
            def measure() -> float:
                ran: Ran = people.run(way, services, seconds)
                waits.setdefault(f"{way} {len(services)}", []).append(ran.p99_ms)
                worst.setdefault(f"{way} {len(services)}", []).append(ran.worst_ms)
                return ran.rate

            return measure

        contenders = {f"{way} {len(on)}": contender(way, on) for way in ways for on in (hot, everywhere)}
        samples = interleave(contenders, report.rounds(5))
        live, rows, entries = _live(arena)
    many = len(everywhere)
    for count, where in ((1, "one service"), (many, f"{many:,} services")):
        here = {way: samples[f"{way} {count}"] for way in ways}
        late = {way: waits[f"{way} {count}"][1:] for way in ways}
        title = f"takes, {PROCESSES} processes x {THREADS} threads, {where}, {place.name}"
        for peer in ways[1:]:
            report.compare(title, here, GATE, peer, unit="/s", better=RATE)
        for peer in (HAND, ORM):
            report.compare(f"{title}: p99", late, GATE, peer, unit="ms")
        # A thread that starves asks once and waits long: that hardly shows in percentiles over all asked.
        latest = {way: worst[f"{way} {count}"][1:] for way in ways}
        report.compare(f"{title}: longest wait", latest, GATE, HAND, unit="ms")
    both = {f"{GATE}, one service": samples[f"{GATE} 1"], f"{GATE}, many": samples[f"{GATE} {many}"]}
    title = f"takes, one service against {many:,}, {place.name}"
    report.compare(title, both, f"{GATE}, one service", f"{GATE}, many", unit="/s", better=RATE)
    report.remark(
        f"{place.name}, the one service: counter {live:,}, seats {rows:,}, entries {entries:,}; "
        "three equal numbers are a count that held"
    )


def _threads(report: Report, place: Place, arena: Arena) -> None:
    """One process of sixteen threads on one file: what they wait for is each other and the disk."""
    seconds = 0.3 if report.quick else 1.5
    worst: dict[str, list[float]] = {GATE: [], HAND: []}
    shares: dict[str, list[float]] = {GATE: [], HAND: []}
    with crowd(arena, processes=1, threads=16) as people:

        def contender(way: str) -> Callable[[], float]:
            def measure() -> float:
                ran = people.run(way, range(1), seconds)
                worst[way].append(ran.worst_ms)
                shares[way].append(ran.fairness)
                return ran.rate

            return measure

        samples = interleave({way: contender(way) for way in (GATE, HAND)}, report.rounds(7))
    title = f"takes, 1 process x 16 threads, one service, {place.name}"
    report.compare(title, samples, GATE, HAND, unit="/s", better=RATE)
    late = {way: values[1:] for way, values in worst.items()}
    report.compare(f"{title}: longest wait", late, GATE, HAND, unit="ms")
    fair = {FAIR: shares[GATE][1:], ALIKE: [1.0] * len(samples[GATE])}
    report.compare(f"{title}: share of the seats", fair, FAIR, ALIKE, unit="of it", better=RATE)


def _live(arena: Arena) -> tuple[int, int, int]:
    """The first service's counter, seats and entries of seats taken."""
    first = {"first": arena.services[0].subscription}
    database = Database(arena.url)
    with database.connection(write=False) as connection:

        def number(query: str) -> int:
            return int(connection.execute(text(query), first).scalar_one())

        found = (
            number("SELECT live FROM seatguard_subscription WHERE id = :first"),
            number("SELECT count(*) FROM seatguard_seat WHERE subscription = :first"),
            number("SELECT count(*) FROM seatguard_entry WHERE stream = :first AND kind = 'seat.taken'"),
        )
    database.close()
    return found


PLACES = ("--places", {"nargs": "+", "choices": ALL, "default": ALL, "help": "where to measure"})

if __name__ == "__main__":
    command("What a take costs.", run, PLACES)
