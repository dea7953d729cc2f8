"""PostgreSQL under haste: what is answered is on disk, and what was agreed is what holds."""

from __future__ import annotations

import dataclasses
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, make_url, text

from seatguard import Seat, Seatguard, StorageUnavailable, Where, open_store
from seatguard.actors import Actor
from seatguard.decisions import Reason
from seatguard.seats.model import Usage
from tests.servers import PostgresServer
from tests.storage.crowd import Arena
from tests.worlds import Ticks

TAKERS = 8


def take_until_killed(
    engine: Seatguard, arena: Arena, name: str, told: list[str], go: threading.Barrier
) -> None:
    """Take seats as fast as possible; note every one that was answered."""
    actor = engine.actor("test", name, tenant=arena.tenant)
    where = engine.where(arena.project)
    go.wait()
    for number in range(1_000_000):
        try:
            if engine.seats.take(actor, where, f"{name}-{number}").allowed:
                told.append(f"{name}-{number}")
        except StorageUnavailable:
            return


@pytest.mark.crash
@pytest.mark.postgresql
def test_a_server_killed_under_haste_loses_nothing_that_was_answered(
    start_postgres: Callable[..., PostgresServer],
) -> None:
    """20 rounds of SIGKILL for all of PostgreSQL while eight threads want one service: every seat that was
    answered is there afterwards, and counter, seats and entries agree."""
    server = start_postgres(durable=True)
    arena = Arena.build(server.create_database("haste"), limit=1_000_000)
    chance, answered = random.Random(20271231), set[str]()
    for turn in range(20):
        engine = arena.open()
        told: list[list[str]] = [[] for _ in range(TAKERS)]
        go = threading.Barrier(TAKERS + 1)
        with ThreadPoolExecutor(TAKERS) as pool:
            for number in range(TAKERS):
                pool.submit(take_until_killed, engine, arena, f"t{turn}-{number}", told[number], go)
            go.wait()
            threading.Event().wait(chance.uniform(0.1, 0.4))  # where they are when killed is the point
            server.kill()
        engine.close()
        server.restart()
        answered |= {name for one in told for name in one}
    engine = arena.open()
    actor = engine.actor("test", "haste", tenant=arena.tenant)
    seated = {seat.holder for seat in every_seat(engine, actor, engine.where(arena.project))}
    engine.close()
    print(f"{len(answered)} answered, {len(seated)} there")
    assert len(answered) > 20
    assert answered <= seated, f"lost: {sorted(answered - seated)}"
    found = arena.audit()
    assert found["counter"] == found["rows"] == found["seat.taken"]


@pytest.fixture
def arena(new_database: Callable[[str], str]) -> Arena:
    """A service of five seats on PostgreSQL."""
    return Arena.build(new_database("postgresql"), limit=5)


def every_seat(engine: Seatguard, actor: Actor, where: Where) -> Iterator[Seat]:
    """All seats of the project."""
    after: str | None = None
    while True:
        page = engine.seats.list(actor, where, limit=200, after=after)
        yield from page.items
        after = page.after
        if after is None:
            return


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
