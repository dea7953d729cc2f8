"""A document that shows something untrue fails."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.documents.blocks import Command, Console, commands


@pytest.fixture
def console() -> Iterator[Console]:
    console = Console()
    yield console
    console.close()


def test_a_block_is_split_into_commands_and_what_they_print() -> None:
    block = "$ one \\\n>   --more\nfirst\nsecond\n$ two\n"
    assert list(commands(block)) == [Command("one \\\n  --more", "first\nsecond\n"), Command("two", "\n")]


@pytest.mark.parametrize(
    "block",
    [
        "$ echo hello\nhello\n",
        "$ echo hello\n",
        "$ echo one two three\none ... three\n",
        "$ export NAME=chair\n$ echo $NAME\nchair\n",
        "$ python -c 'import sys; print(sys.version_info.major)'\n3\n",
    ],
)
def test_a_true_block_passes(console: Console, block: str) -> None:
    assert console.run(block) is None


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ("$ echo hello\ngoodbye\n", "it prints:\nhello"),
        ("$ echo hello\nhello\n$ echo more\nless\n", "the document shows:\nless"),
        ("$ false\n", "ended with status 1"),
        ("$ no-such-command\n", "ended with status 127"),
        ("$ exit 0\n", "the shell ended early"),
    ],
)
def test_an_untrue_block_is_told(console: Console, block: str, complaint: str) -> None:
    problem = console.run(block)
    assert problem is not None
    assert complaint in problem


def test_a_server_in_the_background_ends_with_the_document(console: Console) -> None:
    assert console.run("$ sleep 300 & echo $! > /dev/null\n") is None
    (shell,) = console._shells
    console.close()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any(_in_group(shell)):
        time.sleep(0.02)
    assert list(_in_group(shell)) == []


def _in_group(group: int) -> Iterator[int]:
    for process in psutil.process_iter(["cmdline"]):
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                yield process.pid
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
