"""Management keys: list, make, rotate, revoke. Nobody hands out more than they have."""

from __future__ import annotations

from typing import Any

from seatguard.management.model import ManagementKey, Manager, NewManagementKey
from seatguard_flask import reading, replies
from seatguard_flask.exchange import Exchange
from seatguard_flask.problems import problem_shape
from seatguard_flask.replies import Answer
from seatguard_flask.routes import Reply, Route
from seatguard_flask.schemas.admin.asking import Paged
from seatguard_flask.schemas.admin.keys import (
    AddManagementKey,
    ManagementKeyBody,
    ManagementKeyPage,
    NewManagementKeyBody,
    RotateKey,
)
from seatguard_flask.views.admin import answering
from seatguard_flask.views.admin.answering import ID, SINCE
from seatguard_flask.views.admin.keys import ending, overlap_of

READ, WRITE = "admin:management-keys:read", "admin:management-keys:write"


def list_keys(exchange: Exchange, manager: Manager) -> Answer:
    """One page of management keys."""
    asked = reading.parameters(exchange, Paged)
    found = exchange.engine.management.list(manager.actor, limit=asked.limit, after=asked.after)
    return answering.page(found, lambda key: _told(exchange, key))


def add(exchange: Exchange, manager: Manager) -> Answer:
    """Make a key within the scopes of who asks."""
    asked = reading.members(exchange, AddManagementKey)
    made = exchange.engine.management.add(
        manager.actor, name=asked.name, scopes=asked.scopes, within=manager.scopes
    )
    return _new(exchange, made)


def get(exchange: Exchange, manager: Manager, key_id: str) -> Answer:
    """One key."""
    return answering.one(_told(exchange, exchange.engine.management.find(manager.actor, key_id)))


def rotate(exchange: Exchange, manager: Manager, key_id: str) -> Answer:
    """Make a new key in the place of an old one, which may do no more than who asks."""
    overlap = overlap_of(reading.members(exchange, RotateKey))
    old = exchange.engine.management.find(manager.actor, key_id)
    made = exchange.engine.management.rotate(manager.actor, old.id, overlap=overlap, within=manager.scopes)
    return _new(exchange, made)


def revoke(exchange: Exchange, manager: Manager, key_id: str) -> Answer:
    """Stop a key, also one that may do more."""
    found = exchange.engine.management.find(manager.actor, key_id)
    exchange.engine.management.revoke(manager.actor, found.id)
    return answering.nothing()


def _new(exchange: Exchange, made: NewManagementKey) -> Answer:
    secret = made.secret.reveal()
    return answering.one({**_told(exchange, made.record), "api_key": secret}, status=201)


def _told(exchange: Exchange, key: ManagementKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "line": key.line,
        "name": key.name,
        "scopes": list(key.scopes),
        "prefix": key.prefix,
        "last4": key.last4,
        **ending(exchange, key),
        "last_used_at": replies.instant(key.last_used_at),
    }


_EXAMPLE = {
    "id": ID,
    "line": ID,
    "name": "billing job",
    "scopes": ["admin:services:read"],
    "prefix": "sg_mgmt_AbCd",
    "last4": "wXyZ",
    "state": "live",
    "created_at": SINCE,
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": None,
}
_LINKS = {f"{verb}_management_key": {"key_id": "$response.body#/id"} for verb in ("get", "rotate", "revoke")}
_NEW = Reply(
    status=201,
    description="The key, with its secret: it is shown once, here. A retry makes another one.",
    model=NewManagementKeyBody,
    examples={"key": {**_EXAMPLE, "api_key": "sg_mgmt_AbCd..."}},
    links=_LINKS,
)

ROUTES = (
    Route(
        tag="admin_management_keys",
        method="GET",
        rule="/admin/management-keys",
        name="list_management_keys",
        handler=list_keys,
        shape=problem_shape,
        summary="List management keys.",
        description="Revoked and ended ones included.",
        query=Paged,
        answers=(Reply(status=200, description="One page.", model=ManagementKeyPage),),
        keyed=False,
        scope=READ,
    ),
    Route(
        tag="admin_management_keys",
        method="POST",
        rule="/admin/management-keys",
        name="add_management_key",
        handler=add,
        shape=problem_shape,
        summary="Make a management key.",
        description="Its scopes must lie within those of whoever asks: 403 names the ones that do not.",
        body=AddManagementKey,
        example={"name": "billing job", "scopes": ["admin:services:read"]},
        answers=(_NEW,),
        codes=("unknown_scope",),
        keyed=False,
        scope=WRITE,
    ),
    Route(
        tag="admin_management_keys",
        method="GET",
        rule="/admin/management-keys/<path:key_id>",
        name="get_management_key",
        handler=get,
        shape=problem_shape,
        summary="One management key.",
        description="By its id, or by the prefix that is shown of it.",
        answers=(
            Reply(status=200, description="The key.", model=ManagementKeyBody, examples={"key": _EXAMPLE}),
        ),
        keyed=False,
        scope=READ,
    ),
    Route(
        tag="admin_management_keys",
        method="POST",
        rule="/admin/management-keys/<path:key_id>/rotate",
        name="rotate_management_key",
        handler=rotate,
        shape=problem_shape,
        summary="Make a new key in the place of an old one.",
        description="With its name and scopes. The old one goes on for `overlap` seconds, a day by default.",
        body=RotateKey,
        example={"overlap": 3600},
        answers=(_NEW,),
        codes=("too_many_keys", "key_not_live"),
        keyed=False,
        scope=WRITE,
    ),
    Route(
        tag="admin_management_keys",
        method="DELETE",
        rule="/admin/management-keys/<path:key_id>",
        name="revoke_management_key",
        handler=revoke,
        shape=problem_shape,
        summary="Stop a management key.",
        description="At once, in every process. Twice is once.",
        answers=(Reply(status=204, description="The key is revoked.", model=None),),
        keyed=False,
        scope=WRITE,
    ),
)
