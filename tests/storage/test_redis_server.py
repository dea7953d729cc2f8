"""What a gate's server must be like, how it is named, and what is said of it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from seatguard import Misconfigured, Seatguard, StorageUnavailable, open_store
from seatguard.storage.redis.scripts import scripts
from seatguard.storage.redis.server import connect
from tests.servers import RedisServer
from tests.storage.crowd import Arena

Start = Callable[..., RedisServer]
New = Callable[[str], str]


def test_oldest_redis_that_is_promised_is_among_the_servers(
    redis_servers: Callable[[str], RedisServer],
) -> None:
    """The contracts run on it, and on one that is newer: neither stands in for the other."""
    versions = {}
    for kind in ("redis-6.2", "redis"):
        with redis_servers(kind).client() as client:
            major, minor = str(client.info("server")["redis_version"]).split(".")[:2]
            versions[kind] = (int(major), int(minor))
    assert versions["redis-6.2"] == (6, 2)
    assert versions["redis"] > (6, 2)


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_server_that_may_delete_seats_is_refused(start_redis: Start, policy: str) -> None:
    """At the first use, and whenever readiness is asked for; with the setting to write instead."""
    server = start_redis("valkey", settings={"maxmemory-policy": policy})
    engine = Seatguard.open("memory:", gate=server.url())
    with pytest.raises(Misconfigured, match="set `maxmemory-policy noeviction`"):
        engine.ready()
    actor = engine.actor("test", "policy")
    client = engine.clients.add(actor, name="Client")
    project = engine.projects.add(actor, client.id, name="Project")
    engine.subscriptions.add(actor, project.id, limit=1)
    with pytest.raises(Misconfigured, match=policy):
        engine.seats.take(actor, engine.where(project.id), "ada")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis://localhost/?answer=maybe", "write ledger, to answer when the ledger has the seat"),
        ("redis://localhost/?wait_replicas=two", "write a whole number"),
        ("redis+cluster://localhost:1?wait_replicas=1", "not for a cluster"),
        ("redis://localhost:port", "SEATGUARD_GATE_URI cannot be used"),
        ("memcached://localhost", "no gate of its own: use one of redis://"),
    ],
)
def test_unusable_uri_is_told_with_the_cure(url: str, says: str) -> None:
    """Before anything is sent."""
    with pytest.raises(Misconfigured, match=says):
        open_store("memory:", gate=url)


def test_same_uri_twice_is_no_gate_of_its_own() -> None:
    """The storage is its own gate."""
    assert open_store("memory:", gate="memory:").relay() == 0


@pytest.mark.parametrize(
    ("options", "query", "says"),
    [
        ({"appendfsync": "always"}, "", "survives a crash of the gate's server (appendfsync always)"),
        ({"appendfsync": "everysec"}, "", "best effort"),
        ({}, "", "no append-only file"),
        ({}, "?answer=ledger", "is in the ledger, and survives what the ledger survives"),
    ],
)
def test_durability_is_told_as_the_server_is_set(
    start_redis: Start, options: dict[str, str], query: str, says: str
) -> None:
    """Read from the server's own settings."""
    server = start_redis("valkey", **options)
    engine = Seatguard.open("memory:", gate=server.url() + query)
    assert says in engine.durability()


def test_hidden_settings_make_the_weaker_promise(start_redis: Start) -> None:
    """Hosted servers often forbid CONFIG."""
    server = start_redis("valkey", appendfsync="always")
    with server.client() as client:
        client.acl_setuser("app", enabled=True, passwords=["+secret"], keys=["*"], categories=["+@all"])
        client.execute_command("ACL", "SETUSER", "app", "-config")
    url = server.url().replace("redis://", "redis://app:secret@")
    assert Seatguard.open("memory:", gate=url).durability().startswith("best effort")


def test_wrong_password_is_no_outage(start_redis: Start) -> None:
    """Asking again would not help: the set-up is wrong."""
    server = start_redis("valkey", settings={"requirepass": "secret"})
    with pytest.raises(Misconfigured, match="refuses the login"):
        Seatguard.open("memory:", gate=server.url()).ready()


def test_writes_wait_for_replicas(start_redis: Start, new_database: New) -> None:
    """With a replica the write is answered; without it, the answer is that it may or may not stand."""
    primary = start_redis("valkey")
    replica = start_redis("valkey", settings={"replicaof": f"127.0.0.1 {primary.port}"})
    arena = Arena.build(new_database("sqlite"), limit=5, gate=f"{primary.url()}?wait_replicas=1")
    with primary.client() as client:
        deadline = time.monotonic() + 20
        while client.info("replication")["connected_slaves"] != 1 or not client.wait(1, 1000):
            assert time.monotonic() < deadline
    engine = arena.open()
    actor, where = engine.actor("test", "wait", tenant=arena.tenant), engine.where(arena.project)
    assert engine.seats.take(actor, where, "ada").allowed
    with replica.client() as client:
        assert client.hlen(next(client.scan_iter(match=f"*:{arena.subscription}:holders"))) == 1
    replica.kill()
    with pytest.raises(StorageUnavailable, match="0 of 1 replicas had the write in time"):
        engine.seats.take(actor, where, "bob")


@pytest.mark.crash
def test_replica_that_takes_over_is_filled_from_the_ledger(start_redis: Start, new_database: New) -> None:
    """What the ledger has is not forgotten by a replica that lags behind when it is promoted."""
    primary = start_redis("valkey")
    replica = start_redis("valkey", settings={"replicaof": f"127.0.0.1 {primary.port}"})
    arena = Arena.build(new_database("sqlite"), limit=3, gate=primary.url())
    engine = arena.open()
    actor, where = engine.actor("test", "failover", tenant=arena.tenant), engine.where(arena.project)
    assert engine.seats.take(actor, where, "ada").allowed
    with replica.client() as client:
        client.replicaof("NO", "ONE")  # from here on it misses what the primary is given
    for name in ("bob", "cleo"):
        assert engine.seats.take(actor, where, name).allowed
    engine.relay()
    primary.kill()
    after = Seatguard.open(arena.url, gate=replica.url())
    assert after.seats.usage(actor, arena.subscription).live == 3
    assert after.seats.take(actor, where, "late").reason.value == "limit_reached"


def test_scripts_are_whole_and_begin_with_a_header() -> None:
    """Each begins with a header; the table of scripts has no part of one."""
    assert {"take", "confirm", "renew", "release", "transfer", "clear", "restore", "agree"} <= set(scripts())
    for name, script in scripts().items():
        assert not name.startswith("_")
        assert script.source.startswith("-- ")


def test_url_names_valkey_and_tls() -> None:
    """Nothing is sent before the first call."""
    for url in (
        "valkey://h",
        "valkeys://h",
        "rediss://h:1/2",
        "redis+cluster://h:7000",
        "rediss+cluster://h",
    ):
        connect(url).close()
