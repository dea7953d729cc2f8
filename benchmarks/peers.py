"""The ways to take a seat that are compared: through Seatguard, and those that others would write.

Each peer does what a take must do whoever does it: refuse beyond the cap, know a holder who sits already,
count, and write the seat and a journal row, in one transaction.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import sqlite3
import threading
import time
from typing import Any, Protocol

import psycopg
import pymysql
from sqlalchemy import (
    BigInteger,
    Index,
    Integer,
    String,
    UniqueConstraint,
    bindparam,
    create_engine,
    event,
    insert,
    make_url,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

from benchmarks.places import Arena
from seatguard.clock import system_clock, to_micros
from seatguard.ids import Uuid7
from seatguard.journal.drafts import Drafts, person_digest
from seatguard.journal.model import canonical
from seatguard.journal.rules import next_link

GATE = "Seatguard"
HAND = "hand-written SQL, plain tables"
SAME_ROWS = "hand-written SQL, Seatguard's rows"
ORM = "ORM, SELECT ... FOR UPDATE"
ONE = "hand-written SQL, one statement"
CORE = "SQLAlchemy Core, three statements"


class Taker(Protocol):
    """Somebody who takes seats; used by one thread at a time."""

    def take(self, service: int, holder: str) -> bool:
        """Whether the holder has a seat now in the service of that number."""


class GateTaker:
    """What a host calls: ``engine.seats.take``. The threads of a process share one engine."""

    def __init__(self, arena: Arena) -> None:
        self.engine = arena.open()
        self._actor = arena.actor(self.engine)
        self._places = [arena.where(number) for number in range(len(arena.services))]

    def take(self, service: int, holder: str) -> bool:
        """See ``Taker.take``."""
        return self.engine.seats.take(self._actor, self._places[service], holder).allowed


class Base(DeclarativeBase):
    """The plain tables: what an application of one's own would have."""


class PeerService(Base):
    """A service with its counter."""

    __tablename__ = "peer_service"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    cap: Mapped[int] = mapped_column(BigInteger)
    live: Mapped[int] = mapped_column(BigInteger)


class PeerSeat(Base):
    """A seat."""

    __tablename__ = "peer_seat"
    __table_args__ = (UniqueConstraint("service", "holder"),)
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    service: Mapped[int] = mapped_column(Integer)
    holder: Mapped[str] = mapped_column(String(150))
    since: Mapped[int] = mapped_column(BigInteger)


class PeerEntry(Base):
    """A journal row."""

    __tablename__ = "peer_entry"
    __table_args__ = (Index("ix_peer_entry", "service", "id"),)
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    service: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(64))
    holder: Mapped[str] = mapped_column(String(150))
    happened_at: Mapped[int] = mapped_column(BigInteger)


def prepare(arena: Arena, *, limit: int) -> None:
    """Make the plain tables, with as many services as the arena has."""
    engine = create_engine(arena.url)
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        rows = [{"id": number, "cap": limit, "live": 0} for number in range(len(arena.services))]
        connection.execute(PeerService.__table__.insert(), rows)
    engine.dispose()


class _Raw:
    """A driver's connection of one's own, held; transactions are begun and ended by hand."""

    def __init__(self, arena: Arena) -> None:
        url = make_url(arena.url)
        self.mark = "%s"
        self.begin = "BEGIN"
        self.lock = " FOR UPDATE"
        common = {"host": url.host, "port": url.port, "user": url.username, "password": url.password}
        match url.get_backend_name():
            case "sqlite":
                self.mark, self.begin, self.lock = "?", "BEGIN IMMEDIATE", ""
                connection: Any = sqlite3.connect(
                    str(url.database), isolation_level=None, check_same_thread=False, timeout=30
                )
                _as_seatguard_has_it(connection)
            case "postgresql":
                connection = psycopg.connect(**common, dbname=url.database, autocommit=True)
            case _:
                connection = pymysql.connect(**common, database=url.database, autocommit=True)
        self.connection = connection
        self.cursor = connection.cursor()

    def sql(self, text: str) -> str:
        """The statement in the driver's own style of parameters."""
        return text.replace("?", self.mark)

    def run(self, act: Any) -> bool:
        """A transaction; again where the server chose it to end a deadlock."""
        while True:
            try:
                self.cursor.execute(self.begin)
                done = bool(act())
                self.cursor.execute("COMMIT" if done else "ROLLBACK")
                return done
            except (sqlite3.IntegrityError, psycopg.errors.UniqueViolation, pymysql.IntegrityError):
                self.cursor.execute("ROLLBACK")
                return True
            except pymysql.OperationalError as error:
                self.cursor.execute("ROLLBACK")
                if error.args[0] not in (1205, 1213):
                    raise


