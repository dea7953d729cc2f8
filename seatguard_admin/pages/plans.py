"""Plans: list, detail, new ones, another version, out of sale and back."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from flask import Response, request

from seatguard.catalog.model import Plan, PlanChange, PlanVersion
from seatguard.catalog.offers import Offer
from seatguard.errors import InvalidInput
from seatguard.journal.ports import Search
from seatguard.reports.model import ServiceSearch
from seatguard_admin.desk import Desk
from seatguard_admin.forms import Field, Form, handle
from seatguard_admin.lists import Tab, paged
from seatguard_admin.offers import (
    differences,
    filled_in,
    groups,
    known_features,
    offer_fields,
    seats_of,
    typed_offer,
)
from seatguard_admin.registry import Pages
from seatguard_admin.shown import Shown
from seatguard_admin.told import older_archived, told

pages = Pages()

LISTED = 10
"""Subscribers that are named before a version is published."""
LISTED_VERSIONS = 100
"""Versions of a plan that its page shows."""


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
        wide=True,
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
            *_describing(desk, None),
            *offer_fields(desk, None),
        ],
    )

    def act(form: Form) -> Response:
        made = desk.engine.catalog.add(
            desk.actor,
            slug=form.text("slug"),
            name=form.text("name"),
            seats=seats_of(desk, form),
            description=form.optional("description"),
            display_order=_order(form),
            offer=typed_offer(form, Offer()),
        )
        return desk.go("plan", slug=made.slug, said=t("Created the plan %(name)s.", name=made.name))

    return handle(desk, form, act)


@pages.get("/plans/<slug>", needs="plans.read")
def plan(desk: Desk, slug: str) -> Response:
    """One plan: what it promises and costs, its versions, who is on it, and what happened."""
    engine, me, t = desk.engine, desk.actor, desk.t
    one = engine.catalog.get(me, slug)
    version = engine.catalog.current(me, slug)
    words = {
        "limits": t("Limits"),
        "prices": t("Prices"),
        "versions": t("Versions"),
        "subscribers": t("Subscribers"),
        "activity": t("Activity"),
    }
    if not desk.can("journal.read"):
        del words["activity"]
    tab = request.args.get("tab", "limits")
    tab = tab if tab in words else "limits"
    tabs = [
        Tab(label, desk.url("plan", slug=slug, tab=None if name == "limits" else name), name == tab)
        for name, label in words.items()
    ]
    search = ServiceSearch(plan=one.id)
    values: dict[str, Any] = {
        "plan": one,
        "version": version,
        "tabs": tabs,
        "tab": tab,
        "total": engine.reports.count_services(me, search),
    }
    match tab:
        case "limits":
            values["groups"] = groups(desk, version.offer, known_features(desk))
        case "versions":
            values["versions"] = _versions(desk, one)
        case "subscribers":
            values["page"] = paged(
                desk,
                lambda limit, after, before: engine.reports.services(
                    me, search, limit=limit, after=after, before=before
                ),
            )
        case "activity":
            entries = engine.journal.search(me, Search(stream=one.id), limit=desk.preferences.rows).items
            values |= {"entries": told(desk, entries), "archived": older_archived(desk, entries)}
        case _:
            pass
    return desk.show("plan.html", **values)


@pages.form("/plans/<slug>/edit", needs="plans.write")
def plan_edit(desk: Desk, slug: str) -> Response:
    """Give a plan another name, description or place."""
    t, one = desk.t, desk.engine.catalog.get(desk.actor, slug)
    form = Form(
        title=t("Edit %(name)s", name=one.name),
        intro=t("What it promises is changed by a new version."),
        button=t("Save plan"),
        back=desk.url("plan", slug=slug),
        version=one.version,
        crumbs=_crumbs(desk, slug, one.name),
        fields=[
            Field(name="name", label=t("Name"), value=one.name, required=True),
            *_describing(desk, one),
        ],
    )

    def act(form: Form) -> Response:
        change = PlanChange(
            name=form.text("name"), description=form.optional("description"), display_order=_order(form)
        )
        desk.engine.update_plan(desk.actor, one.id, change, version=form.version)
        return desk.go("plan", slug=slug, said=t("Saved the plan."))

    def now() -> tuple[int, dict[str, str]]:
        stored = desk.engine.catalog.get(desk.actor, slug)
        return stored.version, {
            "name": stored.name,
            "description": stored.description or "",
            "display_order": str(stored.display_order),
        }

    return handle(desk, form, act, now=now)


@pages.form("/plans/<slug>/publish", needs="plans.write")
def plan_publish(desk: Desk, slug: str) -> Response:
    """Publish another version: edited, then looked at with whom it changes, then published."""
    t, engine, me = desk.t, desk.engine, desk.actor
    one, version = engine.catalog.get(me, slug), engine.catalog.current(me, slug)
    step = request.form.get("step", "review")
    publishes = step == "publish"
    form = Form(
        title=t("New version of %(name)s", name=one.name),
        intro=t("A published version stays as it is; this makes the next one. You see what changes first."),
        button=t("Review changes"),
        step="review",
        once=publishes,
        wide=True,
        version=one.version,
        back=desk.url("plan", slug=slug),
        crumbs=_crumbs(desk, slug, one.name),
        fields=[*offer_fields(desk, version), _apply_to(desk)],
    )

    def act(form: Form) -> Response:
        if step == "edit":
            return desk.show("form.html", form=form)
        seats, offer = seats_of(desk, form), typed_offer(form, version.offer)
        if not publishes:
            return _reviewed(
                desk, form, one, version, engine.catalog.preview(me, slug, seats=seats, offer=offer)
            )
        update = engine.update_plan(
            me,
            one.id,
            PlanChange(seats=seats, offer=offer),
            apply_to=form.text("apply_to") or "all",
            version=form.version,
        )
        said = t("Published version %(number)s.", number=update.current.number)
        if update.over_limit:
            over = len(update.over_limit)
            said += " " + desk.n(
                "%(count)s service is over its limit now.",
                "%(count)s services are over their limit now.",
                over,
                count=over,
            )
        return desk.go("plan", slug=slug, said=said)

    def now() -> tuple[int, dict[str, str]]:
        stored = engine.catalog.get(me, slug)
        return stored.version, filled_in(engine.catalog.current(me, slug))

    return handle(desk, form, act, now=now)


def _reviewed(desk: Desk, form: Form, one: Plan, version: PlanVersion, next_one: PlanVersion) -> Response:
    """The form once more, closed: what changes, for whom, and the button that does it."""
    t, shown, reports = desk.t, Shown(desk), desk.engine.reports
    form.changes = differences(desk, version, next_one)
    if not form.changes:
        form.error = t("Nothing here differs from version %(number)s.", number=version.number)
        return desk.show("form.html", status=422, form=form)
    if form.text("apply_to") == "new":
        form.intro = t("Counts for new subscribers only; the present ones stay on their version.")
    else:
        search = ServiceSearch(plan=one.id)
        count = reports.count_services(desk.actor, search)
        listed = reports.services(desk.actor, search, limit=LISTED)
        form.intro = desk.n(
            "Changes %(count)s service now, unless its limit is its own.",
            "Changes %(count)s services now, unless their limit is their own.",
            count.number,
            count=shown.count(count),
        )
        form.facts = [
            (row.client_name, f"{row.subscription.type}: {shown.seats(row.live, row.subscription.limit)}")
            for row in listed.items
        ]
        if listed.after is not None:
            form.facts.append((t("and more"), shown.count(count)))
    form.step, form.button = "publish", t("Publish version %(number)s", number=version.number + 1)
    form.once = True
    form.fields = [
        Field(name=name, label="", kind="hidden", value=value)
        for name, value in request.form.items(multi=True)
        if name not in ("csrf_token", "version", "once", "step")
    ]
    return desk.show("form.html", form=form)


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


def _describing(desk: Desk, one: Plan | None) -> list[Field]:
    t = desk.t
    return [
        Field(
            name="description",
            label=t("Description"),
            kind="area",
            value=(one.description or "") if one is not None else "",
            hint=t("What customers read about it."),
        ),
        Field(
            name="display_order",
            label=t("Order"),
            kind="number",
            value="0" if one is None else str(one.display_order),
            hint=t("Its place among the plans shown to customers: the lowest first."),
        ),
    ]


def _order(form: Form) -> int:
    text = form.text("display_order")
    if not re.fullmatch(r"-?[0-9]{1,12}|", text):
        raise InvalidInput.single("display_order", "integer_expected", "must be a whole number")
    return int(text or 0)


def _apply_to(desk: Desk) -> Field:
    t = desk.t
    return Field(
        name="apply_to",
        label=t("Counts for"),
        kind="radio",
        value="all",
        options=[
            ("all", t("all subscribers; users beyond a lower limit stay")),
            ("new", t("new subscribers only")),
        ],
    )


def _versions(desk: Desk, one: Plan) -> list[tuple[PlanVersion, list[tuple[str, str, str]]]]:
    """The newest versions first, each with what it changed; the very first changed nothing."""
    page = desk.engine.catalog.versions(desk.actor, one.id, limit=LISTED_VERSIONS, newest_first=True)
    shown = [(newer, differences(desk, older, newer)) for newer, older in pairwise(page.items)]
    if page.items and page.items[-1].number == 1:
        shown.append((page.items[-1], []))
    return shown


def _crumbs(desk: Desk, slug: str, name: str) -> list[tuple[str, str]]:
    return [(desk.t("Plans"), desk.url("plans")), (name, desk.url("plan", slug=slug))]
