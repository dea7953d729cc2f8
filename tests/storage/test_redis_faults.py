"""A gate of its own that is killed, emptied, cut off or slow."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
import redis

from seatguard import StorageUnavailable
from seatguard.storage.redis.lines import Lines
from seatguard.worker import Worker
from tests.servers import RedisServer, TcpProxy
from tests.storage.crowd import Arena, rounds
from tests.storage.load import Load, seated
from tests.storage.test_redis_races import copied, kept

Start = Callable[..., RedisServer]
New = Callable[[str], str]

LOSS_WINDOW = 2.0
"""Seconds. The documentation says 50 milliseconds and the time of a commit; here all share one machine."""


def holders(seats: list[tuple[str, str]]) -> set[str]:
    """Who sits there."""
    return {holder for _, holder in seats}


@pytest.mark.crash
def test_killed_server_that_syncs_always_loses_nothing(start_redis: Start, new_database: New) -> None:
    """`appendfsync always`: after SIGKILL under load every acknowledged seat is there, again and again."""
    server = start_redis("valkey", appendfsync="always")
    arena = Arena.build(new_database("sqlite"), limit=1_000_000, gate=server.url())
    engine = arena.open()
    count, expected = rounds(5), set[str]()
    for turn in range(count):
        load = Load(engine, arena, f"r{turn}-")
        with Worker(arena.open()).running(), load.running():
            load.until(100)
            server.kill()
            load.until_outage()
            server.restart()
            load.until(len(load.seated) + 20)
        expected |= load.seated.keys()
        assert expected <= seated(engine, arena)
    print(f"{count} kills, {len(expected)} acknowledged, none lost")
    found = arena.audit()
    assert found["counter"] == found["rows"] == found["seat.taken"]
    assert copied(arena) == kept(arena)


@pytest.mark.crash
@pytest.mark.parametrize("appendfsync", ["everysec", None])
def test_killed_server_loses_what_was_not_relayed_and_has_no_file(
    start_redis: Start, new_database: New, appendfsync: str | None
) -> None:
    """`everysec`: the kernel has the file, so nothing is lost. Without a file exactly those lose their seats
    who were answered and are not in the ledger yet, and the count goes on from what is there."""
    server = start_redis("valkey", appendfsync=appendfsync)
    arena = Arena.build(new_database("sqlite"), limit=1_000_000, gate=server.url())
    engine = arena.open()
    load = Load(engine, arena)
    with load.running():
        with Worker(arena.open()).running():
            load.until(300)
            server.kill()
            killed = time.monotonic()
            load.until_outage()
        # The relay has ended: what it had in hand is in the ledger or nowhere.
        answered, in_ledger = set(load.seated), holders(copied(arena))
        with Worker(arena.open()).running():
            server.restart()
            load.until(len(answered) + 20)
    there = seated(engine, arena)
    lost = answered - there
    window = killed - min((load.seated[name] for name in lost), default=killed)
    print(
        f"appendfsync {appendfsync}: lost {len(lost)} of {len(answered)},"
        f" the oldest {window * 1000:.0f} ms before the kill"
    )
    assert lost == (set() if appendfsync else answered - in_ledger)
    assert window < LOSS_WINDOW
    assert load.seated.keys() - lost <= there
    found = arena.audit()
    assert found["counter"] == found["rows"] == len(there)
    assert copied(arena) == kept(arena)


@pytest.mark.crash
@pytest.mark.parametrize("answer", ["gate", "ledger"])
def test_flush_under_load_is_refilled_and_never_oversells(
    start_redis: Start, new_database: New, answer: str
) -> None:
    """FLUSHALL ten times while 8 threads claim: the gate fills itself from the ledger, the count never passes
    the limit, and at the end gate and ledger have the same seats, as many as the limit. Who loses a seat was
    answered in the last moments before a flush; where answers wait for the ledger, nobody does."""
    server = start_redis("valkey")
    arena = Arena.build(new_database("sqlite"), limit=600, gate=f"{server.url()}?answer={answer}")
    engine = arena.open()
    load, flushed = Load(engine, arena), list[float]()
    with Worker(arena.open()).running(), load.running():
        for turn in range(10):
            load.until(50 * (turn + 1))
            server.flush()
            flushed.append(time.monotonic())
        load.until_refused()
    engine.relay()
    there = seated(engine, arena)
    lost = load.seated.keys() - there
    windows = [min(abs(flush - load.seated[name]) for flush in flushed) for name in lost]
    print(
        f"10 flushes, answer {answer}: {len(load.seated)} acknowledged, {len(lost)} of them lost,"
        f" the furthest {max(windows, default=0) * 1000:.0f} ms from a flush"
    )
    assert load.most <= 600
    assert len(there) == 600
    found = arena.audit()
    assert found["counter"] == found["rows"] == 600
    assert copied(arena) == kept(arena)
    assert max(windows, default=0) < LOSS_WINDOW
    if answer == "ledger":
        assert not lost


def test_flush_after_relaying_loses_nothing(start_redis: Start, new_database: New) -> None:
    """What the ledger has survives anything that happens to the gate."""
    server = start_redis("valkey")
    arena = Arena.build(new_database("sqlite"), limit=5, gate=server.url())
    engine = arena.open()
    actor, where = engine.actor("test", "flush", tenant=arena.tenant), engine.where(arena.project)
    for number in range(4):
        engine.seats.take(actor, where, f"user{number}")
    engine.seats.hold(actor, where, "guest", seconds=3600)
    before = kept(arena)
    engine.relay()
    server.flush()
    assert kept(arena) == before
    assert engine.seats.take(actor, where, "late").reason.value == "limit_reached"
    assert engine.seats.release(actor, where, "guest").allowed
    assert engine.seats.take(actor, where, "late").allowed
    arena.audit()


@pytest.mark.parametrize("key", ["holders", "pool", "seats", "order"])
def test_lost_key_is_noticed(start_redis: Start, new_database: New, key: str) -> None:
    """One key deleted, by hand or by an eviction, does not make room: the pool is filled anew, or the
    counters' check finds it and repairs it."""
    server = start_redis("valkey")
    arena = Arena.build(new_database("sqlite"), limit=3, gate=server.url())
    engine = arena.open()
    actor, where = engine.actor("test", "lost", tenant=arena.tenant), engine.where(arena.project)
    for number in range(3):
        engine.seats.take(actor, where, f"user{number}")
    before = kept(arena)
    engine.relay()
    with server.client() as client:
        (name,) = client.scan_iter(match=f"*:{arena.subscription}:{key}")
        client.delete(name)
    assert engine.seats.take(actor, where, "late").reason.value == "limit_reached"
    list(engine.verify(actor, repair=True))
    assert kept(arena) == before
    arena.audit()


