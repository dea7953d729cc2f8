from __future__ import annotations

import dataclasses
import datetime as dt
import inspect
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from seatguard import NotFound, Reason, Seatguard, StorageUnavailable, Store, open_store
from seatguard.allowances import Concurrency, Quota, Rate
from seatguard.catalog import Offer, PlanChange
from seatguard.entitlements import Grants, Subject
from seatguard.idempotency.model import Begun
from seatguard.journal.drafts import person_digest
from seatguard.journal.model import canonical
from seatguard.reports.model import ServiceSearch
from seatguard.testing import FrozenClock
from seatguard.usage import Event
from tests.storage.stores import sql_store
from tests.worlds import Unchanged, World


@pytest.fixture
def world() -> World:
    return World.in_memory()


def test_names_are_in_the_erasable_part_only(world: World) -> None:
    """Whatever is done with a user, no entry shows name or address outside the part that can be dropped."""
    service = world.service(2)
    seats = world.engine.seats
    name, address = "Zaphod", "zaphod@heartofgold.example"
    seats.take(world.actor, world.where, name, email=address)
    seats.transfer(world.actor, world.where, name, to="Trillian", email="trillian@heartofgold.example")
    hold = seats.hold(world.actor, world.where, name, seconds=60, email=address).require().seat
    assert hold is not None
    seats.renew(world.actor, world.where, hold.id, seconds=120)
    seats.confirm(world.actor, world.where, hold.id)
    seats.take(world.actor, world.where, "Ford")
    seats.release(world.actor, world.where, name)
    seats.hold(world.actor, world.where, name, seconds=60)
    world.clock.travel(seconds=60)
    seats.sweep(world.actor)
    world.engine.flush()
    kinds = Counter(world.kinds(stream=service.id))
    assert kinds == {
        "subscription.added": 1,
        "seat.taken": 2,
        "seat.transferred": 1,
        "seat.held": 2,
        "hold.renewed": 1,
        "seat.released": 1,
        "hold.expired": 1,
        "seat.denied": 1,
    }
    for entry in world.entries():
        shown = canonical([entry.data, entry.actor, entry.kind, entry.subject, entry.request_id]).decode()
        for personal in (name, "Trillian", "Ford", "heartofgold"):
            assert personal.lower() not in shown.lower()


@pytest.fixture(params=["memory", "sqlite"])
def dumped(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[World, Callable[[], str]]]:
    """A world, and all that its store holds as text."""
    clock = FrozenClock()
    if request.param == "memory":
        world = World.on(open_store("memory:", clock=clock), clock)

        def dump() -> str:
            state = []
            with Unchanged(world):
                state += [*world.entries()]
            page = world.store.gate.list(
                world.actor.tenant, [service.id for service in services(world)], limit=1000, after=0
            )
            return repr(state) + repr(page)

        yield world, dump
        return
    file = tmp_path / "erase.db"
    for store in sql_store(f"sqlite:///{file}", clock):
        with sqlite3.connect(file) as connection:
            yield World.on(store, clock), lambda: "\n".join(connection.iterdump())
        connection.close()


def services(world: World) -> Any:
    return world.engine.subscriptions.list(world.actor, limit=200).items


def test_an_erased_person_is_nowhere(dumped: tuple[World, Callable[[], str]]) -> None:
    """Seated: refused. Then every trace of the name goes, the journal verifies, others stay."""
    world, dump = dumped
    world.service(5)
    seats = world.engine.seats
    seats.take(world.actor, world.where, "Zaphod", email="zaphod@example.com")
    seats.transfer(world.actor, world.where, "zaphod", to="Trillian")
    seats.take(world.actor, world.where, "ZAPHOD")
    assert world.engine.journal.checkpoint(world.actor) is not None
    with Unchanged(world):
        decision = world.engine.erase_person(world.actor, "zaphod")
    assert (decision.allowed, decision.reason, decision.facts) == (False, Reason.STILL_SEATED, {"seats": 1})
    seats.release(world.actor, world.where, "Zaphod")
    assert "zaphod" in dump().lower()
    decision = world.engine.erase_person(world.actor, "zaPHod")
    assert (decision.allowed, decision.facts) == (True, {"seats": 0, "entries": 3})
    assert "zaphod" not in dump().lower()
    assert person_digest(world.actor.tenant, "zaphod") not in dump()
    assert "trillian" in dump().lower()
    assert (world.last().kind, world.last().data) == ("person.erased", {"entries": 3})
    world.check()
    with Unchanged(world):
        assert world.engine.erase_person(world.actor, "zaphod").facts == {"seats": 0, "entries": 0}


def test_a_lapsed_hold_does_not_bring_an_erased_name_back(
    dumped: tuple[World, Callable[[], str]],
) -> None:
    """A hold that nobody cleared away yet shows a name, and would put it on record when it is."""
    world, dump = dumped
    world.service(5)
    world.engine.seats.hold(world.actor, world.where, "Zaphod", seconds=60)
    assert world.engine.erase_person(world.actor, "Zaphod").reason is Reason.STILL_SEATED
    world.clock.travel(seconds=60)
    assert world.engine.erase_person(world.actor, "Zaphod").facts == {"seats": 0, "entries": 2}
    world.engine.seats.sweep(world.actor)
    assert "zaphod" not in dump().lower()
    world.check()


