"""The pytest plugin, in runs of pytest of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]

APP = """
import pytest
from flask import Flask
from seatguard_flask import Seatguard

@pytest.fixture
def client(seatguard_engine):
    app = Flask("shop")
    seats = Seatguard(app, engine=seatguard_engine)

    @app.post("/users/<user>")
    @seats.consume(project="acme", subject="user")
    def create(user):
        return {}, 201

    return app.test_client()
"""


def run(folder: Path, tests: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run tests in an empty folder, with the plugin as an installation would load it."""
    (folder / "test_host.py").write_text(APP + tests)
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--strict-markers",
            "-p",
            "seatguard_flask.pytest_plugin",
            *options,
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_declared() -> None:
    """pytest finds it by the entry point."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert declared == {"seatguard": "seatguard_flask.pytest_plugin"}


def test_a_host_tests_its_views(tmp_path: Path) -> None:
    """A full project, time that is moved, what happened, and a test without guards."""
    done = run(
        tmp_path,
        """
def test_a_full_project(client, seatguard_project, seatguard_events):
    seatguard_project("acme", limit=2, used=1)
    assert [client.post(f"/users/{name}").status_code for name in ("ada", "bob")] == [201, 402]
    assert seatguard_events.names[-4:] == ["seat_held", "seat_taken", "usage_threshold", "seat_denied"]
    assert seatguard_events.of("seat_denied")[0]["holder"] == "bob"

def test_an_expired_project(client, seatguard_project, seatguard_clock):
    seatguard_project("acme", limit=None, expiry="2027-12-31")
    assert client.post("/users/ada").status_code == 201
    seatguard_clock.travel(days=365)
    assert client.post("/users/bob").status_code == 402

@pytest.mark.seatguard(enabled=False)
def test_without_guards(client, seatguard_project):
    seatguard_project("acme", limit=0)
    assert client.post("/users/ada").status_code == 201

def test_with_them_again(client, seatguard_project):
    seatguard_project("acme", limit=0)
    assert client.post("/users/ada").status_code == 402
""",
    )
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def test_the_documented_example(tmp_path: Path) -> None:
    """As docs/testing.md has it."""
    block = re.search(r"```python[^\n]*\n(.*?)```", (ROOT / "docs" / "testing.md").read_text(), re.DOTALL)
    assert block is not None
    done = run(tmp_path, block[1])
    assert "2 passed" in done.stdout, done.stdout


def test_a_hold_left_behind_fails_the_test(tmp_path: Path) -> None:
    """With the name of who holds; unless it is meant, or its time is over."""
    done = run(
        tmp_path,
        """
def leave(engine, project):
    me = engine.actor("test", "x")
    engine.seats.hold(me, engine.where(project.id), "ada", seconds=60).require()

def test_left(seatguard_engine, seatguard_project):
    leave(seatguard_engine, seatguard_project("acme"))

@pytest.mark.seatguard(holds=True)
def test_meant(seatguard_engine, seatguard_project):
    leave(seatguard_engine, seatguard_project("acme"))

def test_over(seatguard_engine, seatguard_project, seatguard_clock):
    leave(seatguard_engine, seatguard_project("acme"))
    seatguard_clock.travel(seconds=60)
""",
    )
    assert "holds were left behind: ada in acme" in done.stdout
    assert "3 passed, 1 error" in done.stdout


def test_it_loads_nothing_heavy(tmp_path: Path) -> None:
    """A run that asks for none of it pays for no store, no schema and no driver."""
    done = run(
        tmp_path,
        """
import sys

def test_nothing():
    heavy = {"sqlalchemy", "pydantic", "alembic", "redis", "psycopg", "pymysql"}
    assert heavy.isdisjoint(sys.modules)
""",
    )
    assert done.returncode == 0, done.stdout
