"""API keys: how they look, how they are made, and what of them may be stored or shown.

A key is ``sg_live_``, ``sg_test_`` or, for managing, ``sg_mgmt_``, then 32 random base62 characters and
6 of checksum, so a typing error is refused without asking the store. The older format of 16 digits has
too few bits to be stored as a bare hash and needs a pepper.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import zlib
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeAlias

from seatguard.errors import Misconfigured

Entropy: TypeAlias = Callable[[int], bytes]

SHA256: Final = 1
"""Digest version 1: SHA-256 of the key."""
HMAC_SHA256: Final = 2
"""Digest version 2: HMAC-SHA256 of the key under a pepper kept outside the store."""
DIGITS16_PREFIX: Final = "digits16"
"""Shown instead of the beginning of a 16-digit key: each digit shown would leave a tenth of the guesses."""

MANAGEMENT: Final = "mgmt"
"""Mode of keys that manage: they belong to a tenant and to no project."""

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM = 32
_CHECKSUM = 6
_MODES = {"sg_live_": "live", "sg_test_": "test", "sg_mgmt_": MANAGEMENT}
_PREFIX = len("sg_live_")
_LENGTH = _PREFIX + _RANDOM + _CHECKSUM
LONGEST = 256


class ApiKey:
    """A key in hand. It shows only its beginning; the secret comes out by :meth:`reveal` alone.

    Attributes:
        mode: ``"live"``, ``"test"`` or :data:`MANAGEMENT`.
        format: ``"sg"`` or ``"digits16"``.

    >>> key = generate("live", entropy=bytes)
    >>> key, f"{key}", key.prefix, key.last4
    (sg_live_0000…, 'sg_live_0000…', 'sg_live_0000', 'wBWA')
    >>> len(key.reveal())
    46
    """

    # Not a dataclass: `dataclasses.asdict`, and through it Flask's JSON, would print the secret.
    __slots__ = ("_secret", "format", "mode")
    _secret: str
    format: str
    mode: str

    def __init__(self, secret: str, *, mode: str, format: str = "sg") -> None:
        object.__setattr__(self, "_secret", secret)
        object.__setattr__(self, "mode", mode)
        object.__setattr__(self, "format", format)

    def reveal(self) -> str:
        """The whole key. To be shown once, to whom it was made for, and kept nowhere."""
        return self._secret

    @property
    def prefix(self) -> str:
        """The part that may be kept and shown: the first 12 characters, or :data:`DIGITS16_PREFIX`."""
        return self._secret[: _PREFIX + 4] if self.format == "sg" else DIGITS16_PREFIX

    @property
    def last4(self) -> str:
        """The last four characters."""
        return self._secret[-4:]

    def __repr__(self) -> str:
        return f"{self.prefix}…"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ApiKey):
            return NotImplemented
        return matches(self._secret.encode(), other._secret.encode())

    def __hash__(self) -> int:
        return hash(self._secret)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"an ApiKey cannot be changed ({name})")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"an ApiKey cannot be changed ({name})")

    def __copy__(self) -> ApiKey:
        return self

    def __deepcopy__(self, memo: Any) -> ApiKey:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("an ApiKey is not pickled: that would write the secret down")


def generate(mode: str, entropy: Entropy = secrets.token_bytes) -> ApiKey:
    """A new key with 190 random bits.

    Raises:
        ValueError: there is no such mode.

    >>> generate("test").reveal()[:8]
    'sg_test_'
    """
    if mode not in _MODES.values():
        raise ValueError(f"a key's mode is 'live' or 'test' (or 'mgmt', to manage), not {mode!r}")
    body = f"sg_{mode}_" + _draw(_BASE62, _RANDOM, entropy)
    return ApiKey(body + _checksum(body), mode=mode)


def generate_digits16(entropy: Entropy = secrets.token_bytes) -> ApiKey:
    """A new key in the older format of 16 digits: 53 bits, always live, usable only with a pepper.

    >>> len(generate_digits16().reveal())
    16
    """
    return ApiKey(_draw("0123456789", 16, entropy), mode="live", format="digits16")


def parse(text: object) -> ApiKey | None:
    """The key that ``text`` spells, or None for anything that cannot be a key.

    Never raises, and does no work that grows with the length of the text.

    >>> parse(generate("live").reveal()) is None, parse("sg_live_typo"), parse(1234567890123456)
    (False, None, None)
    """
    if not isinstance(text, str) or len(text) > LONGEST or not text.isascii():
        return None
    if len(text) == 16 and text.isdigit():
        return ApiKey(text, mode="live", format="digits16")
    mode = _MODES.get(text[:_PREFIX])
    if mode is None or len(text) != _LENGTH or not text[_PREFIX:].isalnum():
        return None
    if _checksum(text[:-_CHECKSUM]) != text[-_CHECKSUM:]:
        return None
    return ApiKey(text, mode=mode)


def digest(key: ApiKey, *, pepper: bytes | None) -> tuple[int, bytes]:
    """What is stored of a key: the version of the digest and its 32 bytes.

    Raises:
        Misconfigured: a key of 16 digits without a pepper, or an empty pepper.

    >>> digest(generate("live"), pepper=None)[0], digest(generate("live"), pepper=b"pepper")[0]
    (1, 2)
    """
    if pepper is None:
        if key.format == "digits16":
            raise Misconfigured(
                "keys of 16 digits can be guessed from a bare hash: set SEATGUARD_KEY_PEPPER to at least"
                " 32 random bytes, or use the key format 'sg'"
            )
        return SHA256, _sha256(key)
    return HMAC_SHA256, _hmac_sha256(key, pepper)


def digests(key: ApiKey, pepper: bytes | None) -> tuple[tuple[int, bytes], ...]:
    """Every digest under which the key may be stored, the present version first.

    A key of 16 digits without a pepper has none: nobody can have stored it, so a caller who sends one
    is merely unknown.

    >>> [version for version, _ in digests(generate("live"), b"pepper")]
    [2, 1]
    >>> digests(generate_digits16(), None)
    ()
    """
    peppered = () if pepper is None else ((HMAC_SHA256, _hmac_sha256(key, pepper)),)
    # Keys issued before the pepper was set stay valid; 16 digits never had a bare hash.
    bare = ((SHA256, _sha256(key)),) if key.format == "sg" else ()
    return peppered + bare


def matches(digest_a: bytes, digest_b: bytes) -> bool:
    """Whether two digests are the same, in a time that does not tell where they differ.

    >>> matches(b"same", b"same"), matches(b"same", b"some")
    (True, False)
    """
    return hmac.compare_digest(digest_a, digest_b)


def _sha256(key: ApiKey) -> bytes:
    return hashlib.sha256(key.reveal().encode("ascii")).digest()


def _hmac_sha256(key: ApiKey, pepper: bytes) -> bytes:
    if len(pepper) == 0:
        raise Misconfigured("SEATGUARD_KEY_PEPPER is empty: set at least 32 random bytes, or leave it out")
    return hmac.digest(pepper, key.reveal().encode("ascii"), "sha256")


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode("ascii"))
    characters = []
    for _ in range(_CHECKSUM):
        number, index = divmod(number, 62)
        characters.append(_BASE62[index])
    return "".join(reversed(characters))


def _draw(alphabet: str, count: int, entropy: Entropy) -> str:
    size = len(alphabet)
    # Bytes at or above the last multiple of the alphabet's size would favour its first characters.
    fair = 256 - 256 % size
    drawn = ""
    while len(drawn) < count:
        drawn += "".join(alphabet[byte % size] for byte in entropy(count) if byte < fair)
    return drawn[:count]
