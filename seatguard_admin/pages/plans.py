"""Plans: list, detail, new ones, another number of seats, out of sale and back."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from seatguard.errors import InvalidInput
from seatguard.journal.ports import Search
from seatguard.reports.model import ServiceSearch
from seatguard_admin.desk import Desk
from seatguard_admin.forms import Field, Form, handle
from seatguard_admin.lists import Tab, paged
from seatguard_admin.registry import Pages
from seatguard_admin.shown import Shown
from seatguard_admin.told import told

pages = Pages()


@pages.get("/plans", needs="plans.read")
def plans(desk: Desk) -> Response:
    """All plans."""
    page = paged(
        desk,
        lambda limit, after, before: desk.engine.reports.plans(
            desk.actor, limit=limit, after=after, before=before
        ),
    )
    return desk.show("plans.html", region=("sg-list", "plans_list.html"), page=page)


@pages.form("/plans/new", needs="plans.write")
def plan_new(desk: Desk) -> Response:
    """Add a plan and publish its first version."""
    t = desk.t
    form = Form(
        title=t("New plan"),
        button=t("Create plan"),
        once=True,
        back=desk.url("plans"),
        crumbs=[(t("Plans"), desk.url("plans"))],
        fields=[
            Field(name="name", label=t("Name"), required=True),
            Field(
                name="slug",
                label=t("Slug"),
                required=True,
                hint=t("Lower-case letters, digits and hyphens. It stays for ever."),
            ),
            *_seat_fields(desk, None, new=True),
        ],
    )

    def act(form: Form) -> Response:
        made = desk.engine.catalog.add(
            desk.actor, slug=form.text("slug"), name=form.text("name"), seats=_seats(desk, form)
        )
        return desk.go("plan", slug=made.slug, said=t("Created the plan %(name)s.", name=made.name))

    return handle(desk, form, act)


@pages.get("/plans/<slug>", needs="plans.read")
def plan(desk: Desk, slug: str) -> Response:
    """One plan: what it promises, and who is on it."""
    engine, me, t = desk.engine, desk.actor, desk.t
    one = engine.catalog.get(me, slug)
    tab = request.args.get("tab", "subscribers")
    tabs = [Tab(t("Subscribers"), desk.url("plan", slug=slug), tab != "activity")]
    if desk.can("journal.read"):
        tabs.append(Tab(t("Activity"), desk.url("plan", slug=slug, tab="activity"), tab == "activity"))
    values: dict[str, Any] = {
        "plan": one,
        "version": engine.catalog.current(me, slug),
        "tabs": tabs,
        "tab": tab,
    }
    if tab == "activity" and desk.can("journal.read"):
        entries = engine.journal.search(me, Search(stream=one.id), limit=desk.preferences.rows).items
        return desk.show("plan.html", entries=told(desk, entries), **values)
    search = ServiceSearch(plan=one.id)
    page = paged(
        desk,
        lambda limit, after, before: engine.reports.services(
            me, search, limit=limit, after=after, before=before
        ),
    )
    return desk.show("plan.html", page=page, total=engine.reports.count_services(me, search), **values)


@pages.form("/plans/<slug>/edit", needs="plans.write")
def plan_edit(desk: Desk, slug: str) -> Response:
    """Give a plan another name."""
    t, one = desk.t, desk.engine.catalog.get(desk.actor, slug)
    form = Form(
        title=t("Rename %(name)s", name=one.name),
        button=t("Rename plan"),
        back=desk.url("plan", slug=slug),
        version=one.version,
        crumbs=_crumbs(desk, slug, one.name),
        fields=[Field(name="name", label=t("Name"), value=one.name, required=True)],
    )

    def act(form: Form) -> Response:
        desk.engine.catalog.rename(desk.actor, slug, name=form.text("name"), version=form.version)
        return desk.go("plan", slug=slug, said=t("Renamed the plan."))

    def now() -> tuple[int, dict[str, str]]:
        stored = desk.engine.catalog.get(desk.actor, slug)
        return stored.version, {"name": stored.name}

    return handle(desk, form, act, now=now)


@pages.form("/plans/<slug>/publish", needs="plans.write")
def plan_publish(desk: Desk, slug: str) -> Response:
    """Publish a version with another number of seats; says first whom it changes."""
    t, engine, me, shown = desk.t, desk.engine, desk.actor, Shown(desk)
    one, version = engine.catalog.get(me, slug), engine.catalog.current(me, slug)
    search = ServiceSearch(plan=one.id)
    count = engine.reports.count_services(me, search)
    listed = engine.reports.services(me, search, limit=10)
    facts = [
        (row.client_name, f"{row.subscription.type}: {shown.seats(row.live, row.subscription.limit)}")
        for row in listed.items
    ]
    if listed.after is not None:
        facts.append((t("and more"), shown.count(count)))
    form = Form(
        title=t("Seats of %(name)s", name=one.name),
        intro=desk.n(
            "Changes %(count)s service now, unless its limit is its own.",
            "Changes %(count)s services now, unless their limit is their own.",
            count.number,
            count=shown.count(count),
        ),
        button=t("Publish version %(number)s", number=version.number + 1),
        once=True,
        back=desk.url("plan", slug=slug),
        crumbs=_crumbs(desk, slug, one.name),
        facts=facts,
        fields=[
            *_seat_fields(desk, version.seats, new=False),
            Field(
                name="apply_to",
                label=t("Counts for"),
                kind="radio",
                value="all",
                options=[
                    ("all", t("all subscribers; users beyond a lower limit stay")),
                    ("new", t("new subscribers only")),
                ],
            ),
        ],
    )

    def act(form: Form) -> Response:
        published = engine.publish_plan(me, slug, seats=_seats(desk, form), apply_to=form.text("apply_to"))
        return desk.go("plan", slug=slug, said=t("Published version %(number)s.", number=published.number))

    return handle(desk, form, act)


@pages.post("/plans/<slug>/state", needs="plans.write")
def plan_state(desk: Desk, slug: str) -> Response:
    """Take a plan out of sale, or back into it."""
    t, catalog = desk.t, desk.engine.catalog
    if request.form.get("state") == "inactive":
        one = catalog.deactivate(desk.actor, slug)
        undo = {"url": desk.url("plan_state", slug=slug), "state": "active"}
        said = t("Deactivated %(name)s: present subscribers stay, no new ones.", name=one.name)
        return desk.go("plan", slug=slug, said=said, undo=undo)
    one = catalog.reactivate(desk.actor, slug)
    return desk.go("plan", slug=slug, said=t("Reactivated %(name)s.", name=one.name))


def _seat_fields(desk: Desk, seats: int | None, *, new: bool) -> list[Field]:
    t = desk.t
    unlimited = seats is None and not new
    return [
        Field(
            name="seats",
            label=t("Seats"),
            kind="number",
            value="" if seats is None else str(seats),
            hint=t("A whole number. 0 is no seats."),
        ),
        Field(name="unlimited", label=t("Unlimited seats"), kind="check", value="on" if unlimited else ""),
    ]


def _seats(desk: Desk, form: Form) -> int | None:
    seats = form.number("seats")
    if form.checked("unlimited"):
        return None
    if seats is None:
        raise InvalidInput.single("seats", "required", desk.t("give a number of seats, or tick unlimited"))
    return seats


def _crumbs(desk: Desk, slug: str, name: str) -> list[tuple[str, str]]:
    return [(desk.t("Plans"), desk.url("plans")), (name, desk.url("plan", slug=slug))]
