"""Doors: where an application can make or switch on a user without passing a guard.

The search reads source code and mapped classes; it runs nothing, so it guesses. :data:`BLIND` says what it
cannot see.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy import Table
from sqlalchemy import inspect as inspect_mapped

from seatguard_flask.passage import MARK
from seatguard_flask.sources import (
    bodies,
    is_a,
    is_mapped,
    is_ours,
    looks_like_users,
    mapped_classes,
    method_of,
    modules_of,
    names_in_module,
    names_of,
    place_of,
    resolved,
    tree_of,
)

if TYPE_CHECKING:
    from flask import Flask

    from seatguard_flask.extension import Seatguard

BLIND = (
    "database triggers, stored procedures, and other programs on the same database",
    "SQL whose table name is put together while the program runs",
    "code that is not loaded yet, has no source, or is reached through getattr, signals or task queues",
    "methods of objects that a view is given: only functions and classes it names are followed",
)
"""What the search cannot see. It prints this whenever it answers."""

_SWITCHES = frozenset(
    ["active", "is_active", "enabled", "is_enabled", "disabled", "is_disabled", "deleted_at", "is_deleted"]
)
_ADDING = frozenset(["add", "add_all", "merge", "bulk_save_objects", "bulk_insert_mappings"])
_UNSEEN_BY_SESSIONS = frozenset(["bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings"])
_DEPTH = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One way past the guards.

    Attributes:
        kind: ``route``, ``command``, ``model`` or ``statement``.
        name: of the route with its methods, the command, the class, or the file with its line.
        why: what was seen there.
    """

    kind: str
    name: str
    why: str


def doors(app: Flask, instances: list[Seatguard]) -> list[Door]:
    """What the source of an app shows."""
    return _Search(app, instances).run()


