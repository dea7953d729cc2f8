"""Saved views: the filters of a list under a name, as tabs beside those that everybody has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl, urlencode

from flask import Response, request

from seatguard.administrators.model import SavedView
from seatguard.errors import NotFound
from seatguard.reports.model import Count
from seatguard_admin.desk import Desk
from seatguard_admin.forms import Field, Form, handle
from seatguard_admin.lists import Saved, Tab
from seatguard_admin.registry import Pages
from seatguard_admin.shown import Shown

pages = Pages()

FILTERS = {
    "services": (
        "view",
        "q",
        "client",
        "project",
        "plan",
        "type",
        "mode",
        "util_gte",
        "expires_before",
        "sort",
    ),
    "clients": ("view", "q"),
    "activity": ("range", "since", "until", "kind", "who", "q"),
}
"""What an address may say of each list."""


@pages.form("/views/save", needs=None)
def view_save(desk: Desk) -> Response:
    """Keep the filters of a list."""
    t = desk.t
    page = request.args.get("page", "")
    if page not in FILTERS:
        raise NotFound("page", page)
    query = _kept(page, request.args.get("query", ""))
    back = _address(desk, page, query)
    form = Form(
        title=t("Save this view"),
        intro=t("The list with its filters, as a tab of your own. Nobody else sees it."),
        button=t("Save view"),
        once=True,
        back=back,
        fields=[Field(name="name", label=t("Name"), required=True)],
    )

    def act(form: Form) -> Response:
        view = desk.engine.views.save(desk.actor, page=page, name=form.text("name"), query=query)
        return desk.go_to(back, said=t("Saved the view %(name)s.", name=view.name))

    return handle(desk, form, act)


@pages.form("/views/<view>/remove", needs=None)
def view_remove(desk: Desk, view: str) -> Response:
    """Forget a view of one's own."""
    t = desk.t
    found = [one for page in FILTERS for one in desk.engine.views.list(desk.actor, page) if one.id == view]
    if not found:
        raise NotFound("view", view)
    (one,) = found
    form = Form(
        title=t("Remove the view %(name)s?", name=one.name),
        intro=t("The tab goes; the list itself stays as it is."),
        button=t("Remove view"),
        danger=True,
        back=_address(desk, one.page, one.query),
    )

    def act(_: Form) -> Response:
        desk.engine.views.remove(desk.actor, one.id)
        return desk.go(one.page, said=t("Removed the view %(name)s.", name=one.name))

    return handle(desk, form, act)


def saved(
    desk: Desk, page: str, count: Callable[[Sequence[SavedView]], Sequence[Count]] | None = None
) -> Saved:
    """The reader's own tabs of a list, and what can be done with the present filters.

    Args:
        count: how many rows each of the views has now.
    """
    views = desk.engine.views.list(desk.actor, page)
    counts = [None] * len(views) if count is None else [Shown(desk).count(one) for one in count(views)]
    here = _kept(page, request.query_string.decode("latin-1"))
    tabs = [
        Tab(one.name, _address(desk, page, one.query), one.query == here, number)
        for one, number in zip(views, counts, strict=True)
    ]
    current = next((one for one in views if one.query == here), None)
    return Saved(
        tabs=tabs,
        save=desk.url("view_save", page=page, query=here) if here and current is None else None,
        remove=None if current is None else desk.url("view_remove", view=current.id),
    )


def _kept(page: str, query: str) -> str:
    """The filters in an address, in one order, so that two that mean the same are the same."""
    given = dict(parse_qsl(query))
    return urlencode({name: given[name].strip() for name in FILTERS[page] if given.get(name, "").strip()})


def _address(desk: Desk, page: str, query: str) -> str:
    return f"{desk.url(page)}?{query}" if query else desk.url(page)
