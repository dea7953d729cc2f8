"""Settings: what ``app.config`` says about Seatguard, read once, typed and frozen."""

from __future__ import annotations

import contextlib
import difflib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar
from urllib.parse import urlsplit

from seatguard.engine import EngineOptions
from seatguard.engine import Seatguard as Engine
from seatguard.errors import Misconfigured
from seatguard.seats.rules import MAX_HOLD
from seatguard.storage import GATE_SCHEMES
from seatguard_flask.bearer import Issuer, checked

T = TypeVar("T")
Read = Callable[[str, Any], T]

PREFIX = "SEATGUARD_"

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_URL_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_OLDEST_ADVICE = 60.0


def _a_bool(key: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else str(value) if value in (0, 1) else ""
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Misconfigured(f"{key} is {value!r}: set True or False (or the words true, false, yes, no, on, off)")


def _a_text(key: str, value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value):
        return value
    raise Misconfigured(f"{key} must be text that is not empty, or None")


def _words(key: str, value: Any) -> tuple[str, ...] | None:
    """A list of words, or a text of them with commas between."""
    found = [word.strip() for word in value.split(",")] if isinstance(value, str) else value
    if found is None:
        return None
    if isinstance(found, (list, tuple)) and found and all(isinstance(one, str) and one for one in found):
        return tuple(found)
    raise Misconfigured(f'{key} is {value!r}: set a list of names, such as ["RS256"], or None')


def _a_secret(key: str, value: Any) -> bytes | None:
    if value is None:
        return None
    secret = value.encode() if isinstance(value, str) else value
    # The value is a secret even when it is of a wrong kind: the message shows none of it.
    if not isinstance(secret, bytes) or not secret:
        raise Misconfigured(f"{key} must be text or bytes that are not empty, or None: use 32 random bytes")
    return secret


def _seconds(key: str, value: Any) -> float:
    seconds = math.nan
    if not isinstance(value, bool) and isinstance(value, int | float | str):
        with contextlib.suppress(ValueError):
            seconds = float(value)
    if not 0 <= seconds <= _OLDEST_ADVICE:
        raise Misconfigured(f"{key} is {value!r}: set a number of seconds from 0 to {_OLDEST_ADVICE:.0f}")
    return seconds


def _whole(lowest: int, highest: int) -> Read[int]:
    def read(key: str, value: Any) -> int:
        number = lowest - 1
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
            number = int(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            number = value
        if not lowest <= number <= highest:
            raise Misconfigured(f"{key} is {value!r}: set a whole number from {lowest} to {highest}")
        return number

    return read


def _perhaps(read: Read[T]) -> Read[T | None]:
    return lambda key, value: None if value is None else read(key, value)


def _an_url_prefix(key: str, value: Any) -> str:
    if not isinstance(value, str) or not _URL_PREFIX.fullmatch(value):
        raise Misconfigured(f'{key} is {value!r}: set a path such as "/api/v1", without a slash at its end')
    return value


def _a_missing_service(key: str, value: Any) -> int:
    if not isinstance(value, bool) and str(value) in ("404", "403"):
        return int(value)
    raise Misconfigured(f'{key} is {value!r}: set "404" or "403"')


def _one_of(*words: str) -> Read[str]:
    def read(key: str, value: Any) -> str:
        if isinstance(value, str) and value in words:
            return value
        raise Misconfigured(f"{key} is {value!r}: set one of " + ", ".join(f'"{word}"' for word in words))

    return read


def _a_limit_status(key: str, value: Any) -> int:
    if not isinstance(value, bool) and str(value) in ("402", "403", "409", "422"):
        return int(value)
    raise Misconfigured(f"{key} is {value!r}: set 402, 403, 409 or 422")


def _setting(default: T, read: Read[T], about: str, *, secret: bool = False) -> T:
    made: T = field(default=default, repr=not secret, metadata={"read": read, "about": about})
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. Each attribute is the key ``SEATGUARD_<NAME>`` of ``app.config``.

    The metadata of each field tells what it is for; the reference is made from it. Secrets, and the
    storage URI, which may hold a password, are left out of ``repr``.

    >>> Settings.from_config({"SEATGUARD_URL_PREFIX": "/seats"}).url_prefix
    '/seats'
    >>> Settings.from_config({"SEATGUARD_URLPREFIX": "/seats"})
    Traceback (most recent call last):
    ...
    seatguard.errors.Misconfigured: unknown setting SEATGUARD_URLPREFIX: did you mean SEATGUARD_URL_PREFIX?
    """

    storage_uri: str | None = _setting(
        None, _a_text, "where seats are kept; required unless debugging or testing", secret=True
    )
    gate_uri: str | None = _setting(
        None,
        _a_text,
        "for seats, usage, rates and leases: a gate on Redis or Valkey; left out, the storage is the gate",
        secret=True,
    )
    url_prefix: str = _setting("/api/v1", _an_url_prefix, "where the API is mounted")
    api_enabled: bool = _setting(True, _a_bool, "whether the API is mounted at all")
    validate_max_age: float = _setting(
        1.0, _seconds, "seconds that the advice of validate may be old; 0 reads always"
    )
    validate_first: bool = _setting(
        False, _a_bool, "whether validate's usual yes is answered before Flask, without hooks and sessions"
    )
    fold_case: bool = _setting(True, _a_bool, "whether John and john are one user")
    key_pepper: bytes | None = _setting(
        None, _a_secret, "secret under which API keys are hashed; 16-digit keys need it", secret=True
    )
    journal_key: bytes | None = _setting(
        None, _a_secret, "secret that signs the journal's checkpoints", secret=True
    )
    hold_ttl: int = _setting(
        60, _whole(1, int(MAX_HOLD.total_seconds())), "seconds a hold lasts when the caller names none"
    )
    offer_ttl: int | None = _setting(
        None,
        _perhaps(_whole(1, int(MAX_HOLD.total_seconds()))),
        "seconds a freed seat is held for the first of those who wait; None: nobody can wait",
    )
    missing_service: int = _setting(
        404, _a_missing_service, "status for a project without a service: 404, or 403 as for a full one"
    )
    form_bodies: bool = _setting(
        False, _a_bool, "whether the validation routes read HTML form bodies as well"
    )
    auth_failures_per_minute: int = _setting(
        60,
        _whole(0, 1_000_000),
        "failed identifications per client address and minute, and per beginning of a key and hour;"
        " 0 is no limit",
    )
    jwt_issuer: str | None = _setting(
        None, _a_text, "the `iss` of the tokens with which your programs and users may call"
    )
    jwt_audience: str | None = _setting(None, _a_text, "the `aud` that their tokens must name")
    jwt_algorithms: tuple[str, ...] | None = _setting(
        None, _words, "the algorithms, of one family, with which they may be signed"
    )
    jwt_key: bytes | None = _setting(
        None, _a_secret, "the issuer's public key in PEM, or the secret of HS256", secret=True
    )
    jwt_tenant_claim: str | None = _setting(
        None, _a_text, "the claim that names the tenant by its slug; left out: the default tenant"
    )

    enabled: bool = _setting(True, _a_bool, "whether guards guard; read at every call")
    dry_run: bool = _setting(
        False, _a_bool, "whether guards decide and record but let everybody pass; read at every call"
    )
    on_storage_error: str = _setting(
        "deny",
        _one_of("deny", "allow", "raise"),
        "what guards do while the store does not answer: deny (503), allow, raise",
    )
    limit_status: int = _setting(402, _a_limit_status, "status of a guard's refusal: 402, 403, 409 or 422")
    upgrade_url: str | None = _setting(None, _a_text, "where a refused user finds more seats")
    expose_usage: bool = _setting(False, _a_bool, "whether a guard's refusal shows the numbers to end users")

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, prefix: str = PREFIX) -> Settings:
        """The settings in ``config``; keys that do not begin with the prefix are not ours.

        Args:
            config: ``app.config``, or any mapping.
            prefix: beginning of the keys; a second instance on one app has another.

        Raises:
            Misconfigured: a key is unknown, a value cannot be used, or two do not fit together; the
                message names the key and tells what to write.
        """
        readers = {prefix + one.name.upper(): one for one in fields(cls)}
        values: dict[str, Any] = {}
        for key in config:
            if not key.startswith(prefix):
                continue
            known = readers.get(key)
            if known is None:
                raise Misconfigured(_unknown(key, prefix, readers))
            values[known.name] = known.metadata["read"](key, config[key])
        settings = cls(**values)
        settings._check_gate(prefix)
        settings._check_jwt(prefix)
        return settings

    @classmethod
    def flag(cls, config: Mapping[str, Any], key: str, *, default: bool) -> bool:
        """A flag as it stands in ``config`` now.

        Raises:
            Misconfigured: it is neither true nor false.
        """
        return _a_bool(key, config.get(key, default))

    def engine_options(self) -> EngineOptions:
        """The part of the settings that the engine knows."""
        return EngineOptions(
            max_age=self.validate_max_age,
            fold_case=self.fold_case,
            pepper=self.key_pepper,
            journal_key=self.journal_key,
            offer_seconds=self.offer_ttl,
        )

    def open_engine(self, storage_uri: str) -> Engine:
        """An engine on that storage, with the gate and the options that are set.

        Raises:
            Misconfigured: there is no such store, or its driver is missing.
        """
        return Engine.open(storage_uri, gate=self.gate_uri, options=self.engine_options())

    @property
    def jwt(self) -> Issuer | None:
        """Whose tokens are taken; ``None`` takes none."""
        if None in (self.jwt_issuer, self.jwt_audience, self.jwt_algorithms, self.jwt_key):
            return None
        return Issuer(
            name=self.jwt_issuer or "",
            audience=self.jwt_audience or "",
            algorithms=self.jwt_algorithms or (),
            key=self.jwt_key or b"",
            tenant_claim=self.jwt_tenant_claim,
        )

    def storage_kind(self) -> str | None:
        """The scheme of the storage URI: all of it that may be shown."""
        return None if self.storage_uri is None else urlsplit(self.storage_uri).scheme.partition("+")[0]

    def _check_gate(self, prefix: str) -> None:
        if self.gate_uri is None or self.gate_uri == self.storage_uri:
            return
        if urlsplit(self.gate_uri).scheme.partition("+")[0] not in GATE_SCHEMES:
            schemes = ", ".join(f"{scheme}://" for scheme in GATE_SCHEMES)
            raise Misconfigured(
                f"{prefix}GATE_URI differs from {prefix}STORAGE_URI and is no gate of its own: use one of"
                f" {schemes}, or leave it out"
            )

    def _check_jwt(self, prefix: str) -> None:
        needed = ("jwt_issuer", "jwt_audience", "jwt_algorithms", "jwt_key")
        missing = [name for name in needed if getattr(self, name) is None]
        if self.jwt is not None:
            checked(self.jwt, prefix=prefix)
        elif len(missing) < len(needed) or self.jwt_tenant_claim is not None:
            names = ", ".join(prefix + name.upper() for name in missing)
            raise Misconfigured(f"tokens are half set up: set {names} too, or none of the JWT settings")


def _unknown(key: str, prefix: str, known: Mapping[str, Any]) -> str:
    # What all of them begin with says nothing about what was meant.
    names = [one.removeprefix(prefix) for one in known]
    close = difflib.get_close_matches(key.removeprefix(prefix), names, n=1)
    advice = f"did you mean {prefix}{close[0]}?" if close else "there are " + ", ".join(known)
    return f"unknown setting {key}: {advice}"
