"""What differs between two states of something, as two short texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, str]:
    """The members that are not the same, before and after, by their paths.

    >>> differing({"quotas": {"speech": {"minutes": 5}}, "seats": 3}, {"seats": 4})
    ('quotas.speech.minutes 5, seats 3', 'seats 4')
    """
    old, new = dict(_flat("", before)), dict(_flat("", after))
    names = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    return (
        ", ".join(f"{name} {old[name]}" for name in names if name in old),
        ", ".join(f"{name} {new[name]}" for name in names if name in new),
    )


def _flat(path: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _flat(f"{path}.{name}" if path else str(name), member)
    elif isinstance(value, (list, tuple)):
        yield path, "+".join(_said(item) for item in value) or "none"
    elif value is not None:
        yield path, _said(value)


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return " ".join(f"{name} {_said(member)}" for name, member in value.items())
    return str(value)
