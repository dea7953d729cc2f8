"""A store with something of everything that the pages show, and an app on it."""

from __future__ import annotations

import dataclasses
import datetime as dt

from flask import Flask

import seatguard
from seatguard.actors import Actor
from seatguard.catalog.model import PlanChange
from seatguard.testing import FrozenClock
from seatguard_admin import Identity, SeatguardAdmin, SignIn
from seatguard_flask import Seatguard

SECRET = "not a secret: 3f9c1b7a52e84d06 only tests know it"
PASSWORD = "correct horse battery"

CLIENTS = (
    "Northwind Logistics",
    "Halden Medical",
    "Brightwater Energy",
    "Cobalt Studios",
    "Fjord Insurance",
    "Juniper Legal",
    "Kestrel Aviation",
    "Lumen Robotics",
    "Nimbus Telecom",
    "Oakridge Schools",
    "Quanta Foods",
    "Stonebridge Realty and Property Management of the Northern Counties",
)
TYPES = ("web", "mobile", "contractors", "read-only", "support")
OFFER = {
    "quotas": {
        "speech": {"minutes": 2000, "maxConcurrentSessions": 5},
        "storage": {"gigabytes": "unlimited"},
    },
    "rate_limits": {"api": {"requestsPerMinute": 600}},
    "features": {"sso": True, "region": "eu-central", "retention_days": 90},
    "permissions": ("speech:files:read",),
    "capabilities": ("priority support",),
    "prices": (
        {"currency": "EUR", "amount": 4900, "per_seat": 550},
        {"currency": "JPY", "amount": 7800},
    ),
    "interval": "month",
    "trial_days": 14,
    "max_seats": 500,
}


@dataclasses.dataclass
class Sample:
    """An engine with data, and ids of the things that tests open."""

    engine: seatguard.Seatguard
    clock: FrozenClock
    actor: Actor
    client: str = ""
    project: str = ""
    service: str = ""
    full: str = ""


def empty() -> Sample:
    """Nothing but administrators: one of each role, with one password."""
    # Not a fixed year: the sign-in cookie and the browser live in the present.
    clock = FrozenClock(dt.datetime.now(dt.UTC))
    store = seatguard.open_store("memory:", clock=clock)
    options = seatguard.EngineOptions(max_age=0, journal_key=b"k" * 32)
    engine = seatguard.Seatguard(store, clock=clock, options=options)
    return Sample(engine, clock, engine.actor("cli", "sample"))


def filled() -> Sample:
    """Clients, projects, services of every standing, seats, refusals, keys, and a history of some days."""
    sample = empty()
    engine, me, clock = sample.engine, sample.actor, sample.clock
    today = clock().date()
    clock.travel(days=-20)
    for slug, name, seats in (
        ("starter", "Starter 25", 25),
        ("team", "Team 100", 100),
        ("open", "Open end", None),
    ):
        engine.catalog.add(me, slug=slug, name=name, seats=seats)
    engine.features.define(me, "speech.minutes", kind="metered", definition={"title": "Speech minutes"})
    first = {"quotas": {"speech": {"minutes": 500}}, "features": {"sso": False}}
    engine.update_plan(me, engine.catalog.get(me, "team").id, PlanChange(offer=first))
    engine.update_plan(me, engine.catalog.get(me, "team").id, PlanChange(offer=OFFER))
    for at, client_name in enumerate(CLIENTS):
        client = engine.clients.add(me, name=client_name, external_id=f"crm-{at + 1}")
        project = engine.projects.add(
            me, client.id, name="Back office", domains=(f"app{at}.example.com", f"www.app{at}.example.com")
        )
        for number in range(2 if at else 5):
            type = TYPES[(at + number) % len(TYPES)]
            days = (3, 40, 12, 200, -2, 400, 29, 31, 0, None, 90, 60)[(at + number) % 12]
            service = engine.subscriptions.add(
                me,
                project.id,
                type=type,
                plan=("starter", "team", "open")[(at + number) % 3] if at % 4 else None,
                limit=10 if at % 4 == 0 else None,
                expiry=None if days is None else today + dt.timedelta(days=days),
                trial=(at + number) % 7 == 0,
                mode="test" if (at, number) == (0, 4) else "live",
            )
            where = engine.where(project.id, type=type, mode=service.mode)
            for user in range((3, 9, 10, 7, 24, 20, 1)[(at + number) % 7]):
                clock.travel(seconds=1800)
                engine.seats.take(me, where, f"user{user:02}", email=f"user{user:02}@example.com")
                clock.travel(seconds=-1700)
            if not sample.service:
                sample.client, sample.project, sample.service = client.id, project.id, service.id
            if engine.seats.usage(me, service.id).live == service.limit:
                sample.full = service.id
        clock.travel(days=1)
        made = engine.projects.add_key(me, project.id)
        if at == 0:
            engine.projects.rotate_key(me, made.record.id, overlap=dt.timedelta(days=7))
            engine.projects.add_key(me, project.id, mode="test")
        if at == 4:
            one = engine.reports.services(me, limit=1).items[0].subscription
            engine.subscriptions.change_limit(me, one.id, limit=30)
            engine.subscriptions.suspend(me, one.id)
        if at == 5:
            engine.clients.suspend(me, client.id)
    over = engine.reports.services(me).items[-1].subscription
    engine.subscriptions.change_limit(me, over.id, limit=2, over_limit="allow")
    none = engine.subscriptions.add(me, sample.project, limit=0, type="closed")
    engine.subscriptions.add(me, sample.project, limit=5, type="later", starts=today + dt.timedelta(days=9))
    engine.subscriptions.cancel(me, engine.subscriptions.add(me, sample.project, limit=5, type="gone").id)
    assert none.limit == 0
    engine.clients.archive(me, engine.clients.add(me, name="Gone & Co").id)
    clock.travel(seconds=(dt.datetime.now(dt.UTC) - clock()).total_seconds())
    engine.flush()
    return sample


def app_on(sample: Sample, **options: object) -> Flask:
    """An app with the pages on a sample; `ada` is its owner and `vic` a viewer."""
    app = Flask("tests.admin")
    app.config.update(SECRET_KEY=SECRET, TESTING=True, PROPAGATE_EXCEPTIONS=False)
    seats = Seatguard(app, engine=sample.engine)
    known = sample.engine.administrators
    # Hashing passwords takes most of the time; who is let in otherwise needs none.
    if "authorizer" not in options and not known.list(sample.actor).items:
        for name, role in (("ada", "owner"), ("otto", "operator"), ("sue", "support"), ("vic", "viewer")):
            known.add(sample.actor, name=name, password=PASSWORD, role=role)
    options.setdefault("authorizer", SignIn())
    SeatguardAdmin(app, seatguard=seats, **options)  # type: ignore[arg-type]
    return app


def anybody(role: str = "owner") -> object:
    """Lets everybody in, as one person of that role."""
    return lambda _request: Identity(name="ada", role=role)
