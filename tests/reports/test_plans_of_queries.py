"""What lists and reports cost where there is much: each of their queries goes through an index."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

import seatguard
from benchmarks.estate import load
from seatguard.clock import system_clock
from seatguard.journal.ports import Search
from seatguard.reports.model import ClientView, ServiceSearch, Sort, View
from seatguard.storage.sqlalchemy.database import Database

pytestmark = pytest.mark.postgresql

LARGE = {f"seatguard_{name}" for name in ("subscription", "seat", "entry", "daily")}
"""Tables of which no query may read all."""

GROWING = LARGE | {f"seatguard_{name}" for name in ("client", "project", "domain")}
"""Tables of which no query has to read all: with two thousand clients it may still be the quickest."""

DISK = "?options=-c%20random_page_cost%3D1.1"
"""As operators set it for disks that do not turn."""


@contextmanager
def explained() -> Iterator[tuple[list[Any], list[Any]]]:
    """The server's plan for each query that is sent meanwhile; and its plan if it had to use an index."""
    plans: tuple[list[Any], list[Any]] = ([], [])

    def note(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            with connection.connection.cursor() as cursor:
                for found, scans in zip(plans, ("on", "off"), strict=True):
                    cursor.execute(f"SET enable_seqscan = {scans}")
                    cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
                    plan = cursor.fetchone()[0]
                    found.append(plan if isinstance(plan, list) else json.loads(plan))
                cursor.execute("RESET enable_seqscan")

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield plans
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def scanned(plan: Any) -> Iterator[str]:
    """The tables that a plan reads from end to end."""
    if isinstance(plan, list):
        for one in plan:
            yield from scanned(one)
    elif isinstance(plan, dict):
        if plan.get("Node Type") == "Seq Scan":
            yield plan["Relation Name"]
        yield from scanned([one for one in plan.values() if isinstance(one, list | dict)])


@dataclasses.dataclass
class Estate:
    """An engine on a database with much in it."""

    engine: seatguard.Seatguard
    actor: seatguard.Actor


@pytest.fixture
def estate(new_database: Callable[[str], str]) -> Iterator[Estate]:
    """Twenty thousand services and as many seats, and forty thousand entries."""
    url = new_database("postgresql")
    load(url, services=20_000, entries=40_000)
    engine = seatguard.Seatguard.open(url + DISK)
    actor = engine.actor("test", "estate")
    engine.reports.count_days(actor)
    database = Database(url)
    with database.connection(write=True) as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()
    database.close()
    yield Estate(engine, actor)
    engine.close()


def reads(engine: seatguard.Seatguard, me: seatguard.Actor) -> dict[str, Callable[[], object]]:
    """Everything that the admin pages read, by name: each filter and each order."""
    reports, journal, now = engine.reports, engine.journal, system_clock()
    today = now.date()
    row = reports.services(me, limit=1).items[0]
    client, project, service = row.subscription.client, row.subscription.project, row.subscription.id
    plan = reports.plans(me).items[0].plan.id
    searches = {f"view {view}": ServiceSearch(view=view) for view in View} | {
        "q": ServiceSearch(q="client 77"),
        "q, nothing": ServiceSearch(q="nobody"),
        "number": ServiceSearch(q="#777"),
        "client": ServiceSearch(client=client),
        "project": ServiceSearch(project=project),
        "plan": ServiceSearch(plan=plan),
        "type": ServiceSearch(type="type 7"),
        "mode": ServiceSearch(mode="test"),
        "nearly full": ServiceSearch(view=View.ACTIVE, util_gte=70),
        "fuller than that": ServiceSearch(view=View.ACTIVE, util_gte=97),
        "soon over": ServiceSearch(view=View.ACTIVE, expires_before=today + dt.timedelta(days=8)),
    }
    found: dict[str, Callable[[], object]] = {}
    for name, search in searches.items():
        found[f"count of {name}"] = lambda search=search: reports.count_services(me, search)
        for sort in Sort:

            def pages(search: ServiceSearch = search, sort: Sort = sort) -> None:
                first = reports.services(me, search, sort=sort)
                if first.after is not None:
                    reports.services(me, search, sort=sort, after=first.after)

            found[f"{name} by {sort}"] = pages
    for view in ClientView:
        for q in (None, "client 77", "crm-77"):
            found[f"clients {view} {q}"] = lambda view=view, q=q: reports.clients(me, view=view, q=q)
            found[f"count of clients {view} {q}"] = lambda view=view, q=q: reports.count_clients(
                me, view=view, q=q
            )
    since = now - dt.timedelta(days=7)
    entries = {
        "all": Search(),
        "week": Search(since=since),
        "kind": Search(kind="seat.denied"),
        "slice": Search(kind="seat."),
        "rare slice": Search(kind="plan."),
        "subject": Search(subject=service),
        "actor": Search(actor="benchmark:nobody"),
        "kind of actor": Search(actor="key:", since=since),
        "request": Search(request_id="request-777"),
        "stream": Search(stream=service),
    }
    for name, asked in entries.items():
        found[f"activity: {name}"] = lambda asked=asked: journal.search(me, asked, limit=50)
    found |= {
        "one service": lambda: reports.service(me, service),
        "one client": lambda: reports.client(me, client),
        "projects": lambda: reports.projects(me),
        "projects q": lambda: reports.projects(me, q="project 77"),
        "projects of a client": lambda: reports.projects(me, client=client),
        "plans": lambda: reports.plans(me),
        "bands": lambda: reports.bands(me),
        "last days": lambda: reports.last_days_by_month(me, ServiceSearch(view=View.EXPIRING)),
        "overview": lambda: reports.overview(me),
        "growth": lambda: reports.growth(me, reports.overview(me)),
        "seats of 30 days": lambda: reports.seat_series(me),
        "seats of 365 days": lambda: reports.seat_series(me, days=365),
        "seats of one service": lambda: reports.seat_series(me, service=service),
        "denials": lambda: reports.denials(me),
        "denials of 365 days": lambda: reports.denials(me, days=365),
        "names": lambda: reports.names(me, "subscription", [service]),
        "seats": lambda: engine.seats.list(me, engine.where(project), limit=50),
    }
    return found


def test_no_read_of_the_pages_goes_through_a_whole_table(estate: Estate) -> None:
    """Lists with each filter and order, counts, reports and the journal: large tables by an index."""
    whole: dict[str, set[str]] = {}
    queries = 0
    for name, read in reads(estate.engine, estate.actor).items():
        with explained() as (chosen, by_index):
            read()
        queries += len(chosen)
        if tables := LARGE & set(scanned(chosen)) | GROWING & set(scanned(by_index)):
            whole[name] = tables
    assert whole == {}
    assert queries > 100


def test_a_seat_that_is_taken_moves_no_index(new_database: Callable[[str], str]) -> None:
    """The counter is in no index, its bucket seldom moves: PostgreSQL updates the row in place."""
    url = new_database("postgresql")
    load(url, services=1, entries=1)
    database = Database(url)
    with database.connection(write=True) as connection:
        for _ in range(8):
            connection.exec_driver_sql(
                "UPDATE seatguard_subscription SET live = live + 1 WHERE type = 'type 0'"
            )
        updated, in_place = connection.exec_driver_sql(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables "
            "WHERE relname = 'seatguard_subscription'"
        ).one()
    database.close()
    assert (updated, in_place) == (8, 8)