def test_server_that_comes_back_with_older_data_is_filled_from_the_ledger(
    start_redis: Start, new_database: New
) -> None:
    """A restart from an older append-only file, as after a power cut, brings no seat back that was freed and
    forgets none that the ledger knows."""
    server = start_redis("valkey", appendfsync="everysec")
    arena = Arena.build(new_database("sqlite"), limit=10, gate=server.url())
    engine = arena.open()
    actor, where = engine.actor("test", "old", tenant=arena.tenant), engine.where(arena.project)
    for number in range(4):
        engine.seats.take(actor, where, f"user{number}")
    older = server.copy()
    engine.seats.release(actor, where, "user0")
    for number in range(4, 8):
        engine.seats.take(actor, where, f"user{number}")
    before = kept(arena)
    engine.relay()
    server.kill()
    server.put_back(older)
    server.restart()
    assert kept(arena) == before
    arena.audit()
    assert copied(arena) == before


def test_limit_is_changed_after_a_restart_without_a_worker(start_redis: Start, new_database: New) -> None:
    """Entries that still wait stand in the way once; the next attempt knows the true count."""
    server = start_redis("valkey", appendfsync="always")
    arena = Arena.build(new_database("sqlite"), limit=5, gate=server.url())
    engine = arena.open()
    actor, where = engine.actor("test", "limit", tenant=arena.tenant), engine.where(arena.project)
    for number in range(4):
        engine.seats.take(actor, where, f"user{number}")
    server.restart()
    change = engine.subscriptions.change_limit
    with pytest.raises(StorageUnavailable):
        change(actor, arena.subscription, limit=3)
    refused = change(actor, arena.subscription, limit=3)
    assert (refused.allowed, refused.facts.live) == (False, 4)
    assert change(actor, arena.subscription, limit=4).allowed
    assert engine.seats.take(actor, where, "late").reason.value == "limit_reached"
    arena.audit()


def _through(proxy: TcpProxy) -> str:
    return f"redis://127.0.0.1:{proxy.port}/0"


