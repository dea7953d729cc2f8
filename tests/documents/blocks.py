"""Parsers for the blocks of a document that are not Python: consoles, and files to be written."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sybil import Document, Example, Region
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer, RawFencedCodeBlockLexer

SECONDS = 120
_STATUS = "--- exit status"


@dataclass(frozen=True)
class Command:
    line: str
    shown: str

    def differs(self, printed: str) -> bool:
        """Whether the document shows something else than the command printed. Nothing shown is no claim."""
        options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        return bool(self.shown.strip()) and not doctest.OutputChecker().check_output(
            self.shown, printed, options
        )


def commands(block: str) -> Iterator[Command]:
    r"""Split a console block. A command goes on in the next line after a `\`."""
    line: str | None = None
    shown: list[str] = []
    for text in block.splitlines():
        if line is not None and line.endswith("\\"):
            line += "\n" + text.removeprefix("> ")
        elif text.startswith("$ "):
            if line is not None:
                yield Command(line, "\n".join(shown) + "\n")
            line, shown = text.removeprefix("$ "), []
        else:
            shown.append(text)
    if line is not None:
        yield Command(line, "\n".join(shown) + "\n")


class Console:
    """Runs the commands of one block in one shell, so `cd` and `export` reach the next line."""

    def __init__(self) -> None:
        self._shells: list[int] = []

    def run(self, block: str) -> str | None:
        """Run a block. Returns what is wrong with it, or `None`."""
        wanted = list(commands(block))
        report = f"_status=$?; echo; echo '{_STATUS}' $_status"
        script = "".join(f"{command.line}\n{report}\n" for command in wanted)
        # A file and not a pipe: a server that a document starts with `&` would keep a pipe open for good.
        with tempfile.TemporaryFile("w+") as output:
            shell = subprocess.Popen(
                ["bash", "-c", script],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._shells.append(shell.pid)
            try:
                shell.wait(SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(shell.pid, signal.SIGKILL)
                shell.wait()
                return f"still running after {SECONDS} s: {block}"
            output.seek(0)
            *printed, _ = re.split(rf"\n{_STATUS} (\d+)\n", output.read() + "\n")
        for command, text, status in zip(wanted, printed[0::2], printed[1::2], strict=False):
            if status != "0":
                return f"$ {command.line}\nended with status {status}:\n{text}"
            if command.differs(text):
                return f"$ {command.line}\nthe document shows:\n{command.shown}\nit prints:\n{text}"
        if len(printed) != 2 * len(wanted):
            return f"the shell ended early in:\n{block}"
        return None

    @staticmethod
    def _environment() -> dict[str, str]:
        """A reader's environment: the commands of this installation, and no settings of ours."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SEATGUARD_")}
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
        return {**environment, "NO_COLOR": "1", "COLUMNS": "120", "PYTHONUNBUFFERED": "1"}

    def close(self) -> None:
        """End what the document left running in the background."""
        for shell in self._shells:
            with suppress(ProcessLookupError):
                os.killpg(shell, signal.SIGKILL)
        self._shells.clear()


class ConsoleParser:
    """Finds `console` blocks. The document's namespace holds the `Console` that runs them."""

    def __call__(self, document: Document) -> Iterable[Region]:
        for region in FencedCodeBlockLexer("console")(document):
            region.parsed = region.lexemes["source"]
            region.evaluator = self.evaluate
            yield region

    def evaluate(self, example: Example) -> str | None:
        console: Console = example.namespace["console"]
        return console.run(str(example.parsed))


class FileParser:
    """Finds blocks with a title and writes them to the file of that name."""

    def __call__(self, document: Document) -> Iterable[Region]:
        titled = re.compile(r'(?P<language>\w+) title="(?P<name>[^"]+)"$\n', re.MULTILINE)
        for region in RawFencedCodeBlockLexer(titled)(document):
            region.parsed = region.lexemes["name"], region.lexemes["source"]
            region.evaluator = self.evaluate
            yield region

    def evaluate(self, example: Example) -> None:
        name, text = example.parsed
        path = Path(name)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{shlex.quote(name)} is outside of the document's folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(text))
