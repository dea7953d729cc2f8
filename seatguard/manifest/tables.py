"""One table of a file, read strictly: what is wrong in it is collected, each with its path."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from seatguard.errors import InvalidInput, Problem

T = TypeVar("T")

Check = Callable[[object], T]
"""Turns a member into the value it stands for, or raises InvalidInput; the path is put on it here."""


class Table:
    """A table, and what was asked of it: the rest is unknown.

    Args:
        value: what the file holds there; anything.
        path: where that is.
        problems: where to note what is wrong.
    """

    def __init__(self, value: object, path: str, problems: list[Problem]) -> None:
        self.path = path
        self._problems = problems
        self._known: list[str] = []
        self._broken = not isinstance(value, Mapping)
        self._members: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
        if self._broken:
            self.problem("", "table_expected", "must be a table")

    def problem(self, key: str, code: str, message: str) -> None:
        """Note something wrong with a member, or with the table itself."""
        self._problems.append(Problem(join(self.path, key) or "manifest", code, message))

    def has(self, key: str) -> bool:
        """Whether the member is there, right or wrong."""
        return self._members.get(key) is not None

    def get(self, key: str, check: Check[T], default: T) -> T:
        """The checked member; ``default`` when it is absent or wrong."""
        self._known.append(key)
        return self._checked(key, self._members[key], check, default) if self.has(key) else default

    def given(self, keys: Iterable[str]) -> dict[str, Any]:
        """Those of the members that are there, unchecked: somebody else knows what they may be."""
        found = {}
        for key in keys:
            self._known.append(key)
            if self.has(key):
                found[key] = self._members[key]
        return found

    def checked(self, check: Callable[[], T], default: T) -> T:
        """What a check of several members answers, its problems noted with their paths."""
        try:
            return check()
        except InvalidInput as error:
            for problem in error.problems:
                self.problem(problem.field, problem.code, problem.message)
            return default

    def need(self, key: str, check: Check[str]) -> str:
        """The checked member, which must be there."""
        if not self.has(key) and not self._broken:
            self.problem(key, "required", "is missing")
        return self.get(key, check, "")

    def items(self, key: str, check: Check[T]) -> tuple[T, ...]:
        """The checked items of a list; wrong ones are left out."""
        checked = (self._checked(name, item, check, None) for name, item in self._list(key))
        return tuple(item for item in checked if item is not None)

    def tables(self, key: str, read: Callable[[Table], T]) -> tuple[T, ...]:
        """The tables of a list, read; what ``read`` did not ask for is a problem."""
        found = []
        for name, item in self._list(key):
            table = Table(item, join(self.path, name), self._problems)
            found.append(read(table))
            table.close()
        return tuple(found)

    def inner(self, key: str, value: object) -> Table:
        """A table inside this one; close it when it is read."""
        return Table(value, join(self.path, key), self._problems)

    def names(self, *keys: str) -> None:
        """Know these members, although nobody may have asked for them."""
        self._known += keys

    def distinct(self, key: str, names: Iterable[Hashable]) -> None:
        """Note items of a list that have the name of one before; an empty name is none."""
        seen: dict[Hashable, int] = {}
        for index, name in enumerate(names):
            first = seen.setdefault(name, index)
            if name != "" and first != index:
                self.problem(
                    f"{key}[{index}]", "duplicate", f"is the same as {join(self.path, key)}[{first}]"
                )

    def close(self) -> None:
        """Call every member unknown that nobody asked for."""
        for key in self._members:
            if key not in self._known:
                close = difflib.get_close_matches(str(key), self._known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"use {either(self._known)}"
                self.problem(str(key), "unknown_key", f"is no known key; {hint}")

    def _checked(self, name: str, value: object, check: Check[T], default: T) -> T:
        try:
            return check(value)
        except InvalidInput as error:
            for problem in error.problems:
                inside = problem.field if isinstance(value, Mapping) else ""
                self.problem(join(name, inside), problem.code, problem.message)
            return default

    def _list(self, key: str) -> Iterator[tuple[str, object]]:
        self._known.append(key)
        value = self._members.get(key)
        if isinstance(value, list):
            yield from ((f"{key}[{index}]", item) for index, item in enumerate(value))
        elif value is not None:
            self.problem(key, "list_expected", "must be a list")


def join(path: str, key: str) -> str:
    """The path of a member."""
    return f"{path}.{key}" if path and key else path or key


def either(names: Collection[str]) -> str:
    """Names as a choice in a sentence: ``a, b or c``."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
