"""The reference pages name what the code has, all of it and nothing else."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import click
import pytest

from seatguard import Decision, Reason
from seatguard.sentences import sentence
from seatguard_flask.cli import command_group
from seatguard_flask.problems import STATUS
from seatguard_flask.settings import PREFIX, Settings
from seatguard_flask.views import ROUTES
from tests.documents.reference import PAGE, page

DOCS = Path(__file__).parents[2] / "docs"

# Reasons and codes that no route of the API can answer with.
NOT_OVER_HTTP = {"still_seated", "rate_limited"}


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading."""
    text = f"\n{(DOCS / page).read_text()}".partition(f"\n{heading}\n")[2]
    lines = re.search(r"^\|.*?\n(?!\|)", text, re.MULTILINE | re.DOTALL)
    assert lines is not None
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[0].splitlines()[2:]]


def test_every_setting_is_in_the_configuration() -> None:
    """With its default and what it is for."""
    told = {cells[0]: (cells[1], cells[2]) for cells in rows("configuration.md", "# Configuration")}
    assert told == {
        f"`{PREFIX}{field.name.upper()}`": (
            "" if field.default is None else f"`{field.default}`",
            field.metadata["about"],
        )
        for field in dataclasses.fields(Settings)
    }


def test_every_code_is_in_the_reference_with_its_status() -> None:
    """So that nobody has to read the source to write a client."""
    told = {
        code.strip(" `"): int(cells[1])
        for cells in rows("http-api.md", "### Codes")
        for code in cells[0].split(",")
    }
    assert told == {code: status for code, status in STATUS.items() if code not in NOT_OVER_HTTP}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.name))
def test_every_route_is_in_the_reference(route: object) -> None:
    """By its method and its path."""
    assert f"#### `{route.method} {route.path}`\n" in PAGE.read_text()  # type: ignore[attr-defined]


def test_the_reference_is_what_the_code_says() -> None:
    """Made anew it is the same page: python -m tests.documents.reference."""
    assert PAGE.read_text() == page()


@pytest.mark.parametrize("route", [one for one in ROUTES if one.scope is None], ids=lambda one: str(one.name))
def test_every_route_of_the_validation_api_is_explained(route: object) -> None:
    """In sentences, where a reader begins."""
    path = re.sub(r"<(?:\w+:)?(?:\w+_)?(\w+)>", r"<\1>", route.rule)  # type: ignore[attr-defined]
    assert f"{route.method} {path}" in (DOCS / "http-api.md").read_text()  # type: ignore[attr-defined]


def test_every_reason_has_its_sentence() -> None:
    """A refusal without one would end a command in a traceback."""
    for reason in Reason:
        assert sentence(Decision(False, reason, None))


def test_every_command_is_in_the_reference() -> None:
    """Each group with all its commands, in one row."""
    group = command_group()
    context = click.Context(group)
    told = " ".join(cells[0] for cells in rows("command-line.md", "# Command line"))
    words = set(re.findall(r"[a-z][a-z-]+", told))
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert name in words
        inner = command.list_commands(context) if isinstance(command, click.Group) else []
        row = next(cells[0] for cells in rows("command-line.md", "# Command line") if f"`{name}" in cells[0])
        if inner:
            assert set(re.findall(r"[a-z][a-z-]+", row)) == {name, *inner}
