"""Writes docs/reference.md: ``python -m tests.documents.reference``. A test holds the page to the code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seatguard import Decision, Reason
from seatguard.management import SCOPES
from seatguard.sentences import sentence
from seatguard_flask.openapi import document
from seatguard_flask.problems import STATUS
from seatguard_flask.routes import Route
from seatguard_flask.views import ROUTES

PAGE = Path(__file__).parents[2] / "docs" / "reference.md"
DOCUMENT = document("")

_HEAD = """\
# Reference

Every route, every scope and every reason, made from the code. How to call them is told in
[HTTP API](http-api.md) and
[Managing over the API](management.md). Paths are below `SEATGUARD_URL_PREFIX`, `/api/v1` unless set.
"""


def page() -> str:
    """The whole page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield _HEAD
    yield "## Routes\n"
    for tag in dict.fromkeys(route.tag for route in ROUTES):
        yield f"### {tag.replace('_', ' ').capitalize()}\n"
        for route in ROUTES:
            if route.tag == tag:
                yield from _route(route)
    yield "## Scopes\n"
    yield "| scope | allows to |\n|---|---|"
    yield from (f"| `{scope}` | {about} |" for scope, about in SCOPES.items())
    yield "\n## Reasons\n"
    yield "| reason | status over HTTP | means |\n|---|---|---|"
    for reason in Reason:
        status = STATUS.get(reason.value, 200)
        yield f"| `{reason.value}` | {status} | {sentence(Decision(False, reason, None))} |"
    yield ""


def _route(route: Route) -> Iterator[str]:
    operation = DOCUMENT["paths"][route.path][route.method.lower()]
    yield f"#### `{route.method} {route.path}`\n"
    yield f"{route.summary} {route.description}".strip() + "\n"
    if route.scope is not None:
        yield f"Scope: `{route.scope}`.\n"
    parameters = [one for one in operation.get("parameters", ()) if one["in"] != "path"]
    members = list(_members(operation))
    if parameters or members:
        yield "| asked | in | type | |\n|---|---|---|---|"
        for one in parameters:
            yield _row(
                one["name"], one["in"], one["schema"], one.get("required", False), one.get("description", "")
            )
        for name, schema, required in members:
            yield _row(name, "body", schema, required, schema.get("description", ""))
        yield ""
    for status, response in operation["responses"].items():
        yield f"- {status}: {response['description']}"
    yield ""


def _members(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], bool]]:
    if "requestBody" in operation:
        schema = _resolved(operation["requestBody"]["content"]["application/json"]["schema"])
        for name, about in schema.get("properties", {}).items():
            yield name, about, name in schema.get("required", ())


def _row(name: str, place: str, schema: dict[str, Any], required: bool, about: str) -> str:
    note = " ".join(part for part in ("Required." if required else "", about) if part).replace("|", "\\|")
    return f"| `{name}` | {place} | {_type(schema)} | {note} |"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _type(_resolved(schema))
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type", "any"))


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][name] if name else schema
    return found


if __name__ == "__main__":
    PAGE.write_text(page())
