"""The relay writes many subscriptions at once, and none that cannot be written stops the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, text

from seatguard import Seatguard, StorageUnavailable
from seatguard.storage.redis.keys import SHARDS, generation_of, journal_of, shard_of
from tests.servers import RedisServer
from tests.storage.crowd import Arena
from tests.storage.test_redis_races import copied, kept

Start = Callable[..., RedisServer]
New = Callable[[str], str]

SERVICES = 40


def seat_everywhere(arena: Arena, user: str) -> list[str]:
    """Take a seat in many subscriptions, whose ids are returned in their order."""
    engine = arena.open()
    actor = engine.actor("test", "relay", tenant=arena.tenant)
    page = engine.subscriptions.list(actor, limit=200)
    types = {one.type: one.id for one in page.items}
    for number in range(SERVICES):
        name = f"type{number:02}"
        if name not in types:
            types[name] = engine.subscriptions.add(actor, arena.project, limit=5, type=name).id
        assert engine.seats.take(actor, engine.where(arena.project, type=name), user).allowed
    engine.close()
    return sorted(found for name, found in types.items() if name.startswith("type"))


def in_ledger(arena: Arena) -> int:
    """How many seats the ledger's copy has, by a look that waits for nobody."""
    engine = Seatguard.open(arena.url)
    actor = engine.actor("test", "look", tenant=arena.tenant)
    found = engine.seats.list(actor, engine.where(arena.project), limit=200).items
    engine.close()
    return len(found)


@contextmanager
def refusing(arena: Arena, subscription: str) -> Iterator[None]:
    """The ledger refuses every new seat of one subscription."""
    database = create_engine(arena.url)
    with database.begin() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER refusing BEFORE INSERT ON seatguard_seat"
                f" WHEN NEW.subscription = '{subscription}' BEGIN SELECT RAISE(ABORT, 'refused'); END"
            )
        )
    yield
    with database.begin() as connection:
        connection.execute(text("DROP TRIGGER refusing"))
    database.dispose()


@contextmanager
def locked(arena: Arena, subscription: str) -> Iterator[None]:
    """Somebody's transaction has one subscription's row locked."""
    database = create_engine(arena.url)
    with database.begin() as connection:
        connection.execute(
            text(f"SELECT id FROM seatguard_subscription WHERE id = '{subscription}' FOR UPDATE")
        )
        yield
    database.dispose()


@pytest.mark.parametrize(("database", "place"), [("sqlite", 0), ("sqlite", 17), ("postgresql", 17)])
def test_one_subscription_that_cannot_be_written_stops_no_other(
    start_redis: Start, new_database: New, database: str, place: int
) -> None:
    """Its entries wait and are told of, in their order; all others are in the ledger."""
    arena = Arena.build(new_database(database), limit=1, gate=start_redis("valkey").url())
    engine = arena.open()
    stuck = seat_everywhere(arena, "first")[place]
    engine.relay()
    with (refusing if database == "sqlite" else locked)(arena, stuck):
        seat_everywhere(arena, "ada")
        with pytest.raises(StorageUnavailable, match=f"entries of 1 subscriptions wait, of {stuck}"):
            engine.relay()
        assert in_ledger(arena) == 2 * SERVICES - 1
    seat_everywhere(arena, "bob")
    assert engine.relay() == 1 + SERVICES
    assert engine.relay() == 0
    assert copied(arena) == kept(arena)
    arena.audit()


def test_message_that_cannot_be_read_stops_no_other(start_redis: Start, new_database: New) -> None:
    """It stays where it is, for somebody to look at, and is told of at every turn."""
    server = start_redis("valkey")
    arena = Arena.build(new_database("sqlite"), limit=1, gate=server.url())
    engine = arena.open()
    seat_everywhere(arena, "ada")
    assert len(kept(arena)) == SERVICES  # by now the gate has been filled
    engine.relay()
    with server.client() as client:
        for shard in range(SHARDS):
            client.xadd(journal_of(shard), {"entry": "no entry"})
            client.xadd(journal_of(shard), {"something": "else"})
    seat_everywhere(arena, "bob")
    for _ in range(2):
        with pytest.raises(StorageUnavailable, match="entries of 1 subscriptions wait, of an unknown one"):
            engine.relay()
        assert copied(arena) == kept(arena)
    with server.client() as client:
        assert all(client.xlen(journal_of(shard)) >= 2 for shard in range(SHARDS))
    assert list(engine.journal.verify(engine.actor("test", "relay", tenant=arena.tenant))) == []


@pytest.mark.parametrize(("before", "entry"), [(10_000, '["", "", "", "other"]'), (1, "no entry")])
def test_no_limit_is_lowered_by_a_copy_that_may_be_behind(
    start_redis: Start, new_database: New, before: int, entry: str
) -> None:
    """The gate's count is unknown, and what it has not moved cannot be told: too much waits, or nobody can
    read it. The change is refused for now, not compared with the ledger's copy."""
    server = start_redis("valkey")
    arena = Arena.build(new_database("sqlite"), limit=2, gate=server.url())
    engine, shard = arena.open(), shard_of(arena.subscription)
    actor, where = engine.actor("test", "limit", tenant=arena.tenant), engine.where(arena.project)
    with server.client() as client:
        pipe = client.pipeline(transaction=False)
        for _ in range(before):
            pipe.xadd(journal_of(shard), {"entry": entry})
        assert engine.seats.take(actor, where, "ada").allowed
        engine.relay()
        pipe.execute()
        assert engine.seats.take(actor, where, "bob").allowed
        client.delete(generation_of(shard))
    with pytest.raises(StorageUnavailable, match="being filled anew"):
        engine.subscriptions.change_limit(actor, arena.subscription, limit=1)
    assert engine.subscriptions.get(actor, arena.subscription).limit == 2


def test_ledger_that_is_away_is_told_once(start_redis: Start, new_database: New) -> None:
    """Nobody waits for each of many subscriptions in turn; nothing is lost."""
    arena = Arena.build(new_database("sqlite"), limit=1, gate=start_redis("valkey").url())
    engine = arena.open()
    seat_everywhere(arena, "first")
    engine.relay()
    seat_everywhere(arena, "ada")
    database = create_engine(arena.url)
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE seatguard_seat RENAME TO away"))
    with pytest.raises(StorageUnavailable, match="entries of 3 subscriptions wait"):
        engine.relay()
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO seatguard_seat"))
    database.dispose()
    assert engine.relay() == SERVICES
    assert copied(arena) == kept(arena)
