"""What a registration costs over HTTP: ``POST /api/v1/register-user``, one service that all want.

    python -m benchmarks.signup

gunicorn with two workers of eight threads, 16 customers on kept-alive connections, each request a new user;
against a route of the same app that takes the seat with an ORM, and against one that reads its body and does
nothing. PostgreSQL with a disk of 1 ms. Server, database and customers share the cores.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable

from benchmarks import apps
from benchmarks.client import load_anew
from benchmarks.measuring import RATE, Report, command, interleave, percentile
from benchmarks.peers import prepare
from benchmarks.places import DOMAIN, Arena, Place, places
from benchmarks.serving import served

CALLERS = 16
ENDLESS = 1_000_000_000
REGISTER, ORM, NOTHING = "register-user", "ORM route, SELECT ... FOR UPDATE", "a route that does nothing"
PATHS = {REGISTER: apps.REGISTER, ORM: apps.ORM, NOTHING: apps.NOTHING}
ALL = ("PostgreSQL 1 ms",)
WORKERS, THREADS = 2, 8


def run(report: Report, options: argparse.Namespace) -> None:
    """Measure and print."""
    report.section("signup")
    for name in options.places:
        with places(report, [name]) as found:
            for place in found:
                _measure(report, place)


def _measure(report: Report, place: Place) -> None:
    arena = Arena.build(place.url, services=2, limit=ENDLESS)
    prepare(arena, limit=ENDLESS)
    seconds = 0.5 if report.quick else 3.0
    users, waits = itertools.count(), dict[str, list[float]]()
    key = arena.services[0].key

    def body() -> bytes:
        asked = {"api_key": key, "domain": DOMAIN, "username": f"user-{next(users)}"}
        return json.dumps(asked).encode()

    with served({apps.STORE: place.url}, workers=WORKERS, threads=THREADS) as port:

        def contender(name: str) -> Callable[[], float]:
            def measure() -> float:
                loaded = load_anew(port, PATHS[name], body, CALLERS, seconds)
                waits.setdefault(name, []).append(percentile(loaded.waits, 99) * 1000)
                return loaded.rate

            return measure

        samples = interleave({name: contender(name) for name in PATHS}, report.rounds(5))
    title = f"registrations over HTTP, one service, {place.name}"
    for peer in (ORM, NOTHING):
        report.compare(title, samples, REGISTER, peer, unit="/s", better=RATE)
    late = {name: values[1:] for name, values in waits.items()}
    report.compare(f"{title}: p99", late, REGISTER, ORM, unit="ms")
    engine = arena.open()
    live = engine.seats.usage(arena.actor(engine), arena.services[0].subscription).live
    engine.close()
    report.remark(f"{place.name}: {live:,} seats in the service that all wanted")


PLACES = ("--places", {"nargs": "+", "choices": (*ALL, "PostgreSQL", "SQLite", "MariaDB"), "default": ALL})

if __name__ == "__main__":
    command("What a registration costs end to end.", run, PLACES)
