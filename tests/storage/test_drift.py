"""Counters changed behind Seatguard's back: found, repaired on record, and stopped by the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from seatguard import Actor, Reason, Seatguard, Where
from seatguard.seats.model import Drift
from tests.storage.crowd import Arena


@dataclass
class Meddled:
    """A store, and somebody with a SQL shell."""

    engine: Seatguard
    actor: Actor
    where: Where
    subscription: str
    shell: Engine

    def sql(self, statement: str) -> None:
        with self.shell.begin() as connection:
            connection.execute(text(statement), {"id": self.subscription})


@pytest.fixture
def meddled(database_url: str) -> Iterator[Meddled]:
    arena = Arena.build(database_url, limit=10)
    engine = arena.open()
    actor = engine.actor("test", "drift", tenant=arena.tenant)
    where = engine.where(arena.project)
    for number in range(3):
        engine.seats.take(actor, where, f"user{number}")
    engine.seats.hold(actor, where, "holding", seconds=3600)
    shell = create_engine(database_url)
    yield Meddled(engine, actor, where, arena.subscription, shell)
    shell.dispose()
    engine.close()


@pytest.mark.parametrize(
    ("statement", "counted", "rows"),
    [
        ("UPDATE seatguard_subscription SET live = 9 WHERE id = :id", (9, 1), (4, 1)),
        ("UPDATE seatguard_subscription SET live = 1, held = 0 WHERE id = :id", (1, 0), (4, 1)),
        ("DELETE FROM seatguard_seat WHERE holder = 'user1' AND subscription = :id", (4, 1), (3, 1)),
    ],
)
def test_drift_is_found_and_repaired_on_record(
    meddled: Meddled, statement: str, counted: tuple[int, int], rows: tuple[int, int]
) -> None:
    """The report names both numbers; looking changes nothing; the repair is in the journal."""
    meddled.sql(statement)
    found = list(meddled.engine.verify(meddled.actor))
    assert found == [Drift(meddled.subscription, counted, rows, repaired=False)]
    assert list(meddled.engine.verify(meddled.actor)) == found
    assert [drift.repaired for drift in meddled.engine.verify(meddled.actor, repair=True)] == [True]
    assert list(meddled.engine.verify(meddled.actor)) == []
    entry = meddled.engine.journal.search(meddled.actor, limit=1).items[0]
    assert entry.kind == "subscription.counter_repaired"
    assert entry.data == {"counted": list(counted), "rows": list(rows)}
    assert list(meddled.engine.journal.verify(meddled.actor)) == []
    usage = meddled.engine.seats.usage(meddled.actor, meddled.subscription)
    assert (usage.live, usage.held) == rows


@pytest.mark.parametrize("change", ["live = 11", "live = -1", "held = -1", "held = 5", "live = 0"])
def test_the_database_refuses_impossible_counts(meddled: Meddled, change: str) -> None:
    """More than the ceiling, less than nothing and more holds than seats are stopped below all code."""
    with pytest.raises(DBAPIError):
        meddled.sql(f"UPDATE seatguard_subscription SET {change} WHERE id = :id")
    assert list(meddled.engine.verify(meddled.actor)) == []


def test_the_backstop_is_no_second_limit(meddled: Meddled) -> None:
    """Everything up to the ceiling can be stored; after lowering below use that is what was held then."""
    meddled.sql("UPDATE seatguard_subscription SET live = 10, held = 10 WHERE id = :id")
    meddled.sql("UPDATE seatguard_subscription SET live = 4, held = 1 WHERE id = :id")
    change = meddled.engine.subscriptions.change_limit
    change(meddled.actor, meddled.subscription, limit=2, over_limit="allow").require()
    with pytest.raises(DBAPIError):
        meddled.sql("UPDATE seatguard_subscription SET live = 5 WHERE id = :id")
    change(meddled.actor, meddled.subscription, limit=None, unlimited=True).require()
    meddled.sql("UPDATE seatguard_subscription SET live = 1000000000000 WHERE id = :id")


def test_a_counter_set_too_high_sells_nothing_twice(meddled: Meddled) -> None:
    """A counter at the cap refuses; after the repair exactly the free seats are given."""
    meddled.sql("UPDATE seatguard_subscription SET live = 10 WHERE id = :id")
    take = meddled.engine.seats.take
    assert take(meddled.actor, meddled.where, "early").reason is Reason.LIMIT_REACHED
    list(meddled.engine.verify(meddled.actor, repair=True))
    answers = [take(meddled.actor, meddled.where, f"late{number}").allowed for number in range(8)]
    assert answers == [True] * 6 + [False] * 2


def test_seats_beyond_the_cap_are_kept_by_a_repair(meddled: Meddled) -> None:
    """Rows that were put in by SQL may be more than the cap allows: that is shown, and nobody is evicted."""
    for number in range(8):
        meddled.sql(
            "INSERT INTO seatguard_seat "
            "(id, tenant, subscription, holder, holder_key, email, state, since, lapses_at) "
            f"SELECT '0199f000-0000-7000-8000-00000000000{number}', tenant, id, 'x{number}', 'x{number}', "
            "NULL, 'assigned', 0, NULL FROM seatguard_subscription WHERE id = :id"
        )
    (drift,) = meddled.engine.verify(meddled.actor, repair=True)
    assert drift == Drift(meddled.subscription, (4, 1), (12, 1), repaired=True)
    assert meddled.engine.seats.usage(meddled.actor, meddled.subscription).live == 12
    take = meddled.engine.seats.take
    assert take(meddled.actor, meddled.where, "late").reason is Reason.LIMIT_REACHED
    for number in range(3):
        meddled.engine.seats.release(meddled.actor, meddled.where, f"x{number}").require()
    assert [take(meddled.actor, meddled.where, f"late{number}").allowed for number in range(2)] == [
        True,
        False,
    ]
    assert list(meddled.engine.verify(meddled.actor)) == []
    assert list(meddled.engine.journal.verify(meddled.actor)) == []
