"""A small world to test in: a tenant, a client, a project, and an engine whose time stands still."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from seatguard import Actor, EngineOptions, Seatguard, Store, Where, open_store
from seatguard.clients.model import Client
from seatguard.journal.model import Entry
from seatguard.journal.ports import Search
from seatguard.projects.model import Project
from seatguard.subscriptions.model import Subscription
from seatguard.testing import FrozenClock

JOURNAL_KEY = b"a key that only these tests know"
PEPPER = b"a pepper that only these tests know"


class Ticks:
    """Monotonic seconds that move when told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclasses.dataclass
class World:
    """An engine with one client and one project, and short words for what tests ask."""

    engine: Seatguard
    store: Store
    clock: FrozenClock
    ticks: Ticks
    actor: Actor
    client: Client
    project: Project

    @classmethod
    def on(
        cls,
        store: Store,
        clock: FrozenClock,
        *,
        max_age: float = 0,
        journal_key: bytes | None = JOURNAL_KEY,
        pepper: bytes | None = PEPPER,
        offer_seconds: int | None = None,
    ) -> World:
        """A world on an empty store."""
        ticks = Ticks()
        options = EngineOptions(
            max_age=max_age, journal_key=journal_key, pepper=pepper, offer_seconds=offer_seconds
        )
        engine = Seatguard(store, clock=clock, options=options, monotonic=ticks)
        actor = engine.actor("test", "world").during("request-1")
        client = engine.clients.add(actor, name="Client")
        project = engine.projects.add(actor, client.id, name="Project", domains=("acme.example",))
        return cls(engine, store, clock, ticks, actor, client, project)

    @classmethod
    def in_memory(cls, **options: Any) -> World:
        """A world on a fresh store in memory."""
        clock = FrozenClock()
        return cls.on(open_store("memory:", clock=clock, steady=clock), clock, **options)

    @property
    def where(self) -> Where:
        """The project, for seats."""
        return self.engine.where(self.project.id)

    def service(self, limit: int | None = 3, **options: Any) -> Subscription:
        """A subscription of the project."""
        return self.engine.subscriptions.add(self.actor, self.project.id, limit=limit, **options)

    def seat(self, *usernames: str) -> None:
        """Give seats that must be given."""
        for username in usernames:
            self.engine.seats.take(self.actor, self.where, username).require()

    def stranger(self) -> World:
        """Another tenant on the same store, with a client and a project of its own."""
        tenant = self.engine.tenants.ensure("stranger").id
        actor = self.engine.actor("test", "stranger", tenant=tenant)
        client = self.engine.clients.add(actor, name="Foreign client")
        project = self.engine.projects.add(actor, client.id, name="Foreign project")
        return dataclasses.replace(self, actor=actor, client=client, project=project)

    def entries(self, **search: Any) -> list[Entry]:
        """Matching entries of the tenant, the oldest first."""
        found: list[Entry] = []
        after: str | None = None
        while True:
            page = self.engine.journal.search(
                self.actor, Search(**search), limit=200, after=after, newest_first=False
            )
            found += page.items
            after = page.after
            if after is None:
                return found

    def kinds(self, **search: Any) -> list[str]:
        """Their kinds."""
        return [entry.kind for entry in self.entries(**search)]

    def last(self, **search: Any) -> Entry:
        """The newest of them."""
        return self.entries(**search)[-1]

    def check(self) -> None:
        """Every checker finds nothing."""
        assert list(self.engine.verify(self.actor)) == []
        assert list(self.engine.journal.verify(self.actor)) == []


class Unchanged:
    """``with Unchanged(world):`` the journal has not grown and nothing was replaced meanwhile."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __enter__(self) -> None:
        self.before = self._state()

    def __exit__(self, *error: object) -> None:
        assert self._state() == self.before

    def _state(self) -> list[object]:
        world = self.world
        state: list[object] = [*world.entries()]
        with world.store.ledger.read_all() as work:
            repositories = (
                work.tenants,
                work.clients,
                work.projects,
                work.domains,
                work.project_keys,
                work.plans,
                work.plan_versions,
                work.products,
                work.addons,
                work.extras,
                work.scheduled_changes,
                work.features,
                work.overrides,
                work.user_subscriptions,
                work.subscriptions,
                work.replies,
                work.checkpoints,
                work.waiting,
                work.accounts,
                work.charges,
                work.windows,
                work.pools,
                work.leases,
            )
            for repository in repositories:
                state += [*repository.list(limit=1000).items]
        state += [*self._seats()]
        return state

    def _seats(self) -> Iterator[object]:
        world = self.world
        with world.store.ledger.read_all() as work:
            subscriptions = [(one.tenant, one.id) for one in work.subscriptions.list(limit=1000).items]
        for tenant, subscription in subscriptions:
            yield world.store.gate.usage(tenant, subscription)
            yield from world.store.gate.list(tenant, [subscription], limit=1000, after=0).items
