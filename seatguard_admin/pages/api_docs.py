"""The API's documentation: the documented texts, the routes of the OpenAPI document, and a live try-it."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, make_response

from seatguard_admin.desk import Desk
from seatguard_admin.registry import Pages
from seatguard_admin.snippets import snippets

pages = Pages()

VALIDATE = "validate-subscription"
REGISTER = "register-user"


@pages.get("/api-docs", needs="services.read")
def api_docs(desk: Desk) -> Response:
    """How another application asks for seats."""
    settings = desk.mounted.seatguard.settings
    document = desk.mounted.seatguard.openapi()
    prefix = settings.url_prefix
    routes = [
        {
            "method": method.upper(),
            "path": path,
            "summary": operation["summary"],
            "answers": [
                {
                    "status": status,
                    "text": answer["description"],
                    "examples": [
                        (name, json.dumps(example["value"], indent=4, ensure_ascii=False))
                        for content in answer.get("content", {}).values()
                        for name, example in content.get("examples", {}).items()
                    ],
                }
                for status, answer in operation["responses"].items()
            ],
        }
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    return desk.show(
        "api_docs.html",
        prefix=prefix,
        enabled=settings.api_enabled,
        validate=f"{prefix}/{VALIDATE}",
        register=f"{prefix}/{REGISTER}",
        routes=routes,
        validate_snippets=snippets(desk, "yourdomain.com"),
        register_snippets=snippets(desk, "yourdomain.com", call=REGISTER),
        examples=_EXAMPLES,
    )


@pages.get("/api-docs/openapi.json", needs="services.read")
def openapi(desk: Desk) -> Response:
    """The document that the API serves."""
    response = make_response(json.dumps(desk.mounted.seatguard.openapi(), indent=1, ensure_ascii=False))
    response.headers["Content-Type"] = "application/json"
    return response


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=4, ensure_ascii=False)


_KEY = {"api_key": "YOUR_16_DIGIT_KEY", "domain": "yourdomain.com"}

_EXAMPLES = {
    "validate": _pretty(_KEY),
    "allowed": _pretty(
        {
            "status": "success",
            "allowed": True,
            "message": "User creation allowed.",
            "data": {
                "service_id": 12,
                "type": "standard",
                "limit": 100,
                "current": 45,
                "expiry": "2025-12-31",
            },
        }
    ),
    "full": _pretty(
        {
            "status": "error",
            "allowed": False,
            "message": "Subscription limit reached or expired.",
            "data": {"limit": 100, "current": 100, "expiry": "2025-12-31"},
        }
    ),
    "register": _pretty(_KEY | {"username": "john_doe", "email": "john@example.com"}),
    "registered": _pretty(
        {
            "status": "success",
            "message": "User registered successfully.",
            "data": {"id": 105, "username": "john_doe", "service_id": 12, "new_count": 46},
        }
    ),
}
"""The examples of the documented page, word for word."""
