"""What a limit, the value of a feature and the names in an offer may be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from seatguard.allowances import valid_amount
from seatguard.errors import InvalidInput

UNLIMITED: Literal["unlimited"] = "unlimited"
Amount: TypeAlias = int | Literal["unlimited"]
"""What one level grants of something: ``0`` is none; what a level leaves out, the next one decides."""
Limits: TypeAlias = Mapping[str, Mapping[str, Amount]]
"""Service, name of the limit, amount: ``{"speech-service": {"maxConcurrentSessions": 5}}``."""
FeatureValue: TypeAlias = bool | int | str

INTERVALS = ("day", "week", "month", "year")
MAX_DAYS = 3650
_LONGEST_VALUE = 1000

SERVICE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9])?")
NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9])?")
FEATURE = re.compile(rf"(?:{SERVICE.pattern}\.)?{NAME.pattern}")
_PERMISSION = re.compile(r"[a-z0-9][a-z0-9_.-]*(?::[a-z0-9][a-z0-9_.-]*)*(?::\*)?")


def valid_limit(value: object) -> Amount:
    """An amount, or ``"unlimited"``, which may also be written ``-1``.

    >>> valid_limit(-1), valid_limit(0)
    ('unlimited', 0)
    """
    if value == UNLIMITED or (value == -1 and isinstance(value, int)):
        return UNLIMITED
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput.single(
            "", "integer_expected", f"must be a whole number or 'unlimited', not {value!r}"
        )
    return valid_amount(value, field="")


def valid_feature_value(value: object) -> FeatureValue:
    """What a boolean or static feature may be: true, false, a whole number or a short text."""
    if isinstance(value, (bool, int)):
        return value if isinstance(value, bool) else valid_amount(value, field="")
    if not isinstance(value, str):
        raise InvalidInput.single(
            "", "invalid_value", f"must be true, false, a whole number or a text, not {value!r}"
        )
    if len(value) > _LONGEST_VALUE or not value.isprintable():
        raise InvalidInput.single(
            "", "invalid_value", f"must be at most {_LONGEST_VALUE} printable characters"
        )
    return value


def valid_feature_name(text: object, *, field: str = "name") -> str:
    """The name of a feature: ``sso``, or ``speech-service.minutes`` for a limit of a service.

    >>> valid_feature_name("speech-service.maxConcurrentSessions")
    'speech-service.maxConcurrentSessions'
    """
    if not isinstance(text, str):
        raise InvalidInput.single(field, "string_expected", f"must be a string, not {text!r}")
    if not FEATURE.fullmatch(text):
        raise InvalidInput.single(
            field,
            "invalid_name",
            f"{text[:80]!r} is no name of a feature: use one like 'sso' or 'speech-service.minutes'",
        )
    return text


def valid_permission(text: object) -> str:
    """A scope in lower case, its parts divided by colons; the last may be ``*``.

    >>> valid_permission("speech:files:read")
    'speech:files:read'
    """
    if not isinstance(text, str):
        raise InvalidInput.single("", "string_expected", f"must be a string, not {text!r}")
    if len(text) > 128 or not _PERMISSION.fullmatch(text):
        raise InvalidInput.single(
            "", "invalid_permission", f"{text[:80]!r} is no scope: write it like 'speech:files:read'"
        )
    return text


def valid_capability(text: object) -> str:
    """The name of a capability; they are joined by commas, so it has none."""
    if not isinstance(text, str) or not text or len(text) > 128 or not text.isprintable() or "," in text:
        raise InvalidInput.single(
            "", "invalid_name", f"{text!r} is no capability: use 1 to 128 printable characters, no comma"
        )
    return text


def valid_interval(value: object) -> str:
    """What a price pays for once."""
    if value not in INTERVALS:
        raise InvalidInput.single(
            "", "invalid_choice", f"must be one of {', '.join(INTERVALS)}, not {value!r}"
        )
    return str(value)


def valid_days(value: object) -> int:
    """Days of a trial or an evaluation: ten years at most."""
    return valid_amount(value, field="", most=MAX_DAYS)


def limits_by_name(limits: Limits) -> Iterable[tuple[str, Amount]]:
    """Every limit under its full name: ``speech-service.maxConcurrentSessions``."""
    for service, amounts in limits.items():
        for name, amount in amounts.items():
            yield f"{service}.{name}", amount