def test_a_person_is_erased_within_the_tenant(world: World) -> None:
    """Another tenant's user of the same name stays on record there."""
    stranger = world.stranger()
    for one in (world, stranger):
        one.service(1)
        one.seat("ada")
        one.engine.seats.release(one.actor, one.where, "ada")
    world.engine.erase_person(world.actor, "ada").require()
    assert [entry.erasable for entry in stranger.entries(kind="seat.taken")] == [{"holder": "ada"}]
    assert [entry.erasable for entry in world.entries(kind="seat.taken")] == [None]
    world.check()
    stranger.check()


def denials(world: World) -> list[tuple[str, str, int, str]]:
    """What the journal says of refusals."""
    return [
        (entry.actor, entry.data["reason"], entry.data["count"], entry.data["minute"])
        for entry in world.entries(kind="seat.denied")
    ]


def test_refusals_are_summed_by_the_minute(world: World) -> None:
    """However many there are, a minute has one entry for each subscription, actor and reason."""
    world.service(0)
    other = dataclasses.replace(world.actor, name="other")
    for second in range(0, 50, 10):
        world.clock.set(f"2027-06-15T12:00:{second:02}+00:00")
        world.engine.seats.take(world.actor.during(f"request-{second}"), world.where, f"user{second}")
        world.engine.seats.check(other, world.where)
    assert denials(world) == []
    world.clock.set("2027-06-15T12:01:00+00:00")
    world.engine.seats.take(world.actor, world.where, "late")
    minute = "2027-06-15T12:00:00+00:00"
    assert sorted(denials(world)) == [
        ("test:other", "limit_reached", 5, minute),
        ("test:world", "limit_reached", 5, minute),
    ]
    world.engine.flush()
    assert denials(world)[-1] == ("test:world", "limit_reached", 1, "2027-06-15T12:01:00+00:00")
    with Unchanged(world):
        world.engine.flush()
    world.check()


def test_reasons_are_summed_for_themselves(world: World) -> None:
    """Full and suspended are two things to somebody who reads the record."""
    service = world.service(0)
    world.engine.seats.take(world.actor, world.where, "ada")
    world.engine.subscriptions.suspend(world.actor, service.id)
    world.engine.seats.take(world.actor, world.where, "ada")
    world.engine.seats.take(world.actor, world.where, "ada")
    world.engine.flush()
    assert sorted((reason, count) for _, reason, count, _ in denials(world)) == [
        ("limit_reached", 1),
        ("suspended", 2),
    ]


