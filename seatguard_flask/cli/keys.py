"""``seatguard key``: by which a project is known."""

from __future__ import annotations

import datetime as dt

import click

from seatguard.projects.model import NewKey, ProjectKey
from seatguard.projects.rules import DEFAULT_OVERLAP, is_live
from seatguard_flask.cli.options import DURATION, mode_option
from seatguard_flask.cli.output import as_json, listing, show
from seatguard_flask.cli.session import Session, operation


@click.group()
def key() -> None:
    """API keys: create, list, rotate, revoke.

    A KEY is named by its id or by the beginning that is shown of it.
    """


@key.command()
@click.argument("project")
@mode_option
@click.option(
    "--digits16", is_flag=True, help="The weak 16-digit form of older callers; needs SEATGUARD_KEY_PEPPER."
)
@operation
def create(session: Session, project: str, mode: str, digits16: bool) -> None:
    """Make a key for a project. It is shown once, here and now."""
    of = session.project(project).id
    _show_new(session, session.engine.projects.add_key(session.actor, of, mode=mode, digits16=digits16))


@key.command("list")
@click.argument("project")
@operation
def list_(session: Session, project: str) -> None:
    """The project's keys, revoked ones included."""
    rows = [
        _row(session, one) for one in session.engine.projects.keys(session.actor, session.project(project).id)
    ]
    names = ["prefix", "last4", "mode", "state", "created", "ends", "id"]
    listing(names, rows, json=session.json, empty="no keys yet")


@key.command()
@click.argument("key")
@click.option(
    "--overlap", type=DURATION, default=DEFAULT_OVERLAP, help="How long the old key goes on.  [default: 24h]"
)
@operation
def rotate(session: Session, key: str, overlap: dt.timedelta) -> None:
    """Make a new key in the place of an old one. It is shown once, here and now."""
    old = session.engine.projects.find_key(session.actor, key)
    _show_new(session, session.engine.projects.rotate_key(session.actor, old.id, overlap=overlap))


@key.command()
@click.argument("key")
@operation
def revoke(session: Session, key: str) -> None:
    """Stop a key at once."""
    found = session.engine.projects.find_key(session.actor, key)
    revoked = session.engine.projects.revoke_key(session.actor, found.id)
    show(_row(session, revoked), json=session.json)


def _show_new(session: Session, new: NewKey) -> None:
    if session.json:
        click.echo(as_json({"api_key": new.secret.reveal(), **_row(session, new.record)}))
        return
    click.echo(f"{new.secret.reveal()}\n\nThis key is shown once and kept nowhere: put it away now.")


def _row(session: Session, one: ProjectKey) -> dict[str, object]:
    live = is_live(one, session.engine.clock())
    return {
        "id": one.id,
        "prefix": one.prefix,
        "last4": one.last4,
        "mode": one.mode,
        "state": "live" if live else "revoked" if one.revoked_at else "ended",
        "created": one.created_at.isoformat(timespec="seconds"),
        "ends": one.expires_at.isoformat(timespec="seconds") if one.expires_at else None,
    }
