"""Whoever changes the journal behind Seatguard's back is found out, and the first bad entry is named."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Table,
    Text,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from seatguard import EngineOptions, Seatguard
from seatguard.journal.model import Checkpoint, Draft, Entry, Finding
from seatguard.journal.rules import key_id, next_link, placed, sign
from seatguard.storage import Store
from seatguard.storage.sqlalchemy import tables
from seatguard.storage.sqlalchemy.database import Database
from seatguard.testing import FrozenClock
from tests.storage.stores import sql_store
from tests.worlds import JOURNAL_KEY, World

entry, checkpoint, subscription = tables.entry, tables.checkpoint, tables.subscription
KEPT = (entry, checkpoint, subscription)


def written(table: Table) -> list[Column[Any]]:
    """The columns of a table that somebody writes; the others follow from them."""
    return [column for column in table.c if column.computed is None]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def store(clock: FrozenClock, database_url: str) -> Iterator[Store]:
    yield from sql_store(database_url, clock)


@pytest.fixture
def raw(database_url: str) -> Iterator[Database]:
    """The database as its administrator sees it."""
    database = Database(database_url)
    yield database
    database.close()


@dataclasses.dataclass
class Scene:
    """A stream of nine entries; places 4 and 8 were signed, and the stream of a removed name before them."""

    world: World
    raw: Database
    stream: str
    other: str
    entries: list[Entry]

    @classmethod
    def build(cls, store: Store, clock: FrozenClock, raw: Database) -> Scene:
        world = World.on(store, clock)
        service, other = world.service(10), world.service(10, type="other")
        take, release = world.engine.seats.take, world.engine.seats.release
        where = dataclasses.replace(world.where, type="web")
        for username in ("mallory", "ada", "bob"):  # places 2, 3, 4
            take(world.actor, where, username, email=f"{username}@example.com").require()
        take(world.actor, dataclasses.replace(world.where, type="other"), "zoe").require()
        clock.travel(seconds=1)
        assert world.engine.journal.checkpoint(world.actor) is not None
        release(world.actor, where, "mallory").require()  # 5
        world.engine.subscriptions.change_limit(world.actor, service.id, limit=20).require()  # 6
        take(world.actor, where, "eve").require()  # 7
        world.engine.erase_person(world.actor, "mallory").require()  # 8
        clock.travel(seconds=1)
        assert world.engine.journal.checkpoint(world.actor) is not None
        take(world.actor, where, "kim").require()  # 9
        world.seat("lee")
        entries = world.entries(stream=service.id)
        assert [one.seq for one in entries] == list(range(1, len(entries) + 1))
        assert len(entries) >= 9
        return cls(world, raw, service.id, other.id, entries)

    def at(self, seq: int) -> Entry:
        """The entry at a place, as it was written."""
        return self.entries[seq - 1]

    def findings(self, **options: Any) -> list[Finding]:
        """What an audit finds."""
        engine = self.world.engine
        if options:
            engine = Seatguard(self.world.store, clock=self.world.clock, options=EngineOptions(**options))
        return list(engine.journal.verify(self.world.actor))

    def bad(self, what: str, seq: int, *, named: bool = True) -> Finding:
        """The finding at a place of the stream."""
        return Finding(what, "subscription", self.stream, seq, self.at(seq).id if named else None)

    @contextmanager
    def tampered(self, tamper: Callable[[Connection], object]) -> Iterator[None]:
        """Tamper, and put everything back afterwards."""
        with self.raw.connection(write=True) as connection:
            before = [connection.execute(select(*written(table))).all() for table in KEPT]
            tamper(connection)
            connection.commit()
        try:
            yield
        finally:
            with self.raw.connection(write=True) as connection:
                for table, rows in zip(KEPT, before, strict=True):
                    connection.execute(delete(table))
                    names = [column.key for column in written(table)]
                    connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])
                connection.commit()


def change(scene: Scene, at: int, /, **values: Any) -> Callable[[Connection], object]:
    """Change columns of one entry."""
    place = (entry.c.stream == scene.stream) & (entry.c.seq == at)
    return lambda connection: connection.execute(update(entry).where(place).values(values))


def columns_of(scene: Scene) -> Iterator[tuple[str, dict[str, Any], Finding]]:
    """Every column of an entry, changed in one way or several."""
    at, victim = 3, scene.at(3)
    altered = scene.bad("altered", at)
    yield "id", {"id": scene.stream}, Finding("altered", "subscription", scene.stream, at, scene.stream)
    yield "tenant", {"tenant": scene.stream}, scene.bad("missing", at, named=False)
    yield "stream", {"stream": scene.other, "seq": 99}, scene.bad("missing", at, named=False)
    yield "seq", {"seq": 99}, scene.bad("missing", at, named=False)
    yield "aggregate", {"aggregate": "client"}, altered
    yield "at", {"at": victim.at + dt.timedelta(microseconds=1)}, altered
    yield "at", {"at": literal(9 * 10**18, BigInteger())}, altered
    yield "at", {"at": literal(-9 * 10**18, BigInteger())}, altered
    yield "actor", {"actor": "cli:eve"}, altered
    yield "kind", {"kind": "seat.held"}, altered
    yield "subject", {"subject": scene.stream}, altered
    yield "request_id", {"request_id": "request-2"}, altered
    yield "request_id", {"request_id": None}, altered
    yield "data", {"data": {"reason": "none"}}, altered
    for garbage in ("no json", "[]", "7", "null", "", '{"a":'):
        yield "data", {"data": literal(garbage, Text())}, altered
    yield "erasable", {"erasable": {"holder": "eve"}}, altered
    yield "erasable", {"erasable": None}, altered
    yield "erasable", {"erasable": literal("no json", Text())}, altered
    yield "erasable", {"erasable": None, "salt": b""}, altered
    yield "erasable_digest", {"erasable_digest": bytes(32)}, altered
    yield "erasable_digest", {"erasable_digest": None}, altered
    yield "person", {"person": "0" * 64}, altered
    yield "person", {"person": None}, altered
    yield "salt", {"salt": b"0123456789abcdef"}, altered
    yield "salt", {"salt": b""}, altered
    yield "link", {"link": bytes(32)}, altered


def test_changing_any_column_is_found(store: Store, clock: FrozenClock, raw: Database, subtests: Any) -> None:
    """Each column of an entry is in the chain's charge, also when what is written there cannot be read."""
    scene = Scene.build(store, clock, raw)
    assert scene.findings() == []
    seen = set()
    for column, values, expected in columns_of(scene):
        seen.add(column)
        with subtests.test(column=column, to=str(values)), scene.tampered(change(scene, 3, **values)):
            assert expected in scene.findings()
    assert seen == set(entry.columns.keys())
    assert scene.findings() == []


