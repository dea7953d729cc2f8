"""Every backend under the contracts that ship with Seatguard."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from seatguard.storage import Store, open_store
from seatguard.testing import FrozenClock, GateContract, LedgerContract
from tests.servers import RedisServer
from tests.storage.stores import migrate, sql_store


class TestMemoryGate(GateContract):
    @pytest.fixture
    def store(self, clock: FrozenClock) -> Store:
        return open_store("memory:", clock=clock)


class TestMemoryLedger(LedgerContract):
    @pytest.fixture
    def store(self, clock: FrozenClock) -> Store:
        return open_store("memory:", clock=clock)


class TestSqlGate(GateContract):
    @pytest.fixture
    def store(self, clock: FrozenClock, database_url: str) -> Iterator[Store]:
        yield from sql_store(database_url, clock)


class TestRedisGate(GateContract):
    """Beside a ledger in memory: what the copy of the seats costs a database is not the question here."""

    @pytest.fixture
    def store(self, clock: FrozenClock, gate_url: str) -> Iterator[Store]:
        store = open_store("memory:", gate=gate_url, clock=clock)
        yield store
        store.ledger.close()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
class TestRedisGateBesideSql(GateContract):
    """The relay, the copy of the seats and the refilling, on a ledger that is a database."""

    @pytest.fixture
    def store(
        self,
        clock: FrozenClock,
        database_url: str,
        redis_servers: Callable[[str], RedisServer],
    ) -> Iterator[Store]:
        migrate(database_url)
        server = redis_servers("valkey")
        server.flush()
        store = open_store(database_url, gate=server.url(), clock=clock)
        yield store
        store.ledger.close()


class TestSqlLedger(LedgerContract):
    @pytest.fixture
    def store(self, clock: FrozenClock, database_url: str) -> Iterator[Store]:
        yield from sql_store(database_url, clock)
