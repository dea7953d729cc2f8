"""A database that does not answer: an honest error in time, nothing half done, and back to work."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from seatguard import Actor, Misconfigured, Seatguard, StorageUnavailable, Where
from seatguard.storage.breaker import FAILURES
from seatguard.storage.sqlalchemy.database import VANISHED, Database
from tests.servers import MariaDBServer, PostgresServer, TcpProxy
from tests.storage.crowd import Arena

SERVERS = {"postgresql": "postgres_server", "mariadb": "mariadb_server"}
Proxied = Callable[[PostgresServer | MariaDBServer], TcpProxy]


@pytest.fixture(params=SERVERS)
def behind_proxy(
    request: pytest.FixtureRequest, new_database: Callable[[str], str], proxied: Proxied
) -> tuple[Arena, TcpProxy]:
    """A database with one subscription, reached through a proxy that can fail."""
    direct = Arena.build(new_database(request.param), limit=100)
    server = request.getfixturevalue(SERVERS[request.param])
    proxy = proxied(server)
    database = make_url(direct.url).database
    assert database is not None
    return Arena(server.url(database, port=proxy.port), *_ids(direct)), proxy


def _takes_again(engine: Seatguard, actor: Actor, where: Where, username: str) -> bool:
    """Ask until the store answers; at most as long as a client would."""
    give_up = time.monotonic() + 5
    while time.monotonic() < give_up:
        try:
            return engine.seats.take(actor, where, username).allowed
        except StorageUnavailable:
            threading.Event().wait(0.05)
    return False


def _ids(arena: Arena) -> tuple[str, str, str]:
    return arena.tenant, arena.project, arena.subscription


def test_server_that_is_away_is_not_asked_for_a_second(behind_proxy: tuple[Arena, TcpProxy]) -> None:
    """After five calls that got no connection the next ones are told at once, and one finds out later."""
    arena, proxy = behind_proxy
    engine = arena.open()
    actor, where = engine.actor("test", "dead", tenant=arena.tenant), engine.where(arena.project)
    assert engine.seats.take(actor, where, "before").allowed
    proxy.cut()
    for _ in range(FAILURES):
        with pytest.raises(StorageUnavailable):
            engine.seats.usage(actor, arena.subscription)
    with pytest.raises(StorageUnavailable, match="out of reach a moment ago"):
        engine.seats.usage(actor, arena.subscription)
    proxy.heal()
    assert _takes_again(engine, actor, where, "after")
    engine.close()


@pytest.mark.parametrize("failure", ["cut", "hold"])
def test_dead_server_is_told_within_three_seconds(behind_proxy: tuple[Arena, TcpProxy], failure: str) -> None:
    """Cut off or silent: takes, checks and reads raise StorageUnavailable in time, and work again after."""
    arena, proxy = behind_proxy
    engine = arena.open()
    actor = engine.actor("test", "dead", tenant=arena.tenant)
    where = engine.where(arena.project)
    assert engine.seats.take(actor, where, "before").allowed
    getattr(proxy, failure)()
    for ask in (
        lambda: engine.seats.take(actor, where, "during"),
        lambda: engine.seats.release(actor, where, "before"),
        lambda: engine.seats.usage(actor, arena.subscription),
        lambda: engine.subscriptions.change_limit(actor, arena.subscription, limit=5),
        engine.ready,
    ):
        began = time.monotonic()
        with pytest.raises(StorageUnavailable) as raised:
            ask()
        assert time.monotonic() - began < 3.0
        assert raised.value.retry_after >= 1
    proxy.heal()
    began = time.monotonic()
    assert _takes_again(engine, actor, where, "after")
    assert time.monotonic() - began < 2.0
    engine.close()
    direct = engine.open(arena.url)
    names = {seat.holder for seat in direct.seats.list(actor, where).items}
    assert names - {"during"} == {"before", "after"}  # what was asked while it was silent may stand
    assert list(direct.verify(actor)) == []
    assert list(direct.journal.verify(actor)) == []
    direct.close()


def test_many_callers_of_a_silent_server_are_all_told_in_time(behind_proxy: tuple[Arena, TcpProxy]) -> None:
    """32 threads on a pool of 24 connections: nobody waits longer than three seconds."""
    arena, proxy = behind_proxy
    engine = arena.open()
    actor = engine.actor("test", "dead", tenant=arena.tenant)
    where = engine.where(arena.project)
    assert engine.seats.take(actor, where, "before").allowed
    proxy.hold()

    def ask(number: int) -> float:
        began = time.monotonic()
        with pytest.raises(StorageUnavailable):
            engine.seats.take(actor, where, f"during{number}")
        return time.monotonic() - began

    with ThreadPoolExecutor(32) as pool:
        assert max(pool.map(ask, range(32))) < 3.0
    proxy.heal()
    engine.close()


@pytest.mark.crash
def test_client_that_vanishes_keeps_nobody_out_for_long(behind_proxy: tuple[Arena, TcpProxy]) -> None:
    """A host's network goes while it has a service's row locked: the server cannot know, and lets the row go
    after a few seconds. What the host had begun did not take place."""
    arena, proxy = behind_proxy
    url = make_url(arena.url).set(port=proxy.server[1])
    directly = replace(arena, url=url.render_as_string(hide_password=False))
    other = directly.open()
    actor, where = other.actor("test", "other", tenant=arena.tenant), other.where(arena.project)
    assert other.seats.take(actor, where, "before").allowed
    database = Database(arena.url)
    with database.engine.connect() as connection:
        connection.execute(
            text("UPDATE seatguard_subscription SET seat_limit = 1 WHERE id = :id"),
            {"id": arena.subscription},
        )
        proxy.hold()
        began = time.monotonic()
        with pytest.raises(StorageUnavailable):
            other.seats.take(actor, where, "during")
        while not _takes_again(other, actor, where, "during"):
            assert time.monotonic() - began < VANISHED + 4
        took = time.monotonic() - began
        proxy.heal()
        with pytest.raises(DBAPIError):
            connection.execute(text("SELECT 1"))
        connection.invalidate()
    print(f"the row was free after {took:.1f} s")
    assert other.seats.take(actor, where, "after").allowed
    database.close()
    other.close()
    directly.audit()


def test_server_without_schema_names_the_cure(new_database: Callable[[str], str]) -> None:
    """A database that was never migrated is told apart from a dead one."""
    for kind in SERVERS:
        engine = Seatguard.open(new_database(kind))
        with pytest.raises(Misconfigured, match="seatguard db upgrade"):
            engine.default_tenant()
        with pytest.raises(Misconfigured, match="seatguard db upgrade"):
            engine.ready()
        engine.close()


@pytest.mark.parametrize("database", ["sqlite"])
def test_busy_file_is_told_within_three_seconds(database_url: str) -> None:
    """Somebody else keeps the SQLite file locked: writes are refused in time, reads go on."""
    arena = Arena.build(database_url, limit=10)
    engine = arena.open()
    actor = engine.actor("test", "busy", tenant=arena.tenant)
    where = engine.where(arena.project)
    assert engine.seats.take(actor, where, "before").allowed
    path = make_url(database_url).database
    assert path is not None
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(StorageUnavailable):
        engine.seats.take(actor, where, "during")
    assert time.monotonic() - began < 3.0
    assert engine.seats.usage(actor, arena.subscription).live == 1
    other.execute("ROLLBACK")
    other.close()
    assert engine.seats.take(actor, where, "after").allowed
    engine.close()
    arena.audit()