def rewritten(scene: Scene, since: int) -> Callable[[Connection], object]:
    """Change an entry and compute all links after it anew, the owner's row included."""

    def tamper(connection: Connection) -> None:
        link = scene.at(since - 1).link
        for old in scene.entries[since - 1 :]:
            changed = dataclasses.replace(old, actor="cli:eve")
            link = next_link(link, changed.digest())
            change(scene, old.seq, actor="cli:eve", link=link)(connection)
        owner(scene, head=link)(connection)

    return tamper


def owner(scene: Scene, **values: Any) -> Callable[[Connection], object]:
    """Change the row that owns the stream."""
    return lambda connection: connection.execute(
        update(subscription).where(subscription.c.id == scene.stream).values(values)
    )


def without(scene: Scene, first: int, last: int) -> Callable[[Connection], object]:
    """Delete a stretch of the stream."""
    gone = (entry.c.stream == scene.stream) & (entry.c.seq >= first) & (entry.c.seq <= last)
    return lambda connection: connection.execute(delete(entry).where(gone))


def cut(scene: Scene, last: int) -> Callable[[Connection], object]:
    """Delete the tail and let the owner's row end there too."""

    def tamper(connection: Connection) -> None:
        without(scene, last + 1, len(scene.entries))(connection)
        owner(scene, seq=last, head=scene.at(last).link)(connection)

    return tamper


