"""How much a page asks of the database: at most twelve statements, whatever there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import seatguard
from tests.admin.conftest import Read, Reader
from tests.admin.sample import PASSWORD, Sample
from tests.statements import counted

MOST = 12


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Sample]:
    """Some clients with projects and services on a SQLite file."""
    options = seatguard.EngineOptions(max_age=0)
    engine = seatguard.Seatguard.open(f"sqlite:///{tmp_path / 'seats.db'}", options=options)
    me = engine.actor("cli", "sample")
    engine.catalog.add(me, slug="team", seats=20)
    made = Sample(engine, engine.clock, me)  # type: ignore[arg-type]
    for number in range(12):
        client = engine.clients.add(me, name=f"Client {number}")
        project = engine.projects.add(me, client.id, name="Shop", domains=(f"a{number}.example",))
        service = engine.subscriptions.add(me, project.id, plan="team", expiry="2099-12-31")
        engine.seats.take(me, engine.where(project.id), "ada").require()
        engine.projects.add_key(me, project.id)
        made.client, made.project, made.service = client.id, project.id, service.id
    yield made
    engine.close()


def test_no_page_asks_more_than_twelve_times(stored: Sample, reader: Read) -> None:
    """Not one statement a row: the number is the same for twelve clients as for one."""
    ada = reader(stored)
    asked = {}
    for path in (
        "/",
        "/clients",
        f"/clients/{stored.client}",
        f"/clients/{stored.client}?tab=activity",
        "/projects",
        f"/projects/{stored.project}",
        f"/projects/{stored.project}?tab=keys",
        "/services",
        f"/services/{stored.service}",
        f"/services/{stored.service}?tab=seats",
        "/plans",
        "/plans/team",
        "/plans/team?tab=versions",
        "/plans/team?tab=subscribers",
        "/plans/team/publish",
        "/reports/expiring",
        "/reports/utilization",
        "/reports/seats",
        "/reports/denials",
        "/activity",
        "/search?q=cl",
    ):
        ada.text(path)
        with counted() as sent:
            ada.text(path)
        asked[path] = len([one for one in sent if one.lstrip().upper().startswith(("SELECT", "WITH"))])
    assert {path: count for path, count in asked.items() if count > MOST} == {}
    assert all(asked.values())


def test_the_dashboard_of_somebody_signed_in_stays_within_twelve(
    stored: Sample, signed_in: Callable[[Sample, str], Reader]
) -> None:
    """Who is signed in is a question too; the activity of the page names records of every kind."""
    stored.engine.administrators.add(stored.actor, name="ada", role="owner", password=PASSWORD)
    stored.engine.catalog.add(stored.actor, slug="solo", seats=1)
    ada = signed_in(stored, "ada")
    ada.text("/")
    with counted() as sent:
        ada.text("/")
    assert len([one for one in sent if one.lstrip().upper().startswith(("SELECT", "WITH"))]) <= MOST
