"""Passwords at rest: salted scrypt, in the text form that Werkzeug also reads."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable

_COST, _BLOCK, _LANES = 2**15, 8, 1
_MEMORY = 132 * _COST * _BLOCK * _LANES


def hashed(password: str, entropy: Callable[[int], bytes]) -> str:
    """The hash of a password under a salt of its own.

    >>> matches("correct horse", hashed("correct horse", entropy=bytes))
    True
    """
    salt = base64.b32encode(entropy(15)).decode().lower()
    digest = _scrypt(password, salt, _COST, _BLOCK, _LANES)
    return f"scrypt:{_COST}:{_BLOCK}:{_LANES}${salt}${digest.hex()}"


def matches(password: str, kept: str) -> bool:
    """Whether the password is the one that was hashed; as slow for a wrong one."""
    method, _, rest = kept.partition("$")
    salt, _, digest = rest.partition("$")
    cost, block, lanes = (int(part) for part in method.split(":")[1:])
    return hmac.compare_digest(_scrypt(password, salt, cost, block, lanes).hex(), digest)


def _scrypt(password: str, salt: str, cost: int, block: int, lanes: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt.encode(),
        n=cost,
        r=block,
        p=lanes,
        maxmem=_MEMORY,
    )
