from __future__ import annotations

import pytest

from seatguard import Conflict, Denied, InvalidInput, NotFound
from seatguard.clients.model import ClientState
from tests.worlds import Unchanged, World


@pytest.fixture
def world() -> World:
    return World.in_memory()


def test_an_added_client_is_found_and_on_record(world: World) -> None:
    """A client is active, found by id and external id, and its first entry tells what was agreed."""
    client = world.engine.clients.add(world.actor, name="Acme", external_id="crm-1")
    assert (client.state, client.version, client.created_at) == (ClientState.ACTIVE, 1, world.clock())
    assert world.engine.clients.get(world.actor, client.id) == client
    assert world.engine.clients.find(world.actor, external_id="crm-1") == client
    assert world.engine.clients.find(world.actor, external_id="crm-2") is None
    (entry,) = world.entries(stream=client.id)
    assert (entry.kind, entry.actor, entry.request_id) == ("client.added", "test:world", "request-1")
    assert entry.data == {"name": "Acme", "external_id": "crm-1"}
    assert entry.erasable is None


def test_an_external_id_is_taken_once(world: World) -> None:
    """A second client of the same external id is refused, and nothing is written; without one, any number."""
    world.engine.clients.add(world.actor, name="Acme", external_id="crm-1")
    with Unchanged(world), pytest.raises(Conflict) as caught:
        world.engine.clients.add(world.actor, name="Other", external_id="crm-1")
    assert (caught.value.code, caught.value.facts) == ("external_id_taken", {"external_id": "crm-1"})
    world.engine.clients.add(world.actor, name="Acme")
    world.engine.clients.add(world.actor, name="Acme")
    world.engine.clients.add(world.stranger().actor, name="Acme", external_id="crm-1")


@pytest.mark.parametrize(
    ("options", "field"), [({"name": ""}, "name"), ({"name": "A", "external_id": "\x00"}, "external_id")]
)
def test_broken_input_changes_nothing(world: World, options: dict[str, str], field: str) -> None:
    """The field at fault is named and nothing is written."""
    with Unchanged(world), pytest.raises(InvalidInput) as caught:
        world.engine.clients.add(world.actor, **options)
    assert caught.value.problems[0].field == field


def test_renaming_tells_both_names(world: World) -> None:
    """A new name is a new version and one entry; the same name is neither."""
    renamed = world.engine.clients.rename(world.actor, world.client.id, name="Other", version=1)
    assert (renamed.name, renamed.version) == ("Other", 2)
    assert world.last(stream=renamed.id).data == {"before": "Client", "after": "Other"}
    with Unchanged(world):
        assert world.engine.clients.rename(world.actor, renamed.id, name="Other") == renamed


def test_an_edit_of_an_old_version_is_refused(world: World) -> None:
    """Who edits what has changed meanwhile is told both versions, and changes nothing."""
    world.engine.clients.rename(world.actor, world.client.id, name="Other")
    with Unchanged(world), pytest.raises(Conflict) as caught:
        world.engine.clients.rename(world.actor, world.client.id, name="Third", version=1)
    assert (caught.value.code, caught.value.facts) == ("version_conflict", {"stored": 2, "given": 1})


def test_states_come_and_go_on_record(world: World) -> None:
    """Every change of state is one entry; asking for the state there is, is none."""
    clients = world.engine.clients
    for verb, kind in (
        (clients.suspend, "client.suspended"),
        (clients.resume, "client.resumed"),
        (clients.archive, "client.archived"),
    ):
        changed = verb(world.actor, world.client.id)
        assert world.last(stream=world.client.id).kind == kind
        with Unchanged(world):
            assert verb(world.actor, world.client.id) == changed
    with Unchanged(world), pytest.raises(Denied) as denied:
        clients.suspend(world.actor, world.client.id)
    assert denied.value.decision.facts == {"from": "archived", "to": "suspended"}
    world.check()


def test_listing_filters_by_state(world: World) -> None:
    """Clients are listed in the order they were added, of one state or of all, page by page."""
    others = [world.engine.clients.add(world.actor, name=f"C{number}") for number in range(4)]
    world.engine.clients.suspend(world.actor, others[1].id)
    active = world.engine.clients.list(world.actor, state=ClientState.ACTIVE)
    assert [one.name for one in active.items] == ["Client", "C0", "C2", "C3"]
    page = world.engine.clients.list(world.actor, limit=3)
    rest = world.engine.clients.list(world.actor, limit=3, after=page.after)
    assert [one.name for one in page.items + rest.items] == ["Client", "C0", "C1", "C2", "C3"]
    assert rest.after is None


@pytest.mark.parametrize("nonsense", ["", "../x", "\x00", "27259631130333357867708448768"])
def test_a_cursor_that_is_none_is_refused(world: World, nonsense: str) -> None:
    """What is no cursor of a listing is the caller's mistake, and is said to be."""
    with pytest.raises(InvalidInput) as caught:
        world.engine.clients.list(world.actor, after=nonsense)
    assert caught.value.code == "invalid_cursor"


def test_an_unknown_client_is_not_found(world: World) -> None:
    """Ids that are none of ours and texts that are no ids answer alike."""
    for nonsense in (world.project.id, "../x", ""):
        with pytest.raises(NotFound):
            world.engine.clients.get(world.actor, nonsense)


def test_a_client_gets_another_external_id(world: World) -> None:
    """One that is free, or none; the one before is free then. The same again writes nothing."""
    clients = world.engine.clients
    client = clients.add(world.actor, name="Acme", external_id="crm-1")
    taken = clients.add(world.actor, name="Other", external_id="crm-2")
    assert clients.identify(world.actor, client.id, external_id="crm-3", version=1).external_id == "crm-3"
    assert world.last(stream=client.id).data == {"before": "crm-1", "after": "crm-3"}
    with Unchanged(world):
        clients.identify(world.actor, client.id, external_id="crm-3")
        with pytest.raises(Conflict) as caught:
            clients.identify(world.actor, client.id, external_id="crm-2")
        assert caught.value.code == "external_id_taken"
        with pytest.raises(Conflict):
            clients.identify(world.actor, client.id, external_id=None, version=1)
        with pytest.raises(InvalidInput):
            clients.identify(world.actor, client.id, external_id="")
    assert clients.identify(world.actor, client.id, external_id=None).external_id is None
    assert clients.identify(world.actor, taken.id, external_id="crm-1").external_id == "crm-1"
    assert clients.find(world.actor, external_id="crm-3") is None
