"""What comes in wrong gets a clear answer, changes nothing, and shows neither a trace nor the key."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from tests.flask.conftest import PREFIX, Api, World

VALIDATE, REGISTER, HOLDS, TRANSFER = "/validate-subscription", "/register-user", "/holds", "/transfer-user"


def with_key(api: Api, text: str) -> bytes:
    """A body as text, with the caller's key and domain put in."""
    return text.replace("KEY", api.key).replace("DOMAIN", api.domain).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("path", [VALIDATE, REGISTER, HOLDS, TRANSFER])
@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"[" * 60_000, 400, "json_too_deep"),
        (b'{"domain":' + b"[" * 33 + b"]" * 33 + b"}", 400, "json_too_deep"),
        (b"{" + b" " * 10_000_000 + b"}", 413, "body_too_large"),
        (b'{"x":NaN}', 400, "invalid_json"),
        (b'{"x":1e999}', 400, "invalid_json"),
        (b'{"api_key":"a","api_key":"b"}', 400, "duplicate_member"),
        (b"", 400, "missing_field"),
        (b"{}", 400, "missing_field"),
        (b"[]", 400, "object_expected"),
        (b"true", 400, "object_expected"),
        (b"null", 400, "object_expected"),
        (b'"x"', 400, "object_expected"),
        (b'{"api_key":"a"} trailing', 400, "invalid_json"),
        ('{"api_key":"a"}'.encode("utf-16"), 400, "invalid_encoding"),
        (b'{"api_key":"\xff"}', 400, "invalid_encoding"),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_a_body_that_cannot_be_read(api: Api, path: str, data: bytes, status: int, code: str) -> None:
    """Depth, size, non-numbers, doubled members, other encodings: refused before anybody is asked."""
    answer = api.raw(path, data)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)


@pytest.mark.parametrize("path", [VALIDATE, REGISTER, HOLDS])
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        None,
        "application/json; charset=utf-16",
    ],
)
def test_another_media_type(api: Api, path: str, content_type: str | None) -> None:
    """Only JSON in UTF-8 is read, so no form of another site can be a request of ours."""
    answer = api.raw(
        path, with_key(api, '{"api_key":"KEY","domain":"DOMAIN","username":"ada"}'), content_type
    )
    assert (answer.status_code, answer.get_json()["code"]) == (415, "unsupported_media_type")


def test_the_size_is_judged_before_the_body_is_read(world: World) -> None:
    """A declared length above the limit is refused at once: the stream is never touched."""
    read: list[int] = []

    class Stream:
        def read(self, size: int = -1) -> bytes:
            read.append(size)
            return b""

    answer = world.app.test_client().post(
        PREFIX + VALIDATE,
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": "10000000", "wsgi.input": Stream()},
    )
    assert answer.status_code == 413
    assert read == []


def test_a_chunked_body_is_read_no_further_than_the_limit(world: World) -> None:
    """Without a declared length the stream itself is limited."""
    taken = 0

    class Endless:
        def read(self, size: int = -1) -> bytes:
            nonlocal taken
            assert size >= 0
            taken += size
            return b" " * size

    answer = world.app.test_client().post(
        PREFIX + VALIDATE,
        content_type="application/json",
        environ_overrides={
            "wsgi.input": Endless(),
            "wsgi.input_terminated": True,
            "CONTENT_LENGTH": "",
            "HTTP_TRANSFER_ENCODING": "chunked",
        },
    )
    assert answer.status_code == 413
    assert taken <= 2 * 65_537


def test_a_chunked_body_is_read(api: Api) -> None:
    """A caller that does not know the length beforehand is served too."""
    body = with_key(api, '{"api_key":"KEY","domain":"DOMAIN"}')
    answer = api.client.post(
        PREFIX + VALIDATE,
        content_type="application/json",
        environ_overrides={
            "wsgi.input": io.BytesIO(body),
            "wsgi.input_terminated": True,
            "CONTENT_LENGTH": "",
            "HTTP_TRANSFER_ENCODING": "chunked",
        },
    )
    assert answer.status_code == 200


def test_missing_members_are_all_named(api: Api) -> None:
    """One answer names them all."""
    message = api.raw(REGISTER, b"{}").get_json()["message"]
    assert message == "api_key is missing; domain is missing; username is missing."


USERNAMES: list[tuple[Any, int, str]] = [
    ("\ud800", 422, "invalid_characters"),
    ("a\0b", 422, "invalid_characters"),
    ("a\x07b", 422, "invalid_characters"),
    ("a\u202eb", 422, "invalid_characters"),
    ("a\u200bb", 422, "invalid_characters"),
    ("a\r\nb", 422, "invalid_characters"),
    (" ada", 422, "invalid_characters"),
    ("x" * 300, 422, "too_long"),
    ("", 422, "required"),
    ("   ", 422, "required"),
    (["ada"], 422, "string_expected"),
    (7, 422, "string_expected"),
    ({"name": "ada"}, 422, "string_expected"),
    (True, 422, "string_expected"),
]


