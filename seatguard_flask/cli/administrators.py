"""``seatguard admin``: who may sign in to the admin pages."""

from __future__ import annotations

import secrets
import sys
from functools import partial

import click

from seatguard.administrators.model import Administrator, Role
from seatguard.manifest.paging import whole
from seatguard_flask.cli.output import listing, show
from seatguard_flask.cli.session import Session, operation

_role = click.Choice([role.value for role in Role])
_password = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input.  [default: one is made]"
)


@click.group()
def admin() -> None:
    """Administrators: create, list, give a password or a role, switch off and on.

    For the admin pages' own sign-in; a host that has accounts of its own needs none of this.
    """


@admin.command()
@click.argument("name")
@click.option("--role", type=_role, default=Role.OWNER.value, show_default=True, help="What NAME may do.")
@_password
@operation
def create(session: Session, name: str, role: str, password_stdin: bool) -> None:
    """Let NAME sign in. The password is shown once, if one is made."""
    password, shown = _read(password_stdin)
    made = session.engine.administrators.add(session.actor, name=name, password=password, role=role)
    show(_row(made) | shown, json=session.json)


@admin.command("list")
@operation
def list_(session: Session) -> None:
    """All administrators, in the order they were added."""
    rows = [_row(one) for one in whole(partial(session.engine.administrators.list, session.actor))]
    listing(["name", "role", "active"], rows, json=session.json, empty="no administrators yet")


@admin.command()
@click.argument("name")
@_password
@operation
def password(session: Session, name: str, password_stdin: bool) -> None:
    """Give NAME another password; sessions begun before are over."""
    given, shown = _read(password_stdin)
    changed = session.engine.administrators.set_password(session.actor, name, password=given)
    show(_row(changed) | shown, json=session.json)


@admin.command()
@click.argument("name")
@click.argument("role", type=_role)
@operation
def role(session: Session, name: str, role: str) -> None:
    """Give NAME another role; it counts from the next request on."""
    show(_row(session.engine.administrators.set_role(session.actor, name, role=role)), json=session.json)


@admin.command()
@click.argument("name")
@operation
def deactivate(session: Session, name: str) -> None:
    """Let NAME sign in no more, and end the sessions."""
    show(_row(session.engine.administrators.deactivate(session.actor, name)), json=session.json)


@admin.command()
@click.argument("name")
@operation
def reactivate(session: Session, name: str) -> None:
    """Let NAME sign in again."""
    show(_row(session.engine.administrators.reactivate(session.actor, name)), json=session.json)


def _read(from_stdin: bool) -> tuple[str, dict[str, str]]:
    """The password to use, and what to show of it."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\n"), {}
    made = secrets.token_urlsafe(15)
    return made, {"password": made}


def _row(one: Administrator) -> dict[str, object]:
    return {"name": one.name, "role": one.role.value, "active": one.active, "id": one.id}
