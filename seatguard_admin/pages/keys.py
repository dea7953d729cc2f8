"""API keys of a project: shown once, rotated with an overlap, revoked by typing their beginning."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from flask import Response

from seatguard.keys import ApiKey
from seatguard.projects.model import Project, ProjectKey
from seatguard.projects.rules import is_live
from seatguard_admin.desk import Desk
from seatguard_admin.forms import Field, Form, handle
from seatguard_admin.registry import Pages

pages = Pages()


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key and whether it still identifies its project."""

    key: ProjectKey
    live: bool


def key_rows(desk: Desk, project: str) -> list[KeyRow]:
    """A project's keys, the newest first."""
    keys = desk.engine.projects.keys(desk.actor, project)
    return [KeyRow(key, is_live(key, desk.now)) for key in reversed(keys)]


@pages.form("/projects/<project>/keys/new", needs="keys.write")
def key_new(desk: Desk, project: str) -> Response:
    """Make a key; the answer shows it, and nothing ever again."""
    t, one = desk.t, desk.engine.projects.get(desk.actor, project)
    form = Form(
        title=t("New API key"),
        intro=t("For the project %(name)s. At most two live keys of each mode.", name=one.name),
        button=t("Create key"),
        once=True,
        again=t("Already created. Rotate to get a new key."),
        back=_back(desk, one),
        crumbs=_crumbs(desk, one),
        fields=[
            Field(
                name="mode",
                label=t("Mode"),
                kind="radio",
                value="live",
                options=[("live", t("Live")), ("test", t("Test: sees test services only"))],
            )
        ],
    )

    def act(form: Form) -> Response:
        made = desk.engine.projects.add_key(desk.actor, one.id, mode=form.text("mode"))
        return _reveal(desk, one, made.secret, t("Copy the API key now"))

    return handle(desk, form, act)


@pages.form("/projects/<project>/keys/<key>/rotate", needs="keys.write")
def key_rotate(desk: Desk, project: str, key: str) -> Response:
    """Make a key in the place of another, which goes on for a while."""
    t, one = desk.t, desk.engine.projects.get(desk.actor, project)
    old = desk.engine.projects.find_key(desk.actor, key)
    form = Form(
        title=t("Rotate %(key)s…", key=old.prefix),
        intro=t("A new key is made. When should the old one stop?"),
        button=t("Rotate key"),
        once=True,
        again=t("Already created. Rotate to get a new key."),
        back=_back(desk, one),
        crumbs=_crumbs(desk, one),
        fields=[
            Field(
                name="overlap",
                label=t("The old key stops"),
                kind="radio",
                value="24",
                options=[
                    ("0", t("at once (it has leaked)")),
                    ("1", t("in 1 hour")),
                    ("24", t("in 24 hours")),
                    ("48", t("in 48 hours")),
                    ("168", t("in 7 days")),
                ],
            )
        ],
    )

    def act(form: Form) -> Response:
        overlap = dt.timedelta(hours=form.number("overlap") or 0)
        made = desk.engine.projects.rotate_key(desk.actor, old.id, overlap=overlap)
        return _reveal(desk, one, made.secret, t("Copy the new API key now"))

    return handle(desk, form, act)


@pages.form("/projects/<project>/keys/<key>/revoke", needs="keys.write")
def key_revoke(desk: Desk, project: str, key: str) -> Response:
    """Stop a key at once."""
    t, one = desk.t, desk.engine.projects.get(desk.actor, project)
    old = desk.engine.projects.find_key(desk.actor, key)
    form = Form(
        title=t("Revoke %(key)s…?", key=old.prefix),
        intro=t("Every call with this key is refused from now on. This cannot be undone."),
        button=t("Revoke key"),
        danger=True,
        back=_back(desk, one),
        crumbs=_crumbs(desk, one),
        fields=[
            Field(
                name="confirm",
                label=t("Type the beginning of the key to go on: %(name)s", name=old.prefix),
                kind="typed",
                typed=old.prefix,
                required=True,
            )
        ],
    )

    def act(_: Form) -> Response:
        desk.engine.projects.revoke_key(desk.actor, old.id)
        return desk.go_to(_back(desk, one), said=t("Revoked the key %(key)s….", key=old.prefix))

    return handle(desk, form, act)


def _reveal(desk: Desk, project: Project, secret: ApiKey, title: str) -> Response:
    """The one page that shows a key: the answer to the very request that made it."""
    return desk.show(
        "key_shown.html", title=title, project=project, key=secret.reveal(), back=_back(desk, project)
    )


def _back(desk: Desk, project: Project) -> str:
    return desk.url("project", project=project.id, tab="keys")


def _crumbs(desk: Desk, project: Project) -> list[tuple[str, str]]:
    client = desk.engine.clients.get(desk.actor, project.client)
    return [
        (client.name, desk.url("client", client=client.id)),
        (project.name, desk.url("project", project=project.id)),
    ]