@pytest.mark.parametrize("path", [REGISTER, "/deactivate-user", HOLDS])
@pytest.mark.parametrize(("username", "status", "code"), USERNAMES, ids=ascii)
def test_a_username_that_cannot_be_used(
    api: Api, world: World, path: str, username: Any, status: int, code: str
) -> None:
    """The code says what is wrong, and nobody gets a seat."""
    answer = api.post(path, username=username)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert world.entries("seat.taken") == world.entries("seat.held") == []


def test_a_refused_character_is_named(api: Api) -> None:
    """Field and code point stand in the message."""
    assert "username must not contain U+202E" in api.register("a\u202eb").get_json()["message"]


def test_to_username_is_named_by_its_own_field(api: Api) -> None:
    """The second name of a transfer is checked like the first, under its own name."""
    api.register("ada")
    answer = api.post(TRANSFER, username="ada", to_username="b\0b")
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == "/to_username"


def test_two_normal_forms_are_one_user(api: Api, world: World) -> None:
    """Composed and decomposed, and large and small letters, are one seat and one id."""
    first = api.register("Jos\u00e9").get_json()["data"]
    again = api.register("jose\u0301").get_json()["data"]
    assert again == {**first, "already_registered": True}
    assert len(world.entries("seat.taken")) == 1


@pytest.mark.parametrize("email", ["a@b@c", "x", "a@b.c\r\nBcc: x@y.z", "a b@c.d", 5, "x" * 251 + "@a.b"])
def test_an_email_that_cannot_be_used(api: Api, email: Any) -> None:
    """Nothing that could break out of a header line is ever kept."""
    answer = api.register("ada", email=email)
    assert answer.status_code == 422
    assert answer.get_json()["code"] in ("invalid_email", "string_expected")


def test_an_email_may_be_left_out_or_null(api: Api) -> None:
    """It is optional."""
    assert api.register("ada").status_code == 200
    assert (
        api.raw(
            REGISTER, with_key(api, '{"api_key":"KEY","domain":"DOMAIN","username":"bob","email":null}')
        ).status_code
        == 200
    )


@pytest.mark.parametrize("member", ["api_key", "domain"])
@pytest.mark.parametrize("value", [1234567890123456, None, ["x"], {}, True, 1.5])
def test_key_and_domain_are_text(api: Api, member: str, value: Any) -> None:
    """A number would have lost its leading zeros."""
    body = {"api_key": api.key, "domain": api.domain, member: value}
    answer = api.raw(VALIDATE, json.dumps(body).encode())
    assert (answer.status_code, answer.get_json()["code"]) == (422, "string_expected")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": "sg_live_other"},
        {"Authorization": "Bearer sg_live_other"},
        {"X-Seatguard-Domain": "other.example"},
    ],
)
def test_two_different_credentials(api: Api, headers: dict[str, str]) -> None:
    """Nobody guesses which of two keys, or two domains, is meant."""
    answer = api.post(VALIDATE, headers)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "conflicting_credentials")


def test_two_different_keys_in_headers(api: Api) -> None:
    """The same without a body."""
    answer = api.get("/users", {"Authorization": "Bearer sg_live_other"})
    assert (answer.status_code, answer.get_json()["code"]) == (400, "conflicting_credentials")


@pytest.mark.parametrize("place", ["X-API-Key", "Authorization", "both"])
def test_the_key_may_stand_in_a_header(api: Api, place: str) -> None:
    """In any of the three places, or in several if it is the same."""
    headers = {"X-API-Key": api.key, "Authorization": f"bearer {api.key}"}
    sent = headers if place == "both" else {place: headers[place]}
    assert api.post(VALIDATE, sent, api_key=None).status_code == 200
    assert (
        api.post(VALIDATE, {**sent, "X-Seatguard-Domain": api.domain}, api_key=None, domain=None).status_code
        == 200
    )


