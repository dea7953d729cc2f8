"""README.md and docs/ are run as tests; how to write them is told in `tests/documents/__init__.py`.

This file lies here and not in tests/ because pytest looks for it above the documents.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from tests.documents.blocks import Console, ConsoleParser, FileParser

# Alembic runs these by itself: outside of it their module has no context to stand in.
collect_ignore_glob = ["seatguard/storage/sqlalchemy/migrations/*"]


def _enter(namespace: dict[str, Any]) -> None:
    folder = tempfile.TemporaryDirectory(prefix="seatguard-document-")
    # `Flask(__name__)` of an example wants the name of a module that is there.
    namespace.update(__name__="__main__", _folder=folder, _before=Path.cwd(), console=Console())
    os.chdir(folder.name)


def _leave(namespace: dict[str, Any]) -> None:
    namespace["console"].close()
    os.chdir(namespace["_before"])
    namespace["_folder"].cleanup()


_documents = Sybil(
    parsers=[PythonCodeBlockParser(), ConsoleParser(), FileParser(), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/*/*.md", "examples/*/README.md"],
    excludes=["tests/*", "requirements/*", "changelog.d/*"],
    setup=_enter,
    teardown=_leave,
)

pytest_collect_file = _documents.pytest()


@pytest.fixture(autouse=True)
def _doctests_in_a_folder_of_their_own(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A docstring's example may write `seats.db` as a reader would; it must not land in the checkout."""
    if isinstance(request.node, pytest.DoctestItem):
        request.getfixturevalue("monkeypatch").chdir(tmp_path_factory.mktemp("doctest"))
