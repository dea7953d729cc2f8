"""Services: list, detail, and what may be done to one or to many."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from flask import Response, request

from seatguard.administrators.model import SavedView
from seatguard.catalog.model import Plan
from seatguard.errors import Conflict, Denied, InvalidInput, NotFound
from seatguard.journal.ports import Search
from seatguard.reports.model import Count, ServiceRow, ServiceSearch, Sort, View
from seatguard.sentences import sentence
from seatguard.subscriptions.model import Subscription
from seatguard_admin.desk import Desk
from seatguard_admin.exports import CSV, XLSX, file
from seatguard_admin.forms import Field, Form, handle, list_value, once
from seatguard_admin.lists import Tab, paged
from seatguard_admin.pages.keys import key_rows
from seatguard_admin.pages.search import KEY, key_of
from seatguard_admin.pages.seats import seat_page
from seatguard_admin.pages.views import saved
from seatguard_admin.registry import Pages
from seatguard_admin.shown import Shown
from seatguard_admin.snippets import snippets
from seatguard_admin.told import older_archived, told

pages = Pages()

MOST = 200
"""Services that one bulk action may name."""
MOST_AT_ONCE = 1_000
"""Services that a bulk action on a filter may find."""
EXPORT = "export"
"""What may be done with services that are ticked, beside changing them."""
TYPED_FROM = 50
"""Above so many, their number must be typed."""

RENEWALS = {"30": dt.timedelta(days=30), "90": dt.timedelta(days=90), "365": dt.timedelta(days=365)}


@pages.get("/services", needs="services.read")
def services(desk: Desk) -> Response:
    """All services."""
    reports, me, shown = desk.engine.reports, desk.actor, Shown(desk)
    search, sort = _search(desk, request.args), _sort()
    counts: dict[View, Count] = {}

    def count(views: Sequence[SavedView]) -> Sequence[Count]:
        own = [_search(desk, dict(parse_qsl(one.query))) for one in views]
        found = reports.counts(me, [*(replace(search, view=view) for view in View), *own])
        counts.update(zip(View, found, strict=False))
        return found[len(View) :]

    own = saved(desk, "services", count)
    tabs = [
        Tab(
            label,
            shown.here(view=None if view is View.ALL else view.value),
            view is search.view,
            shown.count(counts[view]),
        )
        for view, label in _views(desk).items()
    ]
    page = paged(
        desk,
        lambda limit, after, before: reports.services(
            me, search, sort=sort, limit=limit, after=after, before=before
        ),
    )
    clients = [("", desk.t("All clients"))] + [
        (row.client.id, row.client.name) for row in reports.clients(me, limit=100).items
    ]
    if search.client and search.client not in dict(clients):
        names = reports.names(me, "client", [search.client])
        clients += [(one, name) for one, (name, _) in names.items()]
    plans = [("", desk.t("Any plan"))] + [
        (one.id, one.name) for one in desk.engine.catalog.list(me, limit=100).items
    ]
    return desk.show(
        "services.html",
        region=("sg-list", "services_list.html"),
        page=page,
        tabs=tabs,
        own=own,
        search=search,
        q=list_value("q") or "",
        sort=sort,
        clients=clients,
        plans=plans,
        total=counts[search.view],
        actions=_actions(desk) if desk.can("services.write") else (),
        filters=_chips(desk, search, dict(clients), dict(plans)),
    )


@pages.get("/services.csv", needs="services.read")
def services_csv(desk: Desk) -> Response:
    """Exactly the services of the present filter."""
    return _file(desk, CSV, _found(desk))


@pages.get("/services.xlsx", needs="services.read")
def services_xlsx(desk: Desk) -> Response:
    """The same for Excel."""
    return _file(desk, XLSX, _found(desk))


def _found(desk: Desk) -> Iterator[ServiceRow]:
    return desk.engine.reports.every_service(desk.actor, _search(desk, request.args), sort=_sort())


def _file(desk: Desk, kind: str, services: Iterable[ServiceRow]) -> Response:
    shown = Shown(desk)
    rows = (
        [
            row.subscription.number,
            row.client_name,
            row.project_name,
            row.subscription.type,
            row.subscription.mode,
            shown.standing(row).value,
            row.plan_slug,
            row.live,
            row.subscription.limit,
            shown.percent(row.live, row.subscription.limit),
            row.subscription.expires_on,
        ]
        for row in services
    )
    columns = [
        "service_id",
        "client",
        "project",
        "type",
        "mode",
        "status",
        "plan",
        "seats",
        "limit",
        "percent",
        "expiry",
    ]
    return file(desk, kind, "services", columns, rows)


@pages.form("/services/new", needs="services.write")
def service_new(desk: Desk) -> Response:
    """Put a project on a plan, or give it a limit of its own."""
    t, engine, me = desk.t, desk.engine, desk.actor
    chosen = request.values.get("project", "")
    listed = engine.reports.projects(me, limit=200).items
    projects = [(one.project.id, f"{one.client_name} › {one.project.name}") for one in listed]
    if chosen and chosen not in dict(projects):
        projects.insert(0, (chosen, engine.projects.get(me, chosen).name))
    plans = [("", t("No plan: a limit of its own"))] + [(one.slug, one.name) for one in _active_plans(desk)]
    form = Form(
        title=t("New service"),
        button=t("Create service"),
        back=desk.url("project", project=chosen) if chosen else desk.url("services"),
        once=True,
        crumbs=[(t("Services"), desk.url("services"))],
        fields=[
            Field(
                name="project",
                label=t("Project"),
                kind="select",
                value=chosen,
                options=projects,
                required=True,
            ),
            Field(
                name="type",
                label=t("Type"),
                value="web",
                required=True,
                hint=t("By this name a caller of the API picks one of several services."),
            ),
            Field(name="plan", label=t("Plan"), kind="select", options=plans),
            Field(
                name="limit",
                label=t("Seat limit"),
                kind="number",
                hint=t("Empty takes the plan's. 0 is no seats."),
            ),
            Field(name="unlimited", label=t("Unlimited seats"), kind="check"),
            Field(
                name="expiry",
                label=t("Last day"),
                kind="date",
                hint=t("Included, to the end of that day in UTC. Empty never expires."),
                steps=_steps(desk, desk.today),
            ),
            Field(
                name="mode",
                label=t("Mode"),
                kind="radio",
                value="live",
                options=[("live", t("Live")), ("test", t("Test: seen by test keys only"))],
            ),
            Field(name="trial", label=t("Begins as a trial"), kind="check"),
        ],
    )

    def act(form: Form) -> Response:
        made = engine.subscriptions.add(
            me,
            form.text("project"),
            type=form.text("type"),
            plan=form.optional("plan"),
            limit=form.number("limit"),
            unlimited=form.checked("unlimited"),
            expiry=form.day("expiry"),
            mode=form.text("mode"),
            trial=form.checked("trial"),
        )
        return desk.go("service", service=made.id, said=t("Created the service %(name)s.", name=made.type))

    return handle(desk, form, act)


@pages.get("/services/<service>", needs="services.read")
def service(desk: Desk, service: str) -> Response:
    """One service: overview, seats, keys, how to integrate it, and what happened."""
    engine, me, t = desk.engine, desk.actor, desk.t
    one = engine.subscriptions.get(me, service)
    row = _row(desk, one)
    words = {
        "overview": t("Overview"),
        "seats": t("Seats"),
        "keys": t("Keys"),
        "integrate": t("Integrate"),
        "activity": t("Activity"),
    }
    if not desk.can("journal.read"):
        del words["activity"]
    tab = request.args.get("tab", "overview")
    tab = tab if tab in words else "overview"
    tabs = [
        Tab(label, desk.url("service", service=one.id, tab=None if name == "overview" else name), name == tab)
        for name, label in words.items()
    ]
    values: dict[str, Any] = {"service": one, "row": row, "tabs": tabs, "tab": tab}
    match tab:
        case "seats":
            values["seats"] = seat_page(desk, one)
        case "keys":
            values["keys"] = key_rows(desk, one.project)
        case "integrate":
            domains = engine.projects.domains(me, one.project)
            domain = domains[0].name if domains else "yourdomain.com"
            values |= {"domain": domain, "snippets": snippets(desk, domain, one.type)}
        case "activity":
            entries = engine.journal.search(me, Search(stream=one.id), limit=desk.preferences.rows).items
            values["entries"] = told(desk, entries)
            values["archived"] = older_archived(desk, entries)
        case _:
            where = engine.where(one.project, mode=one.mode, type=one.type)
            values |= {
                "decision": engine.seats.explain(me, where),
                "usage": engine.seats.usage(me, one.id),
                "series": engine.reports.seat_series(me, days=30, service=one.id),
                "domains": engine.projects.domains(me, one.project),
                "sentence": sentence,
            }
    return desk.show("service.html", **values)


@pages.form("/services/<service>/limit", needs="services.write")
def service_limit(desk: Desk, service: str) -> Response:
    """Give a service another limit; below what is taken only after saying so."""
    t, engine, me, shown = desk.t, desk.engine, desk.actor, Shown(desk)
    one = engine.subscriptions.get(me, service)
    usage = engine.seats.usage(me, one.id)
    row = _row(desk, one)
    source = [("own", t("A limit of its own")), ("unlimited", t("Unlimited"))]
    if one.plan_version is not None:
        source.insert(0, ("plan", t("What the plan %(plan)s gives", plan=row.plan_name)))
    current = "unlimited" if one.unlimited else "plan" if one.own_limit is None else "own"
    form = Form(
        title=t("Seat limit of %(name)s", name=one.type),
        button=t("Change limit"),
        back=desk.url("service", service=one.id),
        version=one.version,
        crumbs=_crumbs(desk, row),
        facts=[
            (t("Now"), shown.seats(usage.live, one.limit)),
        ],
        fields=[
            Field(name="source", label=t("Limit"), kind="radio", value=current, options=source),
            Field(
                name="limit",
                label=t("Seats"),
                kind="number",
                value="" if one.own_limit is None else str(one.own_limit),
                hint=t("A whole number; counts for a limit of its own. 0 is no seats."),
            ),
        ],
    )
    if (request.method == "POST" and request.form.get("keep") is not None) or request.args.get("over"):
        form.fields.append(_keep(desk, usage.live))

    def act(form: Form) -> Response:
        choice = form.text("source")
        limit = form.number("limit") if choice == "own" else None
        if choice == "own" and limit is None:
            raise InvalidInput.single("limit", "required", t("give a number of seats"))
        keep = any(one.name == "keep" and one.value == "on" for one in form.fields)
        decision = engine.subscriptions.change_limit(
            me,
            one.id,
            limit=limit,
            unlimited=choice == "unlimited",
            over_limit="allow" if keep else "refuse",
            version=form.version,
        )
        if not decision.allowed:
            if not any(field.name == "keep" for field in form.fields):
                form.fields.append(_keep(desk, decision.facts.live))
            raise Denied(decision)
        said = t(
            "Changed the limit: %(before)s → %(after)s.",
            before=shown.limit(decision.facts.before),
            after=shown.limit(decision.facts.after),
        )
        return desk.go("service", service=one.id, said=said)

    def now() -> tuple[int, dict[str, str]]:
        stored = engine.subscriptions.get(me, one.id)
        return stored.version, {"limit": "" if stored.own_limit is None else str(stored.own_limit)}

    return handle(desk, form, act, now=now)


@pages.form("/services/<service>/renew", needs="services.write")
def service_renew(desk: Desk, service: str) -> Response:
    """Give a service another last day."""
    t, engine, me, shown = desk.t, desk.engine, desk.actor, Shown(desk)
    one = engine.subscriptions.get(me, service)
    from_day = max(one.expires_on or desk.today, desk.today)
    form = Form(
        title=t("Renew %(name)s", name=one.type),
        button=t("Renew service"),
        back=desk.url("service", service=one.id),
        version=one.version,
        crumbs=_crumbs(desk, _row(desk, one)),
        facts=[(t("Last day now"), shown.day(one.expires_on) if one.expires_on else t("never"))],
        fields=[
            Field(
                name="expiry",
                label=t("New last day"),
                kind="date",
                value=(from_day + RENEWALS["365"]).isoformat(),
                steps=_steps(desk, from_day),
                hint=t(
                    "Included, to the end of that day in %(zone)s. Empty never expires.", zone=one.timezone
                ),
            )
        ],
    )

    def act(form: Form) -> Response:
        renewed = engine.subscriptions.renew(me, one.id, expiry=form.day("expiry"), version=form.version)
        until = shown.day(renewed.expires_on) if renewed.expires_on else t("never")
        return desk.go("service", service=one.id, said=t("Renewed. Last day: %(day)s.", day=until))

    def now() -> tuple[int, dict[str, str]]:
        stored = engine.subscriptions.get(me, one.id)
        return stored.version, {"expiry": "" if stored.expires_on is None else stored.expires_on.isoformat()}

    return handle(desk, form, act, now=now)


@pages.form("/services/<service>/plan", needs="services.write")
def service_plan(desk: Desk, service: str) -> Response:
    """Move a service to another plan."""
    t, engine, me = desk.t, desk.engine, desk.actor
    one = engine.subscriptions.get(me, service)
    row = _row(desk, one)
    form = Form(
        title=t("Plan of %(name)s", name=one.type),
        button=t("Change plan"),
        back=desk.url("service", service=one.id),
        crumbs=_crumbs(desk, row),
        fields=[
            Field(
                name="plan",
                label=t("Plan"),
                kind="select",
                value=row.plan_slug or "",
                options=[(plan.slug, plan.name) for plan in _active_plans(desk)],
                required=True,
                hint=t("A limit of its own stays what it is."),
            )
        ],
    )
    if request.method == "POST" and request.form.get("keep") is not None:
        form.fields.append(_keep(desk, row.live))

    def act(form: Form) -> Response:
        keep = any(one.name == "keep" and one.value == "on" for one in form.fields)
        decision = engine.subscriptions.change_plan(
            me, one.id, plan=form.text("plan"), over_limit="allow" if keep else "refuse"
        )
        if not decision.allowed:
            if not any(field.name == "keep" for field in form.fields):
                form.fields.append(_keep(desk, decision.facts.live))
            raise Denied(decision)
        return desk.go("service", service=one.id, said=t("Changed the plan."))

    return handle(desk, form, act)


@pages.form("/services/<service>/archive", needs="services.write")
def service_archive(desk: Desk, service: str) -> Response:
    """Give no seats any more and leave the lists."""
    t, engine, me = desk.t, desk.engine, desk.actor
    one = engine.subscriptions.get(me, service)
    row = _row(desk, one)
    form = Form(
        title=t("Archive %(name)s?", name=one.type),
        intro=t("New users are refused from now on; the present ones stay until they are released."),
        button=t("Archive service"),
        danger=True,
        back=desk.url("service", service=one.id),
        crumbs=_crumbs(desk, row),
        facts=[(t("Seats"), Shown(desk).seats(row.live, one.limit))],
    )

    def act(_: Form) -> Response:
        engine.subscriptions.cancel(me, one.id)
        return desk.go(
            "services",
            said=t("Archived the service %(name)s.", name=one.type),
            undo={"url": desk.url("service_state", service=one.id), "state": "active"},
        )

    return handle(desk, form, act)


@pages.post("/services/<service>/state", needs="services.write")
def service_state(desk: Desk, service: str) -> Response:
    """Suspend a service, or resume one that is suspended or archived."""
    t, engine, me = desk.t, desk.engine, desk.actor
    if request.form.get("state") == "suspended":
        one = engine.subscriptions.suspend(me, service)
        return desk.go(
            "service",
            service=one.id,
            said=t("Suspended %(name)s: new users are refused.", name=one.type),
            undo={"url": desk.url("service_state", service=one.id), "state": "active"},
        )
    one = engine.subscriptions.resume(me, service)
    return desk.go("service", service=one.id, said=t("Resumed %(name)s.", name=one.type))


@pages.post("/services/bulk", needs="services.write")
def services_bulk(desk: Desk) -> Response:
    """Do one thing to many services, each for itself, and tell of each."""
    t = desk.t
    chosen = list(dict.fromkeys(request.form.getlist("service")))
    if not chosen or len(chosen) > MOST:
        raise InvalidInput.single("service", "out_of_range", t("choose 1 to %(most)s services", most=MOST))
    action = request.form.get("action", "")
    if action == EXPORT:
        rows = (desk.engine.reports.service(desk.actor, one) for one in chosen)
        return _file(desk, CSV, (row for row in rows if row is not None))
    back = Shown(desk).here(endpoint="services")
    return once(desk, lambda: _many(desk, chosen, action, back))


@pages.form("/services/all", needs="services.write")
def services_all(desk: Desk) -> Response:
    """Do one thing to all services that the filters of the address find, counted anew when it is done."""
    t, shown, search = desk.t, Shown(desk), _search(desk, request.args)
    count = desk.engine.reports.count_services(desk.actor, search)
    if not 1 <= count.number <= MOST_AT_ONCE:
        told = t(
            "the filters find %(count)s services: 1 to %(most)s can be changed at once",
            count=shown.count(count),
            most=shown.number(MOST_AT_ONCE),
        )
        raise InvalidInput.single("service", "out_of_range", told)
    back, number = shown.here(endpoint="services"), str(count.number)
    form = Form(
        title=desk.n("Change %(count)s service", "Change all %(count)s services", count.number, count=number),
        intro=t("Each is changed for itself; what cannot be done is named with its reason."),
        button=t("Change services"),
        once=True,
        back=back,
        crumbs=[(t("Services"), back)],
        facts=[(t("Filter"), _told(desk, search))],
        fields=[
            Field(name="action", label=t("What to do"), kind="select", options=_actions(desk), required=True),
            Field(name="counted", label="", kind="hidden", value=number),
        ],
    )
    if count.number > TYPED_FROM:
        label = t("Type the number of services to go on: %(count)s", count=number)
        form.fields.append(Field(name="confirm", label=label, kind="typed", typed=number, required=True))

    def act(form: Form) -> Response:
        if form.text("counted") != number:
            form.named("counted").value = number
            raise Conflict(
                "count_changed", t("The filters find %(count)s services now. Look again.", count=number)
            )
        found = [row.subscription.id for row in desk.engine.reports.every_service(desk.actor, search)]
        return _many(desk, found, form.text("action"), back)

    return handle(desk, form, act)


def _many(desk: Desk, chosen: Sequence[str], action: str, back: str) -> Response:
    """Do it to each, and tell of each; what one of them cannot take keeps no other from it."""
    if action not in dict(_actions(desk)):
        raise InvalidInput.single("action", "invalid_choice", desk.t("choose what to do"))
    done, skipped = [], []
    names = desk.engine.reports.names(desk.actor, "subscription", chosen)
    for identifier in chosen:
        called = ", ".join(filter(None, names.get(identifier, (identifier,))))
        try:
            done.append((called, _one_of_many(desk, identifier, action)))
        except Denied as error:
            skipped.append((called, sentence(error.decision)))
        except (Conflict, InvalidInput, NotFound) as error:
            skipped.append((called, str(error)))
    return desk.show("bulk.html", done=done, skipped=skipped, back=back)


def _actions(desk: Desk) -> list[tuple[str, str]]:
    """What may be done to many: values and labels."""
    t = desk.t
    return [
        ("renew_30", t("Renew by 30 days")),
        ("renew_365", t("Renew by 1 year")),
        ("suspend", t("Suspend")),
        ("resume", t("Resume")),
        *((f"plan_{one.slug}", t("Move to the plan %(name)s", name=one.name)) for one in _active_plans(desk)),
    ]


def _one_of_many(desk: Desk, identifier: str, action: str) -> str:
    """Do it to one; what is so now."""
    subscriptions, me, shown = desk.engine.subscriptions, desk.actor, Shown(desk)
    match action:
        case "suspend":
            subscriptions.suspend(me, identifier)
            return desk.t("suspended")
        case "resume":
            subscriptions.resume(me, identifier)
            return desk.t("resumed")
        case "renew_30" | "renew_365":
            one = subscriptions.get(me, identifier)
            from_day = max(one.expires_on or desk.today, desk.today)
            day = from_day + RENEWALS[action.removeprefix("renew_")]
            subscriptions.renew(me, identifier, expiry=day, version=one.version)
            return desk.t("last day %(day)s", day=shown.day(day))
        case _:
            subscriptions.change_plan(me, identifier, plan=action.removeprefix("plan_")).require()
            return desk.t("plan changed")


def _search(desk: Desk, args: Mapping[str, str]) -> ServiceSearch:
    """What an address asks for. A host or the beginning of a key stands for the project it belongs to."""
    q, project = list_value("q", args), list_value("project", args)
    if q is not None and project is None and (named := _project_of(desk, q)) is not None:
        q, project = None, named
    try:
        view = View(args.get("view", "all"))
    except ValueError:
        view = View.ALL
    percent = args.get("util_gte", "")
    before = args.get("expires_before", "")
    try:
        day = dt.date.fromisoformat(before) if before else None
    except ValueError:
        day = None
    return ServiceSearch(
        view=view,
        q=q,
        client=list_value("client", args),
        project=project,
        plan=list_value("plan", args),
        type=list_value("type", args),
        mode=list_value("mode", args),
        util_gte=int(percent) if percent.isascii() and percent.isdigit() and len(percent) < 6 else None,
        expires_before=day,
    )


def _project_of(desk: Desk, q: str) -> str | None:
    if q.startswith(KEY):
        key = key_of(desk, q)
        return None if key is None else key.project
    if "." not in q:
        return None
    found = desk.engine.projects.at_host(desk.actor, q)
    return found[0] if len(found) == 1 else None


def _sort() -> Sort:
    try:
        return Sort(request.args.get("sort", "added"))
    except ValueError:
        return Sort.ADDED


def _row(desk: Desk, one: Subscription) -> ServiceRow:
    row = desk.engine.reports.service(desk.actor, one.id)
    if row is None:
        raise NotFound("service", one.id)
    return row


def _views(desk: Desk) -> dict[View, str]:
    t = desk.t
    return {
        View.ALL: t("All"),
        View.ACTIVE: t("Active"),
        View.EXPIRING: t("Expiring ≤30d"),
        View.HIGH: t("Utilization ≥90%"),
        View.EXPIRED: t("Expired"),
        View.SUSPENDED: t("Suspended"),
        View.ARCHIVED: t("Archived"),
    }


def _chips(
    desk: Desk, search: ServiceSearch, clients: dict[str, str], plans: dict[str, str]
) -> list[tuple[str, str]]:
    """Filters that are on, each with the address without it."""
    t, shown = desk.t, Shown(desk)
    day = search.expires_before
    q = request.args.get("q", "").strip()
    on = {
        "q": q and f"“{q}”",
        "client": search.client and clients.get(search.client, search.client),
        "project": request.args.get("project") and t("one project"),
        "plan": search.plan and plans.get(search.plan, search.plan),
        "type": search.type,
        "mode": search.mode,
        "util_gte": search.util_gte is not None and t("at least %(percent)s%%", percent=search.util_gte),
        "expires_before": day is not None and t("expires before %(day)s", day=shown.day(day)),
    }
    return [(str(label), shown.here(**{name: None})) for name, label in on.items() if label]


def _told(desk: Desk, search: ServiceSearch) -> str:
    """The filters that are on, in words."""
    clients = desk.engine.reports.names(desk.actor, "client", [search.client] if search.client else [])
    plans = desk.engine.reports.names(desk.actor, "plan", [search.plan] if search.plan else [])
    chips = _chips(
        desk,
        search,
        {one: name for one, (name, _) in clients.items()},
        {one: name for one, (name, _) in plans.items()},
    )
    view = [] if search.view is View.ALL else [_views(desk)[search.view]]
    return ", ".join([*view, *(label for label, _ in chips)]) or desk.t("none")


def _active_plans(desk: Desk) -> list[Plan]:
    return [one for one in desk.engine.catalog.list(desk.actor, limit=200).items if one.active]


def _steps(desk: Desk, day: dt.date) -> list[tuple[str, str]]:
    words = {"30": desk.t("+30 days"), "90": desk.t("+90 days"), "365": desk.t("+1 year")}
    return [((day + RENEWALS[days]).isoformat(), label) for days, label in words.items()]


def _keep(desk: Desk, live: int) -> Field:
    label = desk.n(
        "Keep %(count)s user, refuse new ones", "Keep %(count)s users, refuse new ones", live, count=live
    )
    return Field(name="keep", label=label, kind="check", value="")


def _crumbs(desk: Desk, row: ServiceRow) -> list[tuple[str, str]]:
    one = row.subscription
    return [
        (row.client_name, desk.url("client", client=one.client)),
        (row.project_name, desk.url("project", project=one.project)),
        (one.type, desk.url("service", service=one.id)),
    ]
