"""What every test of an example needs: an empty folder, and servers that end with the test."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.examples.running import ENVIRONMENT, Spawn, load


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    """A server in an empty folder of its own, ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def spawn(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=tmp_path,
            env=ENVIRONMENT,
        )
        started.append(process)
        return process

    yield spawn
    for process in started:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """`example("flask_admin")`: its module, with a fresh database."""
    monkeypatch.chdir(tmp_path)
    loaded: list[Any] = []

    def open_example(name: str) -> Any:
        loaded.append(load(name))
        return loaded[-1]

    yield open_example
    for module in loaded:
        with module.app.app_context():
            module.seats.engine.close()
            module.db.engine.dispose()