class HandTaker:
    """Conditional counter UPDATE, seat INSERT, journal INSERT, on the driver's cursor and plain tables."""

    def __init__(self, arena: Arena) -> None:
        self._raw = raw = _Raw(arena)
        self._count = raw.sql("UPDATE peer_service SET live = live + 1 WHERE id = ? AND live < cap")
        self._seat = raw.sql("INSERT INTO peer_seat (service, holder, since) VALUES (?, ?, ?)")
        self._entry = raw.sql(
            "INSERT INTO peer_entry (service, kind, holder, happened_at) VALUES (?, 'seat.taken', ?, ?)"
        )

    def take(self, service: int, holder: str) -> bool:
        """See ``Taker.take``."""
        cursor = self._raw.cursor

        def act() -> bool:
            now = time.time_ns() // 1000
            cursor.execute(self._count, (service,))
            if cursor.rowcount != 1:
                return False
            cursor.execute(self._seat, (service, holder, now))
            cursor.execute(self._entry, (service, holder, now))
            return True

        return self._raw.run(act)


class SameRowsTaker:
    """Seatguard's own rows, digests and chain, written with the driver's cursor.

    What is left of the distance to Seatguard is what its layers cost; the rest is what its rows cost.
    """

    def __init__(self, arena: Arena) -> None:
        self._raw = raw = _Raw(arena)
        self._tenant = arena.tenant
        self._ids = [service.subscription for service in arena.services]
        self._new_id = Uuid7(system_clock)
        engine = arena.open()
        self._actor = arena.actor(engine)
        engine.close()
        self._drafts = Drafts(system_clock, self._new_id, _salt)
        self._pool = raw.sql(
            "SELECT cap, is_open, opens_at, closes_at, live, held, seq, head FROM seatguard_subscription "
            "WHERE id = ? AND tenant = ?" + raw.lock
        )
        self._own = raw.sql("SELECT id FROM seatguard_seat WHERE subscription = ? AND holder_key = ?")
        self._seat = raw.sql(
            "INSERT INTO seatguard_seat (id, tenant, subscription, holder, holder_key, email, state, since, "
            "lapses_at) VALUES (?, ?, ?, ?, ?, NULL, 'assigned', ?, NULL)"
        )
        self._entry = raw.sql(
            "INSERT INTO seatguard_entry (stream, seq, id, tenant, aggregate, happened_at, actor, kind, "
            "subject, request_id, data, erasable, erasable_digest, person, salt, link) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?, ?)"
        )
        self._count = raw.sql(
            "UPDATE seatguard_subscription SET live = live + 1, seq = ?, head = ? "
            "WHERE id = ? AND (cap IS NULL OR live < cap)"
        )

    def take(self, service: int, holder: str) -> bool:
        """See ``Taker.take``."""
        cursor, subscription, seat = self._raw.cursor, self._ids[service], self._new_id()
        draft = self._drafts.draft(
            self._actor,
            "seat.taken",
            "subscription",
            subscription,
            subject=seat,
            erasable={"holder": holder},
            person=person_digest(self._tenant, holder),
        )

        def act() -> bool:
            cursor.execute(self._pool, (subscription, self._tenant))
            cap, is_open, _, closes_at, live, _, seq, head = cursor.fetchone()
            cursor.execute(self._own, (subscription, holder))
            if cursor.fetchone() is not None:
                return True
            now = to_micros(dt.datetime.now(dt.UTC))
            if (
                not is_open
                or (cap is not None and live >= cap)
                or (closes_at is not None and closes_at <= now)
            ):
                return False
            cursor.execute(self._seat, (seat, self._tenant, subscription, holder, holder, now))
            link = next_link(bytes(head), draft.digest())
            erasable = canonical(draft.erasable).decode()
            who, digest = draft.person, draft.erasable_digest()
            at = to_micros(draft.at)
            row = (
                draft.aggregate,
                at,
                draft.actor,
                draft.kind,
                seat,
                "{}",
                erasable,
                digest,
                who,
                draft.salt,
            )
            cursor.execute(self._entry, (subscription, seq + 1, draft.id, self._tenant, *row, link))
            cursor.execute(self._count, (seq + 1, link, subscription))
            return bool(cursor.rowcount == 1)

        return self._raw.run(act)


