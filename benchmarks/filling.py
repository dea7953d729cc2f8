"""Seats and entries by the ten million, loaded in minutes.

Everything a take writes is there and right: seat, entry with its digest and link, counter and chain end;
``seatguard verify`` and ``seatguard audit verify`` find nothing. Not as in life: nobody ever left, one actor
took them all, at even distances in the last 400 days; and the indexes are built when the rows are there, so
that they are as dense as after a REINDEX.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import make_url, select, update

from benchmarks.places import Arena
from seatguard.actors import Actor
from seatguard.clock import from_micros, system_clock, to_micros
from seatguard.ids import floor
from seatguard.journal.drafts import person_digest
from seatguard.journal.model import Draft
from seatguard.journal.rules import next_link
from seatguard.storage.sqlalchemy import tables
from seatguard.storage.sqlalchemy.database import Database

CHUNK = 20_000
DAYS = 400
"""The seats were taken within so many days, ending now."""

_SEAT = ("id", "tenant", "subscription", "holder", "holder_key", "email", "state", "since", "lapses_at")
_ENTRY = (
    *("stream", "seq", "id", "tenant", "aggregate", "happened_at", "actor", "kind", "subject", "request_id"),
    *("data", "erasable", "erasable_digest", "person", "salt", "link"),
)
_SALT = bytes(16)

Rows = Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]


def fill(arena: Arena, size: int) -> None:
    """Load so many seats into the arena's first service; then let the server take stock, as it would."""
    engine, database = arena.open(), Database(arena.url)
    actor = arena.actor(engine)
    engine.close()
    rows = _rows(arena, actor, _end(arena, database), size)
    if database.is_sqlite:
        _into_sqlite(arena, database, rows, size)
    else:
        _into_postgresql(arena, database, rows, size)
    database.close()
    engine = arena.open()
    engine.reports.count_days(arena.actor(engine))  # a chore of `seatguard work`
    engine.close()


def driver(arena: Arena) -> psycopg.Connection[Any]:
    """A connection of the driver's own: Seatguard's have a statement timeout, which ten million rows pass."""
    url = make_url(arena.url)
    return psycopg.connect(
        host=url.host,
        port=url.port,
        user=url.username,
        password=url.password,
        dbname=url.database,
        autocommit=True,
    )


def _into_sqlite(arena: Arena, database: Database, rows: Rows, size: int) -> None:
    seats = f"INSERT INTO seatguard_seat ({', '.join(_SEAT)}) VALUES ({', '.join('?' * len(_SEAT))})"
    entries = f"INSERT INTO seatguard_entry ({', '.join(_ENTRY)}) VALUES ({', '.join('?' * len(_ENTRY))})"
    with database.connection(write=True) as connection:
        cursor = connection.connection.cursor()
        cursor.execute("PRAGMA cache_size = -500000")
        found = cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL "
            "AND tbl_name IN ('seatguard_seat', 'seatguard_entry')"
        ).fetchall()
        for name, _ in found:
            cursor.execute(f"DROP INDEX {name}")
        last: tuple[Any, ...] = ()
        for chunk in _chunks(rows):
            cursor.executemany(seats, [seat for seat, _ in chunk])
            cursor.executemany(entries, [entry for _, entry in chunk])
            last = chunk[-1][1]
        for _, made in found:
            cursor.execute(made)
        _count(connection, arena, size, last)
        connection.commit()


def _into_postgresql(arena: Arena, database: Database, rows: Rows, size: int) -> None:
    with driver(arena) as raw:
        last: tuple[Any, ...] = ()
        with _without_indexes(raw, "seatguard_seat", "seatguard_entry"), raw.cursor() as cursor:
            for chunk in _chunks(rows):
                _copy(cursor, "seatguard_seat", _SEAT, [seat for seat, _ in chunk])
                _copy(cursor, "seatguard_entry", _ENTRY, [entry for _, entry in chunk])
                last = chunk[-1][1]
        with database.connection(write=True) as connection:
            _count(connection, arena, size, last)
            connection.commit()
        raw.execute("VACUUM ANALYZE")
        raw.execute("CHECKPOINT")


