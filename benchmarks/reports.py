"""What the admin pages cost in a large PostgreSQL database, against a small one.

    python -m benchmarks.reports [--services 1000 100000]

Each page is asked for as a browser asks for it, signed in, through Flask's test client: routing, session,
queries and template are in the time, the network is not. Each size is a database of its own, with ten entries
a service; the daily sums are kept, as ``seatguard work`` keeps them. Both are asked in the same rounds, in
turns. The goals are a ratio of at most 2, and at most twelve queries a page.
"""

from __future__ import annotations

import argparse
import re

from flask import Flask
from flask.testing import FlaskClient

from benchmarks.estate import load
from benchmarks.measuring import Report, command, interleave, micros_each
from benchmarks.places import another, places
from seatguard.reports.model import ServiceSearch, View
from seatguard_admin import SeatguardAdmin, SignIn
from seatguard_flask import Seatguard
from tests.statements import counted

SIZES = (1_000, 100_000)
ENTRIES = 10
"""Entries a service."""

PASSWORD = "correct horse battery"
HOME = "/seatguard"


def run(report: Report, options: argparse.Namespace) -> None:
    """Measure and print."""
    report.section("reports")
    small, large = (200, 1_000) if report.quick else options.services
    with places(report, ("PostgreSQL",)) as found:
        for place in found:
            sites = {}
            for size in (small, large):
                url = another(place, f"services{size}").url
                load(url, services=size, entries=size * ENTRIES)
                sites[size] = Site(url)
            for name in sites[small].pages:
                _measure(report, name, sites[small], sites[large], _services(small), _services(large))
            for site in sites.values():
                site.close()


def _measure(report: Report, name: str, few: Site, many: Site, small: str, large: str) -> None:
    queries = [many.queries(name) for _ in range(2)][-1]
    contenders = {
        small: micros_each(lambda: few.read(name), 3),
        large: micros_each(lambda: many.read(name), 3),
        "control": micros_each(lambda: few.read(name), 3),
    }
    samples = interleave(contenders, report.rounds(15))
    report.compare(name, samples, large, small, unit="µs", control="control", note=f"{queries} queries")


class Site:
    """The pages on one database, and an owner who is signed in."""

    def __init__(self, url: str) -> None:
        app = Flask("benchmarks.reports")
        app.config.update(SECRET_KEY="0f6d2c8b51e94a7b8c3d benchmarks only", SEATGUARD_STORAGE_URI=url)
        self._seats = Seatguard(app)
        SeatguardAdmin(app, seatguard=self._seats, authorizer=SignIn())
        with app.app_context():
            self.engine = self._seats.engine
        me = self.engine.actor("benchmark", "reports")
        self.engine.reports.count_days(me)
        self.engine.administrators.add(me, name="ada", role="owner", password=PASSWORD)
        self._client = _signed_in(app)
        self.pages = self._pages()

    def read(self, name: str) -> None:
        """Ask for a page and read it to its end."""
        answer = self._client.get(HOME + self.pages[name])
        if answer.status_code != 200 or not answer.get_data():
            raise RuntimeError(f"{name} ({self.pages[name]}) answered {answer.status_code}")

    def queries(self, name: str) -> int:
        """How many queries the page sends."""
        with counted() as sent:
            self.read(name)
        return len(sent)

    def close(self) -> None:
        """Let go of the database."""
        self.engine.close()

    def _pages(self) -> dict[str, str]:
        """The addresses of the pages by name: each list in each of its views, and each tab.

        What is searched for fills a page at either size: one that shows more rows is not the same page.
        """
        engine, me = self.engine, self.engine.actor("benchmark", "reports")
        one = engine.reports.services(me, ServiceSearch(view=View.ACTIVE), limit=1).items[0].subscription
        entry = engine.journal.search(me, limit=1).items[0].id
        found = {
            "dashboard": "/",
            "clients": "/clients",
            "clients, by prefix": "/clients?q=client+1",
            "clients, archived": "/clients?view=archived",
            "client": f"/clients/{one.client}",
            "client, projects": f"/clients/{one.client}?tab=projects",
            "client, activity": f"/clients/{one.client}?tab=activity",
            "new client": "/clients/new",
            "projects": "/projects",
            "projects, by prefix": "/projects?q=project+1",
            "project": f"/projects/{one.project}",
            "project, keys": f"/projects/{one.project}?tab=keys",
            "services": "/services",
        }
        for view in list(View)[1:]:
            found[f"services, {view}"] = f"/services?view={view}"
        for sort in ("client", "expires", "utilization"):
            found[f"services, by {sort}"] = f"/services?sort={sort}"
        return found | {
            "services, by prefix": "/services?q=type+1",
            "services of a plan": f"/services?plan={engine.reports.plans(me).items[0].plan.id}",
            "new service": "/services/new",
            "service": f"/services/{one.id}",
            "service, seats": f"/services/{one.id}?tab=seats",
            "service, keys": f"/services/{one.id}?tab=keys",
            "service, integrate": f"/services/{one.id}?tab=integrate",
            "service, activity": f"/services/{one.id}?tab=activity",
            "limit of a service": f"/services/{one.id}/limit",
            "plans": "/plans",
            "plan": "/plans/team",
            "expiring": "/reports/expiring",
            "expiring, 90 days": "/reports/expiring?days=90",
            "utilization": "/reports/utilization",
            "utilization, 70%": "/reports/utilization?percent=70",
            "seats, 30 days": "/reports/seats",
            "seats, 12 months": "/reports/seats?days=365",
            "denials, 30 days": "/reports/denials",
            "denials, 12 months": "/reports/denials?days=365",
            "activity": "/activity",
            "activity, denied": "/activity?kind=seat.denied",
            "activity, of clients": "/activity?kind=client.&range=all",
            "activity, of one request": "/activity?q=request-777&range=all",
            "an entry": f"/activity/{entry}",
            "API documentation": "/api-docs",
            "search": "/search?q=client+7",
        }


def _signed_in(app: Flask) -> FlaskClient:
    client = app.test_client()
    form = client.get(f"{HOME}/sign-in").text
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form))
    hidden.pop("theme", None)
    answer = client.post(f"{HOME}/sign-in", data=hidden | {"name": "ada", "password": PASSWORD})
    if answer.status_code != 303:
        raise RuntimeError(f"signing in was answered {answer.status_code}")
    return client


def _services(size: int) -> str:
    return f"{size:,} services"


ARGUMENTS = (
    ("--services", {"nargs": 2, "type": int, "default": SIZES, "help": "how many services: few and many"}),
)

if __name__ == "__main__":
    command("What the admin pages cost in a large database.", run, *ARGUMENTS)
