"""The source of an app: its modules and mapped classes, its functions as syntax, and what their names mean.

Nothing is run, and nothing is asked of objects that would answer by doing something.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect as inspect_mapped
from sqlalchemy.orm import Mapper

from seatguard_flask.passage import MARK

if TYPE_CHECKING:
    from flask import Flask

_USERS = frozenset({"user", "account", "member", "membership", "login"})


def bodies(view: Any, methods: list[str]) -> list[Any]:
    """The functions behind a view: of a class, its methods, unless a guard is around all of them."""
    owner = getattr(view, "view_class", None)
    if owner is None or hasattr(view, MARK):
        return [view]
    found = [getattr(owner, method.lower(), None) for method in methods]
    return [one for one in [*found, getattr(owner, "dispatch_request", None)] if one is not None]


def modules_of(app: Flask) -> Iterator[ModuleType]:
    """The app's own module and package, and the modules of its views and commands."""
    homes = {app.import_name}
    homes |= {getattr(inspect.unwrap(view), "__module__", "") or "" for view in app.view_functions.values()}
    homes |= {getattr(one.callback, "__module__", "") or "" for one in app.cli.commands.values()}
    roots = {home.partition(".")[0] for home in homes if is_ours(sys.modules.get(home))}
    for name, module in sorted(sys.modules.items()):
        if (name in homes or name.partition(".")[0] in roots) and is_a(module, ModuleType):
            yield module


def is_ours(module: ModuleType | None) -> bool:
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


def mapped_classes(app: Flask, modules: list[ModuleType], guarded: set[type[Any]]) -> set[type[Any]]:
    """Every mapped class of the registries that the app's modules and Flask-SQLAlchemy know."""
    named = {value for module in modules for value in vars(module).values() if is_mapped(value)} | guarded
    for view in app.view_functions.values():
        named |= {one for one in names_of(inspect.unwrap(view)).values() if is_mapped(one)}
    registries = {inspect_mapped(one).registry for one in named}
    model = getattr(app.extensions.get("sqlalchemy"), "Model", None)
    if model is not None:
        registries.add(model.registry)
    return named | {mapper.class_ for registry in registries for mapper in registry.mappers}


def is_a(value: object, kind: type[Any]) -> bool:
    """``isinstance`` without asking the value: a proxy would go and look for what it stands for."""
    return issubclass(type(value), kind)


def is_mapped(value: object) -> bool:
    """Whether it is a class with a table."""
    return is_a(value, type) and isinstance(inspect_mapped(value, raiseerr=False), Mapper)


def looks_like_users(model: type[Any]) -> bool:
    """Whether the rows of a mapped class may be users, by its table's name or its columns."""
    mapper = inspect_mapped(model)
    columns = {column.name.lower() for column in mapper.columns}
    name = getattr(mapper.local_table, "name", "")
    has_password = any("password" in column or column == "pw_hash" for column in columns)
    return name.lower().rpartition("_")[2].removesuffix("s") in _USERS or (
        has_password and bool(columns & {"email", "username"})
    )


def place_of(view: Any) -> tuple[str, int] | None:
    """File and first line of a function, without the decorators that wrap it."""
    function = inspect.unwrap(view) if callable(view) else view
    if not is_a(function, FunctionType):
        return None
    return function.__code__.co_filename, function.__code__.co_firstlineno


def tree_of(function: FunctionType) -> ast.AST | None:
    """The syntax of a function, if its source can be had."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None


def names_of(function: Any) -> dict[str, Any]:
    """What names mean inside a function, as far as that is known without running it."""
    if not is_a(function, FunctionType):
        return {}
    names = dict(function.__globals__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            names[name] = cell.cell_contents
        except ValueError:  # not filled yet
            continue
    return names


def names_in_module(module: ModuleType, tree: ast.AST) -> dict[str, Any]:
    """Its globals, and what its functions import for themselves where it is loaded."""
    names = dict(vars(module))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in sys.modules:
            for alias in node.names:
                names.setdefault(
                    alias.asname or alias.name, getattr(sys.modules[node.module], alias.name, None)
                )
    return names


def resolved(node: ast.AST, names: dict[str, Any]) -> Any:
    """The object that a dotted name means; properties are not asked."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = resolved(node.value, names)
        return None if owner is None else inspect.getattr_static(owner, node.attr, None)
    return None


def method_of(node: ast.Call) -> str | None:
    """The name after the dot of a call."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else None
