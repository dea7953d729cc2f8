"""Each benchmark still runs and prints its lines. How fast anything was, no test asks."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import indexes, simulate
from benchmarks.goals import GOALS, table
from benchmarks.measuring import Report
from benchmarks.validate import BARE, FIRST
from tests.servers.availability import on_ci

REPOSITORY = Path(__file__).parents[2]

RATIO = re.compile(r"^  A/B  (less|more) is better +\S+ \[\S+\.\.\S+\]$", re.MULTILINE)


def run(module: str, *arguments: str) -> str:
    """What the benchmark prints when it only shows that it runs."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", "--quick", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def titles(printed: str) -> list[str]:
    """What was compared."""
    return re.findall(r"^(\S.*)\n  A  ", printed, re.MULTILINE)


def test_every_benchmark_names_the_machine_and_prints_ratios() -> None:
    """Figures without the machine they come from say nothing, so it is the first line."""
    printed = run("imports")

    assert re.match(r"\d{4}-\d\d-\d\d: \d+ cores .* Python 3\.\d+\.\d+, Flask 3", printed)
    assert len(RATIO.findall(printed)) == len(titles(printed)) == 6
    assert "  B/B  control: two equal things" in printed


def test_validate_is_measured_in_process_and_over_http_cached_and_not() -> None:
    """One line each for the ways a validate is served, and before Flask where it is remembered."""
    printed = run("validate", "--places", "SQLite")

    assert titles(printed) == [
        *["validate in process, cached, SQLite"] * 3,
        *["validate over HTTP, cached, SQLite"] * 3,
        "validate over HTTP, cached, SQLite: p99",
        "validate in process, uncached, SQLite",
        "validate over HTTP, uncached, SQLite",
        "validate over HTTP, uncached, SQLite: p99",
    ]
    assert len(RATIO.findall(printed)) == 10


@pytest.mark.parametrize(
    "place",
    [
        "SQLite",
        pytest.param("PostgreSQL 1 ms", marks=pytest.mark.postgresql),
        pytest.param("MariaDB", marks=pytest.mark.mariadb),
    ],
)
def test_register_is_measured_alone_and_in_a_crowd_and_counts_right(place: str) -> None:
    """Whatever was measured was no shortcut: a "no" wrote nothing, and counter, seats and entries agree."""
    printed = run("register", "--places", place)
    if "not measured" in printed and not on_ci():
        pytest.skip(printed)

    assert len(RATIO.findall(printed)) == (20 if place == "PostgreSQL 1 ms" else 16)
    assert f'{place}: rows written by all the "no" and repetitions: 0 seats, 0 entries' in printed
    found = re.search(r"counter ([\d,]+), seats ([\d,]+), entries ([\d,]+)", printed)
    assert found is not None
    assert len(set(found.groups())) == 1


@pytest.mark.parametrize(
    ("place", "compared"),
    [
        ("SQLite in memory", 3),
        ("SQLite 1 ms", 3),
        pytest.param("MariaDB 1 ms", 11, marks=pytest.mark.mariadb),
    ],
)
def test_disks_that_are_free_or_slow_are_measured_on(place: str, compared: int) -> None:
    """What a disk hides or shows is measured where a flush costs nothing, or a millisecond for all alike."""
    printed = run("register", "--places", place)
    if "C compiler" in printed or ("not measured" in printed and not on_ci()):
        pytest.skip(printed)
    assert len(RATIO.findall(printed)) == compared