def swapped(scene: Scene, one: int, other: int) -> Callable[[Connection], object]:
    """Let two entries change places, links and all."""

    def tamper(connection: Connection) -> None:
        change(scene, one, seq=1000)(connection)
        change(scene, other, seq=one)(connection)
        change(scene, 1000, seq=other)(connection)

    return tamper


def planted(scene: Scene, *, seq: int, stream: str | None = None) -> tuple[Callable[..., object], str]:
    """Put in an entry that never happened, well linked to the one before."""
    draft = Draft(
        id="0199f000-0000-7000-8000-000000000000",
        tenant=scene.world.actor.tenant,
        aggregate="subscription",
        stream=stream or scene.stream,
        at=scene.world.clock(),
        actor="cli:eve",
        kind="seat.taken",
        subject=scene.stream,
    )
    before = scene.entries[-1].link
    false = placed(draft, seq=seq, link=next_link(before, draft.digest()))
    values = {field.name: getattr(false, field.name) for field in dataclasses.fields(false)}
    return lambda connection: connection.execute(insert(entry).values(values)), draft.id


def test_changing_the_chain_is_found(store: Store, clock: FrozenClock, raw: Database, subtests: Any) -> None:
    """Deleting, swapping, planting, cutting, rewriting, removing: each is found at its first bad place."""
    scene = Scene.build(store, clock, raw)
    end = len(scene.entries)
    behind, behind_id = planted(scene, seq=end + 1)
    before, before_id = planted(scene, seq=0)
    far_before, _ = planted(scene, seq=-(2**63))
    alone, alone_id = planted(scene, seq=1, stream="0199f000-0000-7000-8000-00000000000a")

    def remove_owner(connection: Connection) -> None:
        connection.execute(delete(subscription).where(subscription.c.id == scene.stream))

    def remove_all(connection: Connection) -> None:
        without(scene, 1, end)(connection)
        remove_owner(connection)

    def remove_entries(connection: Connection) -> None:
        without(scene, 1, end)(connection)
        owner(scene, seq=0, head=bytes(32))(connection)

    kinds: list[tuple[str, Callable[[Connection], object], Finding]] = [
        ("first row deleted", without(scene, 1, 1), scene.bad("missing", 1, named=False)),
        ("middle row deleted", without(scene, 5, 5), scene.bad("missing", 5, named=False)),
        ("middle rows deleted", without(scene, 4, 6), scene.bad("missing", 4, named=False)),
        ("last row deleted", without(scene, end, end), scene.bad("cut", end, named=False)),
        ("last rows deleted", without(scene, end - 2, end), scene.bad("cut", end - 2, named=False)),
        ("all rows deleted", without(scene, 1, end), scene.bad("cut", 1, named=False)),
        ("tail cut, owner rewritten", cut(scene, 6), scene.bad("cut", 7, named=False)),
        ("stream emptied, owner rewritten", remove_entries, scene.bad("cut", 1, named=False)),
        (
            "neighbours swapped",
            swapped(scene, 3, 4),
            Finding("altered", "subscription", scene.stream, 3, scene.at(4).id),
        ),
        (
            "two far apart swapped",
            swapped(scene, 2, 7),
            Finding("altered", "subscription", scene.stream, 2, scene.at(7).id),
        ),
        ("history rewritten from 3 on", rewritten(scene, 3), scene.bad("unlike_checkpoint", 4)),
        ("history rewritten from 5 on", rewritten(scene, 5), scene.bad("unlike_checkpoint", 8)),
        ("planted behind", behind, Finding("altered", "subscription", scene.stream, end + 1, behind_id)),
        ("planted in front", before, Finding("altered", "subscription", scene.stream, 0, before_id)),
        (
            "planted far in front",
            far_before,
            Finding("altered", "subscription", scene.stream, -(2**63), before_id),
        ),
        (
            "planted as a stream of its own",
            alone,
            Finding("stream_removed", "subscription", "0199f000-0000-7000-8000-00000000000a", 1, alone_id),
        ),
        ("owner's head changed", owner(scene, head=bytes(32)), scene.bad("altered", end)),
        (
            "owner's count raised",
            owner(scene, seq=end + 1),
            Finding("cut", "subscription", scene.stream, end + 1),
        ),
        (
            "owner's row set back",
            owner(scene, seq=end - 1, head=scene.at(end - 1).link),
            scene.bad("altered", end),
        ),
        (
            "owner removed",
            remove_owner,
            Finding("stream_removed", "subscription", scene.stream, 1, scene.at(1).id),
        ),
        ("stream and owner removed", remove_all, Finding("stream_removed", "subscription", scene.stream, 1)),
    ]
    for name, tamper, expected in kinds:
        with subtests.test(name), scene.tampered(tamper):
            assert expected in scene.findings()
    assert scene.findings() == []