def test_a_body_may_be_left_out_when_headers_say_all(api: Api) -> None:
    """Confirming a hold needs no body at all."""
    hold = api.post(HOLDS, username="ada").get_json()["data"]["id"]
    answer = api.client.post(
        f"{PREFIX}/holds/{hold}/confirm",
        headers={"Authorization": f"Bearer {api.key}", "X-Seatguard-Domain": api.domain},
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("domain", "status", "code"),
    [
        ("https://acme.example/a", 400, "domain_not_url"),
        ("acme.example:443", 400, "domain_has_port"),
        ("ACME.EXAMPLE.", 200, None),
        ("acme。example", 200, None),
        ("good.com@evil.com", 400, "invalid_domain"),
        ("good.com%2eevil.com", 400, "invalid_domain"),
        ("a" * 64 + ".example", 400, "invalid_domain"),
        (".".join(["abcdefghi"] * 26) + ".example", 400, "invalid_domain"),
        ("127.0.0.1", 400, "domain_not_allowed"),
        ("[::1]", 400, "domain_not_allowed"),
        ("localhost", 400, "domain_not_allowed"),
        ("", 422, "required"),
        ("\ud800.example", 400, "invalid_domain"),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_domains(api: Api, domain: str, status: int, code: str | None) -> None:
    """A domain is a host name in one spelling, or the code says what to send."""
    answer = api.validate(domain=domain)
    assert (answer.status_code, answer.get_json().get("code")) == (status, code)


@pytest.mark.parametrize("key", [None, "sg_live_unknown"])
def test_a_local_domain_tests_no_keys(api: Api, key: str | None) -> None:
    """The answer for localhost is the same for a good key and a bad one."""
    answer = api.validate(domain="localhost", api_key=key or api.key)
    body = {**answer.get_json(), "request_id": ""}
    assert (answer.status_code, body["code"]) == (400, "domain_not_allowed")


def test_a_local_domain_where_the_project_turned_it_on(world: World) -> None:
    """Developers call from localhost, if the project says so."""
    project = world.engine.projects.add(
        world.me, world.client_id, name="Dev", domains=("localhost",), allow_dev_domains=True
    )
    world.engine.subscriptions.add(world.me, project.id, limit=1)
    key = world.engine.projects.add_key(world.me, project.id).secret.reveal()
    assert world.api.validate(api_key=key, domain="localhost").status_code == 200
    assert world.api.validate(api_key=key, domain="127.0.0.1").status_code == 400


@pytest.mark.parametrize(
    "hold",
    [
        "27259631130333357867708448768",
        "../x",
        "..%2Fx",
        "not-a-uuid",
        "01A20119-4E71-7102-8528-68B0B962B023",
        "%00",
        "0" * 4000,
        "é",
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_path_that_holds_no_id(api: Api, method: str, hold: str) -> None:
    """No such hold, and no store is asked about it."""
    path = f"/holds/{hold}"
    answer = api.delete(path) if method == "DELETE" else api.post(f"{path}/confirm")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")
    assert answer.content_type == "application/problem+json"


PATHS = [VALIDATE, REGISTER, "/deactivate-user", TRANSFER, HOLDS, "/holds/x/confirm", "/holds/x/renew"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "PATCH", "DELETE"])
def test_another_method(api: Api, path: str, method: str) -> None:
    """405 with what is allowed; GET above all, because a key in a URL is logged."""
    answer = api.client.open(PREFIX + path, method=method, query_string={"api_key": api.key})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    if method != "HEAD":
        assert answer.get_json()["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/users", "GET, HEAD"),
        ("/holds/x", "DELETE"),
        ("/users/x", "DELETE"),
        ("/health", "GET, HEAD"),
        ("/openapi.json", "GET, HEAD"),
    ],
)
def test_another_method_where_post_is_not_the_one(api: Api, path: str, allowed: str) -> None:
    """Every path knows its own methods."""
    answer = api.client.post(PREFIX + path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_a_method_cannot_be_overridden(api: Api, header: str) -> None:
    """The method is the method."""
    assert api.post(VALIDATE, {header: "DELETE"}).status_code == 200
    assert api.get("/users", {header: "POST"}).status_code == 200


@pytest.mark.parametrize(
    "name", ['=HYPERLINK("http://x")', "<img src=x onerror=alert(1)>", "@SUM(1)", "'; DROP --"]
)
def test_names_are_stored_as_they_are(api: Api, name: str) -> None:
    """Escaping belongs to whoever shows or exports a name."""
    assert api.register(name).get_json()["data"]["username"] == name
    assert [user["username"] for user in api.get("/users").get_json()["data"]["users"]] == [name]


def test_unknown_members_of_validation_routes_are_ignored_and_named(api: Api, world: World) -> None:
    """Nothing beyond the schema can be written; the header tells what was overlooked."""
    answer = api.register("ada", id=99, tenant="x", new_count=0)
    assert answer.get_json()["data"] == {"id": 1, "username": "ada", "service_id": 1, "new_count": 1}
    assert answer.headers["Seatguard-Warning"] == 'ignored unknown members: "id", "new_count", "tenant"'


def test_a_warning_cannot_break_out_of_its_header(api: Api) -> None:
    """Names are shown as ASCII without line ends, cut, and only a few of them."""
    strange = {"a\r\nSet-Cookie: x=1": 1, "é\u2028": 2, "k" * 500: 3} | {f"m{n}": n for n in range(40)}
    answer = api.post(VALIDATE, **strange)
    warning = answer.headers["Seatguard-Warning"]
    assert warning.isascii()
    assert "\n" not in warning
    assert "Set-Cookie" not in answer.headers
    assert warning.endswith("and 33 more")
    assert len(warning) < 400


@pytest.mark.parametrize("path", [HOLDS, TRANSFER, "/holds/x/confirm", "/holds/x/renew"])
def test_unknown_members_of_other_routes_are_refused(api: Api, path: str) -> None:
    """Where no published description stands in the way, a misspelt member is an error."""
    names = {"username": "ada", "to_username": "bob"} if path == TRANSFER else {"username": "ada"}
    names = {} if "/x/" in path else names
    answer = api.post(path, **names, expires="60")
    assert (answer.status_code, answer.get_json()["code"]) == (400, "unknown_field")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"limit": "0"}, 422, "out_of_range"),
        ({"limit": "201"}, 422, "out_of_range"),
        ({"limit": "1e3"}, 422, "integer_expected"),
        ({"limit": ""}, 422, "integer_expected"),
        ({"limit": "9" * 30}, 422, "integer_expected"),
        ({"after": "x"}, 422, "invalid_cursor"),
        ({"after": "-1"}, 422, "invalid_cursor"),
        ({"limit": ["1", "2"]}, 400, "duplicate_member"),
        ({"api_key": "x"}, 400, "unknown_field"),
        ({"page": "2"}, 400, "unknown_field"),
        ({"domain": "other.example"}, 400, "conflicting_credentials"),
    ],
)
def test_queries(api: Api, query: dict[str, Any], status: int, code: str) -> None:
    """Parameters are read as strictly as bodies."""
    answer = api.get("/users", **query)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)


