"""Management keys, from their birth to their end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from seatguard import (
    Actor,
    AuthenticationFailed,
    Conflict,
    Denied,
    EngineOptions,
    InvalidInput,
    NotFound,
    Reason,
    Seatguard,
    keys,
    open_store,
)
from seatguard.journal.ports import Search
from seatguard.management import ManagementKey
from seatguard.storage.sqlalchemy.tables import metadata
from seatguard.testing import FrozenClock
from tests.storage.stores import migrate

READ = "admin:clients:read"
WRITE = "admin:clients:write"


class World:
    """An engine, its clock, and the operator."""

    def __init__(self, url: str = "memory:", pepper: bytes | None = None) -> None:
        self.clock = FrozenClock()
        self.url = url
        self.options = EngineOptions(pepper=pepper)
        self.engine = Seatguard.open(url, clock=self.clock, options=self.options)
        self.me: Actor = self.engine.actor("cli", "tests")

    def again(self) -> Seatguard:
        """Another process's engine on the same store."""
        return Seatguard.open(self.url, clock=self.clock, options=self.options)


@pytest.fixture
def world() -> World:
    return World()


def is_known(world: World, secret: str) -> bool:
    try:
        world.engine.management.identify(secret)
    except AuthenticationFailed:
        return False
    return True


def test_a_key_identifies_its_bearer(world: World) -> None:
    """Who acts, for which tenant, and what may be done; the secret is not in it."""
    made = world.engine.management.add(world.me, name="terraform", scopes=[WRITE, READ])
    manager = world.engine.management.identify(made.secret.reveal(), request_id="r1")
    assert manager.scopes == (READ, WRITE)
    assert manager.actor.tenant == world.me.tenant
    assert manager.actor.label == f"key:{made.record.prefix}"
    assert manager.actor.request_id == "r1"
    assert made.record.prefix.startswith("sg_mgmt_")
    assert made.secret.reveal() not in repr((made, manager))


FAILURES: dict[str, Callable[[World, str], object]] = {
    "unknown": lambda world, key: keys.generate("mgmt").reveal(),
    "a project's": lambda world, key: project_key(world),
    "a typing error": lambda world, key: key[:-1] + ("a" if key[-1] != "a" else "b"),
    "nothing": lambda world, key: "",
    "a number": lambda world, key: 17,
    "not ASCII": lambda world, key: key[:-1] + "é",
    "too long": lambda world, key: key * 100,
    "its prefix": lambda world, key: key[:12],
}


def project_key(world: World) -> str:
    client = world.engine.clients.add(world.me, name="Acme")
    project = world.engine.projects.add(world.me, client.id, name="Shop")
    return world.engine.projects.add_key(world.me, project.id).secret.reveal()


@pytest.mark.parametrize("failure", FAILURES)
def test_every_failure_is_the_same(world: World, failure: str) -> None:
    """One error for every cause."""
    good = world.engine.management.add(world.me, name="one", scopes=[READ]).secret.reveal()
    with pytest.raises(AuthenticationFailed):
        world.engine.management.identify(FAILURES[failure](world, good))


def test_a_management_key_is_no_project_key(world: World) -> None:
    """What manages everything must not be put into an application."""
    made = world.engine.management.add(world.me, name="one", scopes=[READ])
    with pytest.raises(AuthenticationFailed):
        world.engine.projects.identify_key(made.secret.reveal())


def test_both_keys_work_while_they_are_rotated(world: World) -> None:
    """The new one at once, the old one until the overlap is over."""
    old = world.engine.management.add(world.me, name="one", scopes=[READ])
    new = world.engine.management.rotate(world.me, old.record.id, overlap=dt.timedelta(seconds=10))
    assert (new.record.name, new.record.scopes, new.record.line) == ("one", (READ,), old.record.id)
    assert is_known(world, old.secret.reveal())
    assert is_known(world, new.secret.reveal())
    world.clock.travel(seconds=10)
    assert not is_known(world, old.secret.reveal())
    assert is_known(world, new.secret.reveal())


def test_a_line_has_two_live_keys_at_most(world: World) -> None:
    """A third would mean that nobody knows any more which one is in use."""
    first = world.engine.management.add(world.me, name="one", scopes=[READ])
    second = world.engine.management.rotate(world.me, first.record.id)
    for key in (first, second):
        with pytest.raises(Conflict) as refused:
            world.engine.management.rotate(world.me, key.record.id)
        assert refused.value.code == "too_many_keys"
    world.engine.management.revoke(world.me, first.record.id)
    third = world.engine.management.rotate(world.me, second.record.id)
    assert is_known(world, third.secret.reveal())
    with pytest.raises(Conflict) as refused:
        world.engine.management.rotate(world.me, first.record.id)
    assert refused.value.code == "key_not_live"


def test_an_overlap_is_a_week_at_most(world: World) -> None:
    """Rotation that never ends is none."""
    made = world.engine.management.add(world.me, name="one", scopes=[READ])
    with pytest.raises(InvalidInput):
        world.engine.management.rotate(world.me, made.record.id, overlap=dt.timedelta(days=8))