class Unwilling:
    """A ledger that takes no new unit while it is told so."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger
        self.down = False
        self.closed = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    @contextmanager
    def begin(self, tenant: str) -> Iterator[Any]:
        if self.down:
            raise StorageUnavailable("down")
        with self._ledger.begin(tenant) as work:
            yield work

    def close(self) -> None:
        self.closed += 1
        self._ledger.close()


@pytest.fixture
def unwilling() -> tuple[World, Unwilling]:
    clock = FrozenClock()
    store = open_store("memory:", clock=clock)
    ledger = Unwilling(store.ledger)
    world = World.on(Store(ledger, store.gate), clock)  # type: ignore[arg-type]
    world.service(0)
    return world, ledger


def test_a_refusal_is_answered_when_it_cannot_be_put_on_record(
    unwilling: tuple[World, Unwilling],
) -> None:
    """The sums that the store did not take are written a minute later, each with its own minute."""
    world, ledger = unwilling
    world.engine.seats.take(world.actor, world.where, "ada")
    ledger.down = True
    world.clock.travel(minutes=1)
    assert world.engine.seats.take(world.actor, world.where, "ada").reason is Reason.LIMIT_REACHED
    with pytest.raises(StorageUnavailable):
        world.engine.flush()
    ledger.down = False
    world.clock.travel(minutes=1)
    assert world.engine.seats.take(world.actor, world.where, "ada").reason is Reason.LIMIT_REACHED
    assert [(count, minute[11:16]) for _, _, count, minute in denials(world)] == [(1, "12:00"), (1, "12:01")]
    world.engine.flush()
    assert len(denials(world)) == 3


def test_closing_lets_go_of_connections_in_any_case(unwilling: tuple[World, Unwilling]) -> None:
    """A store that does not take the last sums is let go of all the same, and whoever closes is told."""
    world, ledger = unwilling
    world.engine.seats.take(world.actor, world.where, "ada")
    ledger.down = True
    with pytest.raises(StorageUnavailable):
        world.engine.close()
    assert ledger.closed == 1
    ledger.down = False
    world.engine.close()
    assert len(denials(world)) == 1


def test_the_engine_says_what_it_stands_on(world: World) -> None:
    """Ready, and what an answer survives."""
    world.engine.ready()
    assert "process" in world.engine.durability()
    assert world.engine.where("p") == world.engine.where("p", mode="live")
    engine = Seatguard.open("memory:")
    assert engine.actor("cli", "x").tenant == engine.default_tenant() == engine.default_tenant()


Call = Callable[[World, World], object]

QUOTA, RATE, FLOATING = Quota(limit=5), Rate(limit=5), Concurrency(limit=5)

NOT_FOUND: dict[str, Call] = {
    "views.remove": lambda mine, theirs: mine.engine.views.remove(
        mine.actor, theirs.engine.views.list(theirs.actor, "services")[0].id
    ),
    "administrators.set_password": lambda mine, theirs: mine.engine.administrators.set_password(
        mine.actor, "theirs", password="a long password"
    ),
    "administrators.set_role": lambda mine, theirs: mine.engine.administrators.set_role(
        mine.actor, "theirs", role="viewer"
    ),
    "administrators.deactivate": lambda mine, theirs: mine.engine.administrators.deactivate(
        mine.actor, "theirs"
    ),
    "administrators.reactivate": lambda mine, theirs: mine.engine.administrators.reactivate(
        mine.actor, "theirs"
    ),
    "seats.get": lambda mine, theirs: mine.engine.seats.get(mine.actor, theirs.where, hold(theirs)),
    "seats.release_seat": lambda mine, theirs: mine.engine.seats.release_seat(
        mine.actor, theirs.where, hold(theirs)
    ),
    "leases.heartbeat": lambda mine, theirs: mine.engine.leases.heartbeat(
        mine.actor, theirs.where, lease(theirs), allowance=FLOATING
    ),
    "leases.give_back": lambda mine, theirs: mine.engine.leases.give_back(
        mine.actor, theirs.where, lease(theirs)
    ),
    "waiting.leave": lambda mine, theirs: mine.engine.waiting.leave(mine.actor, theirs.where, "eve"),
    "clients.rename": lambda mine, theirs: mine.engine.clients.rename(
        mine.actor, theirs.client.id, name="stolen"
    ),
    "clients.identify": lambda mine, theirs: mine.engine.clients.identify(
        mine.actor, theirs.client.id, external_id="stolen"
    ),
    "clients.suspend": lambda mine, theirs: mine.engine.clients.suspend(mine.actor, theirs.client.id),
    "clients.resume": lambda mine, theirs: mine.engine.clients.resume(mine.actor, theirs.client.id),
    "clients.archive": lambda mine, theirs: mine.engine.clients.archive(mine.actor, theirs.client.id),
    "clients.get": lambda mine, theirs: mine.engine.clients.get(mine.actor, theirs.client.id),
    "projects.add": lambda mine, theirs: mine.engine.projects.add(mine.actor, theirs.client.id, name="x"),
    "projects.change": lambda mine, theirs: mine.engine.projects.change(
        mine.actor, theirs.project.id, name="Mine"
    ),
    "projects.remove_domain": lambda mine, theirs: mine.engine.projects.remove_domain(
        mine.actor, theirs.project.id, "acme.example"
    ),
    "projects.add_domain": lambda mine, theirs: mine.engine.projects.add_domain(
        mine.actor, theirs.project.id, "x.example"
    ),
    "projects.add_key": lambda mine, theirs: mine.engine.projects.add_key(mine.actor, theirs.project.id),
    "projects.rotate_key": lambda mine, theirs: mine.engine.projects.rotate_key(mine.actor, key(theirs).id),
    "projects.revoke_key": lambda mine, theirs: mine.engine.projects.revoke_key(mine.actor, key(theirs).id),
    "projects.find_key": lambda mine, theirs: mine.engine.projects.find_key(mine.actor, key(theirs).prefix),
    "projects.get": lambda mine, theirs: mine.engine.projects.get(mine.actor, theirs.project.id),
    "catalog.rename": lambda mine, theirs: mine.engine.catalog.rename(mine.actor, "theirs", name="stolen"),
    "catalog.deactivate": lambda mine, theirs: mine.engine.catalog.deactivate(mine.actor, "theirs"),
    "catalog.reactivate": lambda mine, theirs: mine.engine.catalog.reactivate(mine.actor, "theirs"),
    "catalog.get": lambda mine, theirs: mine.engine.catalog.get(mine.actor, "theirs"),
    "catalog.identified": lambda mine, theirs: mine.engine.catalog.identified(mine.actor, plan(theirs).id),
    "catalog.change": lambda mine, theirs: mine.engine.update_plan(
        mine.actor, plan(theirs).id, PlanChange(name="stolen", seats=0)
    ),
    "catalog.current": lambda mine, theirs: mine.engine.catalog.current(mine.actor, "theirs"),
    "catalog.preview": lambda mine, theirs: mine.engine.catalog.preview(mine.actor, "theirs", seats=0),
    "catalog.publish": lambda mine, theirs: mine.engine.publish_plan(mine.actor, "theirs", seats=0),
    "subscriptions.add": lambda mine, theirs: mine.engine.subscriptions.add(
        mine.actor, theirs.project.id, limit=1
    ),
    "subscriptions.change_limit": lambda mine, theirs: mine.engine.subscriptions.change_limit(
        mine.actor, service(theirs).id, limit=0, over_limit="allow"
    ),
    "subscriptions.renew": lambda mine, theirs: mine.engine.subscriptions.renew(
        mine.actor, service(theirs).id, expiry=None
    ),
    "subscriptions.change_plan": lambda mine, theirs: mine.engine.subscriptions.change_plan(
        mine.actor, service(theirs).id, plan="mine"
    ),
    "subscriptions.change_terms": lambda mine, theirs: mine.engine.subscriptions.change_terms(
        mine.actor, service(theirs).id, overage="unlimited"
    ),
    "subscriptions.set_addon": lambda mine, theirs: mine.engine.subscriptions.set_addon(
        mine.actor, service(theirs).id, "theirs", quantity=1
    ),
    "subscriptions.addons": lambda mine, theirs: mine.engine.subscriptions.addons(
        mine.actor, service(theirs).id
    ),
    "subscriptions.what_if": lambda mine, theirs: mine.engine.subscriptions.what_if(
        mine.actor, service(theirs).id, limit=0
    ),
    "changes.schedule": lambda mine, theirs: mine.engine.changes.schedule(
        mine.actor,
        service(theirs).id,
        what="limit",
        value=0,
        at=mine.clock() + dt.timedelta(days=1),
    ),
    "changes.cancel": lambda mine, theirs: mine.engine.changes.cancel(
        mine.actor, theirs.engine.changes.list(theirs.actor).items[0].id
    ),
    "products.get": lambda mine, theirs: mine.engine.products.get(mine.actor, "theirs"),
    "addons.get": lambda mine, theirs: mine.engine.addons.get(mine.actor, "theirs"),
    "subscriptions.suspend": lambda mine, theirs: mine.engine.subscriptions.suspend(
        mine.actor, service(theirs).id
    ),
    "subscriptions.resume": lambda mine, theirs: mine.engine.subscriptions.resume(
        mine.actor, service(theirs).id
    ),
    "subscriptions.fall_due": lambda mine, theirs: mine.engine.subscriptions.fall_due(
        mine.actor, service(theirs).id
    ),
    "subscriptions.cancel": lambda mine, theirs: mine.engine.subscriptions.cancel(
        mine.actor, service(theirs).id
    ),
    "subscriptions.get": lambda mine, theirs: mine.engine.subscriptions.get(mine.actor, service(theirs).id),
    "subscriptions.numbered": lambda mine, theirs: mine.engine.subscriptions.numbered(
        mine.actor, service(theirs).number
    ),
    "management.get": lambda mine, theirs: mine.engine.management.get(mine.actor, manager(theirs).id),
    "management.find": lambda mine, theirs: mine.engine.management.find(mine.actor, manager(theirs).prefix),
    "management.rotate": lambda mine, theirs: mine.engine.management.rotate(mine.actor, manager(theirs).id),
    "management.revoke": lambda mine, theirs: mine.engine.management.revoke(mine.actor, manager(theirs).id),
    "user_subscriptions.assign": lambda mine, theirs: mine.engine.user_subscriptions.assign(
        mine.actor, "ada", plan=plan(theirs).id
    ),
    "user_subscriptions.remove": lambda mine, theirs: mine.engine.user_subscriptions.remove(
        mine.actor, "ada", plan="theirs"
    ),
    "features.get": lambda mine, theirs: mine.engine.features.get(mine.actor, "theirs"),
    "overrides.change_subscription": lambda mine, theirs: mine.engine.overrides.change_subscription(
        mine.actor, service(theirs).id, {"features": {"stolen": True}}
    ),
    "overrides.of_subscription": lambda mine, theirs: mine.engine.overrides.of_subscription(
        mine.actor, service(theirs).id
    ),
    "entitlements.check": lambda mine, theirs: mine.engine.entitlements.check(
        mine.actor, Subject(subscription=service(theirs).id), "theirs"
    ),
    "entitlements.allowance": lambda mine, theirs: mine.engine.entitlements.allowance(
        mine.actor, Subject(subscription=service(theirs).id), "theirs"
    ),
    "seats.confirm": lambda mine, theirs: mine.engine.seats.confirm(mine.actor, theirs.where, hold(theirs)),
    "seats.confirm_for": lambda mine, theirs: mine.engine.seats.confirm_for(
        mine.actor, theirs.where, hold(theirs), "eve"
    ),
    "seats.renew": lambda mine, theirs: mine.engine.seats.renew(
        mine.actor, theirs.where, hold(theirs), seconds=60
    ),
    "seats.usage": lambda mine, theirs: mine.engine.seats.usage(mine.actor, service(theirs).id),
    "seats.verify": lambda mine, theirs: list(
        mine.engine.seats.verify(mine.actor, [service(theirs).id], repair=True)
    ),
}
"""Calls that name a foreign id: like one that does not exist."""

NOTHING: dict[str, tuple[Call, object]] = {
    "clients.find": (lambda mine, theirs: mine.engine.clients.find(mine.actor, external_id="theirs"), None),
    "clients.list": (
        lambda mine, theirs: [
            one.id for one in mine.engine.clients.list(mine.actor).items if one.tenant != mine.actor.tenant
        ],
        [],
    ),
    "projects.find": (
        lambda mine, theirs: mine.engine.projects.find(
            mine.actor, client_id=theirs.client.id, name=theirs.project.name
        ),
        None,
    ),
    "projects.list": (
        lambda mine, theirs: mine.engine.projects.list(mine.actor, client_id=theirs.client.id).items,
        (),
    ),
    "projects.domains": (
        lambda mine, theirs: mine.engine.projects.domains(mine.actor, theirs.project.id),
        (),
    ),
    "projects.keys": (lambda mine, theirs: mine.engine.projects.keys(mine.actor, theirs.project.id), ()),
    "management.list": (lambda mine, theirs: mine.engine.management.list(mine.actor).items, ()),
    "catalog.list": (
        lambda mine, theirs: [plan.slug for plan in mine.engine.catalog.list(mine.actor).items],
        ["mine"],
    ),
    "catalog.versions": (
        lambda mine, theirs: mine.engine.catalog.versions(mine.actor, plan(theirs).id).items,
        (),
    ),
    "subscriptions.list": (
        lambda mine, theirs: mine.engine.subscriptions.list(mine.actor, project_id=theirs.project.id).items,
        (),
    ),
    "user_subscriptions.of": (
        lambda mine, theirs: mine.engine.user_subscriptions.of(mine.actor, "ada"),
        (),
    ),
    "user_subscriptions.list": (
        lambda mine, theirs: mine.engine.user_subscriptions.list(mine.actor, plan_id=plan(theirs).id).items,
        (),
    ),
    "products.list": (lambda mine, theirs: mine.engine.products.list(mine.actor).items, ()),
    "addons.list": (lambda mine, theirs: mine.engine.addons.list(mine.actor).items, ()),
    "changes.list": (
        lambda mine, theirs: mine.engine.changes.list(mine.actor, subscription_id=service(theirs).id).items,
        (),
    ),
    "changes.apply_due": (lambda mine, theirs: mine.engine.changes.apply_due(mine.actor), ()),
    "features.list": (lambda mine, theirs: mine.engine.features.list(mine.actor).items, ()),
    "overrides.of_user": (lambda mine, theirs: mine.engine.overrides.of_user(mine.actor, "ada"), Offer()),
    "overrides.defaults": (lambda mine, theirs: mine.engine.overrides.defaults(mine.actor), Offer()),
    "overrides.users": (lambda mine, theirs: mine.engine.overrides.users(mine.actor), ()),
    "overrides.clear_user": (
        lambda mine, theirs: mine.engine.overrides.clear_user(mine.actor, "ada"),
        Offer(),
    ),
    "entitlements.granted": (
        lambda mine, theirs: mine.engine.entitlements.granted(
            mine.actor, Subject(user="ada", project=theirs.project.id)
        ),
        Grants(sources=()),
    ),
    "entitlements.terms": (
        lambda mine, theirs: mine.engine.entitlements.terms(mine.actor.tenant, theirs.project.id).value,
        (),
    ),
    "entitlements.fresh_terms": (
        lambda mine, theirs: mine.engine.entitlements.fresh_terms(mine.actor.tenant, theirs.project.id),
        (),
    ),
    "seats.check": (
        lambda mine, theirs: mine.engine.seats.check(mine.actor, theirs.where).reason,
        Reason.NO_SERVICE,
    ),
    "seats.take": (
        lambda mine, theirs: mine.engine.seats.take(mine.actor, theirs.where, "ada").reason,
        Reason.NO_SERVICE,
    ),
    "seats.hold": (
        lambda mine, theirs: mine.engine.seats.hold(mine.actor, theirs.where, "ada", seconds=60).reason,
        Reason.NO_SERVICE,
    ),
    "seats.release": (
        lambda mine, theirs: mine.engine.seats.release(mine.actor, theirs.where, "ada").reason,
        Reason.NO_SERVICE,
    ),
    "seats.release_hold": (
        lambda mine, theirs: mine.engine.seats.release_hold(mine.actor, theirs.where, hold(theirs)).reason,
        Reason.NO_SERVICE,
    ),
    "seats.transfer": (
        lambda mine, theirs: mine.engine.seats.transfer(mine.actor, theirs.where, "ada", to="eve").reason,
        Reason.NO_SERVICE,
    ),
    "projects.at_host": (
        lambda mine, theirs: theirs.engine.projects.at_host(theirs.actor, "acme.example"),
        (),
    ),
    "seats.explain": (
        lambda mine, theirs: mine.engine.seats.explain(mine.actor, theirs.where).steps,
        (),
    ),
    "seats.find": (lambda mine, theirs: mine.engine.seats.find(mine.actor, theirs.where, "ada"), None),
    "seats.list": (lambda mine, theirs: mine.engine.seats.list(mine.actor, theirs.where).items, ()),
    "seats.recall": (
        lambda mine, theirs: mine.engine.seats.recall(mine.actor.tenant, theirs.where),
        None,
    ),
    "entitlements.recall": (
        lambda mine, theirs: mine.engine.entitlements.recall(
            mine.actor.tenant, theirs.where.project, mode="live"
        ),
        None,
    ),
    "seats.seats_named": (lambda mine, theirs: mine.engine.seats.seats_named(mine.actor, "ada"), 0),
    "seats.holds": (lambda mine, theirs: mine.engine.seats.holds(mine.actor, theirs.where), ()),
    "seats.advice": (
        lambda mine, theirs: mine.engine.seats.advice(mine.actor, theirs.where).reason,
        Reason.NO_SERVICE,
    ),
    "seats.offer": (
        lambda mine, theirs: (
            mine.engine.seats.offer(
                mine.actor, theirs.where, "ada", seconds=60, email=None, seat=hold(theirs)
            ).reason
        ),
        Reason.NO_SERVICE,
    ),
    "waiting.join": (
        lambda mine, theirs: mine.engine.waiting.join(mine.actor, theirs.where, "eve").reason,
        Reason.NO_SERVICE,
    ),
    "waiting.forget": (lambda mine, theirs: mine.engine.waiting.forget(mine.actor, "eve"), 0),
    "waiting.place": (
        lambda mine, theirs: mine.engine.waiting.place(mine.actor, theirs.where, "eve").waiting,
        None,
    ),
    "waiting.list": (lambda mine, theirs: mine.engine.waiting.list(mine.actor, theirs.where).items, ()),
    "waiting.length": (lambda mine, theirs: mine.engine.waiting.length(mine.actor, theirs.where), 0),
    "waiting.stands": (lambda mine, theirs: mine.engine.waiting.stands(mine.actor, theirs.where), False),
    "waiting.serve": (
        lambda mine, theirs: mine.engine.waiting.serve(mine.actor, theirs.project.id),
        [],
    ),
    "waiting.serve_all": (lambda mine, theirs: mine.engine.waiting.serve_all(mine.actor), 0),
    "usage.record": (
        lambda mine, theirs: (
            mine.engine.usage.record(mine.actor, theirs.where, "calls", key="k", quota=QUOTA).reason
        ),
        Reason.NO_SERVICE,
    ),
    "usage.record_all": (
        lambda mine, theirs: (
            mine.engine.usage.record_all(
                mine.actor, theirs.where, [Event(meter="calls", key="k")], quota=QUOTA
            ).reason
        ),
        Reason.NO_SERVICE,
    ),
    "usage.refund": (
        lambda mine, theirs: (
            mine.engine.usage.refund(mine.actor, theirs.where, "calls", key="k", quota=QUOTA).reason
        ),
        Reason.NO_SERVICE,
    ),
    "usage.balance": (
        lambda mine, theirs: mine.engine.usage.balance(mine.actor, theirs.where, "calls", quota=QUOTA).reason,
        Reason.NO_SERVICE,
    ),
    "usage.reset": (
        lambda mine, theirs: mine.engine.usage.reset(mine.actor, theirs.where, "calls", quota=QUOTA).reason,
        Reason.NO_SERVICE,
    ),
    "usage.charges": (
        lambda mine, theirs: mine.engine.usage.charges(mine.actor, service(theirs).id, "calls").items,
        (),
    ),
    "usage.history": (
        lambda mine, theirs: mine.engine.usage.history(mine.actor, service(theirs).id, "calls").items,
        (),
    ),
    "rates.hit": (
        lambda mine, theirs: (
            mine.engine.rates.hit(mine.actor, theirs.where, "login", "ada", rate=RATE).reason
        ),
        Reason.NO_SERVICE,
    ),
    "rates.peek": (
        lambda mine, theirs: (
            mine.engine.rates.peek(mine.actor, theirs.where, "login", "ada", rate=RATE).reason
        ),
        Reason.NO_SERVICE,
    ),
    "rates.forget": (
        lambda mine, theirs: mine.engine.rates.forget(mine.actor, service(theirs).id, "login", "ada"),
        None,
    ),
    "rates.sweep": (lambda mine, theirs: mine.engine.rates.sweep(mine.actor), 0),
    "leases.checkout": (
        lambda mine, theirs: (
            mine.engine.leases.checkout(
                mine.actor, theirs.where, "floating", "eve", allowance=FLOATING
            ).reason
        ),
        Reason.NO_SERVICE,
    ),
    "leases.live": (
        lambda mine, theirs: (
            mine.engine.leases.live(mine.actor, theirs.where, "floating", allowance=FLOATING).reason
        ),
        Reason.NO_SERVICE,
    ),
    "leases.list": (
        lambda mine, theirs: mine.engine.leases.list(mine.actor, service(theirs).id, "floating").items,
        (),
    ),
    "leases.sweep": (lambda mine, theirs: mine.engine.leases.sweep(mine.actor), 0),
    "seats.uncleared": (lambda mine, theirs: mine.engine.seats.uncleared(mine.actor), 0),
    "seats.sweep": (lambda mine, theirs: mine.engine.seats.sweep(mine.actor), 0),
    "seats.list_of": (
        lambda mine, theirs: mine.engine.seats.list_of(mine.actor, service(theirs).id).items,
        (),
    ),
    "administrators.sign_in": (
        lambda mine, theirs: mine.engine.administrators.sign_in(
            mine.actor.tenant, name="theirs", password="a long password"
        ),
        None,
    ),
    "administrators.session": (
        lambda mine, theirs: mine.engine.administrators.session(
            mine.actor.tenant, theirs.engine.administrators.list(theirs.actor).items[0].id, 1
        ),
        None,
    ),
    "administrators.list": (lambda mine, theirs: mine.engine.administrators.list(mine.actor).items, ()),
    "views.list": (lambda mine, theirs: mine.engine.views.list(mine.actor, "services"), []),
    "reports.counts": (
        lambda mine, theirs: [
            one.number
            for one in mine.engine.reports.counts(mine.actor, [ServiceSearch(client=theirs.client.id)])
        ],
        [0],
    ),
    "reports.overview": (
        lambda mine, theirs: mine.engine.reports.overview(mine.actor).active.number,
        0,
    ),
    "reports.growth": (
        lambda mine, theirs: (
            mine.engine.reports.growth(mine.actor, mine.engine.reports.overview(mine.actor)).active
        ),
        (0,) * 30,
    ),
    "reports.services": (
        lambda mine, theirs: (
            mine.engine.reports.services(mine.actor, ServiceSearch(client=theirs.client.id)).items
        ),
        (),
    ),
    "reports.service": (
        lambda mine, theirs: mine.engine.reports.service(mine.actor, service(theirs).id),
        None,
    ),
    "reports.client": (lambda mine, theirs: mine.engine.reports.client(mine.actor, theirs.client.id), None),
    "reports.count_services": (
        lambda mine, theirs: (
            mine.engine.reports.count_services(mine.actor, ServiceSearch(project=theirs.project.id)).number
        ),
        0,
    ),
    "reports.view_counts": (
        lambda mine, theirs: {one.number for one in mine.engine.reports.view_counts(mine.actor).values()},
        {0},
    ),
    "reports.clients": (
        lambda mine, theirs: mine.engine.reports.clients(mine.actor, q=theirs.client.name[:5]).items,
        (),
    ),
    "reports.count_clients": (
        lambda mine, theirs: mine.engine.reports.count_clients(mine.actor, q=theirs.client.name[:5]).number,
        0,
    ),
    "reports.projects": (
        lambda mine, theirs: mine.engine.reports.projects(mine.actor, client=theirs.client.id).items,
        (),
    ),
    "reports.plans": (
        lambda mine, theirs: [
            row for row in mine.engine.reports.plans(mine.actor).items if row.plan.slug != "mine"
        ],
        [],
    ),
    "reports.names": (
        lambda mine, theirs: mine.engine.reports.names(mine.actor, "client", [theirs.client.id]),
        {},
    ),
    "reports.seat_series": (
        lambda mine, theirs: sum(
            day.taken for day in mine.engine.reports.seat_series(mine.actor, service=service(theirs).id)
        ),
        0,
    ),
    "reports.denials": (lambda mine, theirs: mine.engine.reports.denials(mine.actor), {}),
    "reports.every_service": (
        lambda mine, theirs: list(
            mine.engine.reports.every_service(mine.actor, ServiceSearch(client=theirs.client.id))
        ),
        [],
    ),
    "reports.every_client": (
        lambda mine, theirs: list(mine.engine.reports.every_client(mine.actor, q=theirs.client.name[:5])),
        [],
    ),
    "reports.bands": (
        lambda mine, theirs: {one.number for one in mine.engine.reports.bands(mine.actor).values()},
        {0},
    ),
    "reports.last_days_by_month": (
        lambda mine, theirs: mine.engine.reports.last_days_by_month(
            mine.actor, ServiceSearch(client=theirs.client.id)
        ),
        {},
    ),
    "reports.count_days": (lambda mine, theirs: mine.engine.reports.count_days(mine.actor), 0),
    "journal.search": (
        lambda mine, theirs: [entry for entry in mine.entries() if entry.tenant != mine.actor.tenant],
        [],
    ),
    "journal.verify": (lambda mine, theirs: list(mine.engine.journal.verify(mine.actor)), []),
    "journal.last_checkpoint": (lambda mine, theirs: mine.engine.journal.last_checkpoint(mine.actor), None),
    "journal.vouched": (lambda mine, theirs: mine.engine.journal.vouched(mine.actor), {}),
    "archives.newest": (lambda mine, theirs: mine.engine.archives.newest(mine.actor), None),
    "journal.erase": (lambda mine, theirs: mine.engine.journal.erase(mine.actor, "ada"), 0),
    "idempotency.purge": (lambda mine, theirs: mine.engine.idempotency.purge(mine.actor), 0),
}
"""Calls that ask what there is: of another tenant's, nothing."""

