"""Tokens of the operator's own issuer: what is pinned, and what is refused."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from seatguard.errors import Misconfigured
from seatguard_flask.settings import Settings
from tests.managing.conftest import Caller, Managed

ISSUER, AUDIENCE = "https://login.example", "seatguard"
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = (
    PRIVATE.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
CONFIG = {
    "SEATGUARD_JWT_ISSUER": ISSUER,
    "SEATGUARD_JWT_AUDIENCE": AUDIENCE,
    "SEATGUARD_JWT_ALGORITHMS": ["RS256"],
    "SEATGUARD_JWT_KEY": PUBLIC,
}


def claims(**changed: Any) -> dict[str, Any]:
    made = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ops@example.com",
        "exp": int(time.time()) + 600,
        "scope": "admin:clients:read admin:clients:write",
        **changed,
    }
    return {name: value for name, value in made.items() if value is not None}


def signed(key: Any = PRIVATE, algorithm: str = "RS256", headers: Any = None, **changed: Any) -> str:
    return jwt.encode(claims(**changed), key, algorithm=algorithm, headers=headers)


def unsigned(header: dict[str, Any], body: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(body).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def confused() -> str:
    """Signed with the public key as if it were a secret."""
    import hashlib
    import hmac

    header = {"alg": "HS256", "typ": "JWT"}
    head = unsigned(header, claims()).rpartition(".")[0]
    return (
        head
        + "."
        + base64.urlsafe_b64encode(hmac.digest(PUBLIC.encode(), head.encode(), hashlib.sha256))
        .rstrip(b"=")
        .decode()
    )


def bearing(managed: Managed, token: str, **config: Any) -> Caller:
    app = managed.make_app(**{**CONFIG, **config})
    return Caller(app.test_client(), None, {"Authorization": f"Bearer {token}", "X-Request-Id": "same"})


def test_a_token_manages_within_its_scopes(alone: Managed) -> None:
    """And what it does is on record under its subject."""
    caller = bearing(alone, signed())
    assert caller.post("/admin/clients", {"name": "Globex"}).status_code == 201
    assert alone.entries("client.added")[-1].actor == "jwt:ops@example.com"
    assert caller.get("/admin/projects").get_json()["missing"] == ["admin:projects:read"]


REFUSED: dict[str, Callable[[], str]] = {
    "of another key": lambda: signed(OTHER),
    "alg none": lambda: unsigned({"alg": "none", "typ": "JWT"}, claims()),
    "public key as secret": confused,
    "another algorithm of the family": lambda: signed(algorithm="RS512"),
    "no exp": lambda: signed(exp=None),
    "expired": lambda: signed(exp=int(time.time()) - 31),
    "not yet": lambda: signed(nbf=int(time.time()) + 600),
    "wrong aud": lambda: signed(aud="other"),
    "no aud": lambda: signed(aud=None),
    "wrong iss": lambda: signed(iss="https://login.evil"),
    "no iss": lambda: signed(iss=None),
    "no sub": lambda: signed(sub=None),
    "an empty sub": lambda: signed(sub=""),
    "a sub of lines": lambda: signed(sub="a\nb"),
    "a long sub": lambda: signed(sub="x" * 151),
    "scopes of a wrong kind": lambda: signed(scope=[1]),
    "scope a number": lambda: signed(scope=7),
    "jku": lambda: signed(headers={"jku": "https://evil.example/keys"}),
    "jwk": lambda: signed(headers={"jwk": {"kty": "oct", "k": "AAAA"}}),
    "x5u": lambda: signed(headers={"x5u": "https://evil.example/cert"}),
    "crit": lambda: signed(headers={"crit": ["exp"], "exp": 1}),
    "altered": lambda: signed()[:-4] + "AAAA",
    "no JSON": lambda: "a.b.c",
    "empty parts": lambda: "..",
    "not ASCII": lambda: "é.é.é",
    "10 KB": lambda: signed(pad="x" * 10_000),
}  # fmt: skip


@pytest.mark.parametrize("cause", REFUSED)
def test_every_bad_token_has_the_same_answer(managed: Managed, cause: str) -> None:
    """Identical bytes: an answer tells nothing about what is wrong."""
    answer = bearing(managed, REFUSED[cause]()).get("/admin/clients")
    reference = bearing(managed, REFUSED["of another key"]()).get("/admin/clients")
    assert answer.status_code == 401
    assert answer.data == reference.data
    assert answer.get_json()["code"] == "invalid_token"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="seatguard", error="invalid_token"'


def test_a_clock_may_be_half_a_minute_off(managed: Managed) -> None:
    """Servers' clocks differ."""
    assert bearing(managed, signed(exp=int(time.time()) - 10)).get("/admin/clients").status_code == 200


def test_without_an_issuer_no_token_is_taken(managed: Managed) -> None:
    """Not even one that is signed."""
    caller = Caller(managed.app.test_client(), None, {"Authorization": f"Bearer {signed()}"})
    assert caller.get("/admin/clients").get_json()["code"] == "invalid_token"


def test_a_claim_names_the_tenant(managed: Managed) -> None:
    """With the setting it must be there and be known; the token sees that tenant's records only."""
    stranger = managed.stranger()
    managed.engine.clients.add(stranger, name="Theirs")
    config, slug = {"SEATGUARD_JWT_TENANT_CLAIM": "org"}, managed.engine.tenants.get(stranger).slug
    shown = bearing(managed, signed(org=slug), **config).get("/admin/clients").get_json()["items"]
    assert [one["name"] for one in shown] == ["Theirs"]
    for org in (None, "nobody", 7, [slug]):
        assert bearing(managed, signed(org=org), **config).get("/admin/clients").status_code == 401


def test_a_secret_signs_too(managed: Managed) -> None:
    """For those who issue tokens themselves."""
    secret = "s" * 32
    config = {"SEATGUARD_JWT_ALGORITHMS": "HS256", "SEATGUARD_JWT_KEY": secret}
    assert bearing(managed, signed(secret, "HS256"), **config).get("/admin/clients").status_code == 200
    assert bearing(managed, signed(PRIVATE), **config).get("/admin/clients").status_code == 401


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"JWT_KEY": None}, "set SEATGUARD_JWT_KEY too"),
        ({"JWT_ISSUER": None, "JWT_AUDIENCE": None}, "set SEATGUARD_JWT_ISSUER, SEATGUARD_JWT_AUDIENCE too"),
        ({"JWT_ALGORITHMS": ["none"]}, "names none"),
        ({"JWT_ALGORITHMS": ["RS256", "HS256"]}, "mixes families"),
        ({"JWT_ALGORITHMS": []}, "set a list of names"),
        ({"JWT_ALGORITHMS": 7}, "set a list of names"),
        ({"JWT_ALGORITHMS": ["HS256"]}, "no public key"),
        ({"JWT_ALGORITHMS": ["HS256"], "JWT_KEY": "short"}, "32 random bytes"),
        ({"JWT_KEY": "s" * 32}, "public key in PEM"),
    ],
)
def test_half_a_set_up_stops_the_start(changed: dict[str, Any], told: str) -> None:
    """Clearly: which setting, and what to write."""
    config = {**CONFIG, **{f"SEATGUARD_{name}": value for name, value in changed.items()}}
    with pytest.raises(Misconfigured, match=told):
        Settings.from_config(config)


def test_a_claim_alone_is_half_a_set_up() -> None:
    """It would be read by nobody."""
    with pytest.raises(Misconfigured, match="half set up"):
        Settings.from_config({"SEATGUARD_JWT_TENANT_CLAIM": "org"})