def test_a_revoked_key_stops_at_once_everywhere(tmp_path: object) -> None:
    """No process keeps what it knew of a key, not even for a second."""
    world = World(f"sqlite:///{tmp_path}/seats.db")
    other = world.again()
    made = world.engine.management.add(world.me, name="one", scopes=[READ])
    other.management.identify(made.secret.reveal())
    world.engine.management.revoke(world.me, made.record.id)
    with pytest.raises(AuthenticationFailed):
        other.management.identify(made.secret.reveal())
    assert world.engine.management.revoke(world.me, made.record.id).revoked_at is not None
    for engine in (other, world.engine):
        engine.close()


def test_nobody_hands_out_more_than_they_have(world: World) -> None:
    """Neither by making a key nor by rotating one that can do more."""
    strong = world.engine.management.add(world.me, name="strong", scopes=["admin:*"])
    for attempt in (
        lambda: world.engine.management.add(world.me, name="x", scopes=[READ, WRITE], within=[READ]),
        lambda: world.engine.management.add(world.me, name="x", scopes=["admin:*"], within=[READ, WRITE]),
        lambda: world.engine.management.rotate(world.me, strong.record.id, within=[READ]),
    ):
        with pytest.raises(Denied) as refused:
            attempt()
        assert refused.value.decision.reason is Reason.INSUFFICIENT_SCOPE
    assert [key.id for key in world.engine.management.list(world.me).items] == [strong.record.id]
    assert world.engine.management.add(world.me, name="x", scopes=[READ], within=["admin:*"])


def test_the_last_use_is_kept_to_the_minute(world: World) -> None:
    """Precise enough to find keys nobody uses, and rare enough that reading stays reading."""
    made = world.engine.management.add(world.me, name="one", scopes=[READ])

    def last_use() -> ManagementKey:
        return world.engine.management.get(world.me, made.record.id)

    assert last_use().last_used_at is None
    world.engine.management.identify(made.secret.reveal())
    first = last_use()
    assert first.last_used_at == world.clock()
    world.clock.travel(seconds=59)
    world.engine.management.identify(made.secret.reveal())
    assert last_use() == first
    world.clock.travel(seconds=1)
    world.engine.management.identify(made.secret.reveal())
    assert last_use().last_used_at == world.clock()


def test_another_tenants_key_is_not_found(world: World) -> None:
    """Its id is answered like one that never was."""
    made = world.engine.management.add(world.me, name="one", scopes=[READ])
    other = world.engine.actor("cli", "tests", tenant=world.engine.tenants.ensure("other").id)
    for attempt in (
        lambda: world.engine.management.get(other, made.record.id),
        lambda: world.engine.management.find(other, made.record.prefix),
        lambda: world.engine.management.revoke(other, made.record.id),
        lambda: world.engine.management.rotate(other, made.record.id),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert world.engine.management.list(other).items == ()


def test_what_happens_to_a_key_is_on_record(world: World) -> None:
    """With its prefix, its name and its scopes, in the tenant's stream, and no secret."""
    old = world.engine.management.add(world.me, name="one", scopes=[READ])
    new = world.engine.management.rotate(world.me, old.record.id)
    world.engine.management.revoke(world.me, old.record.id)
    search = Search(kind="management_key.")
    found = world.engine.journal.search(world.me, search, newest_first=False).items
    assert [(entry.kind, entry.subject, entry.stream) for entry in found] == [
        ("management_key.added", old.record.id, world.me.tenant),
        ("management_key.rotated", new.record.id, world.me.tenant),
        ("management_key.revoked", old.record.id, world.me.tenant),
    ]
    assert found[0].data == {"prefix": old.record.prefix, "name": "one", "scopes": [READ]}
    told = repr(found)
    assert old.secret.reveal() not in told
    assert new.secret.reveal() not in told


def test_a_pepper_can_be_set_later() -> None:
    """Keys made before go on, and new ones are kept under the pepper."""
    world = World()
    before = world.engine.management.add(world.me, name="one", scopes=[READ])
    assert before.record.digest_version == keys.SHA256
    peppered = World(pepper=b"p" * 32)
    made = peppered.engine.management.add(peppered.me, name="one", scopes=[READ])
    assert made.record.digest_version == keys.HMAC_SHA256
    assert is_known(peppered, made.secret.reveal())


@pytest.mark.parametrize("name", ["", "x" * 201, " x"])
def test_a_name_that_cannot_be_used_is_refused(world: World, name: str) -> None:
    """Nothing is made."""
    with pytest.raises(InvalidInput):
        world.engine.management.add(world.me, name=name, scopes=[READ])
    assert world.engine.management.list(world.me).items == ()


def test_a_key_is_the_same_on_every_database(database_url: str) -> None:
    """Written, read back equal, rotated, marked and revoked; the secret is in no row."""
    migrate(database_url)
    store = open_store(database_url, clock=FrozenClock())
    engine = Seatguard(store, clock=FrozenClock())
    me = engine.actor("cli", "tests")
    made = engine.management.add(me, name="one", scopes=[READ, "admin:seats:*"])
    assert engine.management.get(me, made.record.id) == made.record
    assert engine.management.find(me, made.record.prefix) == made.record
    assert engine.management.identify(made.secret.reveal()).scopes == (READ, "admin:seats:*")
    assert engine.management.rotate(me, made.record.id).record.line == made.record.id
    engine.management.revoke(me, made.record.id)
    with pytest.raises(AuthenticationFailed):
        engine.management.identify(made.secret.reveal())
    with store.ledger.read_all() as work:
        rows = repr(list(work.management_keys.list().items))
    assert made.secret.reveal() not in rows
    assert "seatguard_management_key" in metadata.tables
    engine.close()