ELSEWHERE = {
    "tenants.ids": "the ids of all tenants: the operator's own",
    "tenants.ensure": "makes or finds tenants by slug: the operator's own",
    "tenants.named": "finds tenants by slug: the operator's own",
    "tenants.get": "the actor's own",
    "tenants.configure": "the actor's own",
    "subscriptions.told": "takes what was done and not an id",
    "products.define": "names no foreign id; slugs are a tenant's own: products.get",
    "addons.define": "names no foreign id; slugs are a tenant's own: addons.get",
    "features.define": "names no foreign id; names are a tenant's own: features.get",
    "overrides.change_user": "names no foreign id; users are a tenant's own: overrides.of_user",
    "overrides.change_defaults": "the actor's own tenant: overrides.defaults",
    "views.save": "names no foreign id; a view is its owner's: views.list",
    "administrators.add": "names no foreign id; names are a tenant's own: administrators.set_role",
    "clients.add": "names no foreign id",
    "management.add": "names no foreign id",
    "management.identify": "finds out the tenant: that is its task",
    "catalog.add": "names no foreign id; slugs are a tenant's own: test_a_slug_is_taken_for_ever",
    "projects.identify": "finds out the tenant: that is its task",
    "projects.identify_key": "finds out the tenant: that is its task",
    "projects.recall": "finds out the tenant: that is its task",
    "seats.holder_key": "asks no store",
    "journal.export": "below: writes an entry of one's own",
    "archives.archive": "tests/journal: a file of another tenant is refused",
    "archives.search": "tests/journal: a file of another tenant is refused",
    "archives.verify": "tests/journal: a file of another tenant is refused",
    "archives.erase": "tests/journal: a file of another tenant is refused",
    "journal.checkpoint": "below: writes a checkpoint of one's own",
    "idempotency.begin": "below: keys are a tenant's own",
    "idempotency.abandon": "below: takes a reply and not an id",
    "idempotency.keep": "below: takes a reply and not an id",
    "subscriptions.follow": "acts within a unit of the caller's tenant: catalog.publish",
}
"""Calls that name no foreign id, and why that is so."""

