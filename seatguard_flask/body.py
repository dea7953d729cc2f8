"""JSON bodies, read strictly: one meaning for each body, or a clear "no"."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, NoReturn

from seatguard.errors import SeatguardError

MAX_BYTES = 64 * 1024
MAX_DEPTH = 32

_BOM = b"\xef\xbb\xbf"
# A string that never ends is swallowed to the end of the body, and possessively: each byte is read
# once, whatever is sent.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_SHOWN = 64


class BodyError(SeatguardError):
    """The body cannot be read; the view has not run.

    >>> error = BodyError(413, "body_too_large", "the body is too large")
    >>> error.status, error.code, error.message
    (413, 'body_too_large', 'the body is too large')
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        self.message = message
        super().__init__(message)


def parse_object(
    raw: bytes, content_type: str | None, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH
) -> dict[str, Any]:
    """The members of the JSON object in a request's body.

    An empty body is an empty object, so that the check of the fields names all that are missing.

    Raises:
        BodyError: ``body_too_large`` (413), ``unsupported_media_type`` (415), ``invalid_encoding``,
            ``json_too_deep``, ``invalid_json``, ``duplicate_member`` or ``object_expected`` (all 400).

    >>> parse_object(b'{"domain": "example.com"}', "application/json")
    {'domain': 'example.com'}
    >>> parse_object(b'{"domain": "a", "domain": "b"}', "application/json")
    Traceback (most recent call last):
    ...
    seatguard_flask.body.BodyError: the member "domain" is there more than once; send it once
    """
    if len(raw) > max_bytes:
        raise BodyError(413, "body_too_large", f"the body is larger than {max_bytes} bytes; send less")
    if content_type != "application/json":
        _check_media_type(raw, content_type)
    if raw == b"" or raw.isspace():
        return {}
    # Two counts are cheaper than one scan, and hardly any honest body gets past them.
    if raw.count(b"{") + raw.count(b"[") > max_depth:
        _check_depth(raw, max_depth)
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        problem = BodyError(
            400, "invalid_encoding", f"the body is not UTF-8 (byte {error.start + 1}); send UTF-8"
        )
    except json.JSONDecodeError as error:
        problem = _not_json(raw, error)
    except ValueError:
        # The only other one: Python refuses to convert integers of thousands of digits.
        problem = _invalid_json("a number has too many digits")
    else:
        if not isinstance(value, dict):
            raise BodyError(
                400, "object_expected", 'the body must be a JSON object, such as {"name": "value"}'
            )
        return value
    # Raised out here so that it carries no context: the decoder's errors hold the whole body, the body
    # holds the key, and error trackers follow contexts.
    raise problem


def _check_media_type(raw: bytes, content_type: str | None) -> None:
    if content_type is None:
        if raw == b"":
            return
        media_type, parameters = "", []
    else:
        media_type, *parameters = content_type.split(";")
    if media_type.strip().lower() != "application/json":
        raise BodyError(415, "unsupported_media_type", "send JSON with Content-Type: application/json")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in ("utf-8", "utf8"):
            raise BodyError(415, "unsupported_media_type", "send the JSON in UTF-8; no other charset is read")


def _check_depth(raw: bytes, max_depth: int) -> None:
    depth = 0
    for byte in _STRING.sub(b"", raw).translate(None, _NO_BRACKETS):
        if byte in b"[{":
            depth += 1
            if depth > max_depth:
                raise BodyError(
                    400,
                    "json_too_deep",
                    f"the JSON is nested deeper than {max_depth} levels; send it flatter",
                )
        else:
            depth -= 1


def _not_json(raw: bytes, error: json.JSONDecodeError) -> BodyError:
    if raw.startswith(_BOM):
        return BodyError(
            400, "invalid_encoding", "the body begins with a byte order mark; send UTF-8 without it"
        )
    # Some of the decoder's sentences expect its own "line 1 column 2" to follow.
    what = "there is text after the JSON" if error.msg == "Extra data" else error.msg.removesuffix(" at")
    return _invalid_json(f"{what} at line {error.lineno}, column {error.colno}")


def _invalid_json(what: str) -> BodyError:
    return BodyError(400, "invalid_json", f"the body is not JSON: {what}")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        shown = json.dumps(name[:_SHOWN])
        raise BodyError(400, "duplicate_member", f"the member {shown} is there more than once; send it once")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise _invalid_json(f"{name} is a number in JavaScript only; send null or leave it out")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise _invalid_json("a number is too large")
    return number


# Built once: `json.loads` builds a decoder anew at each call that brings a hook.
_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_refuse_constant, parse_float=_finite)
