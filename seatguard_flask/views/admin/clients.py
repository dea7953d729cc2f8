"""Clients: list, add, rename, suspend, resume, archive."""

from __future__ import annotations

from typing import Any

from seatguard.clients.model import Client, ClientState
from seatguard.management.model import Manager
from seatguard_flask import reading, replies
from seatguard_flask.exchange import Exchange
from seatguard_flask.idempotency import made_once
from seatguard_flask.problems import problem_shape
from seatguard_flask.replies import Answer
from seatguard_flask.routes import Reply, Route
from seatguard_flask.schemas.admin.asking import Nothing
from seatguard_flask.schemas.admin.clients import AddClient, ChangeClient, ClientBody, ClientPage, ListClients
from seatguard_flask.views.admin import answering
from seatguard_flask.views.admin.answering import ID, SINCE

READ, WRITE = "admin:clients:read", "admin:clients:write"


def list_clients(exchange: Exchange, manager: Manager) -> Answer:
    """One page of clients."""
    asked = reading.parameters(exchange, ListClients)
    state = None if asked.state is None else ClientState(asked.state)
    found = exchange.engine.clients.list(manager.actor, state=state, limit=asked.limit, after=asked.after)
    return answering.page(found, told)


def add(exchange: Exchange, manager: Manager) -> Answer:
    """Add a client."""
    asked = reading.members(exchange, AddClient)
    return made_once(
        exchange,
        manager.actor,
        "POST /admin/clients",
        asked.model_dump(),
        lambda seal: exchange.engine.clients.add(
            manager.actor, name=asked.name, external_id=asked.external_id, seal=seal
        ),
        lambda client: (201, replies.encode(told(client))),
    )


def get(exchange: Exchange, manager: Manager, client_id: str) -> Answer:
    """One client."""
    return answering.one(told(exchange.engine.clients.get(manager.actor, client_id)))


def change(exchange: Exchange, manager: Manager, client_id: str) -> Answer:
    """Rename a client."""
    asked = reading.members(exchange, ChangeClient)
    renamed = exchange.engine.clients.rename(manager.actor, client_id, name=asked.name, version=asked.version)
    return answering.one(told(renamed))


def suspend(exchange: Exchange, manager: Manager, client_id: str) -> Answer:
    """Stop honouring the client's keys."""
    reading.members(exchange, Nothing)
    return answering.one(told(exchange.engine.clients.suspend(manager.actor, client_id)))


def resume(exchange: Exchange, manager: Manager, client_id: str) -> Answer:
    """Honour the client's keys again."""
    reading.members(exchange, Nothing)
    return answering.one(told(exchange.engine.clients.resume(manager.actor, client_id)))


def archive(exchange: Exchange, manager: Manager, client_id: str) -> Answer:
    """Take the client out of sight."""
    exchange.engine.clients.archive(manager.actor, client_id)
    return answering.nothing()


def told(client: Client) -> dict[str, Any]:
    """A client as it is answered."""
    return {
        "id": client.id,
        "name": client.name,
        "external_id": client.external_id,
        "state": client.state.value,
        "created_at": replies.instant(client.created_at),
        "version": client.version,
    }


_EXAMPLE = {
    "id": ID,
    "name": "Acme Ltd",
    "external_id": "crm-17",
    "state": "active",
    "created_at": SINCE,
    "version": 1,
}
_LINKS = {
    "get_client": {"client_id": "$response.body#/id"},
    "change_client": {"client_id": "$response.body#/id"},
    "archive_client": {"client_id": "$response.body#/id"},
}
_ONE = Reply(status=200, description="The client.", model=ClientBody, examples={"client": _EXAMPLE})

ROUTES = (
    Route(
        tag="admin_clients",
        method="GET",
        rule="/admin/clients",
        name="list_clients",
        handler=list_clients,
        shape=problem_shape,
        summary="List clients.",
        query=ListClients,
        answers=(Reply(status=200, description="One page.", model=ClientPage),),
        keyed=False,
        scope=READ,
    ),
    Route(
        tag="admin_clients",
        method="POST",
        rule="/admin/clients",
        name="add_client",
        handler=add,
        shape=problem_shape,
        summary="Add a client.",
        body=AddClient,
        example={"name": "Acme Ltd", "external_id": "crm-17"},
        answers=(
            Reply(
                status=201,
                description="The client is there.",
                model=ClientBody,
                examples={"client": _EXAMPLE},
                links=_LINKS,
            ),
        ),
        codes=("external_id_taken",),
        keyed=False,
        scope=WRITE,
        once=True,
    ),
    Route(
        tag="admin_clients",
        method="GET",
        rule="/admin/clients/<path:client_id>",
        name="get_client",
        handler=get,
        shape=problem_shape,
        summary="One client.",
        answers=(_ONE,),
        keyed=False,
        scope=READ,
    ),
    Route(
        tag="admin_clients",
        method="PATCH",
        rule="/admin/clients/<path:client_id>",
        name="change_client",
        handler=change,
        shape=problem_shape,
        summary="Rename a client.",
        body=ChangeClient,
        example={"name": "Acme GmbH", "version": 1},
        answers=(_ONE,),
        codes=("version_conflict",),
        keyed=False,
        scope=WRITE,
    ),
    Route(
        tag="admin_clients",
        method="DELETE",
        rule="/admin/clients/<path:client_id>",
        name="archive_client",
        handler=archive,
        shape=problem_shape,
        summary="Archive a client.",
        description="Its keys identify nobody any more. Nothing is removed; resuming brings it back.",
        answers=(Reply(status=204, description="The client is archived.", model=None),),
        keyed=False,
        scope=WRITE,
    ),
    Route(
        tag="admin_clients",
        method="POST",
        rule="/admin/clients/<path:client_id>/suspend",
        name="suspend_client",
        handler=suspend,
        shape=problem_shape,
        summary="Stop honouring a client's keys.",
        description="Seats stay as they are.",
        body=Nothing,
        example={},
        answers=(_ONE,),
        codes=("transition_not_allowed",),
        keyed=False,
        scope=WRITE,
    ),
    Route(
        tag="admin_clients",
        method="POST",
        rule="/admin/clients/<path:client_id>/resume",
        name="resume_client",
        handler=resume,
        shape=problem_shape,
        summary="Honour a client's keys again.",
        body=Nothing,
        example={},
        answers=(_ONE,),
        keyed=False,
        scope=WRITE,
    ),
)
