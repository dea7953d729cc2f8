"""The texts of the pages, found in their source: what a translation must have."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, nodes

PACKAGE = Path(__file__).parents[2] / "seatguard_admin"


def texts() -> dict[str, str | None]:
    """Every text, each with its plural or `None`."""
    found: dict[str, str | None] = {}
    environment = Environment(extensions=["jinja2.ext.do"])
    for path in sorted((PACKAGE / "templates").rglob("*.html")):
        found.update(_in_template(environment.parse(path.read_text())))
    for path in sorted(PACKAGE.rglob("*.py")):
        found.update(_in_module(ast.parse(path.read_text())))
    return found


def _in_template(tree: nodes.Template) -> Iterator[tuple[str, str | None]]:
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Getattr) and call.node.attr in ("t", "n"):
            yield from _texts(call.node.attr, [getattr(one, "value", None) for one in call.args])


def _in_module(tree: ast.Module) -> Iterator[tuple[str, str | None]]:
    for call in ast.walk(tree):
        if isinstance(call, ast.Call):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if name in ("t", "n"):
                yield from _texts(name, [getattr(one, "value", None) for one in call.args])


def _texts(name: str, values: list[object]) -> Iterator[tuple[str, str | None]]:
    if values and isinstance(values[0], str):
        many = values[1] if name == "n" and len(values) > 1 else None
        yield values[0], many if isinstance(many, str) else None