class _Search:
    def __init__(self, app: Flask, instances: list[Seatguard]) -> None:
        self._app = app
        self._guarded = {guard.meaning.model for seats in instances for guard in seats.model_guards}
        self._modules = list(modules_of(app))
        mapped = mapped_classes(app, self._modules, self._guarded)
        self._users = {model for model in mapped if self._is_guarded(model) or looks_like_users(model)}
        self._open = {model for model in self._users if not self._is_guarded(model)}
        self._tables = {inspect_mapped(model).local_table for model in self._users}
        names = "|".join(sorted(re.escape(table.name) for table in self._tables if isinstance(table, Table)))
        self._sql = re.compile(
            rf"\b(?:((?:INSERT|REPLACE|MERGE)\b.*?\bINTO)|UPDATE)\s+(?:[\"`\[]?\w+[\"`\]]?\.)?[\"`\[]?({names})\b",
            re.IGNORECASE | re.DOTALL,
        )
        self._seen: set[tuple[str, int]] = set()

    def run(self) -> list[Door]:
        found = [
            Door(
                kind="model",
                name=f"{model.__module__}.{model.__qualname__}",
                why="looks like users and has no seats.guard",
            )
            for model in sorted(self._open, key=lambda one: one.__qualname__)
        ]
        for kind, name, views in (*self._routes(), *self._commands()):
            why = next((seen for view in views if (seen := self._reaches(view, set(), _DEPTH))), None)
            if why is not None:
                found.append(Door(kind=kind, name=name, why=why))
        return [*found, *self._statements()]

    def _is_guarded(self, model: type[Any]) -> bool:
        return any(issubclass(model, guarded) for guarded in self._guarded)

    # Where requests and commands come in ---------------------------------------------------------------

    def _routes(self) -> Iterator[tuple[str, str, list[Any]]]:
        for rule in self._app.url_map.iter_rules():
            view = self._app.view_functions[rule.endpoint]
            home = getattr(inspect.unwrap(view), "__module__", "") or ""
            if rule.endpoint == "static" or home.partition(".")[0] in ("flask", "seatguard_flask"):
                continue
            methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
            name = f"{' '.join(methods)} {rule.rule} ({rule.endpoint})"
            yield "route", name, [one for one in bodies(view, methods) if not self._passed(one)]

    def _commands(self) -> Iterator[tuple[str, str, list[Any]]]:
        def walk(group: click.Group, path: str) -> Iterator[tuple[str, str, list[Any]]]:
            for name, command in group.commands.items():
                if isinstance(command, click.Group):
                    yield from walk(command, f"{path} {name}")
                elif command.callback is not None and not self._passed(command.callback):
                    yield "command", f"{path} {name}", [command.callback]

        yield from walk(self._app.cli, "flask")

    def _passed(self, view: Any) -> bool:
        """Whether a guard is around it; its lines are then no doors for statements either."""
        if not hasattr(view, MARK):
            return False
        owner = getattr(view, "view_class", None)
        for one in [view, *(() if owner is None else vars(owner).values())]:
            place = place_of(one)
            if place is not None:
                self._seen.add(place)
        return True

    # What they do --------------------------------------------------------------------------------------

    def _reaches(self, view: Any, visited: set[Any], depth: int) -> str | None:
        """The first thing that makes or switches on a user, in the function or in what it names."""
        function = inspect.unwrap(view)
        if not is_a(function, FunctionType) or function in visited or depth == 0:
            return None
        if hasattr(view, MARK):
            return None
        visited.add(function)
        tree = tree_of(function)
        if tree is None:
            return None
        names = names_of(function)
        seen = self._in(tree, names)
        if seen is not None:
            return seen if len(visited) == 1 else f"{seen}, in {function.__module__}.{function.__qualname__}"
        home = function.__module__.partition(".")[0]
        for node in ast.walk(tree):
            if isinstance(node, (ast.Name, ast.Attribute)):
                called = resolved(node, names)
                near = is_a(called, FunctionType) and (
                    called.__module__.partition(".")[0] == home or is_ours(sys.modules.get(called.__module__))
                )
                deeper = self._reaches(called, visited, depth - 1) if near else None
                if deeper is not None:
                    return deeper
        return None

    def _in(self, tree: ast.AST, names: dict[str, Any]) -> str | None:
        statement = next(self._statements_in(tree, names), None)
        if statement is not None:
            return statement[1]
        if not self._open:
            return None
        makes = {getattr(model, "__name__", "") for model in self._open}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = resolved(node.func, names)
                if is_a(called, type) and called in self._open:
                    return f"makes a {called.__name__}"
                if isinstance(node.func, ast.Name) and called is None and node.func.id in makes:
                    return f"makes a {node.func.id}"
                if method_of(node) in _ADDING and "session" in ast.unparse(node.func).lower():
                    known = [
                        resolved(inner, names) for inner in ast.walk(tree) if isinstance(inner, ast.Name)
                    ]
                    if not any(is_mapped(one) for one in known):
                        return f"calls {ast.unparse(node.func)} with something that is made elsewhere"
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Attribute) and target.attr in _SWITCHES:
                        return f"sets {ast.unparse(target)}"
        return None

    # What no session sees ------------------------------------------------------------------------------

    def _statements(self) -> Iterator[Door]:
        for module in self._modules:
            file = getattr(module, "__file__", None)
            if file is None or not is_ours(module):
                continue
            try:
                tree = ast.parse(Path(file).read_text(encoding="utf-8"))
            except (OSError, SyntaxError, ValueError):
                continue
            for inner in ast.walk(tree):
                if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    first = min([inner.lineno, *(one.lineno for one in inner.decorator_list)])
                    if (file, first) in self._seen:
                        inner.body = []
            names = names_in_module(module, tree)
            told = set()
            for node, why in self._statements_in(tree, names):
                line = getattr(node, "lineno", 0)
                if line not in told:
                    told.add(line)
                    yield Door(kind="statement", name=f"{file}:{line}", why=why)

    def _statements_in(self, tree: ast.AST, names: dict[str, Any]) -> Iterator[tuple[ast.AST, str]]:
        by_session = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and method_of(node) in ("execute", "scalars", "scalar")
            and "session" in ast.unparse(node.func).lower()
            for inner in ast.walk(node)
        }
        sentences = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in sentences:
                matched = self._sql.search(node.value) if self._tables else None
                # An UPDATE of something else than a switch makes nobody a user.
                if matched and (matched[1] or any(word in node.value.lower() for word in _SWITCHES)):
                    yield node, f"SQL on {matched[2]} that no guard sees"
            elif isinstance(node, ast.Call) and (seen := self._core(node, names, by_session)):
                yield node, seen

    def _core(self, node: ast.Call, names: dict[str, Any], by_session: set[int]) -> str | None:
        """An INSERT or UPDATE of SQLAlchemy's Core, or a call that goes past the session's events."""
        called = node.func.id if isinstance(node.func, ast.Name) else method_of(node)
        if called in _UNSEEN_BY_SESSIONS:
            return f"{called} goes past the session's events, and so past a guard"
        if called not in ("insert", "update"):
            return None
        if isinstance(node.func, ast.Attribute) and not node.args:
            target = node.func.value
        elif node.args:
            target = node.args[0]
        else:
            return None
        about = resolved(target, names)
        if is_a(about, Table) and about in self._tables:
            return f"{called} into the table {about.name}, which no guard sees"
        if is_a(about, type) and about in self._users and id(node) not in by_session:
            return f"{called} of {about.__name__}, which a guard sees only if a session executes it"
        return None
