"""PostgreSQL under haste: seats are counted right. What is answered is on disk: see `test_crash`."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, make_url, text

from seatguard.storage.sqlalchemy.haste import Haste
from tests.storage.crowd import Arena

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


@pytest.mark.postgresql
def test_eight_threads_under_haste_fill_exactly(arena: Arena) -> None:
    """Five seats, 8 threads, 40 users: five sit, the others are told so, and everything agrees."""
    assert taken_by_eight(arena, 5) == {"allowed": 5, "limit_reached": 35}
    found = arena.audit()
    assert found["counter"] == found["rows"] == found["seat.taken"] == 5


def test_signs_of_haste_are_kept_for_so_many_subscriptions_only() -> None:
    """However many subscriptions were wanted at once, memory is bounded: the older signs go."""
    haste = Haste(lambda: 0.0)
    for name in map(str, range(10_001)):
        with haste.inside(name), haste.inside(name):
            pass
    with haste.inside("0") as first, haste.inside("10000") as last:
        assert (first, last) == (False, True)


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
