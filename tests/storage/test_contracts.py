"""Every backend under the contracts that ship with Seatguard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from seatguard.storage import Store, open_store
from seatguard.testing import FrozenClock, GateContract, LedgerContract
from tests.storage.stores import sql_store


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


class TestSqlLedger(LedgerContract):
    @pytest.fixture
    def store(self, clock: FrozenClock, database_url: str) -> Iterator[Store]:
        yield from sql_store(database_url, clock)
