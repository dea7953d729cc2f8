from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatguard_flask.body import BodyError, parse_object

JSON = "application/json"

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def nested(depth: int) -> bytes:
    """An object whose deepest bracket is at ``depth``."""
    return b'{"x":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def refusal(raw: bytes, content_type: str | None = JSON, **limits: int) -> BodyError:
    with pytest.raises(BodyError) as caught:
        parse_object(raw, content_type, **limits)
    return caught.value


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"{}", {}),
        (b"", {}),
        (b" \r\n\t", {}),
        (b' {"a": 1} \n', {"a": 1}),
        (b'{"a": [1, -2.5, 1e3, true, false, null, "x", {"b": []}]}', None),
        (b'{"a": {"b": 1}, "c": {"b": 1}}', {"a": {"b": 1}, "c": {"b": 1}}),
        (b'{"a": 1, "A": 2}', {"a": 1, "A": 2}),
        ('{"é": "😀"}'.encode(), {"é": "😀"}),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
        (b'{"a": "' + b"[" * 1_000 + b'"}', {"a": "[" * 1_000}),
        (b'{"a": "\\"' + b"[{" * 1_000 + b'\\\\"}', {"a": '"' + "[{" * 1_000 + "\\"}),
        (b'{"a": [' + b"{}," * 1_000 + b"{}]}", {"a": [{}] * 1_001}),
        (b'{"a": 1e-999}', {"a": 0.0}),
        (b'{"a": ' + b"9" * 4_300 + b"}", {"a": 10**4_300 - 1}),
        (b'{"__proto__": 1}', {"__proto__": 1}),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_an_object_is_read(raw, expected):
    """A JSON object gives its members; an empty body counts as an object without any."""
    assert parse_object(raw, JSON) == (json.loads(raw) if expected is None else expected)


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"[" * 60_000, 400, "json_too_deep"),
        (b'{"a":' * 10_000, 400, "json_too_deep"),
        (b"[{" * 100, 400, "json_too_deep"),
        (nested(33), 400, "json_too_deep"),
        (b'["' + b"x" * 10 + b'",' + b"[" * 32, 400, "json_too_deep"),
        (b"{" + b" " * 10_000_000 + b"}", 413, "body_too_large"),
        (b"[" * 100_000, 413, "body_too_large"),
        (b'{"x":NaN}', 400, "invalid_json"),
        (b'{"x":Infinity}', 400, "invalid_json"),
        (b'{"x":-Infinity}', 400, "invalid_json"),
        (b'{"x":1e999}', 400, "invalid_json"),
        (b'{"x":-1e999}', 400, "invalid_json"),
        (b'{"x":' + b"9" * 5_000 + b"}", 400, "invalid_json"),
        (b'{"x":01}', 400, "invalid_json"),
        (b"{'x':1}", 400, "invalid_json"),
        (b'{"x":1,}', 400, "invalid_json"),
        (b'{"x":"\n"}', 400, "invalid_json"),
        (b'{"x":"\\q"}', 400, "invalid_json"),
        (b'{"x', 400, "invalid_json"),
        (b"{", 400, "invalid_json"),
        (b"]" * 50 + b"[" * 20, 400, "invalid_json"),
        (b'"' + b'\\"' * 30_000, 400, "invalid_json"),
        (b"[" * 20 + b'"\\"' * 15_000, 400, "invalid_json"),
        (b'{"api_key":"a","api_key":"a"}', 400, "duplicate_member"),
        (b'{"a":{"b":1,"b":2}}', 400, "duplicate_member"),
        (b'{"a":1,"\\u0061":2}', 400, "duplicate_member"),
        (b"[]", 400, "object_expected"),
        (b"true", 400, "object_expected"),
        (b"null", 400, "object_expected"),
        (b'"x"', 400, "object_expected"),
        (b"12", 400, "object_expected"),
        (b'{"a":1} x', 400, "invalid_json"),
        (b"{}{}", 400, "invalid_json"),
        (b'{"a":1}\0', 400, "invalid_json"),
        ('{"a":1}'.encode("utf-16"), 400, "invalid_encoding"),
        ('{"a":1}'.encode("utf-16-le"), 400, "invalid_json"),
        ('{"a":1}'.encode("utf-8-sig"), 400, "invalid_encoding"),
        (b'{"a":"\xff"}', 400, "invalid_encoding"),
        (b'{"a":"\xed\xa0\x80"}', 400, "invalid_encoding"),
        (b'{"a":"\xc0\x80"}', 400, "invalid_encoding"),
        (b'{"a":"\xc3', 400, "invalid_encoding"),
    ],
    ids=lambda value: ascii(value)[:32],
)
def test_what_is_not_one_plain_object_is_refused(raw, status, code):
    """Depth, size, non-numbers, doubled members, text after the end and other encodings each have a code."""
    refused = refusal(raw)
    assert (refused.status, refused.code) == (status, code)
    assert refused.message.isascii()


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b'{"a":1}\n x', "there is text after the JSON at line 2, column 2"),
        (b'{"a" 1}', "at line 1, column 6"),
        (b'{"a', "Unterminated string starting at line 1, column 2"),
        (b'{"x":NaN}', "NaN"),
        (b'{"x":1e999}', "too large"),
        (b'{"x":' + b"9" * 5_000 + b"}", "too many digits"),
        (b'{"api_key":1,"api_key":2}', '"api_key"'),
        (b'{"\\ud800\\n":1,"\\ud800\\n":2}', '"\\ud800\\n"'),
        (b'{"a":"\xff"}', "byte 7"),
        (nested(33), "deeper than 32 levels"),
        (b" " * 65_537, "larger than 65536 bytes"),
    ],
    ids=lambda value: ascii(value)[:32],
)
def test_a_refusal_says_what_and_where(raw, says):
    """The message names the position, the member or the limit."""
    assert says in refusal(raw).message


