"""Project keys: list, make, rotate, revoke."""

from __future__ import annotations

import datetime as dt
from typing import Any

from seatguard.management.model import ManagementKey, Manager
from seatguard.projects.model import NewKey, ProjectKey
from seatguard.projects.rules import is_live
from seatguard_flask import reading, replies
from seatguard_flask.exchange import Exchange
from seatguard_flask.problems import problem_shape
from seatguard_flask.replies import Answer
from seatguard_flask.routes import Reply, Route
from seatguard_flask.schemas.admin.keys import AddKey, KeyBody, KeyList, NewKeyBody, RotateKey
from seatguard_flask.views.admin import answering
from seatguard_flask.views.admin.answering import ID, SINCE

READ, WRITE = "admin:keys:read", "admin:keys:write"


def list_keys(exchange: Exchange, manager: Manager, project_id: str) -> Answer:
    """The keys of a project."""
    exchange.engine.projects.get(manager.actor, project_id)
    found = exchange.engine.projects.keys(manager.actor, project_id)
    return answering.one({"items": [_told(exchange, key) for key in found]})


def add(exchange: Exchange, manager: Manager, project_id: str) -> Answer:
    """Make a key; its secret is in the answer and nowhere else."""
    asked = reading.members(exchange, AddKey)
    made = exchange.engine.projects.add_key(manager.actor, project_id, mode=asked.mode)
    return _new(exchange, made)


def get(exchange: Exchange, manager: Manager, key_id: str) -> Answer:
    """One key."""
    return answering.one(_told(exchange, exchange.engine.projects.find_key(manager.actor, key_id)))


def rotate(exchange: Exchange, manager: Manager, key_id: str) -> Answer:
    """Make a new key in the place of an old one."""
    overlap = overlap_of(reading.members(exchange, RotateKey))
    old = exchange.engine.projects.find_key(manager.actor, key_id)
    return _new(exchange, exchange.engine.projects.rotate_key(manager.actor, old.id, overlap=overlap))


def revoke(exchange: Exchange, manager: Manager, key_id: str) -> Answer:
    """Stop a key."""
    found = exchange.engine.projects.find_key(manager.actor, key_id)
    exchange.engine.projects.revoke_key(manager.actor, found.id)
    return answering.nothing()


def overlap_of(asked: RotateKey) -> dt.timedelta:
    """How long the old key goes on. More than a timedelta can hold is more than any rule allows."""
    return dt.timedelta(seconds=max(-1, min(asked.overlap, 10**9)))


def ending(exchange: Exchange, key: ProjectKey | ManagementKey) -> dict[str, Any]:
    """Whether a key lives, and since when or until when it does."""
    live = is_live(key, exchange.engine.clock())
    return {
        "state": "live" if live else "revoked" if key.revoked_at else "ended",
        "created_at": replies.instant(key.created_at),
        "expires_at": replies.instant(key.expires_at),
        "revoked_at": replies.instant(key.revoked_at),
    }


def _new(exchange: Exchange, made: NewKey) -> Answer:
    return answering.one(
        {**_told(exchange, made.record), "api_key": made.secret.reveal()},
        status=201,
    )


def _told(exchange: Exchange, key: ProjectKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "project_id": key.project,
        "mode": key.mode,
        "format": key.format,
        "prefix": key.prefix,
        "last4": key.last4,
        **ending(exchange, key),
    }


_EXAMPLE = {
    "id": ID,
    "project_id": ID,
    "mode": "live",
    "format": "sg",
    "prefix": "sg_live_AbCd",
    "last4": "wXyZ",
    "state": "live",
    "created_at": SINCE,
    "expires_at": None,
    "revoked_at": None,
}
_LINKS = {name: {"key_id": "$response.body#/id"} for name in ("get_key", "rotate_key", "revoke_key")}
_NEW = Reply(
    status=201,
    description="The key, with its secret: it is shown once, here. A retry makes another one.",
    model=NewKeyBody,
    examples={"key": {**_EXAMPLE, "api_key": "sg_live_AbCd..."}},
    links=_LINKS,
)

ROUTES = (
    Route(
        tag="admin_keys",
        method="GET",
        rule="/admin/projects/<path:project_id>/keys",
        name="list_project_keys",
        handler=list_keys,
        shape=problem_shape,
        summary="List a project's keys.",
        description="Revoked and ended ones included.",
        answers=(Reply(status=200, description="The keys.", model=KeyList),),
        keyed=False,
        scope=READ,
    ),
    Route(
        tag="admin_keys",
        method="POST",
        rule="/admin/projects/<path:project_id>/keys",
        name="add_project_key",
        handler=add,
        shape=problem_shape,
        summary="Make a key for a project.",
        description="Two live keys of one mode at most.",
        body=AddKey,
        example={"mode": "live"},
        answers=(_NEW,),
        codes=("too_many_keys",),
        keyed=False,
        scope=WRITE,
    ),
    Route(
        tag="admin_keys",
        method="GET",
        rule="/admin/keys/<path:key_id>",
        name="get_key",
        handler=get,
        shape=problem_shape,
        summary="One key.",
        description="By its id, or by the prefix that is shown of it.",
        answers=(Reply(status=200, description="The key.", model=KeyBody, examples={"key": _EXAMPLE}),),
        keyed=False,
        scope=READ,
    ),
    Route(
        tag="admin_keys",
        method="POST",
        rule="/admin/keys/<path:key_id>/rotate",
        name="rotate_key",
        handler=rotate,
        shape=problem_shape,
        summary="Make a new key in the place of an old one.",
        description="The old one goes on for `overlap` seconds, a day unless told otherwise.",
        body=RotateKey,
        example={"overlap": 3600},
        answers=(_NEW,),
        codes=("too_many_keys", "key_not_live"),
        keyed=False,
        scope=WRITE,
    ),
    Route(
        tag="admin_keys",
        method="DELETE",
        rule="/admin/keys/<path:key_id>",
        name="revoke_key",
        handler=revoke,
        shape=problem_shape,
        summary="Stop a key.",
        description="Twice is once. Other processes may honour it for a second more.",
        answers=(Reply(status=204, description="The key is revoked.", model=None),),
        keyed=False,
        scope=WRITE,
    ),
)
