"""The demo's data: a few clients, with room, without, and with little time left."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

from seatguard import Actor, AuthenticationFailed, Conflict, InvalidInput, Seatguard, Where
from seatguard.manifest import ClientSpec, Manifest, PlanSpec, ProjectSpec, ServiceSpec, UserSpec, apply
from seatguard.projects.rules import MAX_LIVE_KEYS, is_live

CLIENT = "demo"
DOMAIN = "yourdomain.com"
TYPE = "standard"
OFFER = {
    "quotas": {"storage": {"gigabytes": 500}},
    "rate_limits": {"api": {"requestsPerMinute": 600}},
    "features": {"sso": True},
    "prices": [
        {"currency": "EUR", "amount": 4900, "per_seat": 500},
        {"currency": "USD", "amount": 5500, "per_seat": 600},
    ],
    "interval": "month",
    "trial_days": 14,
}


def prepare(engine: Seatguard, actor: Actor, key_file: Path) -> dict[str, str | int | None]:
    """Fill an empty store, and find out what to show of a filled one.

    Args:
        key_file: where the demo's API key is kept; a store keeps no key that could be shown again.

    Raises:
        InvalidInput: the store holds something else than the demo.
    """
    key = key_file.read_text().strip() if key_file.exists() else ""
    try:
        project = engine.projects.identify(key, DOMAIN).project
    except AuthenticationFailed:
        project = _filled(engine, actor)
        key = _new_key(engine, actor, project)
        write_secret(key_file, key)
    facts = engine.seats.check(actor, Where(project=project, type=TYPE)).facts
    terms = facts.terms
    if terms is None:
        raise InvalidInput.single("data", "no_demo", "the demo's service is gone: name an empty folder")
    return {
        "api_key": key,
        "domain": DOMAIN,
        "service_id": terms.number,
        "limit": terms.limit,
        "current": facts.usage.live,
    }


def let_in(engine: Seatguard, actor: Actor, name: str, password: str) -> None:
    """Let an administrator sign in with a password, whether or not they are there already."""
    try:
        engine.administrators.add(actor, name=name, password=password)
    except Conflict:
        engine.administrators.set_password(actor, name, password=password)


def write_secret(path: Path, secret: str) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{secret}\n")


def manifest(today: dt.date) -> Manifest:
    """The sample, dated so that it looks alive whenever it is made."""
    next_year = dt.date(today.year + 1, 12, 31)
    return Manifest(
        plans=(
            PlanSpec(slug="standard", name="Standard", seats=100),
            PlanSpec(slug="team", name="Team", seats=50, offer=OFFER),
            PlanSpec(slug="open", name="Open end", seats=None),
        ),
        clients=(
            _client("Your Company", CLIENT, "Your App", DOMAIN, TYPE, "standard", 45, expiry=next_year),
            _client("Acme", "acme", "Shop", "shop.acme.example", "web", "team", 47, expiry=next_year),
            _client(
                "Globex",
                "globex",
                "Portal",
                "globex.example",
                "web",
                "team",
                8,
                expiry=today + dt.timedelta(days=12),
            ),
            _client("Initech", "initech", "Reports", "initech.example", "mobile", "open", 12, expiry="never"),
        ),
    )


def _client(
    name: str,
    external_id: str,
    project: str,
    domain: str,
    type: str,
    plan: str,
    users: int,
    *,
    expiry: dt.date | str,
) -> ClientSpec:
    service = ServiceSpec(
        type=type,
        plan=plan,
        expiry=expiry if isinstance(expiry, dt.date) else None,
        users=tuple(
            UserSpec(username=f"user{number:03}", email=f"user{number:03}@{domain}")
            for number in range(1, users + 1)
        ),
    )
    spec = ProjectSpec(name=project, domains=(domain,), keys=0, services=(service,))
    return ClientSpec(name=name, external_id=external_id, projects=(spec,))


def _filled(engine: Seatguard, actor: Actor) -> str:
    """The id of the demo's project, made with all the rest if it is not there."""
    client = engine.clients.find(actor, external_id=CLIENT)
    if client is None and engine.clients.list(actor, limit=1).items:
        raise InvalidInput.single(
            "data", "no_demo", "the folder holds other data than the demo's: name another"
        )
    # Also when a start was interrupted half-way; what is there already stays as it is.
    if client is None or engine.journal.last_checkpoint(actor) is None:
        apply(engine, actor, manifest(engine.clock().date()))
        engine.journal.checkpoint(actor)
        client = engine.clients.find(actor, external_id=CLIENT)
    projects = engine.projects.list(actor, client_id=client.id).items if client else ()
    if not projects:
        raise InvalidInput.single("data", "no_demo", "the demo's project is gone: name an empty folder")
    return projects[0].id


def _new_key(engine: Seatguard, actor: Actor, project: str) -> str:
    now = engine.clock()
    live = [key for key in engine.projects.keys(actor, project) if key.mode == "live" and is_live(key, now)]
    if len(live) >= MAX_LIVE_KEYS:
        engine.projects.revoke_key(actor, live[0].id)
    return engine.projects.add_key(actor, project).secret.reveal()
