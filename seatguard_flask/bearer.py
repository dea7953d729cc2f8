"""Tokens of the operator's own issuer (JWT, RFC 7519), verified against what the settings pin."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seatguard.errors import AuthenticationFailed, Misconfigured

LEEWAY = 30
"""Seconds by which two clocks may differ."""
LONGEST = 8 * 1024
LONGEST_SUBJECT = 150

FAMILIES = {
    "HS": ("HS256", "HS384", "HS512"),
    "RS": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "ES": ("ES256", "ES384", "ES512"),
    "Ed": ("EdDSA",),
}
"""Algorithms that share a kind of key. All of an issuer's are of one family: no public key is ever taken
for a secret."""
_SHORTEST_SECRET = 32
# They bring or point to another key than ours, or to rules that we do not know.
_REFUSED_HEADERS = frozenset({"jku", "jwk", "x5u", "x5c", "crit"})


class InvalidToken(AuthenticationFailed):
    """The token identifies nobody. One error for every cause, on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Whose tokens are taken, and what they must say.

    Attributes:
        key: the secret of HS algorithms, else the public key in PEM.
        tenant_claim: the claim that names the tenant by its slug; ``None``: all are of the default tenant.
    """

    name: str
    audience: str
    algorithms: tuple[str, ...]
    key: bytes
    tenant_claim: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a verified token says.

    Attributes:
        tenant: slug, ``None`` for the default tenant.
    """

    subject: str
    scopes: tuple[str, ...]
    tenant: str | None


def checked(issuer: Issuer, *, prefix: str) -> Issuer:
    """The issuer, if tokens can be verified by it.

    Raises:
        Misconfigured: PyJWT is missing, an algorithm is unknown or of another family, or the key does
            not fit.
    """
    known = {algorithm: family for family, members in FAMILIES.items() for algorithm in members}
    strange = [algorithm for algorithm in issuer.algorithms if algorithm not in known]
    if strange or not issuer.algorithms:
        raise Misconfigured(
            f"{prefix}JWT_ALGORITHMS names {', '.join(strange) or 'nothing'}: set some of {', '.join(known)}"
        )
    if len({known[algorithm] for algorithm in issuer.algorithms}) > 1:
        raise Misconfigured(
            f"{prefix}JWT_ALGORITHMS mixes families ({', '.join(issuer.algorithms)}): a public key could be"
            " taken for a secret; name algorithms of one family"
        )
    if importlib.util.find_spec("jwt") is None:
        raise Misconfigured(
            f'{prefix}JWT_ISSUER needs PyJWT: pip install "seatguard[license]", or leave the setting out'
        )
    symmetric = known[issuer.algorithms[0]] == "HS"
    if symmetric and (issuer.key.lstrip().startswith(b"-----BEGIN") or len(issuer.key) < _SHORTEST_SECRET):
        raise Misconfigured(
            f"{prefix}JWT_KEY does not fit {issuer.algorithms[0]}: set a secret of {_SHORTEST_SECRET} random"
            " bytes or more, and no public key"
        )
    if not symmetric and not issuer.key.lstrip().startswith(b"-----BEGIN PUBLIC KEY-----"):
        raise Misconfigured(
            f"{prefix}JWT_KEY does not fit {issuer.algorithms[0]}: set the issuer's public key in PEM"
            ' ("-----BEGIN PUBLIC KEY-----")'
        )
    return issuer


def looks_like_token(text: str) -> bool:
    """Whether this is meant to be a token: three parts with dots between them, which no key has."""
    return text.count(".") == 2


def verify(token: str, issuer: Issuer | None) -> Claims:
    """What a token says, once its signature, issuer, audience and times hold.

    Args:
        issuer: ``None`` takes no token at all.

    Raises:
        InvalidToken: for every cause alike.
    """
    if issuer is None or len(token) > LONGEST or not token.isascii():
        raise InvalidToken
    import jwt

    try:
        if _REFUSED_HEADERS & jwt.get_unverified_header(token).keys():
            raise InvalidToken
        claims = jwt.decode(
            token,
            issuer.key,
            algorithms=list(issuer.algorithms),
            audience=issuer.audience,
            issuer=issuer.name,
            leeway=LEEWAY,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
    except (jwt.PyJWTError, ValueError):
        # No cause is given on: it would hold the token.
        raise InvalidToken from None
    return _claims(claims, issuer)


def _claims(claims: Mapping[str, Any], issuer: Issuer) -> Claims:
    subject, scope = claims["sub"], claims.get("scope", "")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
        raise InvalidToken
    scopes = scope.split() if isinstance(scope, str) else scope
    if not isinstance(scopes, list) or not all(isinstance(one, str) for one in scopes):
        raise InvalidToken
    tenant = None if issuer.tenant_claim is None else claims.get(issuer.tenant_claim)
    if issuer.tenant_claim is not None and not isinstance(tenant, str):
        raise InvalidToken
    return Claims(subject=subject, scopes=tuple(scopes), tenant=tenant)
