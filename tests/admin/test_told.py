"""The activity log speaks in sentences, whatever was recorded."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import seatguard
import seatguard_admin
from seatguard.administrators.rules import ACTIONS

KIND = re.compile(r"[a-z_]+\.[a-z_]+")


def kinds(source: Path) -> Iterator[str]:
    """What looks like the kind of an entry among a file's texts."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and KIND.fullmatch(node.value):
            yield node.value


def test_every_kind_of_entry_has_a_sentence() -> None:
    """No reader is shown `subscription.terms_changed` for what was done."""
    (told,) = (set(kinds(Path(folder) / "told.py")) for folder in seatguard_admin.__path__)
    families = {kind.partition(".")[0] for kind in told}
    (core,) = (sorted(Path(folder).glob("*/*.py")) for folder in seatguard.__path__)
    written = {kind for path in core for kind in kinds(path) if kind.partition(".")[0] in families}
    assert {"seat.taken", "subscription.terms_changed", "waiting.offered"} <= written
    # A right, `seats.release`, has the form of a kind.
    assert written - told - ACTIONS == set()
