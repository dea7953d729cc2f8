"""Clients: list, detail, and what may be done to them."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from seatguard.clients.model import Client, ClientState
from seatguard.journal.ports import Search
from seatguard.reports.model import ClientView, ServiceSearch, View
from seatguard_admin.desk import Desk
from seatguard_admin.exports import CSV, XLSX, file
from seatguard_admin.forms import Field, Form, handle, list_value
from seatguard_admin.lists import Tab, paged
from seatguard_admin.pages.views import saved
from seatguard_admin.registry import Pages
from seatguard_admin.shown import Shown
from seatguard_admin.told import older_archived, told

pages = Pages()

LISTED = 20
"""Services that an archive form names before it says how many more."""


@pages.get("/clients", needs="clients.read")
def clients(desk: Desk) -> Response:
    """All clients."""
    reports, me, shown = desk.engine.reports, desk.actor, Shown(desk)
    view, q = _view(), list_value("q")
    words = {
        ClientView.ALL: desk.t("All"),
        ClientView.SUSPENDED: desk.t("Suspended"),
        ClientView.ARCHIVED: desk.t("Archived"),
    }
    tabs = [
        Tab(
            label,
            shown.here(view=None if one is ClientView.ALL else one.value),
            one is view,
            shown.count(reports.count_clients(me, view=one, q=q)),
        )
        for one, label in words.items()
    ]
    page = paged(
        desk,
        lambda limit, after, before: reports.clients(
            me, view=view, q=q, limit=limit, after=after, before=before
        ),
    )
    return desk.show(
        "clients.html",
        region=("sg-list", "clients_list.html"),
        page=page,
        tabs=tabs,
        own=saved(desk, "clients"),
        view=view,
        q=q,
    )


@pages.get("/clients.csv", needs="clients.read")
def clients_csv(desk: Desk) -> Response:
    """Exactly the clients of the present filter."""
    return _file(desk, CSV)


@pages.get("/clients.xlsx", needs="clients.read")
def clients_xlsx(desk: Desk) -> Response:
    """The same for Excel."""
    return _file(desk, XLSX)


def _file(desk: Desk, kind: str) -> Response:
    rows = (
        [
            row.client.name,
            row.client.external_id,
            row.client.state.value,
            row.projects,
            row.services,
            row.seats,
            row.limit,
            row.next_expiry,
            row.client.created_at.isoformat(),
        ]
        for row in desk.engine.reports.every_client(desk.actor, view=_view(), q=list_value("q"))
    )
    columns = [
        "client",
        "external_id",
        "state",
        "projects",
        "services",
        "seats",
        "limit",
        "next_expiry",
        "created",
    ]
    return file(desk, kind, "clients", columns, rows)


@pages.form("/clients/new", needs="clients.write")
def client_new(desk: Desk) -> Response:
    """Add a client."""
    t = desk.t
    form = Form(
        title=t("New client"),
        button=t("Create client"),
        back=desk.url("clients"),
        once=True,
        crumbs=[(t("Clients"), desk.url("clients"))],
        fields=[
            Field(name="name", label=t("Name"), required=True),
            Field(
                name="external_id",
                label=t("External id"),
                hint=t("What your own system calls this client. Unique; may stay empty."),
            ),
        ],
    )

    def act(form: Form) -> Response:
        made = desk.engine.clients.add(
            desk.actor, name=form.text("name"), external_id=form.optional("external_id")
        )
        return desk.go("client", client=made.id, said=t("Created the client %(name)s.", name=made.name))

    return handle(desk, form, act)


@pages.get("/clients/<client>", needs="clients.read")
def client(desk: Desk, client: str) -> Response:
    """One client: its projects and services, and what happened."""
    engine, me, t = desk.engine, desk.actor, desk.t
    one = engine.clients.get(me, client)
    tab = request.args.get("tab", "services")
    search = ServiceSearch(client=one.id)
    tabs = [
        Tab(t("Services"), desk.url("client", client=one.id), tab not in ("projects", "activity")),
        Tab(t("Projects"), desk.url("client", client=one.id, tab="projects"), tab == "projects"),
    ]
    if desk.can("journal.read"):
        tabs.append(Tab(t("Activity"), desk.url("client", client=one.id, tab="activity"), tab == "activity"))
    row = engine.reports.client(me, one.id)
    values: dict[str, Any] = {"client": one, "row": row, "tabs": tabs, "tab": tab}
    if tab == "projects":
        listing = paged(
            desk,
            lambda limit, after, before: engine.reports.projects(
                me, client=one.id, limit=limit, after=after, before=before
            ),
        )
        return desk.show("client.html", page=listing, **values)
    if tab == "activity" and desk.can("journal.read"):
        entries = engine.journal.search(me, Search(stream=one.id), limit=desk.preferences.rows).items
        values |= {"entries": told(desk, entries), "archived": older_archived(desk, entries)}
        return desk.show("client.html", **values)
    if one.state is ClientState.ARCHIVED:
        search = ServiceSearch(client=one.id, view=View.ARCHIVED)
    services = paged(
        desk,
        lambda limit, after, before: engine.reports.services(
            me, search, limit=limit, after=after, before=before
        ),
    )
    return desk.show("client.html", page=services, **values)


@pages.form("/clients/<client>/edit", needs="clients.write")
def client_edit(desk: Desk, client: str) -> Response:
    """Give a client another name."""
    t, one = desk.t, desk.engine.clients.get(desk.actor, client)
    form = Form(
        title=t("Rename %(name)s", name=one.name),
        button=t("Rename client"),
        back=desk.url("client", client=one.id),
        version=one.version,
        crumbs=_crumbs(desk, one),
        fields=[Field(name="name", label=t("Name"), value=one.name, required=True)],
    )

    def act(form: Form) -> Response:
        desk.engine.clients.rename(desk.actor, one.id, name=form.text("name"), version=form.version)
        return desk.go("client", client=one.id, said=t("Renamed the client."))

    def now() -> tuple[int, dict[str, str]]:
        stored = desk.engine.clients.get(desk.actor, one.id)
        return stored.version, {"name": stored.name}

    return handle(desk, form, act, now=now)


@pages.form("/clients/<client>/archive", needs="clients.archive")
def client_archive(desk: Desk, client: str) -> Response:
    """Take a client out of sight; with active services its name must be typed."""
    t, one = desk.t, desk.engine.clients.get(desk.actor, client)
    stops = desk.engine.reports.services(
        desk.actor, ServiceSearch(client=one.id, view=View.ACTIVE), limit=LISTED
    )
    seats = Shown(desk).seats
    facts = [
        (f"{row.project_name} · {row.subscription.type}", seats(row.live, row.subscription.limit))
        for row in stops.items
    ]
    if stops.after is not None:
        facts.append((t("Stops"), t("and more")))
    fields = []
    if stops.items:
        fields.append(
            Field(
                name="confirm",
                label=t("Type the client's name to go on: %(name)s", name=one.name),
                kind="typed",
                typed=one.name,
                required=True,
            )
        )
    form = Form(
        title=t("Archive %(name)s?", name=one.name),
        intro=t("Its API keys stop at once, and so do the services below. Nothing is deleted."),
        button=t("Archive client"),
        danger=True,
        back=desk.url("client", client=one.id),
        crumbs=_crumbs(desk, one),
        facts=facts,
        fields=fields,
    )

    def act(_: Form) -> Response:
        desk.engine.clients.archive(desk.actor, one.id)
        return desk.go(
            "clients",
            said=t("Archived the client %(name)s.", name=one.name),
            undo={"url": desk.url("client_state", client=one.id), "state": "active"},
        )

    return handle(desk, form, act)


@pages.post("/clients/<client>/state", needs="clients.write")
def client_state(desk: Desk, client: str) -> Response:
    """Suspend a client, or restore a suspended or archived one."""
    t, clients = desk.t, desk.engine.clients
    if request.form.get("state") == "suspended":
        one = clients.suspend(desk.actor, client)
        said = t("Suspended the client %(name)s: its keys identify nobody.", name=one.name)
        undo = {"url": desk.url("client_state", client=one.id), "state": "active"}
        return desk.go("client", client=one.id, said=said, undo=undo)
    one = clients.resume(desk.actor, client)
    return desk.go("client", client=one.id, said=t("Restored the client %(name)s.", name=one.name))


def _view() -> ClientView:
    try:
        return ClientView(request.args.get("view", "all"))
    except ValueError:
        return ClientView.ALL


def _crumbs(desk: Desk, one: Client) -> list[tuple[str, str]]:
    return [(desk.t("Clients"), desk.url("clients")), (one.name, desk.url("client", client=one.id))]