def test_every_goal_is_told_met_missed_or_not_measured() -> None:
    """The ratio's median decides, in the direction that is better; nothing is passed over."""
    report = Report()
    report.section("validate")
    rates = {"validate": [90.0, 100.0, 96.0], BARE: [100.0, 100.0, 100.0], FIRST: [140.0, 140.0, 160.0]}
    for a in ("validate", FIRST):
        report.compare("validate over HTTP, cached, SQLite", rates, a, BARE, unit="/s")
    report.compare("validate in process, uncached, SQLite", rates, FIRST, BARE, unit="µs")
    rows = table(report).splitlines()[2:]
    assert len(rows) == len(GOALS)
    assert [row.rsplit("|", 3)[1:3] for row in rows[:4]] == [
        [" 0.96 ", " met "],
        [" not measured here ", " "],
        [" 1.4 ", " **missed** "],
        [" not measured here ", " "],
    ]


def test_the_simulation_queues_as_queues_do() -> None:
    """Too much for one server waits longer and longer, for two it does not; a service has one home."""
    one, two = (simulate.run(simulate.Wish(servers=count, rate=12_000, seconds=0.5)) for count in (1, 2))
    assert len(one.waits) == len(two.waits) == sum(two.taken)
    assert one.waits[-1] > 10 * two.waits[-1]
    assert min(two.waits) > 0.00079
    assert all(simulate.home(service, 8) == simulate.home(service, 8) < 8 for service in range(100))


def test_guards_are_measured_against_the_same_view_without() -> None:
    """Each way of guarding a sign-up, then the decorator alone; users and seats are the same number."""
    printed = run("guards", "--places", "SQLite")

    assert titles(printed).count("sign-up, SQLite") == 3
    assert titles(printed).count("what the decorator alone adds") == 4
    assert len(RATIO.findall(printed)) == len(titles(printed)) == 11
    counted = re.findall(r"([\d,]+) users, ([\d,]+) seats", printed)
    assert len(counted) == 3
    assert all(users == seats != "0" for users, seats in counted)


@pytest.mark.postgresql
def test_registrations_are_measured_over_http_against_an_orm_and_against_nothing() -> None:
    """With the same server, customers and bodies; and every seat that was given is there."""
    printed = run("signup", "--places", "PostgreSQL")
    if "not measured" in printed and not on_ci():
        pytest.skip(printed)

    assert len(RATIO.findall(printed)) == len(titles(printed)) == 3
    assert re.search(r"PostgreSQL: [1-9][\d,]* seats in the service that all wanted", printed)


def test_growth_is_measured_at_several_sizes_against_the_smallest() -> None:
    """Takes, checks, pages; and beside them the check that counts rows."""
    printed = run("growth", "--places", "SQLite")

    assert "loaded 12,000 rows" in printed
    assert {"take, SQLite", "check, uncached, SQLite", "page of the journal, middle, SQLite"} <= set(
        titles(printed)
    )
    assert printed.count("check by SELECT count(*)") == 2


@pytest.mark.redis
def test_gate_on_valkey_is_measured_against_a_round_trip_and_against_watch() -> None:
    """The engine, the gate and its script; and what was relayed is all there is."""
    printed = run("redis", "--fsync", "no")
    if "not measured" in printed and not on_ci():
        pytest.skip(printed)

    assert len(RATIO.findall(printed)) == 21
    found = re.search(r"([\d,]+) seats at the gate, ([\d,]+) in the ledger's copy", printed)
    assert found is not None
    assert found[1] == found[2]
    found = re.search(r"([\d,]+) units at the gate, ([\d,]+) in the ledger", printed)
    assert found is not None
    assert found[1] == found[2] == "500"


@pytest.mark.postgresql
def test_lists_are_measured_with_and_without_their_indexes() -> None:
    """Each against the same rows without, and against what a page may take."""
    printed = run("indexes")
    if "not measured" in printed and not on_ci():
        pytest.skip(printed)

    assert len(RATIO.findall(printed)) == 2 * len(indexes.READS)


@pytest.mark.postgresql
def test_reads_of_the_admin_pages_are_measured_with_many_services() -> None:
    """Lists, counts, reports and the journal, each against the small database."""
    printed = run("reports")
    if "not measured" in printed and not on_ci():
        pytest.skip(printed)

    assert len(RATIO.findall(printed)) == 48
