"""Fixtures that every test may ask for: real servers, and a fresh empty database on each of them.

Where a server comes from, in this order: the URL in `SEATGUARD_TEST_POSTGRES` or `SEATGUARD_TEST_MARIADB`,
else a server started from the binaries of this machine. When neither is there, the tests that need it are
skipped, and on CI (environment variable `CI`) they fail: a check that silently stopped checking is worse than
none.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers import (
    MariaDBServer,
    PostgresServer,
    RedisCluster,
    RedisServer,
    TcpProxy,
    start_or_skip,
)

DATABASES = ("sqlite", "postgresql", "mariadb")
GATES = ("valkey", "redis", "redis-6.2", "cluster")


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    return val if argname == "database" and isinstance(val, str) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, so that `-m "not mariadb"` works without every test saying so."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if "postgres_server" in fixtures or "postgresql" in parameters.values():
            item.add_marker(pytest.mark.postgresql)
        if "mariadb_server" in fixtures or "mariadb" in parameters.values():
            item.add_marker(pytest.mark.mariadb)
        if {"redis_servers", "start_redis"} & set(fixtures):
            item.add_marker(pytest.mark.redis)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server for the whole session (each xdist worker has its own).

    Do not kill it; start your own for that.
    """
    url = os.environ.get("SEATGUARD_TEST_POSTGRES")
    server = start_or_skip(lambda: PostgresServer.at(url) if url else PostgresServer.start())
    yield server
    server.stop()


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDBServer]:
    """A MariaDB server for the whole session (each xdist worker has its own).

    Do not kill it; start your own for that.
    """
    url = os.environ.get("SEATGUARD_TEST_MARIADB")
    server = start_or_skip(lambda: MariaDBServer.at(url) if url else MariaDBServer.start())
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_servers() -> Iterator[Callable[[str], RedisServer | RedisCluster]]:
    """`redis_servers("valkey")`, `"redis"`, `"redis-6.2"` or `"cluster"`: one of each for the whole session.

    Do not kill them; start your own for that.
    """
    running: dict[str, RedisServer | RedisCluster] = {}

    def server(kind: str) -> RedisServer | RedisCluster:
        if kind not in running:
            running[kind] = start_or_skip(
                lambda: RedisCluster.start() if kind == "cluster" else RedisServer.start(kind)
            )
        return running[kind]

    yield server
    for one in running.values():
        one.stop()


@pytest.fixture(params=GATES)
def gate_url(
    request: pytest.FixtureRequest, redis_servers: Callable[[str], RedisServer | RedisCluster]
) -> str:
    """The URL of an empty gate, once each on Valkey, two Redis and a cluster of three."""
    server = redis_servers(request.param)
    server.flush()
    return server.url()


@pytest.fixture
def start_redis() -> Iterator[Callable[..., RedisServer]]:
    """`start_redis("valkey", appendfsync="always")`: a server of this test's own, to be killed at will."""
    started: list[RedisServer] = []

    def start(kind: str = "valkey", **options: object) -> RedisServer:
        started.append(start_or_skip(lambda: RedisServer.start(kind, **options)))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def start_postgres() -> Iterator[Callable[..., PostgresServer]]:
    """`start_postgres(durable=True)`: a server of this test's own, to be killed and restarted at will."""
    started: list[PostgresServer] = []

    def start(**options: object) -> PostgresServer:
        started.append(start_or_skip(lambda: PostgresServer.start(**options)))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def start_mariadb() -> Iterator[Callable[..., MariaDBServer]]:
    """`start_mariadb(durable=True)`: a server of this test's own, to be killed and restarted at will."""
    started: list[MariaDBServer] = []

    def start(**options: object) -> MariaDBServer:
        started.append(start_or_skip(lambda: MariaDBServer.start(**options)))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """`new_database("postgresql")`: the URL of a fresh, empty database that goes when the test ends.

    The server is started when the first test asks for it, so a run of SQLite tests starts none.
    """
    dropping: list[Callable[[], None]] = []

    def create(database: str) -> str:
        name = f"seatguard_{uuid.uuid4().hex[:16]}"
        match database:
            case "sqlite":
                return f"sqlite:///{tmp_path / name}.db"
            case "postgresql":
                server: PostgresServer | MariaDBServer = request.getfixturevalue("postgres_server")
            case "mariadb":
                server = request.getfixturevalue("mariadb_server")
            case other:
                raise ValueError(f"no database {other!r}; there are {', '.join(DATABASES)}")
        dropping.append(lambda: server.drop_database(name))
        return server.create_database(name)

    yield create
    for drop in dropping:
        drop()


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    """Runs the test once for each SQL database: `sqlite`, `postgresql`, `mariadb`."""
    kind: str = request.param
    return kind


@pytest.fixture
def database_url(database: str, new_database: Callable[[str], str]) -> str:
    """The URL of a fresh, empty database, once for each SQL database.

    A test that is for one database only says so with `@pytest.mark.parametrize("database", ["postgresql"])`.
    """
    return new_database(database)


@pytest.fixture
def proxied() -> Iterator[Callable[[PostgresServer | MariaDBServer | RedisServer], TcpProxy]]:
    """`proxied(server)`: a TCP proxy in front of a server, to cut, hold, slow down or reset its
    connections."""
    proxies: list[TcpProxy] = []

    def put_between(server: PostgresServer | MariaDBServer | RedisServer) -> TcpProxy:
        proxies.append(TcpProxy(server.host, server.port))
        return proxies[-1]

    yield put_between
    for proxy in proxies:
        proxy.close()
