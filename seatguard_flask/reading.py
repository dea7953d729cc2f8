"""Requests read into schemas: the body or the query, strictly, each wrong field with its code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from flask import Request
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from seatguard.errors import InvalidInput, Problem
from seatguard_flask.body import MAX_BYTES, BodyError, parse_object
from seatguard_flask.exchange import Exchange
from seatguard_flask.schemas.asking import AskedByUrl, AskedInBody

ModelT = TypeVar("ModelT", bound=BaseModel)
BodyT = TypeVar("BodyT", bound=AskedInBody)
QueryT = TypeVar("QueryT", bound=AskedByUrl)

WARNING_HEADER = "Seatguard-Warning"
DOMAIN = "HTTP_X_SEATGUARD_DOMAIN"

_FORM = "application/x-www-form-urlencoded"
_MOST_NAMED = 10
_CODES = {
    "missing": "missing_field",
    "extra_forbidden": "unknown_field",
    "string_type": "string_expected",
    "string_unicode": "invalid_characters",
    "string_too_long": "too_long",
    "string_too_short": "required",
    "int_type": "integer_expected",
    "int_from_float": "integer_expected",
    "int_parsing": "integer_expected",
    "int_parsing_size": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "bool_type": "boolean_expected",
    "list_type": "list_expected",
    "dict_type": "object_expected",
    "model_type": "object_expected",
    "model_attributes_type": "object_expected",
    "literal_error": "invalid_choice",
}
_MESSAGES = {
    "missing_field": "is missing",
    "unknown_field": "is not a field of this request",
    "string_expected": "must be text; put quotes around a number",
    "integer_expected": "must be a whole number",
    "invalid_characters": "holds half of a surrogate pair; send Unicode characters only",
    "required": "is empty",
    "boolean_expected": "must be true or false",
    "list_expected": "must be a list",
    "object_expected": "must be an object",
}


def body(exchange: Exchange, schema: type[BodyT], *, form: bool = False, raw: bytes | None = None) -> BodyT:
    """The request's body, with key and domain taken from headers where the body has none.

    Members that the schema does not know are refused, or ignored and named in a header, as the schema says.

    Args:
        form: whether an HTML form may stand in for JSON, where the settings allow it.
        raw: its bytes, where they have been read already.

    Raises:
        BodyError: it cannot be read, or header and body name two different keys or domains.
        InvalidInput: fields are missing or of the wrong kind; all of them are named.
    """
    raw = raw_body(exchange.request) if raw is None else raw
    content_type = exchange.header("CONTENT_TYPE")
    if form and exchange.settings.form_bodies and (content_type or "").partition(";")[0].strip() == _FORM:
        members = _form(raw)
    else:
        members = parse_object(raw, content_type)
    _merge(members, "api_key", _keys_in_headers(exchange))
    domain = exchange.header(DOMAIN)
    if domain is not None:
        _merge(members, "domain", [domain])
    asked = _validated(schema, members)
    if len(members) > len(asked.model_fields_set):
        _warn_of(exchange, [name for name in members if name not in schema.model_fields])
    return asked


def members(exchange: Exchange, schema: type[ModelT]) -> ModelT:
    """The request's body, of routes whose callers say in headers who they are.

    Raises:
        BodyError: it cannot be read.
        InvalidInput: fields are missing, unknown or of the wrong kind; all of them are named.
    """
    return _validated(schema, parse_object(raw_body(exchange.request), exchange.header("CONTENT_TYPE")))


def parameters(exchange: Exchange, schema: type[ModelT]) -> ModelT:
    """The request's query, of the same routes.

    Raises:
        BodyError: a parameter is there twice.
        InvalidInput: parameters are missing, unknown or of the wrong kind.
    """
    return _validated(schema, _parameters(exchange))


def query(exchange: Exchange, schema: type[QueryT]) -> QueryT:
    """The request's query, for methods without a body; the domain may stand in its header instead.

    Raises:
        BodyError: a parameter is there twice, or header and query name two domains.
        InvalidInput: parameters are missing, unknown or of the wrong kind.
    """
    parameters = _parameters(exchange)
    domain = exchange.header(DOMAIN)
    if domain is not None:
        _merge(parameters, "domain", [domain])
    return _validated(schema, parameters)


def _parameters(exchange: Exchange) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for name, values in exchange.request.args.lists():
        if len(values) > 1:
            raise BodyError(400, "duplicate_member", f"{_shown(name)} is there twice; send it once")
        parameters[name] = values[0]
    return parameters


def key_in_headers(exchange: Exchange) -> SecretStr | None:
    """The key that the headers carry.

    Raises:
        BodyError: they carry two.
    """
    found: dict[str, Any] = {}
    _merge(found, "api_key", _keys_in_headers(exchange))
    return SecretStr(found["api_key"]) if found else None


def raw_body(request: Request) -> bytes:
    """The bytes of the body; to be asked for once.

    Raises:
        BodyError: there are too many; then they are not read.
    """
    text = request.environ.get("CONTENT_LENGTH", "")
    declared = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else request.content_length
    if declared is not None and declared > MAX_BYTES:
        raise _too_large()
    if declared is None and request.environ.get("wsgi.input_terminated"):
        # Sent in chunks: only reading tells how long it is. What a hook of the host read is kept there.
        raw = request.stream.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise _too_large()
        if raw:
            return raw
    return request.get_data()


def _too_large() -> BodyError:
    return BodyError(413, "body_too_large", f"the body is larger than {MAX_BYTES} bytes; send less")


def _form(raw: bytes) -> dict[str, Any]:
    try:
        pairs = parse_qsl(
            raw.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=bool(raw),
            errors="strict",
            max_num_fields=100,
        )
    except UnicodeDecodeError:
        problem = BodyError(400, "invalid_encoding", "the form is not UTF-8; send UTF-8")
    except ValueError:
        problem = BodyError(400, "invalid_form", "the form cannot be read")
    else:
        members = dict(pairs)
        if len(members) == len(pairs):
            return members
        problem = BodyError(400, "duplicate_member", "a field is in the form twice; send it once")
    raise problem  # out here, so that no context carries the form and with it the key


def _keys_in_headers(exchange: Exchange) -> list[str]:
    found = []
    key = exchange.header("HTTP_X_API_KEY")
    if key is not None:
        found.append(key)
    authorization = exchange.header("HTTP_AUTHORIZATION")
    if authorization is not None and authorization[:7].lower() == "bearer ":
        found.append(authorization[7:].strip())
    return found


def _merge(members: dict[str, Any], name: str, values: list[str]) -> None:
    for value in values:
        if members.setdefault(name, value) != value:
            raise BodyError(
                400,
                "conflicting_credentials",
                f"the request carries two different values of {name}; send one",
            )


def _validated(schema: type[ModelT], members: dict[str, Any]) -> ModelT:
    try:
        return schema.model_validate(members)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
    # Half a surrogate pair is no character, so this is no key: it is answered as any unknown one is.
    if [one["loc"] for one in problems if one["type"] == "string_unicode"] == [("api_key",)]:
        return _validated(schema, members | {"api_key": ""})
    # Raised out here so that it carries no context: pydantic's error holds what was sent.
    raise InvalidInput([_problem(one) for one in problems])


def _problem(error: ErrorDetails) -> Problem:
    name = ".".join(str(part) for part in error["loc"])
    code = _CODES.get(error["type"], "invalid_value")
    if name == "domain" and code == "invalid_characters":
        code = "invalid_domain"
    if code == "unknown_field":
        name = _shown(name).strip('"')
    message = _MESSAGES.get(code) or error["msg"].lower()
    if code == "unknown_field" and name == "api_key":
        message = "does not belong in a URL, which is logged; send it in X-API-Key or Authorization"
    return Problem(name, code, message)


def _warn_of(exchange: Exchange, unknown: list[str]) -> None:
    if unknown:
        names = ", ".join(_shown(name) for name in unknown[:_MOST_NAMED])
        more = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
        exchange.headers.append((WARNING_HEADER, f"ignored unknown members: {names}{more}"))


def _shown(name: str) -> str:
    """A name the caller sent, fit for a header: ASCII, without line ends, not long."""
    return json.dumps(name[:64])


def fields_of(asked: AskedInBody) -> Mapping[str, Any]:
    """What was asked without who asked: what makes two requests the same."""
    return asked.model_dump(exclude={"api_key"}, exclude_none=True)
