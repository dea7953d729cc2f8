"""``seatguard client``: the customers."""

from __future__ import annotations

from functools import partial

import click

from seatguard.clients.model import Client, ClientState
from seatguard.manifest.paging import whole
from seatguard_flask.cli.output import listing, show
from seatguard_flask.cli.session import Session, operation


@click.group()
def client() -> None:
    """Clients: add, list, suspend, resume, archive.

    A CLIENT is named by its external id, its id, or its name if no other has it.
    """


@client.command()
@click.argument("name")
@click.option("--external-id", metavar="ID", help="What the client is called in your own system; unique.")
@operation
def add(session: Session, name: str, external_id: str | None) -> None:
    """Keep a new client."""
    _show(session, session.engine.clients.add(session.actor, name=name, external_id=external_id))


@client.command("list")
@click.option(
    "--state", type=click.Choice([state.value for state in ClientState]), help="Only clients in this state."
)
@operation
def list_(session: Session, state: str | None) -> None:
    """All clients, in the order they were added."""
    wanted = None if state is None else ClientState(state)
    rows = [_row(one) for one in whole(partial(session.engine.clients.list, session.actor, state=wanted))]
    listing(["name", "external_id", "state", "id"], rows, json=session.json, empty="no clients yet")


@client.command()
@click.argument("client")
@operation
def suspend(session: Session, client: str) -> None:
    """Stop honouring the client's keys. Seats stay as they are."""
    _show(session, session.engine.clients.suspend(session.actor, session.client(client).id))


@client.command()
@click.argument("client")
@operation
def resume(session: Session, client: str) -> None:
    """Honour the client's keys again."""
    _show(session, session.engine.clients.resume(session.actor, session.client(client).id))


@client.command()
@click.argument("client")
@operation
def archive(session: Session, client: str) -> None:
    """Stop honouring the client's keys and take it out of sight. Nothing is removed."""
    _show(session, session.engine.clients.archive(session.actor, session.client(client).id))


def _show(session: Session, one: Client) -> None:
    show(_row(one), json=session.json)


def _row(one: Client) -> dict[str, object]:
    return {"id": one.id, "name": one.name, "external_id": one.external_id, "state": one.state.value}
