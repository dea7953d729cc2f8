"""The shape of the code, checked: who imports whom, where time and chance come from, what an import costs."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("seatguard", "seatguard_flask", "seatguard_admin")

# Layers of the core that reach outside by design; everything else in the core takes time and ids as values.
OUTER_LAYERS = {"storage", "testing", "manifest"}
# Where time, ids and secrets are made, and where engine and worker hand the real clock to what asks for one.
SOURCES = {"clock.py", "ids.py", "keys.py", "engine.py", "worker.py"}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the packages below `folder`, by the contracts of the pyproject.toml there."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as main; main()",
            "--no-cache",
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy_of_the_code(tmp_path: Path) -> Path:
    """The packages and their contracts in a folder of their own, to be spoiled."""
    for package in PACKAGES:
        shutil.copytree(
            REPOSITORY / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "static")
        )
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_import_contracts_hold() -> None:
    done = lint_imports(REPOSITORY)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("seatguard/seats/service.py", "import sqlalchemy", "Slices know no database, driver or framework"),
        ("seatguard/journal/model.py", "import pydantic", "Slices know no database, driver or framework"),
        ("seatguard/subscriptions/rules.py", "import time", "Slices take the time as a value"),
        ("seatguard/catalog/rules.py", "import seatguard.seats.rules", "Core layers depend downward only"),
        ("seatguard/clock.py", "import seatguard.tenants.model", "Core layers depend downward only"),
        (
            "seatguard/seats/rules.py",
            "import seatguard.subscriptions.service",
            "Slices call no other slice's service",
        ),
        ("seatguard/errors.py", "import seatguard_flask", "Packages depend downward only"),
    ],
)
def test_a_planted_violation_is_caught(
    copy_of_the_code: Path, module: str, statement: str, contract: str
) -> None:
    """A contract that cannot fail guards nothing."""
    spoiled = copy_of_the_code / module
    spoiled.write_text(f"{spoiled.read_text()}\n{statement}\n")
    done = lint_imports(copy_of_the_code)
    assert done.returncode != 0
    assert f"{contract} BROKEN" in done.stdout


def core_slices() -> Iterator[Path]:
    core = REPOSITORY / "seatguard"
    for path in sorted(core.rglob("*.py")):
        inside = path.relative_to(core)
        if inside.parts[0] not in OUTER_LAYERS and inside.name not in SOURCES:
            yield path


def makes_its_own_time_or_chance(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of every use of the wall clock, of random numbers and of ids made on the spot."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="time"), attr="time" | "time_ns" | "monotonic" | "sleep"):
                yield node.lineno, f"time.{node.attr}"
            case ast.Attribute(
                attr="now" | "utcnow" | "today", value=ast.Name(id="datetime" | "date" | "dt")
            ):
                yield node.lineno, f"datetime.{node.attr}"
            case ast.Attribute(
                attr="now" | "utcnow" | "today", value=ast.Attribute(attr="datetime" | "date")
            ):
                yield node.lineno, f"datetime.{node.attr}"
            case ast.Attribute(attr="uuid1" | "uuid4" | "uuid7") | ast.Name(id="uuid1" | "uuid4" | "uuid7"):
                yield node.lineno, "uuid"
            case ast.Import(names=names) if any(name.name in ("random", "secrets") for name in names):
                yield node.lineno, "random numbers"
            case ast.ImportFrom(module="random" | "secrets" | "time"):
                yield node.lineno, str(node.module)


@pytest.mark.parametrize("path", list(core_slices()), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_slices_take_time_and_ids_as_values(path: Path) -> None:
    """A rule that reads the clock cannot be tested at the last second of a day."""
    found = list(makes_its_own_time_or_chance(ast.parse(path.read_text())))
    assert found == [], (
        f"{path.relative_to(REPOSITORY)} makes its own: {found}; take it from the clock or ids"
    )


@pytest.mark.parametrize(
    "line",
    [
        "datetime.now(UTC)",
        "datetime.datetime.now()",
        "dt.datetime.utcnow()",
        "date.today()",
        "time.time()",
        "uuid.uuid4()",
        "import random",
        "from time import monotonic",
        "from secrets import token_hex",
    ],
)
def test_time_and_chance_are_seen(line: str) -> None:
    """The check above sees what it looks for."""
    assert list(makes_its_own_time_or_chance(ast.parse(line))) != []


@pytest.mark.parametrize(
    ("package", "banned"),
    [
        (
            "seatguard",
            {"flask", "werkzeug", "sqlalchemy", "pydantic", "redis", "alembic", "click", "sqlite3"},
        ),
        (
            "seatguard_flask",
            {
                "sqlalchemy",
                "pydantic",
                "redis",
                "alembic",
                "sqlite3",
                "psycopg",
                "psycopg2",
                "pymysql",
                "MySQLdb",
            },
        ),
    ],
)
def test_an_import_loads_only_what_it_needs(package: str, banned: set[str]) -> None:
    """A host pays at start only for what it uses: backends and drivers load when a storage URL names them."""
    program = f"import sys, {package}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded & banned == set()