SERVICES = (
    "tenants",
    "clients",
    "projects",
    "management",
    "catalog",
    "features",
    "products",
    "addons",
    "subscriptions",
    "changes",
    "user_subscriptions",
    "overrides",
    "entitlements",
    "seats",
    "waiting",
    "usage",
    "rates",
    "leases",
    "journal",
    "archives",
    "idempotency",
    "administrators",
    "views",
    "reports",
)


def service(world: World) -> Any:
    return world.engine.subscriptions.list(world.actor).items[0]


def plan(world: World) -> Any:
    return world.engine.catalog.list(world.actor).items[0]


def key(world: World) -> Any:
    return world.engine.projects.keys(world.actor, world.project.id)[0]


def manager(world: World) -> Any:
    return world.engine.management.list(world.actor).items[0]


def lease(world: World) -> str:
    return str(world.engine.leases.list(world.actor, service(world).id, "floating").items[0].id)


def hold(world: World) -> str:
    page = world.engine.seats.list(world.actor, world.where)
    return next(seat.id for seat in page.items if seat.lapses_at is not None)


@pytest.fixture
def two() -> tuple[World, World]:
    """Two tenants on one store; the second has one of everything."""
    world = World.in_memory(offer_seconds=60)
    theirs = world.stranger()
    theirs.engine.catalog.add(theirs.actor, slug="theirs", seats=5)
    theirs.service(None, plan="theirs")
    theirs.engine.projects.add_key(theirs.actor, theirs.project.id)
    theirs.engine.management.add(theirs.actor, name="theirs", scopes=["admin:*"])
    theirs.engine.clients.add(theirs.actor, name="Known", external_id="theirs")
    theirs.seat("ada")
    theirs.engine.seats.hold(theirs.actor, theirs.where, "bob", seconds=60)
    theirs.service(0, type="small")
    small = theirs.engine.where(theirs.project.id, type="small")
    theirs.engine.waiting.join(theirs.actor, small, "eve").require()
    theirs.engine.features.define(theirs.actor, "theirs", kind="boolean")
    theirs.engine.products.define(theirs.actor, "theirs")
    theirs.engine.addons.define(theirs.actor, "theirs", seats=1)
    theirs.engine.changes.schedule(
        theirs.actor, service(theirs).id, what="limit", value=9, at=theirs.clock() + dt.timedelta(days=1)
    )
    theirs.engine.user_subscriptions.assign(theirs.actor, "ada", plan="theirs")
    theirs.engine.overrides.change_user(theirs.actor, "ada", {"features": {"theirs": True}})
    theirs.engine.overrides.change_defaults(theirs.actor, {"features": {"theirs": True}})
    theirs.engine.usage.record(theirs.actor, theirs.where, "calls", key="k", quota=QUOTA).require()
    theirs.engine.rates.hit(theirs.actor, theirs.where, "login", "ada", rate=RATE).require()
    theirs.engine.leases.checkout(theirs.actor, theirs.where, "floating", "eve", allowance=FLOATING).require()
    theirs.engine.administrators.add(theirs.actor, name="theirs", password="a long password")
    theirs.engine.views.save(theirs.actor, page="services", name="theirs", query="view=high")
    theirs.engine.journal.checkpoint(theirs.actor)
    world.engine.catalog.add(world.actor, slug="mine", seats=5)
    return world, theirs


