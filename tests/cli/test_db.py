"""The schema of a server is made, told and printed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import Result

Run = Callable[..., Result]


@pytest.mark.parametrize("database", ["postgresql", "mariadb"])
def test_a_server_wants_an_upgrade_once(run: Run, database_url: str) -> None:
    """Before it a command says what to do; after it everything works, and again changes nothing."""
    before = run("client list", storage=database_url)
    assert before.exit_code == 4
    assert "seatguard db upgrade" in before.stderr
    assert "no Seatguard tables" in run("db current", storage=database_url).stdout
    assert run("db upgrade", storage=database_url).exit_code == 0
    assert run("db upgrade", storage=database_url).exit_code == 0
    assert run("db current", storage=database_url).stdout.startswith("The schema is at ")
    assert run("client add Acme", storage=database_url).exit_code == 0


def test_a_file_makes_its_own_schema(run: Run, storage: str, shop: int) -> None:
    """SQLite needs no upgrade, and survives one."""
    assert run("db upgrade").exit_code == 0
    assert run("db current --json").stdout.startswith('{"version": "')


@pytest.mark.parametrize("uri", ["postgresql://x@h/d", "mysql://x@h/d", "sqlite:///x.db"])
def test_the_sql_is_printed_without_opening_the_database(run: Run, uri: str) -> None:
    """For the administrator who runs it by hand."""
    printed = run("db sql", storage=uri)
    assert printed.exit_code == 0, printed.output
    assert "CREATE TABLE seatguard_subscription" in printed.stdout


def test_memory_has_no_schema(run: Run) -> None:
    """And says so."""
    assert run("db current", storage="memory:").exit_code == 4
