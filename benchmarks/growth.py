"""What a service with many users costs: a take, a check and two pages, at a thousand seats and at a million.

    python -m benchmarks.growth [--sizes 1000 100000 1000000]

Each size has a database of its own, with one subscription that holds all the seats, and all are measured in
the same rounds. The seats are loaded in bulk, but everything a take writes is there and right: seat, entry
with its digest and link, counter and chain end; ``seatguard verify`` and ``seatguard audit verify`` find
nothing. Not as in life: all were taken within minutes, by no more than one actor, and lie in the order of
their taking.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import make_url, select, update

from benchmarks.measuring import Report, Samples, command, interleave, micros_each
from benchmarks.places import Arena, Place, another, places
from seatguard import Seatguard
from seatguard.actors import Actor
from seatguard.clock import system_clock, to_micros
from seatguard.ids import Uuid7
from seatguard.journal.drafts import Drafts, person_digest
from seatguard.journal.model import canonical
from seatguard.journal.ports import Search
from seatguard.journal.rules import next_link
from seatguard.storage.sqlalchemy import tables
from seatguard.storage.sqlalchemy.database import Database

ALL = ("SQLite", "PostgreSQL")
SIZES = (1_000, 100_000, 1_000_000)
ENDLESS = 1_000_000_000
CHUNK = 20_000
PAGE = 50

_SEAT = ("id", "tenant", "subscription", "holder", "holder_key", "email", "state", "since", "lapses_at")
_ENTRY = (
    *("stream", "seq", "id", "tenant", "aggregate", "happened_at", "actor", "kind", "subject", "request_id"),
    *("data", "erasable", "erasable_digest", "person", "salt", "link"),
)


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
    return Arena.build(place.url, services=2, limit=ENDLESS)


def fill(arena: Arena, size: int) -> None:
    """Load so many seats into the arena's first service; then let the server take stock, as it would."""
    engine, database = arena.open(), Database(arena.url)
    actor = arena.actor(engine)
    engine.close()
    rows = _rows(arena, actor, _end(arena, database), size)
    if database.is_sqlite:
        seats = f"INSERT INTO seatguard_seat ({', '.join(_SEAT)}) VALUES ({', '.join('?' * len(_SEAT))})"
        entries = f"INSERT INTO seatguard_entry ({', '.join(_ENTRY)}) VALUES ({', '.join('?' * len(_ENTRY))})"
        with database.connection(write=True) as connection:
            cursor = connection.connection.cursor()
            for chunk in _chunks(rows):
                cursor.executemany(seats, [seat for seat, _ in chunk])
                cursor.executemany(entries, [entry for _, entry in chunk])
            last = chunk[-1][1]
            _count(connection, arena, size, last)
            connection.commit()
    else:
        # Connections of the driver's own: Seatguard's have a statement timeout, which a million rows pass.
        with _driver(arena) as raw, raw.cursor() as cursor:
            for chunk in _chunks(rows):
                _copy(cursor, "seatguard_seat", _SEAT, [seat for seat, _ in chunk])
                _copy(cursor, "seatguard_entry", _ENTRY, [entry for _, entry in chunk])
            last = chunk[-1][1]
        with database.connection(write=True) as connection:
            _count(connection, arena, size, last)
            connection.commit()
        with _driver(arena) as raw:
            raw.autocommit = True
            raw.execute("VACUUM ANALYZE")
    database.close()


def _driver(arena: Arena) -> psycopg.Connection[Any]:
    url = make_url(arena.url)
    return psycopg.connect(
        host=url.host, port=url.port, user=url.username, password=url.password, dbname=url.database
    )


def _end(arena: Arena, database: Database) -> tuple[int, bytes]:
    """Where the first service's chain ends: its number and link."""
    table = tables.subscription
    query = select(table.c.seq, table.c.head).where(table.c.id == arena.services[0].subscription)
    with database.connection(write=False) as connection:
        seq, link = connection.execute(query).one()
    return seq, bytes(link)


