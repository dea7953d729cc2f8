"""A seat under terms read a while ago: given only where they still hold, on every SQL database."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from seatguard import Seatguard, open_store
from seatguard.decisions import Reason
from seatguard.seats.model import Usage
from tests.storage.crowd import Arena
from tests.worlds import Ticks


@pytest.fixture
def arena(database_url: str) -> Arena:
    """A service of five seats."""
    return Arena.build(database_url, limit=5)


@dataclasses.dataclass
class Two:
    """Two engines, as two processes have them, and a clock for the age of what they remember."""

    here: Seatguard
    elsewhere: Seatguard
    ticks: Ticks

    def a_moment_later(self) -> None:
        """So long that nothing is fresh any more."""
        self.ticks.seconds += 2.0


@pytest.fixture
def two(arena: Arena) -> Iterator[Two]:
    """Two engines on the arena."""
    ticks = Ticks()
    engines = [Seatguard(open_store(arena.url), monotonic=ticks) for _ in range(2)]
    yield Two(*engines, ticks)
    for engine in engines:
        engine.close()


def test_a_take_under_old_terms_tells_the_new_ones(two: Two, arena: Arena) -> None:
    """What another process agreed a moment ago is in the answer, however long ago the terms were read."""
    here, elsewhere = two.here, two.elsewhere
    actor, where = here.actor("test", "haste", tenant=arena.tenant), here.where(arena.project)
    assert here.seats.take(actor, where, "ada").allowed
    elsewhere.subscriptions.change_limit(actor, arena.subscription, limit=9)
    two.a_moment_later()
    terms = here.seats.take(actor, where, "bob").require().terms
    assert terms is not None
    assert terms.limit == 9


def test_nobody_gets_a_second_seat_in_a_service_added_elsewhere(two: Two, arena: Arena) -> None:
    """A take under old terms does not overlook the subscription in which the user sits by now."""
    here, elsewhere = two.here, two.elsewhere
    actor, where = here.actor("test", "haste", tenant=arena.tenant), here.where(arena.project)
    assert here.seats.take(actor, where, "ada").allowed
    added = elsewhere.subscriptions.add(actor, arena.project, limit=5, type="other")
    assert elsewhere.seats.take(actor, elsewhere.where(arena.project, type="other"), "bob").allowed
    two.a_moment_later()
    again = here.seats.take(actor, where, "bob").require()
    assert again.seat is not None
    assert again.seat.subscription == added.id
    assert here.seats.usage(actor, arena.subscription) == Usage(1, 0)


def test_a_lowered_limit_holds_at_once(two: Two, arena: Arena) -> None:
    """Terms of a minute ago give no seat that the limit of now refuses."""
    here, elsewhere = two.here, two.elsewhere
    actor, where = here.actor("test", "haste", tenant=arena.tenant), here.where(arena.project)
    assert here.seats.take(actor, where, "ada").allowed
    elsewhere.subscriptions.change_limit(actor, arena.subscription, limit=1)
    two.a_moment_later()
    assert here.seats.take(actor, where, "bob").reason is Reason.LIMIT_REACHED
    elsewhere.subscriptions.suspend(actor, arena.subscription)
    two.a_moment_later()
    assert here.seats.take(actor, where, "eve").reason is Reason.SUSPENDED
