"""What the indexes of lists and reports are worth, with a million services in PostgreSQL.

    python -m benchmarks.indexes [--services 1000000]

Two databases with the same rows; from one of them every index is dropped that is no key of its table. The
same call of the engine is measured on both. The goals: a twentieth of the time, and 5 ms at most.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from benchmarks.estate import load
from benchmarks.measuring import Report, command, interleave, micros_each
from benchmarks.places import another, places
from seatguard import Seatguard
from seatguard.journal.ports import Search
from seatguard.reports.model import ServiceSearch, Sort, View

SERVICES = 1_000_000
WITH, WITHOUT, BOUND = "with our indexes", "without them", "5 ms"
TABLES = ("client", "project", "subscription", "entry")
READS = (
    "services that expire in 30 days, the first 100",
    "services that expire in 30 days, counted",
    "services nearly full, the first 100",
    "services nearly full, counted",
    "services by a prefix",
    "clients by a prefix",
    "entries of one request",
)
"""What is measured; counts stop at 10,000."""


def run(report: Report, options: argparse.Namespace) -> None:
    """Measure and print."""
    report.section("indexes")
    services = 1_000 if report.quick else options.services
    with places(report, ("PostgreSQL",)) as found:
        for place in found:
            began = time.monotonic()
            one, other = another(place, "indexed").url, make_url(place.url).set(database="bare")
            load(one, services=services, entries=services)
            _copy_without_indexes(one, str(other.database))
            report.remark(f"{services:,} services, twice, loaded in {time.monotonic() - began:.0f} s")
            engines = {WITH: Seatguard.open(one), WITHOUT: Seatguard.open(other.render_as_string(False))}
            acts = {name: _acts(engine) for name, engine in engines.items()}
            for what in READS:
                contenders = {
                    WITH: micros_each(acts[WITH][what], 5),
                    WITHOUT: micros_each(acts[WITHOUT][what], 1),
                }
                samples = interleave(contenders, report.rounds(9))
                title = f"{what}, {services:,} services, PostgreSQL"
                report.compare(title, samples, WITH, WITHOUT, unit="µs")
                bound = samples | {BOUND: [5_000.0] * len(samples[WITH])}
                report.compare(title, bound, WITH, BOUND, unit="µs")
            for engine in engines.values():
                engine.close()


def _acts(engine: Seatguard) -> dict[str, Callable[[], object]]:
    reports, me = engine.reports, engine.actor("benchmark", "indexes")
    expiring, high = (ServiceSearch(view=view) for view in (View.EXPIRING, View.HIGH))
    calls: tuple[Callable[[], object], ...] = (
        lambda: reports.services(me, expiring, sort=Sort.EXPIRES, limit=100),
        lambda: reports.count_services(me, expiring),
        lambda: reports.services(me, high, limit=100),
        lambda: reports.count_services(me, high),
        lambda: reports.services(me, ServiceSearch(q="type 7777"), limit=100),
        lambda: reports.clients(me, q="client 7777"),
        lambda: engine.journal.search(me, Search(request_id="request-777"), limit=50),
    )
    return dict(zip(READS, calls, strict=True))


def _copy_without_indexes(url: str, name: str) -> None:
    """The same rows in a database of another name, with the tables' keys and no other index."""
    parts = make_url(url)

    def connect(database: str | None) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=parts.host,
            port=parts.port,
            user=parts.username,
            password=parts.password,
            dbname=database,
            autocommit=True,
        )

    with connect("postgres") as raw:
        raw.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(parts.database or "")
            )
        )
    with connect(name) as raw:
        found = raw.execute(
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            "WHERE i.indrelid = ANY(%s::regclass[]) AND NOT i.indisprimary AND NOT EXISTS "
            "(SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)",
            [[f"seatguard_{table}" for table in TABLES]],
        ).fetchall()
        for (index,) in found:
            raw.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(str(index))))
        raw.execute("ANALYZE")


ARGUMENTS = (("--services", {"type": int, "default": SERVICES, "help": "how many services"}),)

if __name__ == "__main__":
    command("What the indexes of lists and reports are worth.", run, *ARGUMENTS)
