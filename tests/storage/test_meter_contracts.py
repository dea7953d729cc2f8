"""Every backend of usage, rates and leases under the contracts that ship with Seatguard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from seatguard.storage import Store, open_store
from seatguard.testing import FrozenClock, LeaseContract, RateContract, UsageContract
from tests.storage.stores import migrate


class InMemory:
    @pytest.fixture
    def store(self, clock: FrozenClock, steady: FrozenClock) -> Store:
        return open_store("memory:", clock=clock, steady=steady)


class OnSql:
    @pytest.fixture
    def store(self, clock: FrozenClock, steady: FrozenClock, database_url: str) -> Iterator[Store]:
        migrate(database_url)
        store = open_store(database_url, clock=clock, steady=steady)
        yield store
        store.ledger.close()


class TestUsageInMemory(InMemory, UsageContract):
    pass


class TestUsageOnSql(OnSql, UsageContract):
    pass


class TestRatesInMemory(InMemory, RateContract):
    pass


class TestRatesOnSql(OnSql, RateContract):
    pass


class TestLeasesInMemory(InMemory, LeaseContract):
    pass


class TestLeasesOnSql(OnSql, LeaseContract):
    pass


class OnRedis:
    """Beside a ledger in memory, on one server and on a cluster."""

    @pytest.fixture
    def store(self, clock: FrozenClock, steady: FrozenClock, gate_url: str) -> Iterator[Store]:
        store = open_store("memory:", gate=gate_url, clock=clock, steady=steady)
        yield store
        store.ledger.close()


class TestUsageOnRedis(OnRedis, UsageContract):
    pass


class TestRatesOnRedis(OnRedis, RateContract):
    pass


class TestLeasesOnRedis(OnRedis, LeaseContract):
    pass