@contextmanager
def _without_indexes(raw: psycopg.Connection[Any], *loaded: str) -> Iterator[None]:
    """Build each index once, from all rows, in place of ten million insertions into it."""
    keys = raw.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = ANY(%s::regclass[]) AND contype IN ('p', 'u')",
        [list(loaded)],
    ).fetchall()
    for table, name, _ in keys:
        raw.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    indexes = raw.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() "
        "AND tablename = ANY(%s)",
        [list(loaded)],
    ).fetchall()
    for name, _ in indexes:
        raw.execute(f"DROP INDEX {name}")
    yield
    raw.execute("SET maintenance_work_mem = '512MB'")
    for table, name, made in keys:
        raw.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {made}")
    for _, made in indexes:
        raw.execute(made)


def _end(arena: Arena, database: Database) -> tuple[int, bytes]:
    """Where the first service's chain ends: its number and link."""
    table = tables.subscription
    query = select(table.c.seq, table.c.head).where(table.c.id == arena.services[0].subscription)
    with database.connection(write=False) as connection:
        seq, link = connection.execute(query).one()
    return seq, bytes(link)


def _rows(arena: Arena, actor: Actor, end: tuple[int, bytes], size: int) -> Rows:
    """Seats and entries as the gate writes them, each entry chained to the one before.

    Put together by hand: an object each would take half an hour. The first one is held against the real
    thing.
    """
    tenant, subscription = arena.tenant, arena.services[0].subscription
    seq, link = end
    salt, now = _SALT, to_micros(system_clock())
    span = DAYS * 86_400_000_000
    sha = hashlib.sha256
    before = f'","{tenant}","subscription","{subscription}",'
    after = f',"{actor.label}","seat.taken","'
    for number in range(size):
        at = now - span + span * (number + 1) // size
        head = _beginning(at)
        seat, entry = f"{head}-8000-{number:012x}", f"{head}-9000-{number:012x}"
        holder = f"user-{number}"
        person = sha(f"{tenant}\0{holder}".encode()).hexdigest()
        bound = sha(salt + f'[{{"holder":"{holder}"}},"{person}"]'.encode()).digest()
        digest = sha(f'["{entry}{before}{at}{after}{seat}",null,{{}},"{bound.hex()}"]'.encode()).digest()
        if not number:
            _check(arena, actor, entry, seat, at, digest)
        link = next_link(link, digest)
        yield (
            (seat, tenant, subscription, holder, holder, None, "assigned", at, None),
            (
                *(subscription, seq + number + 1, entry, tenant, "subscription", at, actor.label),
                *("seat.taken", seat, None, "{}", f'{{"holder":"{holder}"}}', bound, person, salt, link),
            ),
        )


def _beginning(at: int) -> str:
    """The part of a UUIDv7 that tells the time, dashes and version included."""
    millis, rest = divmod(at, 1000)
    text = f"{millis:012x}"
    return f"{text[:8]}-{text[8:]}-7{rest * 4096 // 1000:03x}"


def _check(arena: Arena, actor: Actor, entry: str, seat: str, at: int, digest: bytes) -> None:
    draft = Draft(
        id=entry,
        tenant=arena.tenant,
        aggregate="subscription",
        stream=arena.services[0].subscription,
        at=from_micros(at),
        actor=actor.label,
        kind="seat.taken",
        subject=seat,
        erasable={"holder": "user-0"},
        person=person_digest(arena.tenant, "user-0"),
        salt=_SALT,
    )
    if draft.digest() != digest or not entry.startswith(floor(draft.at)[:18]):
        raise RuntimeError("entries are digested otherwise by now: load them likewise")


def _chunks(rows: Rows) -> Iterator[list[tuple[tuple[Any, ...], tuple[Any, ...]]]]:
    while chunk := list(itertools.islice(rows, CHUNK)):
        yield chunk


def _copy(cursor: Any, table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """COPY's text form, put together here: adapting ten million rows value by value takes as many minutes."""
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
