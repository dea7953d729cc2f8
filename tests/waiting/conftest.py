"""A world whose projects have a line: in memory, and on each database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from seatguard import open_store
from seatguard.testing import FrozenClock
from tests.storage.stores import sql_store
from tests.worlds import World

DAY = 86_400


@pytest.fixture(params=["memory", "sqlite", "postgresql", "mariadb"])
def world(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[World]:
    """A world in which a freed seat is held for a day for the first in line."""
    if request.param == "memory":
        yield World.on(open_store("memory:", clock=clock), clock, offer_seconds=DAY)
        return
    stores = sql_store(request.getfixturevalue("new_database")(request.param), clock)
    yield World.on(next(stores), clock, offer_seconds=DAY)
    stores.close()


@pytest.fixture
def clock() -> FrozenClock:
    """Time that moves when told to."""
    return FrozenClock()
