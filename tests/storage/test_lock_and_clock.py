"""Time is read after the row is locked: waiting past the closing instant grants nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from seatguard import EngineOptions, Reason, Seatguard
from seatguard.seats.model import Usage
from seatguard.storage import open_store
from seatguard.testing import FrozenClock
from tests.storage.stores import migrate


@contextmanager
def locked_row(url: str, subscription: str) -> Iterator[None]:
    """Somebody else's transaction holds the subscription's row, and changes nothing."""
    complete = make_url(url)
    engine = create_engine(complete)
    with engine.connect() as connection:
        if complete.get_backend_name() == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield
            connection.exec_driver_sql("ROLLBACK")
        else:
            connection.execute(
                text("SELECT id FROM seatguard_subscription WHERE id = :id FOR UPDATE"), {"id": subscription}
            )
            yield
            connection.rollback()
    engine.dispose()


@pytest.mark.parametrize("seconds_left", [1, 9])
def test_lock_held_across_the_expiry_grants_nothing(database_url: str, seconds_left: int) -> None:
    """A take that waits for the row while the last second passes is refused as expired."""
    migrate(database_url)
    clock = FrozenClock()
    engine = Seatguard(open_store(database_url, clock=clock), clock=clock, options=EngineOptions(max_age=0))
    actor = engine.actor("test", "edge")
    client = engine.clients.add(actor, name="Client")
    project = engine.projects.add(actor, client.id, name="Project")
    subscription = engine.subscriptions.add(actor, project.id, limit=5, expiry="2027-12-31")
    assert subscription.closes_at is not None
    where = engine.where(project.id)
    clock.set(subscription.closes_at)
    clock.travel(seconds=-seconds_left)
    waiting = threading.Event()

    def take() -> Reason:
        waiting.set()
        return engine.seats.take(actor, where, "late").reason

    with ThreadPoolExecutor(1) as pool:
        with locked_row(database_url, subscription.id):
            asked = pool.submit(take)
            assert waiting.wait(5)
            with pytest.raises(TimeoutError):
                asked.result(timeout=0.5)
            clock.travel(seconds=seconds_left)
        assert asked.result(timeout=5) is Reason.EXPIRED
    assert engine.seats.usage(actor, subscription.id) == Usage(0, 0)
    assert list(engine.verify(actor)) == []
    clock.travel(seconds=-0.000001)
    assert engine.seats.take(actor, where, "in time").allowed
    engine.close()


def test_suspension_is_seen_by_a_take_that_waited(database_url: str) -> None:
    """A take that waited for the suspending transaction is refused, also in one statement."""
    migrate(database_url)
    engine = Seatguard.open(database_url, options=EngineOptions(max_age=60))
    actor = engine.actor("test", "edge")
    client = engine.clients.add(actor, name="Client")
    project = engine.projects.add(actor, client.id, name="Project")
    subscription = engine.subscriptions.add(actor, project.id, limit=5)
    where = engine.where(project.id)
    assert engine.seats.take(actor, where, "first").allowed
    waiting = threading.Event()

    def take() -> Reason:
        waiting.set()
        return engine.seats.take(actor, where, "late").reason

    other = create_engine(make_url(database_url))
    with ThreadPoolExecutor(1) as pool, other.connect() as connection:
        if other.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.execute(
            text("UPDATE seatguard_subscription SET is_open = :no, state = 'suspended' WHERE id = :id"),
            {"no": False, "id": subscription.id},
        )
        asked = pool.submit(take)
        assert waiting.wait(5)
        with pytest.raises(TimeoutError):
            asked.result(timeout=0.5)
        connection.commit()
        assert asked.result(timeout=5) in (Reason.SUSPENDED, Reason.INACTIVE)
    other.dispose()
    assert engine.seats.usage(actor, subscription.id) == Usage(1, 0)
    assert list(engine.verify(actor)) == []
    engine.close()