def test_every_call_of_every_service_is_swept() -> None:
    """A new method must say here what it does with another tenant's ids."""
    engine = Seatguard.open("memory:")
    methods = {
        f"{name}.{method}"
        for name in SERVICES
        for method, _ in inspect.getmembers(getattr(engine, name), inspect.ismethod)
        if not method.startswith("_")
    }
    assert methods == {*NOT_FOUND, *NOTHING, *ELSEWHERE}
    assert len(NOT_FOUND) + len(NOTHING) + len(ELSEWHERE) == len(methods)
    public = {name for name, value in vars(engine).items() if type(value).__name__.endswith("Service")}
    assert public == set(SERVICES)


@pytest.mark.parametrize("call", NOT_FOUND)
def test_a_foreign_id_is_not_found(two: tuple[World, World], call: str) -> None:
    """The very same error as for an id that does not exist, and nothing is written on either side."""
    with Unchanged(two[0]), Unchanged(two[1]), pytest.raises(NotFound):
        NOT_FOUND[call](*two)


@pytest.mark.parametrize("call", NOTHING)
def test_of_another_tenants_there_is_nothing(two: tuple[World, World], call: str) -> None:
    """Lists are empty, searches find nothing, claims meet no service, and nothing is written."""
    act, nothing = NOTHING[call]
    if call == "seats.sweep":
        two[0].clock.travel(seconds=60)
    with Unchanged(two[1]):
        assert act(*two) == nothing


