"""The goals that Seatguard set itself, each with the figure that it has to reach, and what was measured.

    python -m benchmarks.goals [--quick]

A goal is a ratio of two things measured in the same rounds; see ``benchmarks/measuring.py``. Where a number
of its own is wanted, such as seats lost, a test counts it, and the table names the test.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass

from benchmarks import growth, guards, imports, indexes, redis, register, signup, validate
from benchmarks.measuring import Figure, Report, command
from benchmarks.peers import CORE, GATE, HAND, ONE, ORM, SAME_ROWS
from benchmarks.redis import ROUND_TRIP, SCRIPT, WATCH


@dataclass(frozen=True, slots=True)
class Goal:
    """One ratio, and where it should be.

    Attributes:
        title: of the figure, as the benchmark names it.
        at_least: where more is better.
        at_most: where less is better.
    """

    name: str
    title: str
    a: str
    b: str
    at_least: float | None = None
    at_most: float | None = None

    def told(self, figure: Figure | None) -> str:
        """One line of the table."""
        wanted = f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"
        row = f"| {self.name} | {self.title} | {self.a} / {self.b} | {wanted} |"
        if figure is None:
            return f"{row} not measured here | |"
        ratio = statistics.median(figure.ratios)
        met = ratio >= self.at_least if self.at_least is not None else ratio <= (self.at_most or 0)
        return f"{row} {ratio:.3g} | {'met' if met else '**missed**'} |"


@dataclass(frozen=True, slots=True)
class Shown:
    """A number that a test asserts.

    Attributes:
        by: the test's file.
    """

    name: str
    what: str
    by: str

    def told(self, _: Figure | None) -> str:
        """One line of the table."""
        return f"| {self.name} | {self.what} | - | 0 | asserted by `{self.by}` | |"


_VALKEY = "Valkey, appendfsync everysec"
_ONE = "takes, 4 processes x 4 threads, one service"
_MANY = "takes, 4 processes x 4 threads, 1,000 services"
_COUNTER = "check by the counter"
_THREADS = f"takes, 1 process x 16 threads, one service, {register.THREADS_SLOW}"
_SIGNUP = "registrations over HTTP, one service, PostgreSQL 1 ms"

_LARGE, _SMALL = "10,000,000 seats", "10,000 seats"


def _growth(place: str) -> tuple[Goal, ...]:
    return (
        Goal("P14", f"take, {place}", _LARGE, _SMALL, at_most=1.5),
        Goal("P14", f"check, uncached, {place}", _LARGE, _SMALL, at_most=1.5),
        Goal("P14", f"page of the journal, newest, {place}", _LARGE, _SMALL, at_most=1.3),
        Goal("P14", f"page of the journal, middle, {place}", _LARGE, _SMALL, at_most=1.3),
        Goal("P14", f"page of this service's entries, {place}", _LARGE, _SMALL, at_most=1.3),
        *(Goal("P14", f"{report}, {place}", _LARGE, _SMALL, at_most=1.5) for report in growth.REPORTS),
        Goal("P15", f"{_LARGE}, {place}", _COUNTER, "check by SELECT count(*)", at_most=1 / 1000),
    )


def _indexes() -> tuple[Goal, ...]:
    titles = [f"{what}, {indexes.SERVICES:,} services, PostgreSQL" for what in indexes.READS]
    return (
        *(Goal("P16", title, indexes.WITH, indexes.WITHOUT, at_most=1 / 20) for title in titles),
        *(Goal("P16", title, indexes.WITH, indexes.BOUND, at_most=1) for title in titles),
    )


GOALS: tuple[Goal | Shown, ...] = (
    Goal("P1", "validate over HTTP, cached, SQLite", "validate", validate.BARE, at_least=0.95),
    Goal("P2", "validate over HTTP, cached, SQLite", "validate", validate.LIMITED, at_least=1.5),
    Goal("P3", "validate over HTTP, cached, SQLite", validate.FIRST, validate.BARE, at_least=1.5),
    Goal("P4", "what the decorator alone adds", guards.ALLOWED, guards.LIMITED, at_most=1 / 15),
    Goal("P4", "a decorator, store in memory", guards.ALLOWED, guards.BARE, at_most=1.05),
    Goal("P5", "validate in process, uncached, SQLite", "validate", validate.BARE, at_most=2.2),
    Goal("P5", "validate in process, uncached, PostgreSQL", "validate", validate.BARE, at_most=2.7),
    Goal("P6", f"{_ONE}, PostgreSQL 1 ms", GATE, ORM, at_least=12),
    Goal("P6", f"{_ONE}, PostgreSQL 1 ms: p99", GATE, ORM, at_most=1 / 8),
    Shown("P6", "seats beyond the cap", "tests/storage/test_races.py"),
    Goal("P7", f"{_ONE}, PostgreSQL 1 ms", GATE, ONE, at_least=4),
    Goal(
        "P8",
        "takes, one service against 1,000, PostgreSQL 1 ms",
        f"{GATE}, one service",
        f"{GATE}, many",
        at_least=0.55,
    ),
    Goal("P9", f"{_MANY}, PostgreSQL 1 ms", GATE, ONE, at_least=0.75),
    Goal("P9", f"{_MANY}, PostgreSQL 1 ms", GATE, CORE, at_least=2.5),
    Goal("P10", f"take, one client, {register.ALONE_IN_MEMORY}", GATE, SAME_ROWS, at_most=1 / 0.55),
    Goal("P10", f"take, one client, {register.ALONE_IN_MEMORY}", GATE, ORM, at_most=1 / 15),
    Goal("P11", _THREADS, GATE, HAND, at_least=5),
    Goal("P11", f"{_THREADS}: longest wait", GATE, HAND, at_most=1 / 50),
    Goal("P11", f"{_THREADS}: share of the seats", register.FAIR, register.ALIKE, at_least=0.8),
    Goal("P12", f"{_ONE}, {_VALKEY}", SCRIPT, ROUND_TRIP, at_least=0.65),
    Goal("P12", f"{_ONE}, {_VALKEY}", SCRIPT, WATCH, at_least=15),
    Goal("P12", f"{_ONE}, {_VALKEY}", GATE, ROUND_TRIP, at_least=0.65),
    Goal("P12", f"{_ONE}, {_VALKEY}", GATE, WATCH, at_least=15),
    Goal("P13", f"{_ONE}, {register.CROWD_SLOW}", GATE, ORM, at_least=3),
    Goal(
        "P13",
        f"takes, one service against 1,000, {register.CROWD_SLOW}",
        f"{GATE}, one service",
        f"{GATE}, many",
        at_least=0.85,
    ),
    *_growth("PostgreSQL"),
    *_growth("SQLite"),
    *_indexes(),
    Goal(
        "P17",
        "refused and repeated, PostgreSQL 1 ms",
        'a "no" at the limit',
        "a take that gives a seat",
        at_most=0.2,
    ),
    Goal(
        "P17",
        "refused and repeated, PostgreSQL 1 ms",
        "a user who has a seat",
        "a take that gives a seat",
        at_most=0.2,
    ),
    Shown("P17", "rows written by a refusal", "tests/benchmarks/test_benchmarks_run.py"),
    Shown("P18", "answered seats lost by a killed server or killed workers", "tests/storage/test_crash.py"),
    Goal("P19", "import: time", "import seatguard_flask", "import flask, sqlalchemy", at_most=1.1),
    # Five MiB more than the 44 of the two.
    Goal("P19", "import: memory", "import seatguard_flask", "import flask, sqlalchemy", at_most=1.11),
    Goal("P20", _SIGNUP, signup.REGISTER, signup.ORM, at_least=5),
    Goal("P20", _SIGNUP, signup.REGISTER, signup.NOTHING, at_least=0.35),
)


def table(report: Report) -> str:
    """Every goal beside what the report has of it."""
    figures = {
        (figure.title, figure.a, figure.b): figure
        for kept in report.sections.values()
        for figure in kept
        if isinstance(figure, Figure)
    }
    rows = [
        goal.told(figures.get((goal.title, goal.a, goal.b)) if isinstance(goal, Goal) else None)
        for goal in GOALS
    ]
    head = "| goal | what | A / B | wanted | measured | |"
    return "\n".join([head, "|---|---|---|---|---|---|", *rows])


def run(report: Report, options: argparse.Namespace) -> None:
    """Measure everything that a goal asks about, and print the table."""
    imports.run(report, options)
    validate.run(report, argparse.Namespace(services=10_000, places=("SQLite", "PostgreSQL")))
    register.run(report, argparse.Namespace(places=("SQLite", "PostgreSQL 1 ms", "MariaDB")))
    signup.run(report, argparse.Namespace(places=signup.ALL))
    guards.run(report, argparse.Namespace(places=()))
    redis.run(report, argparse.Namespace(fsync=("everysec",)))
    growth.run(report, argparse.Namespace(places=growth.ALL, sizes=growth.SIZES))
    indexes.run(report, argparse.Namespace(services=indexes.SERVICES))
    print(f"\n{table(report)}")


if __name__ == "__main__":
    command("The goals, and what was measured.", run)
