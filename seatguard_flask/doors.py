"""Doors: where an application can make or switch on a user without passing a guard.

The search reads source code and mapped classes; it runs nothing, so it guesses. :data:`BLIND` says what it
cannot see.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy import Table
from sqlalchemy import inspect as inspect_mapped
from sqlalchemy.orm import Mapper

from seatguard_flask.guards import MARK

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

_USERS = frozenset({"user", "account", "member", "membership", "login"})
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
        self._modules = list(_modules(app))
        mapped = _mapped_classes(app, self._modules, self._guarded)
        self._users = {model for model in mapped if self._is_guarded(model) or _looks_like_users(model)}
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
            yield "route", name, [one for one in _bodies(view, methods) if not self._passed(one)]

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
            place = _place(one)
            if place is not None:
                self._seen.add(place)
        return True

    # What they do --------------------------------------------------------------------------------------

    def _reaches(self, view: Any, visited: set[Any], depth: int) -> str | None:
        """The first thing that makes or switches on a user, in the function or in what it names."""
        function = inspect.unwrap(view)
        if not _is_a(function, FunctionType) or function in visited or depth == 0:
            return None
        if hasattr(view, MARK):
            return None
        visited.add(function)
        tree = _tree(function)
        if tree is None:
            return None
        names = _names_of(function)
        seen = self._in(tree, names)
        if seen is not None:
            return seen if len(visited) == 1 else f"{seen}, in {function.__module__}.{function.__qualname__}"
        home = function.__module__.partition(".")[0]
        for node in ast.walk(tree):
            if isinstance(node, (ast.Name, ast.Attribute)):
                called = _resolved(node, names)
                near = _is_a(called, FunctionType) and (
                    called.__module__.partition(".")[0] == home
                    or _is_ours(sys.modules.get(called.__module__))
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
                called = _resolved(node.func, names)
                if _is_a(called, type) and called in self._open:
                    return f"makes a {called.__name__}"
                if isinstance(node.func, ast.Name) and called is None and node.func.id in makes:
                    return f"makes a {node.func.id}"
                if _method(node) in _ADDING and "session" in ast.unparse(node.func).lower():
                    known = [
                        _resolved(inner, names) for inner in ast.walk(tree) if isinstance(inner, ast.Name)
                    ]
                    if not any(_is_mapped(one) for one in known):
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
            if file is None or not _is_ours(module):
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
            names = _names_in_module(module, tree)
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
            and _method(node) in ("execute", "scalars", "scalar")
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
        called = node.func.id if isinstance(node.func, ast.Name) else _method(node)
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
        about = _resolved(target, names)
        if _is_a(about, Table) and about in self._tables:
            return f"{called} into the table {about.name}, which no guard sees"
        if _is_a(about, type) and about in self._users and id(node) not in by_session:
            return f"{called} of {about.__name__}, which a guard sees only if a session executes it"
        return None


def _bodies(view: Any, methods: list[str]) -> list[Any]:
    """The functions behind a view: of a class, its methods, unless a guard is around all of them."""
    owner = getattr(view, "view_class", None)
    if owner is None or hasattr(view, MARK):
        return [view]
    found = [getattr(owner, method.lower(), None) for method in methods]
    return [one for one in [*found, getattr(owner, "dispatch_request", None)] if one is not None]


def _modules(app: Flask) -> Iterator[ModuleType]:
    """The app's own module and package, and the modules of its views and commands."""
    homes = {app.import_name}
    homes |= {getattr(inspect.unwrap(view), "__module__", "") or "" for view in app.view_functions.values()}
    homes |= {getattr(one.callback, "__module__", "") or "" for one in app.cli.commands.values()}
    roots = {home.partition(".")[0] for home in homes if _is_ours(sys.modules.get(home))}
    for name, module in sorted(sys.modules.items()):
        if (name in homes or name.partition(".")[0] in roots) and _is_a(module, ModuleType):
            yield module


def _is_ours(module: ModuleType | None) -> bool:
    """Whether a module is the host's own, and no installed package's."""
    file = getattr(module, "__file__", None)
    if module is None or file is None:
        return False
    parts = Path(file).parts
    root = module.__name__.partition(".")[0]
    return not (
        "site-packages" in parts
        or root in sys.stdlib_module_names
        or root in ("seatguard", "seatguard_flask", "seatguard_admin")
    )


def _mapped_classes(app: Flask, modules: list[ModuleType], guarded: set[type[Any]]) -> set[type[Any]]:
    """Every mapped class of the registries that the app's modules and Flask-SQLAlchemy know."""
    named = {value for module in modules for value in vars(module).values() if _is_mapped(value)} | guarded
    for view in app.view_functions.values():
        named |= {one for one in _names_of(inspect.unwrap(view)).values() if _is_mapped(one)}
    registries = {inspect_mapped(one).registry for one in named}
    model = getattr(app.extensions.get("sqlalchemy"), "Model", None)
    if model is not None:
        registries.add(model.registry)
    return named | {mapper.class_ for registry in registries for mapper in registry.mappers}


def _is_a(value: object, kind: type[Any]) -> bool:
    """``isinstance`` without asking the value: a proxy would go and look for what it stands for."""
    return issubclass(type(value), kind)


def _is_mapped(value: object) -> bool:
    return _is_a(value, type) and isinstance(inspect_mapped(value, raiseerr=False), Mapper)


def _looks_like_users(model: type[Any]) -> bool:
    mapper = inspect_mapped(model)
    columns = {column.name.lower() for column in mapper.columns}
    name = getattr(mapper.local_table, "name", "")
    has_password = any("password" in column or column == "pw_hash" for column in columns)
    return name.lower().rpartition("_")[2].removesuffix("s") in _USERS or (
        has_password and bool(columns & {"email", "username"})
    )


def _place(view: Any) -> tuple[str, int] | None:
    function = inspect.unwrap(view) if callable(view) else view
    if not _is_a(function, FunctionType):
        return None
    return function.__code__.co_filename, function.__code__.co_firstlineno


def _tree(function: FunctionType) -> ast.AST | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None


def _names_of(function: Any) -> dict[str, Any]:
    """What names mean inside a function, as far as that is known without running it."""
    if not _is_a(function, FunctionType):
        return {}
    names = dict(function.__globals__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            names[name] = cell.cell_contents
        except ValueError:  # not filled yet
            continue
    return names


def _names_in_module(module: ModuleType, tree: ast.AST) -> dict[str, Any]:
    """Its globals, and what its functions import for themselves where it is loaded."""
    names = dict(vars(module))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in sys.modules:
            for alias in node.names:
                names.setdefault(
                    alias.asname or alias.name, getattr(sys.modules[node.module], alias.name, None)
                )
    return names


def _resolved(node: ast.AST, names: dict[str, Any]) -> Any:
    """The object that a dotted name means; properties are not asked."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _resolved(node.value, names)
        return None if owner is None else inspect.getattr_static(owner, node.attr, None)
    return None


def _method(node: ast.Call) -> str | None:
    return node.func.attr if isinstance(node.func, ast.Attribute) else None