class OrmTaker:
    """What is written first: lock the row with the ORM, count up, add two objects, commit."""

    def __init__(self, arena: Arena) -> None:
        self._sessions = sessionmaker(_orm_engine(arena.url))

    def take(self, service: int, holder: str) -> bool:
        """See ``Taker.take``."""
        while True:
            with self._sessions() as session:
                try:
                    row = session.get_one(PeerService, service, with_for_update=True)
                    if row.live >= row.cap:
                        return False
                    now = time.time_ns() // 1000
                    row.live += 1
                    session.add(PeerSeat(service=service, holder=holder, since=now))
                    session.add(PeerEntry(service=service, kind="seat.taken", holder=holder, happened_at=now))
                    session.commit()
                except DBAPIError as error:
                    if isinstance(error.orig, pymysql.OperationalError) and error.orig.args[0] in (
                        1205,
                        1213,
                    ):
                        continue
                    raise
                return True


class OneTaker:
    """The same three writes in one statement, which is its own transaction; for PostgreSQL."""

    def __init__(self, arena: Arena) -> None:
        self._cursor = _Raw(arena).cursor

    def take(self, service: int, holder: str) -> bool:
        """See ``Taker.take``."""
        asked = {"service": service, "holder": holder, "now": time.time_ns() // 1000}
        try:
            return self._cursor.execute(_ONE, asked).fetchone() is not None
        except psycopg.errors.NotNullViolation:
            return False


_ONE = """
WITH taken AS (
  INSERT INTO peer_seat (service, holder, since)
  SELECT id, %(holder)s::varchar, %(now)s::bigint FROM peer_service
  WHERE id = %(service)s::integer AND live < cap
  ON CONFLICT DO NOTHING
  RETURNING id
), recorded AS (
  INSERT INTO peer_entry (service, kind, holder, happened_at)
  SELECT %(service)s::integer, 'seat.taken', %(holder)s::varchar, %(now)s::bigint FROM taken
)
UPDATE peer_service SET live = CASE WHEN live < cap THEN live + 1 END
WHERE id = %(service)s::integer AND EXISTS (SELECT 1 FROM taken)
RETURNING live
"""
"""Who was overtaken to the last seat meets null in the counter, and then nothing is written."""


class CoreTaker:
    """Conditional counter UPDATE, seat INSERT, journal INSERT, by SQLAlchemy Core."""

    def __init__(self, arena: Arena) -> None:
        self._engine = _orm_engine(arena.url)
        service, seat, entry = (base.__table__ for base in (PeerService, PeerSeat, PeerEntry))
        self._count: Any = (
            update(service)
            .where(service.c.id == bindparam("service"), service.c.live < service.c.cap)
            .values(live=service.c.live + 1)
        )
        self._seat, self._entry = insert(seat), insert(entry)

    def take(self, service: int, holder: str) -> bool:
        """See ``Taker.take``."""
        now = time.time_ns() // 1000
        with self._engine.begin() as connection:
            if connection.execute(self._count, {"service": service}).rowcount != 1:
                return False
            connection.execute(self._seat, {"service": service, "holder": holder, "since": now})
            told = {"service": service, "kind": "seat.taken", "holder": holder, "happened_at": now}
            connection.execute(self._entry, told)
        return True


def _orm_engine(url: str) -> Any:
    engine = create_engine(url, pool_size=1)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def connected(connection: Any, _record: object) -> None:
            connection.isolation_level = None
            connection.execute("PRAGMA busy_timeout=30000")
            _as_seatguard_has_it(connection)

        @event.listens_for(engine, "begin")
        def begins(connection: Any) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _as_seatguard_has_it(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _salt(length: int) -> bytes:
    return hashlib.sha256(time.perf_counter_ns().to_bytes(8, "big")).digest()[:length]


MAKERS: dict[str, Any] = {
    GATE: GateTaker,
    HAND: HandTaker,
    SAME_ROWS: SameRowsTaker,
    ORM: OrmTaker,
    ONE: OneTaker,
    CORE: CoreTaker,
}


class Takers:
    """The takers of one process: Seatguard's engine is shared by its threads, the others are one a thread."""

    makers = MAKERS

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._made: dict[tuple[str, int], Taker] = {}
        self._lock = threading.Lock()

    def of(self, way: str, thread: int) -> Taker:
        """The taker of that thread."""
        key = (way, 0 if way == GATE else thread)
        with self._lock:
            if key not in self._made:
                self._made[key] = self.makers[way](self._arena)
            return self._made[key]
