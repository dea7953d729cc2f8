"""A world whose projects have a line: in memory, on each database, and with its gate on Valkey."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from seatguard import open_store
from seatguard.testing import FrozenClock
from tests.storage.stores import sql_store
from tests.worlds import World

DAY = 86_400


@pytest.fixture(
    params=["memory", "sqlite", "postgresql", "mariadb", pytest.param("valkey", marks=pytest.mark.redis)]
)
def world(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[World]:
    """A world in which a freed seat is held for a day for the first in line."""
    if request.param == "memory":
        yield World.on(open_store("memory:", clock=clock), clock, offer_seconds=DAY)
        return
    if request.param == "valkey":
        server = request.getfixturevalue("redis_servers")("valkey")
        server.flush()
        store = open_store("memory:", gate=server.url(), clock=clock)
        yield World.on(store, clock, offer_seconds=DAY)
        store.ledger.close()
        return
    stores = sql_store(request.getfixturevalue("new_database")(request.param), clock)
    yield World.on(next(stores), clock, offer_seconds=DAY)
    stores.close()


@pytest.fixture
def clock() -> FrozenClock:
    """Time that moves when told to."""
    return FrozenClock()
