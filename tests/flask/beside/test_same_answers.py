"""The validation API, holds and idempotency answer the same with a gate of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import seatguard
from seatguard import Misconfigured
from seatguard.testing import FrozenClock
from seatguard_flask import Seatguard as Extension
from tests.flask.conftest import Ticks, World
from tests.flask.test_golden import GOLDEN, filled, prepared
from tests.flask.test_holds import *  # noqa: F403 - these very tests, on another store
from tests.flask.test_idempotency import *  # noqa: F403
from tests.flask.test_users import (  # noqa: F401
    test_a_canceled_service_is_inactive,
    test_a_seat_is_not_transferred_to_who_has_one,
    test_a_user_comes_back_with_a_new_id,
    test_any_name_can_be_deleted_by_url,
    test_nobody_can_release_another_projects_user,
    test_the_last_day_is_included,
    test_the_service_that_ends_first_is_filled_first,
    test_users_are_listed_page_by_page,
    test_validate_tells_how_old_its_numbers_are,
)
from tests.servers import RedisServer
from tests.storage.stores import migrate


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_an_answer_is_as_it_is_written_down(world: World, path: Path) -> None:
    """But for the seat's number, which counts from another beginning."""
    golden = json.loads(path.read_text())
    prepared(world, golden)
    answer = world.api.post(golden["path"], **golden["send"])
    assert answer.status_code == golden["status"]
    got = json.loads(answer.data)
    expected = filled(golden["body"], got)
    for name in ("id", "user_id"):
        if isinstance((expected.get("data") or {}).get(name), int):
            assert 0 < got["data"][name] < 2**53
            expected["data"][name] = got["data"][name]
    assert json.dumps(got) == json.dumps(expected)


class Relayed(World):
    """A world whose journal is looked at after the relay."""

    def entries(self, kind: str | None = None) -> list[Any]:
        self.engine.relay()
        return super().entries(kind)


@pytest.fixture
def new_world(
    new_database: Callable[[str], str], redis_servers: Callable[[str], RedisServer]
) -> Iterator[Callable[..., World]]:
    """Makes worlds with the ledger in a file and the seats on Valkey."""
    server = redis_servers("valkey")
    server.flush()
    opened: list[seatguard.Seatguard] = []

    def make(options: seatguard.EngineOptions | None = None, **config: Any) -> World:
        clock, ticks, url = FrozenClock(), Ticks(), new_database("sqlite")
        migrate(url)
        store = seatguard.open_store(url, gate=server.url(), clock=clock)
        engine = seatguard.Seatguard(store, clock=clock, options=options, monotonic=ticks)
        opened.append(engine)
        return Relayed(engine, clock, ticks, config)

    yield make
    for engine in opened:
        engine.close()


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    """A project without a service."""
    return new_world()


def test_health_names_the_durability(world: World) -> None:
    """A gate that keeps nothing on disk says that it is best effort."""
    health = world.api.get("/health").get_json()
    assert health["ready"] is True
    assert health["gate"]["durability"].startswith("best effort: a crash, failover or flush")


def test_seats_in_the_hosts_transaction_are_refused_with_the_cure(world: World) -> None:
    """The seats are not in that database: the message tells what to do instead."""
    with pytest.raises(Misconfigured, match="hold a seat before the user is saved and confirm it afterwards"):
        world.engine.seats_within(object())  # type: ignore[arg-type]


def test_application_is_set_up_by_two_uris(
    new_database: Callable[[str], str], redis_servers: Callable[[str], RedisServer]
) -> None:
    """``SEATGUARD_GATE_URI`` beside ``SEATGUARD_STORAGE_URI``; a guarded view holds, confirms and refuses."""
    from flask import Flask

    app = Flask("shop")
    url = new_database("sqlite")
    migrate(url)
    app.config["SEATGUARD_STORAGE_URI"] = url
    app.config["SEATGUARD_GATE_URI"] = redis_servers("valkey").url()
    seats = Extension(app)
    seats.plan("team", seats=2)
    seats.project("acme", plan="team")

    @app.post("/users/<name>")
    @seats.consume(project="acme", subject="name")
    def create(name: str) -> tuple[str, int]:
        return (name, 201) if name != "broken" else ("no", 400)

    client = app.test_client()
    answers = [client.post(f"/users/{name}").status_code for name in ("ada", "broken", "bob", "eve", "ada")]
    assert answers == [201, 400, 201, 402, 201]
    with app.app_context():
        assert seats.engine.relay() > 0
        assert list(seats.engine.journal.verify(seats.actor)) == []