def test_cut_network_is_told_at_once_and_heals(
    start_redis: Start, new_database: New, proxied: Callable[[RedisServer], TcpProxy]
) -> None:
    """Refused connections answer within the deadline; claims do within two seconds of its return."""
    proxy = proxied(start_redis("valkey"))
    arena = Arena.build(new_database("sqlite"), limit=1_000_000, gate=_through(proxy))
    engine = arena.open()
    load = Load(engine, arena)
    with load.running(4):
        load.until(20)
        proxy.cut()
        load.until_outage()
        proxy.heal()
        healed, before = time.monotonic(), len(load.seated)
        load.until(before + 20)
        print(f"healed after {time.monotonic() - healed:.2f} s")
    first = min(at for at in load.seated.values() if at > healed)
    assert first - healed < 2.0
    assert max(took for took, _ in load.unavailable) < 3.5
    assert load.seated.keys() <= seated(engine, arena)


def test_silent_server_is_given_up_within_the_deadline(
    start_redis: Start, new_database: New, proxied: Callable[[RedisServer], TcpProxy]
) -> None:
    """A server that says nothing is waited for a few seconds, then told at once, and found again."""
    proxy = proxied(start_redis("valkey"))
    arena = Arena.build(new_database("sqlite"), limit=10, gate=_through(proxy))
    engine = arena.open()
    actor, where = engine.actor("test", "silent", tenant=arena.tenant), engine.where(arena.project)
    engine.seats.take(actor, where, "ada")
    proxy.hold()
    began = time.monotonic()
    with pytest.raises(StorageUnavailable):
        engine.seats.take(actor, where, "bob")
    assert time.monotonic() - began < 3.5
    proxy.heal()
    assert engine.seats.take(actor, where, "bob").allowed
    assert engine.seats.usage(actor, arena.subscription).live == 2


def test_slow_network_is_slow_and_right(
    start_redis: Start, new_database: New, proxied: Callable[[RedisServer], TcpProxy]
) -> None:
    """Latency changes no answer."""
    proxy = proxied(start_redis("valkey"))
    arena = Arena.build(new_database("sqlite"), limit=3, gate=_through(proxy))
    engine = arena.open()
    proxy.latency(0.05)
    load = Load(engine, arena)
    with load.running(4):
        load.until_refused()
    assert len(load.seated) == 3
    assert load.unavailable == []
    proxy.heal()
    arena.audit()


def test_any_number_of_lines_may_be_lost(start_redis: Start) -> None:
    """A process outlives more restarts of its gate than redis-py's pool may have connections."""
    server = start_redis("valkey")
    pool = redis.ConnectionPool.from_url(server.url(), protocol=2)
    lines = Lines(pool)
    with server.client() as client:
        for _ in range(3 * min(pool.max_connections, 100)):
            assert lines.ask(("PING",)) == [b"PONG"]
            client.client_kill_filter(_type="normal", skipme=True)
            with pytest.raises(redis.ConnectionError):
                lines.ask(("PING",))
    assert lines.ask(("PING",)) == [b"PONG"]
    lines.close()


def test_full_memory_is_an_outage_and_changes_nothing(start_redis: Start, new_database: New) -> None:
    """A server that is out of memory takes no seat and frees none by halves."""
    server = start_redis("valkey")
    arena = Arena.build(new_database("sqlite"), limit=10, gate=server.url())
    engine = arena.open()
    actor, where = engine.actor("test", "oom", tenant=arena.tenant), engine.where(arena.project)
    engine.seats.take(actor, where, "ada")
    with server.client() as client:
        client.config_set("maxmemory", "1")
        with pytest.raises(StorageUnavailable):
            engine.seats.take(actor, where, "bob")
        before = kept(arena)
        client.config_set("maxmemory", "0")
    assert kept(arena) == before
    assert engine.seats.take(actor, where, "bob").allowed
    arena.audit()


def test_ledger_that_is_away_stops_the_relay_only(start_redis: Start, new_database: New) -> None:
    """The relay fails and loses nothing; seats are taken meanwhile; the next relay brings all, once."""
    server = start_redis("valkey")
    arena = Arena.build(new_database("sqlite"), limit=10, gate=server.url())
    engine = arena.open()
    actor, where = engine.actor("test", "away", tenant=arena.tenant), engine.where(arena.project)
    engine.seats.take(actor, where, "ada")
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        # A write transaction of somebody else's keeps every other writer of the file out.
        with arena.open()._ledger.begin(arena.tenant):
            locked.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert locked.wait(10)
    try:
        with pytest.raises(StorageUnavailable):
            engine.relay()
        assert engine.seats.take(actor, where, "bob").allowed
    finally:
        release.set()
        thread.join()
    assert engine.relay() == 2
    assert engine.relay() == 0
    arena.audit()
