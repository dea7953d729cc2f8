"""What a validate costs: ``POST /api/v1/validate-subscription`` against a bare Flask JSON route.

    python -m benchmarks.validate [--services 10000]

The bare route reads a JSON body of the same size and answers JSON of the same size; it knows nobody. First
called as WSGI in this process, then by 16 customers over HTTP (gunicorn, one worker, four threads; the
client has a core of its own where there is one). Cached is as shipped, answers up to a second old;
uncached (``SEATGUARD_VALIDATE_MAX_AGE=0``) reads key, terms and count from the store for each call.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
from collections.abc import Callable, Iterator

from flask import Flask

from benchmarks import apps
from benchmarks.client import load
from benchmarks.measuring import RATE, Report, command, interleave, micros_each, on_cores, percentile
from benchmarks.places import DOMAIN, Arena, places
from benchmarks.serving import served

CALLERS = 16
ENDLESS = 1_000_000_000
BARE, LIMITED, FIRST = (
    "bare Flask JSON route",
    "the same behind Flask-Limiter, in memory",
    "validate before Flask",
)
CONTENDERS = {
    "validate": apps.VALIDATE,
    FIRST: apps.FIRST,
    BARE: apps.BARE,
    "bare again": apps.AGAIN,
    **({LIMITED: apps.LIMITED} if importlib.util.find_spec("flask_limiter") else {}),
}
PAIRS = (("validate", BARE), ("validate", LIMITED), (FIRST, BARE))


def run(report: Report, options: argparse.Namespace) -> None:
    """Measure and print."""
    report.section("validate")
    services = 200 if report.quick else options.services
    for name in options.places:
        with places(report, [name]) as found:
            for place in found:
                arena = Arena.build(place.url, services=services, limit=ENDLESS)
                for max_age in (1.0, 0.0) if place.name == "SQLite" else (0.0,):
                    how = "cached" if max_age else "uncached"
                    _in_process(report, arena, max_age, f"{how}, {place.name}")
                    _over_http(report, arena, max_age, f"{how}, {place.name}")


def _bodies(arena: Arena) -> list[bytes]:
    """What the first customers send."""
    return [
        json.dumps({"api_key": service.key, "domain": DOMAIN}).encode()
        for service in arena.services[:CALLERS]
    ]


def _in_process(report: Report, arena: Arena, max_age: float, what: str) -> None:
    app = apps.create(arena.url, max_age)
    bodies = itertools.cycle(_bodies(arena))
    sizes = {path: len(apps.call(app, path, next(bodies))) for path in CONTENDERS.values()}
    with on_cores(0):
        samples = interleave(
            {
                name: micros_each(_caller(app, path, bodies), 30 if report.quick else 300)
                for name, path in CONTENDERS.items()
            },
            report.rounds(21),
        )
    app.extensions["seatguard"]["seatguard"].engine.close()
    for a, b in _pairs(max_age):
        report.compare(
            f"validate in process, {what}",
            samples,
            a,
            b,
            unit="µs",
            control="bare again" if b == BARE else None,
            note=f"bodies answered: {sizes[CONTENDERS[a]]} and {sizes[CONTENDERS[b]]} bytes",
        )


def _pairs(max_age: float) -> list[tuple[str, str]]:
    """What is compared: before Flask only what is remembered is answered."""
    pairs = [pair for pair in PAIRS if pair[1] in CONTENDERS]
    return pairs if max_age else pairs[:1]


def _caller(app: Flask, path: str, bodies: Iterator[bytes]) -> Callable[[], object]:
    return lambda: apps.call(app, path, next(bodies))


def _over_http(report: Report, arena: Arena, max_age: float, what: str) -> None:
    bodies = _bodies(arena)
    seconds = 0.3 if report.quick else 1.5
    waits: dict[str, list[float]] = {}
    environment = {apps.STORE: arena.url, apps.MAX_AGE: str(max_age)}
    with served(environment, workers=1, threads=4) as port, on_cores(1):

        def contender(name: str, path: str) -> Callable[[], float]:
            def measure() -> float:
                loaded = load(port, path, bodies, seconds)
                waits.setdefault(name, []).append(percentile(loaded.waits, 99) * 1000)
                return loaded.rate

            return measure

        samples = interleave(
            {name: contender(name, path) for name, path in CONTENDERS.items()}, report.rounds(9)
        )
    late = {name: values[1:] for name, values in waits.items()}
    title = f"validate over HTTP, {what}"
    for a, b in _pairs(max_age):
        control = "bare again" if b == BARE else None
        report.compare(title, samples, a, b, unit="/s", better=RATE, control=control)
    report.compare(f"{title}: p99", late, "validate", BARE, unit="ms", control="bare again")


ARGUMENTS = (
    ("--services", {"type": int, "default": 10_000, "help": "how many services the store has"}),
    (
        "--places",
        {"nargs": "+", "choices": ("SQLite", "PostgreSQL"), "default": ("SQLite", "PostgreSQL")},
    ),
)

if __name__ == "__main__":
    command("What a validate costs.", run, *ARGUMENTS)