def test_what_only_a_checkpoint_can_tell(store: Store, clock: FrozenClock, raw: Database) -> None:
    """Without the key a well rewritten stream looks sound: what was signed is what holds it."""
    scene = Scene.build(store, clock, raw)
    for tamper in (cut(scene, 6), rewritten(scene, 3)):
        with scene.tampered(tamper):
            assert scene.findings(journal_key=None) == []
            assert len(scene.findings(journal_key=JOURNAL_KEY)) == 1


def test_changing_a_checkpoint_is_found(
    store: Store, clock: FrozenClock, raw: Database, subtests: Any
) -> None:
    """Forged, removed, reordered or of another key: the first bad checkpoint is named."""
    scene = Scene.build(store, clock, raw)
    scene.world.clock.travel(seconds=1)
    assert scene.world.engine.journal.checkpoint(scene.world.actor) is not None
    with scene.world.store.ledger.read(scene.world.actor.tenant) as work:
        one, two, three = work.checkpoints.list(limit=10).items

    def set_(which: Checkpoint, **values: Any) -> Callable[[Connection], object]:
        return lambda connection: connection.execute(
            update(checkpoint).where(checkpoint.c.id == which.id).values(values)
        )

    def without_(which: Checkpoint) -> Callable[[Connection], object]:
        return lambda connection: connection.execute(delete(checkpoint).where(checkpoint.c.id == which.id))

    def reordered(connection: Connection) -> None:
        set_(two, number=1000)(connection)
        set_(three, number=2)(connection)
        set_(two, number=3)(connection)

    def of_another_key(connection: Connection) -> None:
        forged = dataclasses.replace(two, heads={}, key_id=key_id(b"f" * 32))
        set_(two, heads={}, key_id=forged.key_id, signature=sign(forged, b"f" * 32))(connection)

    def signed_with_another_key(connection: Connection) -> None:
        set_(two, heads={}, signature=sign(dataclasses.replace(two, heads={}), b"f" * 32))(connection)

    def bad(what: str, which: Checkpoint, number: int) -> Finding:
        return Finding(what, "", which.id, number)

    forged = bad("checkpoint_forged", two, 2)
    kinds: list[tuple[str, Callable[[Connection], object], Finding]] = [
        ("heads changed", set_(two, heads={scene.stream: ["subscription", 1, "00"]}), forged),
        ("heads emptied", set_(two, heads={}), forged),
        ("heads unreadable", set_(two, heads=literal("no json", Text())), forged),
        ("signature changed", set_(two, signature=bytes(32)), forged),
        ("time changed", set_(two, at=two.at + dt.timedelta(days=1)), forged),
        ("signed by somebody else in our name", signed_with_another_key, forged),
        ("link to the one before changed", set_(two, previous=bytes(32)), bad("checkpoint_missing", two, 2)),
        ("signed by somebody else", of_another_key, bad("checkpoint_of_another_key", two, 2)),
        ("first removed", without_(one), bad("checkpoint_missing", two, 1)),
        ("middle one removed", without_(two), bad("checkpoint_missing", three, 2)),
        ("reordered", reordered, bad("checkpoint_missing", two, 2)),
    ]
    for name, tamper, expected in kinds:
        with subtests.test(name), scene.tampered(tamper):
            assert expected in scene.findings()
    with subtests.test("verified with another key"):
        found = scene.findings(journal_key=b"another key than the one that signed")
        assert found == [bad("checkpoint_of_another_key", one, 1)]
    assert scene.findings() == []


