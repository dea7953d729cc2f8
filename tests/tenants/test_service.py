from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from seatguard import InvalidInput, NotFound, Store, open_store
from seatguard.testing import FrozenClock
from tests.storage.stores import sql_store
from tests.worlds import Unchanged, World


@pytest.fixture
def world() -> World:
    return World.in_memory()


def test_a_tenant_is_made_on_first_use(world: World) -> None:
    """The first time makes it, on record in a stream of its own; after that it is found."""
    tenant = world.engine.tenants.ensure("acme", name="Acme Ltd")
    assert (tenant.slug, tenant.name, tenant.tenant) == ("acme", "Acme Ltd", tenant.id)
    assert world.engine.tenants.named("acme") == tenant
    with Unchanged(world):
        assert world.engine.tenants.ensure("acme", name="Another name") == tenant
    actor = world.engine.actor("test", "x", tenant=tenant.id)
    page = world.engine.journal.search(actor)
    assert [(entry.kind, entry.data) for entry in page.items] == [("tenant.added", {"slug": "acme"})]
    assert list(world.engine.journal.verify(actor)) == []


def test_the_default_tenant_is_one(world: World) -> None:
    """Actors without a tenant belong to the default one, and that is the same for every engine."""
    assert world.engine.default_tenant() == world.actor.tenant
    assert world.engine.tenants.named("default").id == world.actor.tenant


def test_an_unknown_tenant_is_not_found(world: World) -> None:
    """Neither a wrong slug nor what can be none."""
    for slug in ("nobody", "", "\x00", "Default"):
        with pytest.raises(NotFound):
            world.engine.tenants.named(slug)


@pytest.mark.parametrize("slug", ["", "Acme Ltd", "--", "x" * 65])
def test_a_broken_slug_makes_none(world: World, slug: str) -> None:
    """A slug is judged before anything is written."""
    with Unchanged(world), pytest.raises(InvalidInput):
        world.engine.tenants.ensure(slug)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    clock = FrozenClock()
    if request.param == "memory":
        yield open_store("memory:", clock=clock)
    else:
        yield from sql_store(f"sqlite:///{tmp_path / 'tenants.db'}", clock)


def test_tenants_made_by_many_at_once_are_one(store: Store) -> None:
    """16 threads that need the same tenant first get the same one."""
    world = World.on(store, FrozenClock())
    barrier = Barrier(16)

    def ensure(_: int) -> str:
        barrier.wait()
        return world.engine.tenants.ensure("acme").id

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(ensure, range(16)))) == 1