def test_records_of_ones_own_hold_nothing_foreign(two: tuple[World, World]) -> None:
    """An export, a checkpoint and an idempotency key are a tenant's own."""
    mine, theirs = two
    before = theirs.entries()
    assert {entry.tenant for entry in mine.engine.journal.export(mine.actor)} == {mine.actor.tenant}
    last = mine.engine.journal.last_checkpoint(mine.actor)
    assert last is not None
    assert theirs.project.id not in last.heads
    assert theirs.entries() == before
    begin = mine.engine.idempotency.begin
    ours = begin(mine.actor, route="r", key="k", body=b"x")
    assert isinstance(ours, Begun)
    assert isinstance(begin(theirs.actor, route="r", key="k", body=b"y"), Begun)
    with Unchanged(mine):
        for call in (
            lambda: theirs.engine.idempotency.abandon(theirs.actor, ours.reply),
            lambda: theirs.engine.idempotency.keep(theirs.actor, ours.reply.done(200, b"stolen")),
        ):
            with pytest.raises(NotFound):
                call()


def test_a_foreign_plan_cannot_be_subscribed_to(two: tuple[World, World]) -> None:
    """A slug names a plan of one's own tenant."""
    mine, _ = two
    with Unchanged(mine), pytest.raises(NotFound):
        mine.service(None, plan="theirs")
