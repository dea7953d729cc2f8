"""Search over everything: a page of its own, and the same as JSON for the palette."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, jsonify, request

from seatguard.errors import InvalidInput, NotFound
from seatguard.projects.model import ProjectKey
from seatguard.reports.model import ServiceSearch
from seatguard_admin.desk import Desk
from seatguard_admin.forms import list_value
from seatguard_admin.registry import Pages

pages = Pages()

MOST = 12
"""Hits of one search."""
KEY = "sg_"
"""How every API key begins."""
SHOWN = 12
"""Characters of a key that are shown of it."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing found."""

    kind: str
    name: str
    hint: str
    url: str


@pages.get("/search", needs="services.read")
def search(desk: Desk) -> Response:
    """Clients, projects, services, plans and keys whose name begins with the words, and pages."""
    q = list_value("q")
    hits = found(desk, q) if q else []
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return jsonify(
            [{"kind": hit.kind, "name": hit.name, "hint": hit.hint, "url": hit.url} for hit in hits]
        )
    return desk.show("search.html", q=q, hits=hits)


def found(desk: Desk, q: str) -> list[Hit]:
    """What the reader may see of it, at most twelve."""
    engine, me, t = desk.engine, desk.actor, desk.t
    hits = [hit for hit in _places(desk) if q.lower() in hit.name.lower()]
    sees_projects = desk.can("projects.read")
    if q.startswith(KEY) and sees_projects:
        hits += _keys(desk, q)
    for client in engine.reports.clients(me, q=q, limit=4).items if desk.can("clients.read") else ():
        hint = client.client.external_id or ""
        hits.append(Hit(t("Client"), client.client.name, hint, desk.url("client", client=client.client.id)))
    for project in engine.reports.projects(me, q=q, limit=4).items if sees_projects else ():
        url = desk.url("project", project=project.project.id)
        hits.append(Hit(t("Project"), project.project.name, project.client_name, url))
    for row in engine.reports.services(me, ServiceSearch(q=q), limit=4).items:
        url = desk.url("service", service=row.subscription.id)
        hint = f"{row.client_name} › {row.project_name}"
        hits.append(Hit(t("Service"), f"{row.subscription.type} #{row.subscription.number}", hint, url))
    for project_id in engine.projects.at_host(me, q) if "." in q and sees_projects else ():
        hits.append(Hit(t("Domain"), q, "", desk.url("project", project=project_id, tab="domains")))
    if len(q) > 7 and desk.can("journal.read"):
        hits.append(Hit(t("Request"), q, t("in the activity log"), desk.url("activity", q=q, range="all")))
    return hits[:MOST]


def _places(desk: Desk) -> list[Hit]:
    from seatguard_admin.shown import Shown

    go = desk.t("Page")
    return [Hit(go, link.label, "", link.url) for _, links in Shown(desk).nav() for link in links]


def key_of(desk: Desk, q: str) -> ProjectKey | None:
    """A key by the beginning that is shown of it; what else was typed is not looked at."""
    try:
        return desk.engine.projects.find_key(desk.actor, q[:SHOWN])
    except (NotFound, InvalidInput):
        return None


def _keys(desk: Desk, q: str) -> list[Hit]:
    key = key_of(desk, q)
    if key is None:
        return []
    url = desk.url("project", project=key.project, tab="keys")
    return [Hit(desk.t("API key"), f"{key.prefix}…", "", url)]