def test_a_long_member_name_is_cut():
    """A doubled member is named, but no more of it is sent back than helps."""
    name = b'"' + b"k" * 10_000 + b'":1'
    assert len(refusal(b"{" + name + b"," + name + b"}").message) < 150


def test_a_refusal_carries_nothing_of_the_body():
    """Neither the message nor a chained error holds the body: it may hold a key."""
    for raw in (b'{"api_key":"sg_live_secret"', b'{"api_key":"sg_live_secret\xff"}', b'{"a":sg_live_secret}'):
        refused = refusal(raw)
        assert "secret" not in refused.message
        assert refused.__cause__ is None
        assert refused.__context__ is None


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        'application/json; charset="UTF-8"',
        "application/json; charset=utf8",
        " application/json ; version=1",
        "application/json;",
    ],
)
def test_json_in_utf_8_is_the_media_type(content_type):
    """Case, white space and other parameters make no difference."""
    assert parse_object(b'{"a":1}', content_type) == {"a": 1}


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/vnd.api+json",
        "text/plain; application/json",
        "application/json, text/plain",
        "application/json; charset=utf-16",
        "application/json; charset=utf-8; charset=latin-1",
        "application/json; charset=",
        "\ud800",
    ],
    ids=ascii,
)
def test_other_media_types_are_refused(content_type):
    """Only JSON in UTF-8 is read, so no form of another site can send a body that is."""
    refused = refusal(b'{"a":1}', content_type)
    assert (refused.status, refused.code) == (415, "unsupported_media_type")
    assert "application/json" in refused.message or "UTF-8" in refused.message


def test_an_empty_body_needs_no_media_type_but_may_not_have_a_wrong_one():
    """A request without a body usually has no Content-Type; one that names another type is refused."""
    assert parse_object(b"", None) == {}
    assert refusal(b" ", None).status == 415
    assert refusal(b"", "text/plain").status == 415


def test_size_is_judged_before_all_else():
    """A body that is too large is not looked into, whatever it says it is."""
    assert refusal(b"\xff" * 100, "text/plain", max_bytes=99).code == "body_too_large"
    assert refusal(b"\xff" * 100, max_bytes=100).code == "invalid_encoding"


def test_depth_is_counted_from_the_outermost_bracket():
    """32 levels are read, 33 are not; the caller may set another limit."""
    assert parse_object(nested(32), JSON)
    assert refusal(nested(33)).code == "json_too_deep"
    assert parse_object(nested(3), JSON, max_depth=3) == {"x": [[]]}
    assert refusal(nested(4), max_depth=3).code == "json_too_deep"


@given(st.dictionaries(st.text(), values, max_size=5))
def test_every_object_of_plain_values_is_read_back(members):
    """Whatever JSON a client's library writes, it is read as it was meant."""
    for ascii_only in (True, False):
        try:
            raw = json.dumps(members, ensure_ascii=ascii_only).encode()
        except UnicodeEncodeError:
            continue
        assert parse_object(raw, JSON) == members


@given(st.binary(max_size=200) | st.text('{}[]":,\\ 019eE.-+tfn', max_size=80).map(str.encode))
def test_any_bytes_are_an_object_or_are_refused(raw):
    """No body raises anything but BodyError, and none is read that JSON's own reader refuses."""
    try:
        members = parse_object(raw, JSON, max_depth=4)
    except BodyError:
        return
    assert raw.strip() == b"" or members == json.loads(raw)
