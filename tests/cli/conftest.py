"""How the tests run commands: in this process on a SQLite file, and as processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from seatguard_flask.cli import command_group

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever runs the tests decides nothing."""
    for name in list(os.environ):
        if name.startswith("SEATGUARD_") and not name.startswith("SEATGUARD_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture
def storage(tmp_path: Path) -> str:
    """The URI of a store that is not there yet."""
    return f"sqlite:///{tmp_path / 'seats.db'}"


@pytest.fixture
def run(storage: str) -> Run:
    """`run("client add Acme")`: a command on the test's own store."""

    def run(line: str | list[str], *, storage: str | None = storage, **options: Any) -> Result:
        arguments = line.split() if isinstance(line, str) else line
        result = CliRunner(env=options.pop("env", None)).invoke(
            command_group(), [*arguments, *(["--storage", storage] if storage else [])], **options
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def answer(run: Run) -> Callable[..., Any]:
    """`answer("client add Acme")`: what a command that must succeed prints as JSON."""

    def answer(line: str | list[str]) -> Any:
        result = run([*(line.split() if isinstance(line, str) else line), "--json"])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return answer


@pytest.fixture
def shop(answer: Callable[..., Any]) -> int:
    """Acme's shop with two seats; the number of its service."""
    answer(["client", "add", "Acme", "--external-id", "crm-7"])
    answer(["project", "add", "crm-7", "Shop", "--domain", "shop.example.com"])
    number: int = answer("service add Shop --limit 2 --expiry 2099-12-31")["service_id"]
    return number


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start("demo", ...)`: a command as a process, ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(
        *arguments: str, code: str = "from seatguard_flask.cli import main; main()", **env: str
    ) -> subprocess.Popen[str]:
        with (tmp_path / f"stderr-{len(started)}").open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "-c", code, *arguments],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **env},
            )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        if process.stdout is not None:
            process.stdout.close()
