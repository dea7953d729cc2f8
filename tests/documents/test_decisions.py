"""The list of decisions."""

from __future__ import annotations

import re
from pathlib import Path

DECISIONS = Path(__file__).parents[2] / "docs" / "decisions"


def test_every_decision_has_a_number_of_its_own_and_is_listed() -> None:
    """Name, heading and line of the list say the same number and the same decision."""
    files = sorted(DECISIONS.glob("0*.md"))
    numbers = [path.name[:4] for path in files]
    assert sorted(set(numbers)) == numbers
    for path in files:
        assert path.read_text().startswith(f"# {path.name[:4]}: ")
    listed = re.findall(
        r"^\| \[(\d{4})\]\(([^)]+)\)", (DECISIONS / "README.md").read_text(), flags=re.MULTILINE
    )
    assert listed == [(path.name[:4], path.name) for path in files]
