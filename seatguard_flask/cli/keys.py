"""``seatguard key``: by which a project, or a program that manages, is known."""

from __future__ import annotations

import datetime as dt
from functools import partial

import click

from seatguard import keys
from seatguard.errors import NotFound
from seatguard.management.model import ManagementKey, NewManagementKey
from seatguard.manifest.paging import whole
from seatguard.projects.model import NewKey, ProjectKey
from seatguard.projects.rules import DEFAULT_OVERLAP, is_live
from seatguard_flask.cli.options import DURATION, mode_option
from seatguard_flask.cli.output import as_json, listing, show
from seatguard_flask.cli.session import Session, operation

management_option = click.option(
    "--management", is_flag=True, help="A key of the operator's, for managing over the API; of no project."
)


@click.group()
def key() -> None:
    """API keys: create, list, rotate, revoke.

    A KEY is named by its id or by the beginning that is shown of it.
    """


@key.command()
@click.argument("project", required=False)
@management_option
@click.option(
    "--scope", "scopes", multiple=True, help="What the management key may do, such as admin:clients:read."
)
@click.option("--name", help="What the management key is for.")
@mode_option
@click.option(
    "--digits16", is_flag=True, help="The weak 16-digit form of older callers; needs SEATGUARD_KEY_PEPPER."
)
@operation
def create(
    session: Session,
    project: str | None,
    management: bool,
    scopes: tuple[str, ...],
    name: str | None,
    mode: str,
    digits16: bool,
) -> None:
    """Make a key for a project, or one to manage with. It is shown once, here and now."""
    _check_kind(project, management)
    if management:
        named = "management key" if name is None else name
        _show_new(session, session.engine.management.add(session.actor, name=named, scopes=scopes))
        return
    if scopes or name is not None:
        raise click.UsageError("--scope and --name go with --management")
    of = session.project(str(project)).id
    _show_new(session, session.engine.projects.add_key(session.actor, of, mode=mode, digits16=digits16))


@key.command("list")
@click.argument("project", required=False)
@management_option
@operation
def list_(session: Session, project: str | None, management: bool) -> None:
    """The project's keys, or those that manage; revoked ones included."""
    _check_kind(project, management)
    if management:
        found = whole(partial(session.engine.management.list, session.actor))
        names = ["prefix", "last4", "name", "state", "scopes", "created", "ends", "last_used", "id"]
        listing(names, [_row(session, one) for one in found], json=session.json, empty="no keys yet")
        return
    project = str(project)
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
    old = _found(session, key)
    if isinstance(old, ManagementKey):
        _show_new(session, session.engine.management.rotate(session.actor, old.id, overlap=overlap))
    else:
        _show_new(session, session.engine.projects.rotate_key(session.actor, old.id, overlap=overlap))


@key.command()
@click.argument("key")
@operation
def revoke(session: Session, key: str) -> None:
    """Stop a key at once."""
    found = _found(session, key)
    if isinstance(found, ManagementKey):
        show(_row(session, session.engine.management.revoke(session.actor, found.id)), json=session.json)
    else:
        show(_row(session, session.engine.projects.revoke_key(session.actor, found.id)), json=session.json)


def _check_kind(project: str | None, management: bool) -> None:
    if management is (project is not None):
        raise click.UsageError("name a project, or give --management and no project")


def _found(session: Session, key: str) -> ProjectKey | ManagementKey:
    """A key of either kind: prefixes tell which, ids are looked for in both."""
    if not key.startswith(f"sg_{keys.MANAGEMENT}_"):
        try:
            return session.engine.projects.find_key(session.actor, key)
        except NotFound as error:
            if error.kind != "project key":
                raise
    try:
        return session.engine.management.find(session.actor, key)
    except NotFound as error:
        raise NotFound("key", key) from error


def _show_new(session: Session, new: NewKey | NewManagementKey) -> None:
    if session.json:
        click.echo(as_json({"api_key": new.secret.reveal(), **_row(session, new.record)}))
        return
    click.echo(f"{new.secret.reveal()}\n\nThis key is shown once and kept nowhere: put it away now.")


def _row(session: Session, one: ProjectKey | ManagementKey) -> dict[str, object]:
    live = is_live(one, session.engine.clock())
    own: dict[str, object]
    if isinstance(one, ManagementKey):
        used = one.last_used_at.isoformat(timespec="seconds") if one.last_used_at else None
        own = {"name": one.name, "scopes": list(one.scopes), "last_used": used}
    else:
        own = {"mode": one.mode}
    return {
        "id": one.id,
        "prefix": one.prefix,
        "last4": one.last4,
        **own,
        "state": "live" if live else "revoked" if one.revoked_at else "ended",
        "created": one.created_at.isoformat(timespec="seconds"),
        "ends": one.expires_at.isoformat(timespec="seconds") if one.expires_at else None,
    }
