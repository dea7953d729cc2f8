"""The OpenAPI 3.1 document, made from the routes and their schemas."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.http import HTTP_STATUS_CODES

from seatguard_flask.own import SCOPE
from seatguard_flask.problems import FULL_OR_EXPIRED, STATUS, shape_without_422, validation_shape, without_422
from seatguard_flask.routes import Reply, Route
from seatguard_flask.schemas.refusals import REQUEST_ID, ProblemDetails, ValidationRefusal
from seatguard_flask.version import VERSION
from seatguard_flask.views import ROUTES

_REF = "#/components/schemas/{model}"
_PROBLEM = "application/problem+json"

_KEYED = (
    "missing_field",
    "domain_not_url",
    "domain_has_port",
    "domain_not_allowed",
    "invalid_domain",
    "conflicting_credentials",
    "duplicate_member",
    "string_expected",
    "invalid_credentials",
    "too_many_attempts",
    "storage_unavailable",
)
_SCOPED = (
    "conflicting_credentials",
    "invalid_credentials",
    "invalid_token",
    "insufficient_scope",
    "too_many_attempts",
    "storage_unavailable",
)
_STRICT = (
    "missing_field",
    "unknown_field",
    "duplicate_member",
    "string_expected",
    "integer_expected",
    "boolean_expected",
    "list_expected",
    "out_of_range",
    "invalid_choice",
    "invalid_value",
)
_BY_URL = ("unknown_field", "duplicate_member", "integer_expected", "out_of_range", "invalid_choice")
_WITH_BODY = (
    "invalid_json",
    "invalid_encoding",
    "json_too_deep",
    "object_expected",
    "body_too_large",
    "unsupported_media_type",
    "invalid_characters",
    "required",
    "too_long",
)
_ONCE = ("invalid_idempotency_key", "idempotency_key_reused", "request_in_progress")

_FULL = {
    "status": "error",
    "allowed": False,
    "message": FULL_OR_EXPIRED,
    "data": {"limit": 100, "current": 100, "expiry": "2026-12-31"},
    "code": "limit_reached",
    "retryable": True,
    "request_id": REQUEST_ID,
}


def document(url_prefix: str, *, server: str = "/") -> dict[str, Any]:
    """The document of the API mounted at ``url_prefix``.

    Args:
        server: path or URL below which the host answers.
    """
    # A copy: a host may put its own routes into what it was given.
    made: dict[str, Any] = copy.deepcopy(_document(url_prefix))
    made["servers"] = [{"url": server}]
    return made


@functools.lru_cache(maxsize=16)
def _document(url_prefix: str) -> dict[str, Any]:
    references, definitions = models_json_schema(
        [(model, "validation") for model in _models()], ref_template=_REF
    )
    names: dict[Any, Any] = {model: reference for (model, _), reference in references.items()}
    paths: dict[str, Any] = {}
    for route in ROUTES:
        operation = paths.setdefault(url_prefix + route.path, {})
        operation[route.method.lower()] = _operation(route, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Seatguard API",
            "version": VERSION,
            "description": "Ask for seats, take them, hold them, and give them back; manage who may.",
            "license": {"name": "BSD-3-Clause", "identifier": "BSD-3-Clause"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in ROUTES)],
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
                "management": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-API-Key",
                    "description": "A management key, `sg_mgmt_...`.",
                },
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A token of the issuer that the settings pin, or a management key.",
                },
            },
            "headers": {
                "RequestId": {
                    "description": "Yours if you sent one of 1 to 128 visible ASCII characters, else ours.",
                    "schema": {"type": "string"},
                },
            },
        },
    }


def _models() -> Iterator[type[BaseModel]]:
    seen: dict[type[BaseModel], None] = {ValidationRefusal: None, ProblemDetails: None}
    for route in ROUTES:
        if route.body is not None:
            seen[route.body] = None
        if route.query is not None:
            seen[route.query] = None
        seen |= dict.fromkeys(answer.model for answer in route.answers if answer.model is not None)
    yield from seen


def _operation(route: Route, names: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": route.summary,
        "responses": _responses(route, names),
    }
    if route.description:
        operation["description"] = route.description
    parameters = list(_parameters(route))
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        content: dict[str, Any] = {"schema": names[route.body]}
        if route.example is not None:
            content["examples"] = {route.name: {"value": route.example}}
        operation["requestBody"] = {
            "required": bool(route.body.model_json_schema().get("required")) or route.keyed,
            "content": {"application/json": content},
        }
    operation["security"] = _security(route)
    return operation


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.scope is not None:
        # OpenAPI 3.1 lets schemes other than OAuth name what is needed, too.
        return [{"management": [route.scope]}, {"token": [route.scope]}]
    if route.own:
        # Or however the host signs its users in, which is not for us to say.
        return [{"token": [SCOPE]}, {}]
    if not route.keyed:
        return []
    # A body may carry the key itself; then no scheme of OpenAPI's applies.
    schemes: list[dict[str, list[str]]] = [{"header": []}, {"bearer": []}]
    return schemes if route.body is None else [*schemes, {}]


def _parameters(route: Route) -> Iterator[dict[str, Any]]:
    for variable in route.variables:
        yield {"name": variable, "in": "path", "required": True, "schema": {"type": "string"}}
    if route.query is not None:
        schema = route.query.model_json_schema()
        for name, shape in schema["properties"].items():
            about = shape.pop("description", None)
            yield {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", ()) and name != "domain",
                "schema": shape,
                **({} if about is None else {"description": about}),
            }
    if route.keyed:
        yield {
            "name": "X-Seatguard-Domain",
            "in": "header",
            "description": "The domain, instead of `domain`.",
            "schema": {"type": "string"},
        }
    if route.once:
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Your name for this request, 1 to 255 printable ASCII characters without a comma. "
            "Sent again within 24 hours, the first answer is given again, byte by byte.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        }


def _responses(route: Route, names: dict[Any, Any]) -> dict[str, Any]:
    responses = {str(answer.status): _response(answer, names) for answer in route.answers}
    documented = route.shape is validation_shape
    model: type[BaseModel] = ValidationRefusal if documented else ProblemDetails
    for status, codes in _by_status(_codes(route), without_422 if route.shape is shape_without_422 else int):
        if str(status) in responses:
            continue
        content: dict[str, Any] = {"schema": names[model]}
        if documented and status == 403:
            content["examples"] = {"limit_reached": {"value": _FULL}}
        responses[str(status)] = {
            "description": f"{HTTP_STATUS_CODES[status]}: {', '.join(f'`{code}`' for code in codes)}.",
            "headers": _headers(status),
            "content": {"application/json" if documented else _PROBLEM: content},
        }
    return dict(sorted(responses.items()))


def _response(answer: Reply, names: dict[Any, Any]) -> dict[str, Any]:
    response: dict[str, Any] = {"description": answer.description, "headers": _headers(answer.status)}
    if answer.links:
        response["links"] = {
            name: {"operationId": name, "parameters": dict(parameters)}
            for name, parameters in answer.links.items()
        }
    if answer.model is None:
        return response
    content: dict[str, Any] = {"schema": names[answer.model]}
    if answer.examples:
        content["examples"] = {name: {"value": value} for name, value in answer.examples.items()}
    response["content"] = {answer.media_type: content}
    return response


def _headers(status: int) -> dict[str, Any]:
    headers: dict[str, Any] = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    if status in (429, 503, 409):
        headers["Retry-After"] = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
    if status == 401:
        headers["WWW-Authenticate"] = {"schema": {"type": "string"}}
    if status == 405:
        headers["Allow"] = {"schema": {"type": "string"}}
    return headers


def _codes(route: Route) -> Iterator[str]:
    yield from route.codes
    if route.keyed:
        yield from _KEYED
    if route.scope is not None or route.own:
        yield from _SCOPED
        yield from _managed(route)
    if route.body is not None:
        yield from _WITH_BODY
    if route.query is not None or (route.body is not None and route.shape is not validation_shape):
        yield "unknown_field"
    if route.body is not None and "email" in route.body.model_fields:
        yield "invalid_email"
    if "expires_in" in getattr(route.body, "model_fields", {}) or route.name == "list_users":
        yield from ("integer_expected", "out_of_range")
    if route.once:
        yield from _ONCE
    yield "internal_error"


def _managed(route: Route) -> Iterator[str]:
    """What the management routes have in common, by what they are asked."""
    if route.variables:
        yield "not_found"
    if route.body is not None:
        yield from _STRICT
    if route.query is not None:
        yield from _BY_URL
        if "after" in route.query.model_fields:
            yield "invalid_cursor"


def _by_status(codes: Iterable[str], told: Callable[[int], int]) -> list[tuple[int, list[str]]]:
    grouped: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        grouped.setdefault(told(STATUS[code]), []).append(code)
    return sorted(grouped.items())