def _rows(
    arena: Arena, actor: Actor, end: tuple[int, bytes], size: int
) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """Seats and entries as the gate writes them, each entry chained to the one before."""
    tenant, subscription = arena.tenant, arena.services[0].subscription
    seq, link = end
    new_id = Uuid7(system_clock)
    drafts = Drafts(system_clock, new_id, _salt)
    for number in range(size):
        holder, seat = f"user-{number}", new_id()
        draft = drafts.draft(
            actor,
            "seat.taken",
            "subscription",
            subscription,
            subject=seat,
            erasable={"holder": holder},
            person=person_digest(tenant, holder),
        )
        at = to_micros(draft.at)
        link = next_link(link, draft.digest())
        yield (
            (seat, tenant, subscription, holder, holder, None, "assigned", at, None),
            (
                *(subscription, seq + number + 1, draft.id, tenant, draft.aggregate, at, draft.actor),
                *(draft.kind, seat, None, "{}", canonical(draft.erasable).decode(), draft.erasable_digest()),
                *(draft.person, draft.salt, link),
            ),
        )


def _chunks(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while chunk := list(itertools.islice(rows, CHUNK)):
        yield chunk


def _copy(cursor: Any, table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """COPY's text form, put together here: adapting a million rows value by value takes minutes."""
    with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        copy.write("".join("\t".join(map(_copied, row)) + "\n" for row in rows))


def _copied(value: Any) -> str:
    if value is None:
        return "\\N"
    return f"\\\\x{value.hex()}" if isinstance(value, bytes) else str(value)


def _count(connection: Any, arena: Arena, size: int, last: tuple[Any, ...]) -> None:
    connection.execute(
        update(tables.subscription)
        .where(tables.subscription.c.id == arena.services[0].subscription)
        .values(live=size, seq=last[_ENTRY.index("seq")], head=last[_ENTRY.index("link")])
    )


def _salt(length: int) -> bytes:
    return bytes(length)


@dataclass
class _Grown:
    """One arena and what is asked of it."""

    arena: Arena
    size: int
    engine: Seatguard
    uncached: Seatguard
    database: Database

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
        return {
            "take": lambda: engine.seats.take(actor, where, f"new-{next(numbers)}").require(),
            "check, uncached": lambda: self.uncached.seats.check(actor, where).require(),
            "page of seats, first": lambda: engine.seats.list(actor, where, limit=PAGE),
            "page of seats, middle": lambda: engine.seats.list(actor, where, limit=PAGE, after=middle),
            "page of the journal, newest": lambda: journal.search(actor, Search(), limit=PAGE),
            "page of the journal, middle": lambda: journal.search(actor, Search(), limit=PAGE, after=halfway),
            "page of this service's entries": lambda: journal.search(actor, Search(stream=first), limit=PAGE),
            "page of a quiet service's entries": lambda: journal.search(
                actor, Search(stream=quiet), limit=PAGE
            ),
            "entries of a rare kind": lambda: journal.search(
                actor, Search(kind="subscription.added"), limit=PAGE
            ),
            "a hold that is not there": lambda: journal.search(actor, hold, limit=1),
            "entries of a person": lambda: journal.search(actor, person, limit=PAGE),
        }

    def counted(self) -> object:
        """The check that is written first."""
        with self.database.connection(write=False) as connection:
            row = connection.exec_driver_sql(
                "SELECT (SELECT count(*) FROM seatguard_seat WHERE subscription = s.id) < cap "
                f"FROM seatguard_subscription s WHERE id = '{self.arena.services[0].subscription}'"
            ).first()
        if row is None or not row[0]:
            raise RuntimeError("the count says full")
        return row

    def _middle_entry(self) -> str:
        with self.database.connection(write=False) as connection:
            query = f"SELECT id FROM seatguard_entry WHERE seq = {self.size // 2} AND kind = 'seat.taken'"
            return str(connection.exec_driver_sql(query).scalar_one())

    def close(self) -> None:
        """Let go of connections."""
        self.engine.close()
        self.uncached.close()
        self.database.close()


def _measure(report: Report, place: Place, arenas: dict[int, Arena]) -> None:
    grown = {size: _Grown.open(arena, size) for size, arena in arenas.items()}
    acts = {size: one.acts() for size, one in grown.items()}
    smallest = min(grown)
    for what in acts[smallest]:
        samples: Samples = interleave(
            {_seats(size): _few(acts[size][what]) for size in grown}
            | {"control": _few(acts[smallest][what])},
            report.rounds(9),
        )
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
