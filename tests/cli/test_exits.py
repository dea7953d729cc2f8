"""The exit codes are one table, and where the storage comes from is told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from seatguard import (
    Conflict,
    Decision,
    Denied,
    InvalidInput,
    Misconfigured,
    NotFound,
    Reason,
    SeatguardError,
    StorageUnavailable,
)
from seatguard_flask.cli import command_group
from seatguard_flask.cli.exits import MEANINGS, Exit, told

Run = Callable[..., Result]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InvalidInput.single("limit", "out_of_range", "must be 0 or more"), 2, "limit: must be 0 or more"),
        (NotFound("client", "acme"), 2, "no client 'acme'"),
        (Denied(Decision(False, Reason.STILL_SEATED, {"seats": 1})), 1, "refused: still_seated: "),
        (Conflict("slug_exists", "there is one"), 1, "refused: slug_exists: there is one"),
        (StorageUnavailable("the database did not answer"), 3, "the database did not answer"),
        (Misconfigured("SEATGUARD_X is wrong"), 4, "SEATGUARD_X is wrong"),
        (SeatguardError("something new"), 1, "something new"),
    ],
)
def test_every_error_has_its_code_and_a_sentence(
    error: SeatguardError, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of ours ends in a traceback."""
    with pytest.raises(SystemExit) as end, told(as_json=False):
        raise error
    assert end.value.code == code
    assert capsys.readouterr().err.startswith(said)


def test_the_codes_are_in_the_help_and_in_the_reference(run: Run) -> None:
    """One table, three places to read it."""
    shown = run("--help", storage=None).stdout
    reference = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()
    assert set(MEANINGS) == set(Exit)
    for code, meaning in MEANINGS.items():
        assert f"{code.value}  {meaning}" in shown
        assert f"| {code.value} | {meaning} |" in reference


def test_a_command_without_a_storage_says_how_to_name_one(run: Run) -> None:
    """Neither option nor environment: code 4."""
    result = run("client list", storage=None)
    assert result.exit_code == 4
    assert "--storage" in result.stderr
    assert "SEATGUARD_STORAGE_URI" in result.stderr


def test_the_storage_may_come_from_the_environment(run: Run, storage: str, shop: int) -> None:
    """And the option goes before it."""
    found = run("client list", storage=None, env={"SEATGUARD_STORAGE_URI": storage})
    assert "Acme" in found.stdout
    other = run("client list", storage="memory:", env={"SEATGUARD_STORAGE_URI": storage})
    assert other.stdout == "no clients yet\n"


@pytest.mark.parametrize("uri", ["oracle://x", "nonsense", "sqlite://", "postgresql+nodriver://x/y"])
def test_a_storage_that_is_none_is_misconfigured(run: Run, uri: str) -> None:
    """Code 4 and a sentence."""
    result = run("client list", storage=uri)
    assert result.exit_code == 4, result.output
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "command", ["client list", "verify", "audit verify", "db current", "db upgrade", "export"]
)
def test_a_storage_out_of_reach_ends_with_3(run: Run, command: str) -> None:
    """A server that is not there is told as such, within the store's own patience."""
    result = run(command, storage="postgresql://nobody@127.0.0.1:1/none")
    assert result.exit_code == 3, result.output
    assert "nobody" not in result.stderr


def test_wrong_settings_in_the_environment_end_with_4(run: Run) -> None:
    """As they would in the application."""
    assert run("client list", env={"SEATGUARD_FOLD_CASE": "perhaps"}).exit_code == 4
    assert run("client list", env={"SEATGUARD_JOURNAL_KEY": "short"}).exit_code == 4
    assert run("client list", env={"SEATGUARD_SOMEBODY_ELSES": "1"}).exit_code == 0


def test_the_same_commands_are_under_flask(storage: str) -> None:
    """`flask seatguard ...` takes its settings from the application."""
    app = Flask("host")
    app.config["SEATGUARD_STORAGE_URI"] = storage
    app.cli.add_command(command_group())
    runner = app.test_cli_runner()
    assert runner.invoke(args=["seatguard", "client", "add", "Acme"]).exit_code == 0
    assert "Acme" in runner.invoke(args=["seatguard", "client", "list"]).output
    entries = runner.invoke(args=["seatguard", "audit", "search", "--kind", "client."]).output
    assert "cli:client add" in entries


def test_the_group_is_cheap_to_import() -> None:
    """An application that mounts it loads no database toolkit, server or schema library for it."""
    code = (
        "import sys; from seatguard_flask.cli import command_group; command_group();"
        "print(*{'sqlalchemy', 'alembic', 'pydantic', 'gunicorn', 'psycopg', 'pymysql'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stdout == "\n"
