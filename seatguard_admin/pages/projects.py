"""Projects: list, detail with domains and keys, and what may be done to them."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from seatguard.clients.model import Client
from seatguard.journal.ports import Search
from seatguard.projects.model import Project
from seatguard.reports.model import ServiceSearch
from seatguard_admin.desk import Desk
from seatguard_admin.forms import Field, Form, handle, list_value
from seatguard_admin.lists import Tab, paged
from seatguard_admin.pages.keys import key_rows
from seatguard_admin.registry import Pages
from seatguard_admin.told import older_archived, told

pages = Pages()


@pages.get("/projects", needs="projects.read")
def projects(desk: Desk) -> Response:
    """All projects."""
    q = list_value("q")
    page = paged(
        desk,
        lambda limit, after, before: desk.engine.reports.projects(
            desk.actor, q=q, limit=limit, after=after, before=before
        ),
    )
    return desk.show("projects.html", region=("sg-list", "projects_list.html"), page=page, q=q)


@pages.form("/projects/new", needs="projects.write")
def project_new(desk: Desk) -> Response:
    """Add a project to a client."""
    t, engine, me = desk.t, desk.engine, desk.actor
    chosen = request.values.get("client", "")
    options = [(one.client.id, one.client.name) for one in engine.reports.clients(me, limit=200).items]
    if chosen and chosen not in dict(options):
        options.insert(0, (chosen, engine.clients.get(me, chosen).name))
    form = Form(
        title=t("New project"),
        button=t("Create project"),
        back=desk.url("client", client=chosen) if chosen else desk.url("projects"),
        once=True,
        crumbs=[(t("Projects"), desk.url("projects"))],
        fields=[
            Field(
                name="client", label=t("Client"), kind="select", value=chosen, options=options, required=True
            ),
            Field(name="name", label=t("Name"), required=True),
            Field(
                name="domains",
                label=t("Domains"),
                kind="area",
                hint=t(
                    "One a line. A call must name exactly one of them: www is different. "
                    "Write host names only, such as app.example.com."
                ),
            ),
            Field(
                name="allow_wildcards",
                label=t("Allow wildcards such as *.example.com"),
                kind="check",
            ),
            Field(
                name="allow_dev_domains",
                label=t("Allow localhost and IP addresses"),
                kind="check",
                hint=t("For development only."),
            ),
        ],
    )

    def act(form: Form) -> Response:
        made = engine.projects.add(
            me,
            form.text("client"),
            name=form.text("name"),
            domains=tuple(line.strip() for line in form.text("domains").splitlines() if line.strip()),
            allow_wildcards=form.checked("allow_wildcards"),
            allow_dev_domains=form.checked("allow_dev_domains"),
        )
        return desk.go("project", project=made.id, said=t("Created the project %(name)s.", name=made.name))

    return handle(desk, form, act, names={"domain": "domains"})


@pages.get("/projects/<project>", needs="projects.read")
def project(desk: Desk, project: str) -> Response:
    """One project: services, domains and keys, and what happened."""
    engine, me, t = desk.engine, desk.actor, desk.t
    one = engine.projects.get(me, project)
    owner = engine.clients.get(me, one.client)
    tab = request.args.get("tab", "services")
    tabs = [
        Tab(t("Services"), desk.url("project", project=one.id), tab not in ("domains", "keys", "activity")),
        Tab(t("Domains"), desk.url("project", project=one.id, tab="domains"), tab == "domains"),
        Tab(t("Keys"), desk.url("project", project=one.id, tab="keys"), tab == "keys"),
    ]
    if desk.can("journal.read"):
        tabs.append(
            Tab(t("Activity"), desk.url("project", project=one.id, tab="activity"), tab == "activity")
        )
    values: dict[str, Any] = {"project": one, "client": owner, "tabs": tabs, "tab": tab}
    if tab == "domains":
        return desk.show("project.html", domains=engine.projects.domains(me, one.id), **values)
    if tab == "keys":
        return desk.show("project.html", keys=key_rows(desk, one.id), **values)
    if tab == "activity" and desk.can("journal.read"):
        entries = engine.journal.search(me, Search(stream=one.id), limit=desk.preferences.rows).items
        values |= {"entries": told(desk, entries), "archived": older_archived(desk, entries)}
        return desk.show("project.html", **values)
    page = paged(
        desk,
        lambda limit, after, before: engine.reports.services(
            me, ServiceSearch(project=one.id), limit=limit, after=after, before=before
        ),
    )
    return desk.show("project.html", page=page, **values)


@pages.form("/projects/<project>/edit", needs="projects.write")
def project_edit(desk: Desk, project: str) -> Response:
    """Give a project another name."""
    t, one = desk.t, desk.engine.projects.get(desk.actor, project)
    form = Form(
        title=t("Rename %(name)s", name=one.name),
        button=t("Rename project"),
        back=desk.url("project", project=one.id),
        version=one.version,
        crumbs=crumbs(desk, one),
        fields=[Field(name="name", label=t("Name"), value=one.name, required=True)],
    )

    def act(form: Form) -> Response:
        desk.engine.projects.change(desk.actor, one.id, name=form.text("name"), version=form.version)
        return desk.go("project", project=one.id, said=t("Renamed the project."))

    def now() -> tuple[int, dict[str, str]]:
        stored = desk.engine.projects.get(desk.actor, one.id)
        return stored.version, {"name": stored.name}

    return handle(desk, form, act, now=now)


@pages.form("/projects/<project>/domains/new", needs="projects.write")
def domain_new(desk: Desk, project: str) -> Response:
    """Register a host name."""
    t, one = desk.t, desk.engine.projects.get(desk.actor, project)
    form = Form(
        title=t("Add a domain"),
        button=t("Add domain"),
        back=desk.url("project", project=one.id, tab="domains"),
        crumbs=crumbs(desk, one),
        fields=[
            Field(
                name="domain",
                label=t("Domain"),
                required=True,
                hint=t("Exact host: www is different. It is shown as it will be matched."),
            )
        ],
    )

    def act(form: Form) -> Response:
        made = desk.engine.projects.add_domain(desk.actor, one.id, form.text("domain"))
        return desk.go(
            "project", project=one.id, tab="domains", said=t("Added the domain %(name)s.", name=made.name)
        )

    return handle(desk, form, act)


@pages.form("/projects/<project>/domains/remove", needs="projects.write")
def domain_remove(desk: Desk, project: str) -> Response:
    """Register a host name no more."""
    t, one = desk.t, desk.engine.projects.get(desk.actor, project)
    name = request.values.get("domain", "")
    form = Form(
        title=t("Remove %(name)s?", name=name),
        intro=t("Calls that name this domain will be denied from now on."),
        button=t("Remove domain"),
        danger=True,
        back=desk.url("project", project=one.id, tab="domains"),
        crumbs=crumbs(desk, one),
        fields=[Field(name="domain", label=t("Domain"), kind="hidden", value=name)],
    )

    def act(form: Form) -> Response:
        desk.engine.projects.remove_domain(desk.actor, one.id, form.text("domain"))
        return desk.go(
            "project",
            project=one.id,
            tab="domains",
            said=t("Removed the domain %(name)s.", name=name),
            undo={"url": desk.url("domain_new", project=one.id), "domain": name},
        )

    return handle(desk, form, act)


def crumbs(desk: Desk, one: Project, owner: Client | None = None) -> list[tuple[str, str]]:
    """Client and project, with their pages."""
    client = owner or desk.engine.clients.get(desk.actor, one.client)
    return [
        (client.name, desk.url("client", client=client.id)),
        (one.name, desk.url("project", project=one.id)),
    ]