def test_an_unreadable_checkpoint_does_not_stop_the_next(
    store: Store, clock: FrozenClock, raw: Database
) -> None:
    """Signing goes on where somebody has spoiled the last checkpoint; the audit still names it."""
    scene = Scene.build(store, clock, raw)

    def spoil(connection: Connection) -> None:
        last = select(func.max(checkpoint.c.number)).scalar_subquery()
        number = connection.execute(select(last)).scalar_one()
        connection.execute(
            update(checkpoint).where(checkpoint.c.number == number).values(heads=literal("{}x", Text()))
        )

    with scene.tampered(spoil):
        assert scene.world.engine.journal.checkpoint(scene.world.actor) is not None
        assert [found.what for found in scene.findings()] == ["checkpoint_forged"]


def test_a_checkpoint_with_nothing_new_is_none(store: Store, clock: FrozenClock, raw: Database) -> None:
    """Where no stream has moved there is nothing to sign; reading moves none."""
    scene = Scene.build(store, clock, raw)
    sign_now = scene.world.engine.journal.checkpoint
    assert sign_now(scene.world.actor) is not None
    assert sign_now(scene.world.actor) is None
    scene.world.clock.travel(hours=1)
    scene.findings()
    assert sign_now(scene.world.actor) is None
    scene.world.seat("new")
    made = sign_now(scene.world.actor)
    assert made is not None
    assert list(made.heads) == [scene.stream]
    assert made.number == 4


def test_checkpoints_signed_at_once_follow_each_other(
    store: Store, clock: FrozenClock, raw: Database
) -> None:
    """Several workers that sign together make one list without gap or fork."""
    world = World.on(store, clock)
    service = world.service(None, unlimited=True)

    def work(worker: int) -> None:
        for number in range(5):
            world.seat(f"user{worker}-{number}")
            world.engine.journal.checkpoint(world.actor)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    world.check()
    last = world.engine.journal.last_checkpoint(world.actor)
    assert last is not None
    assert last.heads[service.id][1] == 21


def test_an_audit_during_traffic_finds_nothing(store: Store, clock: FrozenClock) -> None:
    """Entries written while a stream is read are no finding: an operator may audit at any time."""
    world = World.on(store, clock)
    world.service(None, unlimited=True)
    world.seat("first")
    world.engine.journal.checkpoint(world.actor)
    done = False
    found: list[Finding] = []

    def write(worker: int) -> None:
        for number in range(40):
            world.seat(f"user{worker}-{number}")

    def audit() -> int:
        rounds = 0
        while not done or rounds == 0:
            found.extend(world.engine.journal.verify(world.actor))
            rounds += 1
        return rounds

    with ThreadPoolExecutor(3) as pool:
        auditing = pool.submit(audit)
        try:
            for writing in [pool.submit(write, worker) for worker in range(2)]:
                writing.result()
        finally:
            done = True
        assert auditing.result() > 0
    assert found == []
    world.check()
