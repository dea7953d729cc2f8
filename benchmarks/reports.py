"""What the reads of the admin pages cost in a large PostgreSQL database, against a small one.

    python -m benchmarks.reports [--services 1000 100000]

Each size is a database of its own, with ten entries a service; all are measured in the same rounds. The
goal is a ratio of at most 2. Reports made of the journal read every entry of their days and grow with it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from benchmarks.estate import load
from benchmarks.measuring import Report, command, interleave, micros_each
from benchmarks.places import another, places
from seatguard import Seatguard
from seatguard.journal.ports import Search
from seatguard.reports.model import ServiceSearch, Sort, View

SIZES = (1_000, 100_000)
ENTRIES = 10
"""Entries a service."""


def run(report: Report, options: argparse.Namespace) -> None:
    """Measure and print."""
    report.section("reports")
    small, large = (200, 1_000) if report.quick else options.services
    with places(report, ("PostgreSQL",)) as found:
        for place in found:
            engines, acts = [], {}
            for size in (small, large):
                url = another(place, f"services{size}").url
                load(url, services=size, entries=size * ENTRIES)
                engines.append(Seatguard.open(url))
                acts[size] = _acts(engines[-1])
            for what in acts[small]:
                contenders = {_services(size): micros_each(acts[size][what], 3) for size in acts}
                contenders["control"] = micros_each(acts[small][what], 3)
                samples = interleave(contenders, report.rounds(9))
                report.compare(
                    f"{what}, {place.name}",
                    samples,
                    _services(large),
                    _services(small),
                    unit="µs",
                    control="control",
                )
            for engine in engines:
                engine.close()


def _acts(engine: Seatguard) -> dict[str, Callable[[], object]]:
    """What is measured, by name."""
    reports, me = engine.reports, engine.actor("benchmark", "reports")
    active, q = ServiceSearch(view=View.ACTIVE), ServiceSearch(q="type 77")
    high = ServiceSearch(view=View.HIGH)
    return {
        "dashboard's numbers": lambda: reports.overview(me),
        "counts of all views": lambda: reports.view_counts(me),
        "services, newest": lambda: reports.services(me),
        "services, by client": lambda: reports.services(me, sort=Sort.CLIENT),
        "services, by last day": lambda: reports.services(me, active, sort=Sort.EXPIRES),
        "services, nearly full": lambda: reports.services(me, high, sort=Sort.UTILIZATION),
        "services, all by utilization": lambda: reports.services(me, sort=Sort.UTILIZATION),
        "services, suspended": lambda: reports.services(me, ServiceSearch(view=View.SUSPENDED)),
        "services, by prefix": lambda: reports.services(me, q),
        "clients": lambda: reports.clients(me),
        "clients, by prefix": lambda: reports.clients(me, q="client 77"),
        "projects": lambda: reports.projects(me),
        "plans": lambda: reports.plans(me),
        "seats of 30 days": lambda: reports.seat_series(me),
        "refusals of 30 days": lambda: reports.denials(me),
        "activity, newest": lambda: engine.journal.search(me, limit=50),
        "activity, of one request": lambda: engine.journal.search(
            me, Search(request_id="request-777"), limit=50
        ),
    }


def _services(size: int) -> str:
    return f"{size:,} services"


ARGUMENTS = (
    ("--services", {"nargs": 2, "type": int, "default": SIZES, "help": "how many services: few and many"}),
)

if __name__ == "__main__":
    command("What the reads of the admin pages cost in a large database.", run, *ARGUMENTS)
