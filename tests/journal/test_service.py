from __future__ import annotations

import pytest

from seatguard import EngineOptions, InvalidInput, Misconfigured, NotFound, Seatguard
from seatguard.journal.model import AGGREGATES
from seatguard.journal.ports import Search
from seatguard.journal.rules import key_id
from tests.worlds import JOURNAL_KEY, Unchanged, World


@pytest.fixture
def world() -> World:
    return World.in_memory()


def test_every_change_is_on_the_stream_of_its_aggregate(world: World) -> None:
    """Tenant, client, project, plan and subscription each have a stream, numbered from 1 without a gap."""
    world.engine.catalog.add(world.actor, slug="pro", seats=3)
    world.service(None, plan="pro")
    world.engine.projects.add_key(world.actor, world.project.id)
    world.seat("ada", "bob")
    streams: dict[str, list[int]] = {}
    for entry in world.entries():
        streams.setdefault(f"{entry.aggregate}:{entry.stream}", []).append(entry.seq)
    assert {name.partition(":")[0] for name in streams} == set(AGGREGATES)
    for places in streams.values():
        assert places == list(range(1, len(places) + 1))
    assert world.kinds(stream=world.project.id) == ["project.added", "key.added"]
    world.check()


def test_searching_goes_page_by_page_both_ways(world: World) -> None:
    """Newest first unless asked otherwise; pages follow each other without gap or repetition."""
    world.service(9)
    for number in range(7):
        world.clock.travel(seconds=1)
        world.seat(f"user{number}")
    search = world.engine.journal.search
    forwards = [entry.id for entry in world.entries(kind="seat.taken")]
    backwards: list[str] = []
    after = None
    while True:
        page = search(world.actor, Search(kind="seat."), limit=3, after=after)
        backwards += [entry.id for entry in page.items]
        after = page.after
        if after is None:
            break
    assert backwards == forwards[::-1]
    for limit in (0, -1, 201, 10**9):
        with pytest.raises(InvalidInput):
            search(world.actor, limit=limit)
    with pytest.raises(InvalidInput) as caught:
        search(world.actor, after="../x")
    assert caught.value.code == "invalid_cursor"


def test_an_export_is_on_record_and_signed_for(world: World) -> None:
    """What is exported can be held against a checkpoint; the filters are on record."""
    world.service(3)
    world.seat("ada")
    exported = list(world.engine.journal.export(world.actor))
    assert [entry.id for entry in exported] == [entry.id for entry in world.entries()]
    assert exported[-1].kind == "journal.exported"
    last = world.engine.journal.last_checkpoint(world.actor)
    assert last is not None
    assert last.key_id == key_id(JOURNAL_KEY)
    assert list(world.engine.journal.export(world.actor, Search(kind="seat.taken", person="0" * 64))) == []
    assert world.last().data == {"filters": {"kind": "seat.taken"}}
    world.check()


def test_an_export_longer_than_a_page_is_whole(world: World) -> None:
    """All entries come, however many."""
    world.service(None, unlimited=True)
    world.seat(*(f"user{number}" for number in range(205)))
    assert len(list(world.engine.journal.export(world.actor, Search(kind="seat.taken")))) == 205


def test_checkpoints_sign_what_has_moved(world: World) -> None:
    """Each lists the streams that moved since the last one and carries its signature."""
    service = world.service(3)
    first = world.engine.journal.checkpoint(world.actor)
    assert first is not None
    assert set(first.heads) == {world.actor.tenant, world.client.id, world.project.id, service.id}
    with Unchanged(world):
        assert world.engine.journal.checkpoint(world.actor) is None
    world.clock.travel(days=30)
    world.seat("ada")
    second = world.engine.journal.checkpoint(world.actor)
    assert second is not None
    assert (second.number, second.previous) == (2, first.signature)
    assert second.heads == {service.id: ["subscription", 2, world.last().link.hex()]}
    assert world.engine.journal.last_checkpoint(world.actor) == second
    world.check()


def test_many_checkpoints_later_there_is_still_nothing_new(world: World) -> None:
    """A stream signed long ago is not signed again because newer checkpoints fill the page."""
    service = world.service(None, unlimited=True)
    world.engine.journal.checkpoint(world.actor)
    for number in range(205):
        world.seat(f"user{number}")
        made = world.engine.journal.checkpoint(world.actor)
        assert made is not None
        assert list(made.heads) == [service.id]
    assert world.engine.journal.checkpoint(world.actor) is None
    world.check()


def test_signing_needs_a_key(world: World) -> None:
    """Without one, the message tells the setting; verifying and exporting go on without."""
    bare = Seatguard(world.store, clock=world.clock, options=EngineOptions())
    with Unchanged(world), pytest.raises(Misconfigured, match="SEATGUARD_JOURNAL_KEY"):
        bare.journal.checkpoint(world.actor)
    assert list(bare.journal.verify(world.actor)) == []
    assert list(bare.journal.export(world.actor))
    assert bare.journal.last_checkpoint(world.actor) is None
    with pytest.raises(Misconfigured, match="16"):
        Seatguard(world.store, options=EngineOptions(journal_key=b"short"))


def test_an_entry_needs_its_owner(world: World) -> None:
    """A head is asked for by its owner; what owns no stream is not found."""
    with world.store.ledger.read(world.actor.tenant) as work, pytest.raises(NotFound):
        work.journal.head("client", world.project.id)
