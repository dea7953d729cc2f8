"""Manifests written as TOML or JSON, always in the same way: what says nothing new is left out."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from seatguard.manifest.model import Manifest, PlanSpec

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def to_toml(manifest: Manifest) -> str:
    """The manifest as TOML.

    >>> print(to_toml(Manifest(plans=(PlanSpec(slug="team", seats=100),))), end="")
    [[plans]]
    slug = "team"
    seats = 100
    """
    return "\n".join("\n".join(lines) + "\n" for lines in _tables((), _plain(manifest)))


def to_json(manifest: Manifest) -> str:
    """The manifest as JSON.

    >>> print(to_json(Manifest(plans=(PlanSpec(slug="team", seats=0),))), end="")
    {
      "plans": [
        {
          "slug": "team",
          "seats": 0
        }
      ]
    }
    """
    return json.dumps(_plain(manifest), indent=2, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    """Dictionaries, lists, text and numbers; members that are as by default are left out."""
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _plain(member) for name, member in value.items() if member is not None}
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if not dataclasses.is_dataclass(value):
        return value
    members: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        member = getattr(value, field.name)
        if field.name in _SPREAD:
            members |= _plain(member)
        elif isinstance(value, PlanSpec) and field.name == "seats" and member is None:
            members["seats"] = "unlimited"  # silence would be read the same, but not by a person
        elif member != field.default and member != {}:
            members[field.name] = _plain(member)
    return members


_SPREAD = ("offer", "definition")
"""Fields whose members stand beside the others in a file."""


def _tables(path: tuple[str, ...], table: Mapping[str, Any], *, listed: bool = False) -> Iterator[list[str]]:
    """The blocks of lines: a table's own members under its header, then the tables inside it.

    Args:
        listed: whether the table is an item of a list.
    """
    own = [f"{_key(key)} = {_value(value)}" for key, value in table.items() if not _holds_tables(value)]
    header = ".".join(map(_key, path))
    if listed or own:
        yield ([f"[[{header}]]" if listed else f"[{header}]"] if path else []) + own
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _tables((*path, key), value)
        elif _holds_tables(value):
            for inner in value:
                yield from _tables((*path, key), inner, listed=True)


def _holds_tables(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return f'"{"".join(map(_character, value))}"'


def _character(character: str) -> str:
    if character in _BASIC:
        return _BASIC[character]
    return character if character.isprintable() else f"\\U{ord(character):08X}"