@pytest.mark.parametrize("seconds", [0, -1, 366 * 86_400 + 1, 10**30])
def test_a_hold_lasts_between_a_second_and_a_year(api: Api, seconds: int) -> None:
    """Out of range is told with the range."""
    answer = api.post(HOLDS, username="ada", expires_in=seconds)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "out_of_range")


@pytest.mark.parametrize("seconds", ["60", 1.5, True, [], {}])
def test_a_hold_lasts_whole_seconds(api: Api, seconds: Any) -> None:
    """No text, no fractions, no booleans."""
    answer = api.post(HOLDS, username="ada", expires_in=seconds)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "integer_expected")


@pytest.mark.parametrize(
    "path", [VALIDATE, REGISTER, HOLDS, "/health", "/openapi.json", "/users", "/holds/x"]
)
def test_every_answer_protects_itself(api: Api, path: str) -> None:
    """Not kept, not sniffed, not framed, and named by a request id, whatever the answer is."""
    for answer in (api.client.get(PREFIX + path), api.client.post(PREFIX + path, data=b"x")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert len(answer.headers.getlist("X-Request-Id")) == 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-123", True), ("x" * 128, True), ("x" * 129, False), ("", False), ("a b", False), ("é", False)],
)
def test_a_request_id_is_kept_if_it_is_harmless(api: Api, given: str, kept: bool) -> None:
    """1 to 128 visible ASCII characters; anything else is replaced."""
    answer = api.post(VALIDATE, {"X-Request-Id": given}, api_key="unknown")
    shown = answer.headers["X-Request-Id"]
    assert (shown == given) is kept
    assert answer.get_json()["request_id"] == shown


def test_the_request_id_is_on_record(api: Api, world: World) -> None:
    """From a line in the caller's log to the entry in the journal."""
    api.register("ada", {"X-Request-Id": "req-7"})
    (entry,) = world.entries("seat.taken")
    assert entry.request_id == "req-7"
    assert entry.actor == f"key:{world.key.secret.prefix}"


def test_form_bodies_are_read_where_they_are_turned_on(world: World) -> None:
    """For callers that only know forms; strictly, and on the validation routes only."""
    world.service(limit=2)
    api = world.set(FORM_BODIES=True)
    form = {"api_key": api.key, "domain": api.domain, "username": "ada"}
    assert api.client.post(PREFIX + REGISTER, data=form).get_json()["data"]["username"] == "ada"
    assert api.client.post(PREFIX + HOLDS, data=form).status_code == 415
    form_type = "application/x-www-form-urlencoded"
    for data, code in (
        (b"api_key=a&api_key=b", "duplicate_member"),
        (b"api_key=%ff", "invalid_encoding"),
        (b"&".join([b"a=1"] * 200), "invalid_form"),
        (b"", "missing_field"),
    ):
        answer = api.raw(REGISTER, data, form_type)
        assert (answer.status_code, answer.get_json()["code"]) == (400, code)
