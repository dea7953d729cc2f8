"""The dashboard: four numbers, what expires, what is full, what happened."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from flask import Response

from seatguard.errors import StorageUnavailable
from seatguard.reports.model import ServiceSearch, Sort, View
from seatguard_admin.desk import Desk
from seatguard_admin.registry import Pages
from seatguard_admin.told import told

pages = Pages()
logger = logging.getLogger("seatguard.admin")

SHOWN = 6
"""Rows of each card."""


@pages.get("/", needs="services.read")
def dashboard(desk: Desk) -> Response:
    """Everything at a glance; a card that cannot be read says so and leaves the others alone."""
    engine, me = desk.engine, desk.actor
    reports = engine.reports
    overview = _card(lambda: reports.overview(me))
    first_run = overview is not None and overview.clients.number == 0
    return desk.show(
        "dashboard.html",
        region=("sg-cards", "dashboard_cards.html"),
        overview=overview,
        growth=None if overview is None else _card(lambda: reports.growth(me, overview)),
        first_run=first_run,
        steps=_steps(desk) if overview is not None and not overview.active.number else None,
        expiring=_card(
            lambda: (
                reports.services(me, ServiceSearch(view=View.EXPIRING), sort=Sort.EXPIRES, limit=SHOWN).items
            )
        ),
        high=_card(
            lambda: (
                reports.services(me, ServiceSearch(view=View.HIGH), sort=Sort.UTILIZATION, limit=SHOWN).items
            )
        ),
        series=_card(lambda: reports.seat_series(me, days=30)),
        recent=_card(lambda: told(desk, engine.journal.search(me, limit=SHOWN).items))
        if desk.can("journal.read")
        else (),
    )


def _card(read: Callable[[], Any]) -> Any:
    """What a card shows; ``None`` when the store did not answer."""
    try:
        return read()
    except StorageUnavailable as error:
        logger.warning("a card of the dashboard could not be read: %s", error)
        return None


def _steps(desk: Desk) -> list[tuple[str, str, bool, str]]:
    """The way to the first validated call; each step ticks itself from what is there."""
    engine, me, t = desk.engine, desk.actor, desk.t
    clients = engine.clients.list(me, limit=1).items
    projects = engine.projects.list(me, limit=1).items
    services = engine.subscriptions.list(me, limit=1).items
    keyed = bool(projects and engine.projects.keys(me, projects[0].id))
    project = projects[0].id if projects else None
    return [
        (t("Create a client"), t("Who has bought from you."), bool(clients), desk.url("client_new")),
        (
            t("Add a project and its domain"),
            t("The application that will ask for seats."),
            bool(projects),
            desk.url("project_new", client=clients[0].id if clients else None) if clients else "",
        ),
        (
            t("Create a service and copy its API key"),
            t("How many seats, and until when."),
            bool(services and keyed),
            (
                desk.url("service_new", project=project)
                if not services
                else desk.url("key_new", project=project)
            )
            if project
            else "",
        ),
        (
            t("Call validate from your application"),
            t("The API documentation has it in four languages."),
            False,
            desk.url("api_docs"),
        ),
    ]
