"""What commands print: aligned columns for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click


def as_json(value: object) -> str:
    """One line of JSON.

    >>> as_json({"limit": None, "name": "Söhne"})
    '{"limit": null, "name": "Söhne"}'
    """
    return json.dumps(value, ensure_ascii=False, default=str)


def columns(names: Sequence[str], rows: Sequence[Mapping[str, Any]], *, empty: str) -> str:
    """Rows as a table, numbers to the right; ``empty`` when there are none.

    >>> rows = [{"user": "ada", "seats": 1}, {"user": "bob", "seats": 12}]
    >>> print(columns(["user", "seats"], rows, empty="nobody"))
    user  seats
    ada       1
    bob      12
    """
    if not rows:
        return empty
    cells = [[name.replace("_", " ") for name in names]]
    cells += [[_text(name, row[name]) for name in names] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    numeric = [_are_numbers([row[name] for row in rows]) for name in names]
    lines = []
    for line in cells:
        padded = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def facts(values: Mapping[str, Any]) -> str:
    """Names and values below each other.

    >>> print(facts({"limit": None, "service_id": 12}))
    limit       unlimited
    service id  12
    """
    width = max((len(name) for name in values), default=0)
    return "\n".join(
        f"{name.replace('_', ' ').ljust(width)}  {_text(name, value)}".rstrip()
        for name, value in values.items()
    )


def show(value: Mapping[str, Any], *, json: bool) -> None:
    """Print one thing."""
    click.echo(as_json(value) if json else facts(value))


def listing(names: Sequence[str], rows: Sequence[Mapping[str, Any]], *, json: bool, empty: str) -> None:
    """Print many things: all their members as a JSON array, or the named columns."""
    click.echo(as_json(rows) if json else columns(names, rows, empty=empty))


_UNLIMITED = frozenset({"limit", "seats", "cap"})
_NEVER = frozenset({"expiry"})


def _text(name: str, value: Any) -> str:
    if value is None:
        return "unlimited" if name in _UNLIMITED else "never" if name in _NEVER else "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "-"
    if isinstance(value, dict):
        return as_json(value)
    return str(value)


def _are_numbers(values: Sequence[object]) -> bool:
    """Whether a column is of numbers; gaps do not matter, unless there is nothing else."""
    present = [value for value in values if value is not None]
    return bool(present) and all(type(value) is int for value in present)
