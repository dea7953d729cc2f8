"""PostgreSQL under haste: what was agreed is what holds. What is answered is on disk: see `test_crash`."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, make_url, text

from seatguard import Seatguard, open_store
from seatguard.decisions import Reason
from seatguard.seats.model import Usage
from tests.storage.crowd import Arena
from tests.worlds import Ticks

TAKERS = 8


@pytest.fixture
def arena(new_database: Callable[[str], str]) -> Arena:
    """A service of five seats on PostgreSQL."""
    return Arena.build(new_database("postgresql"), limit=5)


def taken_by_eight(arena: Arena, each: int) -> Counter[str]:
    """What eight threads of one engine are told that begin together, each with users of its own."""
    engine = arena.open()
    actor, where = engine.actor("test", "haste", tenant=arena.tenant), engine.where(arena.project)
    go = threading.Barrier(TAKERS)

    def take(thread: int) -> list[str]:
        go.wait()
        return [engine.seats.take(actor, where, f"u{thread}-{number}").reason.value for number in range(each)]

    with ThreadPoolExecutor(TAKERS) as pool:
        told = Counter(reason for reasons in pool.map(take, range(TAKERS)) for reason in reasons)
    engine.close()
    return told


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


@pytest.mark.postgresql
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


@pytest.mark.postgresql
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


@pytest.mark.postgresql
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


@pytest.mark.postgresql
def test_eight_threads_under_haste_fill_exactly(arena: Arena) -> None:
    """Five seats, 8 threads, 40 users: five sit, the others are told so, and everything agrees."""
    assert taken_by_eight(arena, 5) == {"allowed": 5, "limit_reached": 35}
    found = arena.audit()
    assert found["counter"] == found["rows"] == found["seat.taken"] == 5


@pytest.mark.postgresql
def test_a_server_that_forbids_the_message_is_asked_the_plain_way(new_database: Callable[[str], str]) -> None:
    """Without the right to write to the log, takes wait for their own flush, and nothing fails."""
    arena = Arena.build(new_database("postgresql"), limit=100)
    owner = create_engine(arena.url, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        for statement in (
            "DROP ROLE IF EXISTS plain",
            "CREATE ROLE plain LOGIN",
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO plain",
            "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO plain",
            "REVOKE EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text, boolean) FROM PUBLIC",
        ):
            connection.execute(text(statement))
    url = make_url(arena.url).set(username="plain").render_as_string(hide_password=False)
    plain = dataclasses.replace(arena, url=url)
    try:
        assert taken_by_eight(plain, 5) == {"allowed": 40}
        assert taken_by_eight(plain, 5) == {"already_held": 40}
    finally:
        with owner.connect() as connection:
            connection.execute(text("DROP OWNED BY plain"))
            connection.execute(text("DROP ROLE plain"))
        owner.dispose()
