"""What a plan allows beside seats: amounts per period, requests per window, places at a time.

In every one of them ``limit`` is ``None`` for unlimited and ``0`` for none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from seatguard.errors import InvalidInput
from seatguard.periods import Period

MAX_AMOUNT = 2**53 - 1
"""The largest amount: beyond it a JSON number is no longer exact everywhere."""
MAX_WINDOW = 86_400
LONGEST_METER = 64
MAX_LEASE = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """So much per period.

    Attributes:
        limit: units per period.
        period: after which the amount is given anew.
        soft: recorded beyond the limit instead of refused.
        rollover: most unused units carried into the next period; ``0`` carries none, ``None`` all of them.

    >>> Quota(limit=1000, period=Period.MONTH, rollover=200).soft
    False
    """

    limit: int | None
    period: Period = Period.MONTH
    soft: bool = False
    rollover: int | None = 0

    def __post_init__(self) -> None:
        """Refuse what no plan can mean."""
        _amount_or_none(self.limit, "limit")
        _amount_or_none(self.rollover, "rollover")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many requests in any stretch of time of one length.

    Attributes:
        limit: requests in a window.
        window: length in seconds, 1 to 86400.
    """

    limit: int | None
    window: int = 60

    def __post_init__(self) -> None:
        """Refuse what no plan can mean."""
        _amount_or_none(self.limit, "limit")
        _within(self.window, "window", 1, MAX_WINDOW)


class Takeover(StrEnum):
    """What happens to a lease that is wanted when all places are taken."""

    REFUSE = "refuse"
    """The newcomer is refused."""
    OWN = "own"
    """The newcomer's own oldest lease makes room; without one the newcomer is refused."""
    OLDEST = "oldest"
    """The oldest lease makes room, whoever has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concurrency:
    """So many at the same time: floating seats, concurrent sessions.

    Attributes:
        limit: leases at a time.
        per_holder: whether each holder has that many, not all of them together.
        lasts: seconds a lease lives after each heartbeat, 1 to 86400.
        grace: seconds after that in which its place is still kept, 0 to 86400.
        takeover: what makes room when all places are taken.
    """

    limit: int | None
    per_holder: bool = False
    lasts: int = 60
    grace: int = 0
    takeover: Takeover = Takeover.REFUSE

    def __post_init__(self) -> None:
        """Refuse what no plan can mean."""
        _amount_or_none(self.limit, "limit")
        _within(self.lasts, "lasts", 1, MAX_LEASE)
        _within(self.grace, "grace", 0, MAX_LEASE)


Allowance: TypeAlias = Quota | Rate | Concurrency

_KINDS: dict[str, type[Quota] | type[Rate] | type[Concurrency]] = {
    "quota": Quota,
    "rate": Rate,
    "concurrency": Concurrency,
}
_ENUMS: dict[str, type[StrEnum]] = {"period": Period, "takeover": Takeover}
_SWITCHES = ("soft", "per_holder")


def to_data(allowance: Allowance) -> dict[str, Any]:
    """The allowance as JSON can hold it.

    >>> to_data(Rate(limit=100, window=60))
    {'kind': 'rate', 'limit': 100, 'window': 60}
    """
    kind = next(name for name, cls in _KINDS.items() if isinstance(allowance, cls))
    values = {name: getattr(allowance, name) for name in type(allowance).__dataclass_fields__}
    return {"kind": kind} | {
        name: value.value if isinstance(value, StrEnum) else value for name, value in values.items()
    }


def from_data(data: Mapping[str, Any]) -> Allowance:
    """The allowance that :func:`to_data` wrote, or that somebody wrote by hand.

    Raises:
        InvalidInput: naming the field, the value and what to write instead.

    >>> from_data({"kind": "quota", "limit": 1000, "period": "month"})
    Quota(limit=1000, period=<Period.MONTH: 'month'>, soft=False, rollover=0)
    """
    values = dict(data)
    kind = values.pop("kind", None)
    cls = _KINDS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise _choice("kind", kind, _KINDS)
    for name in values:
        if name not in cls.__dataclass_fields__:
            known = ", ".join(cls.__dataclass_fields__)
            raise InvalidInput.single(name, "unknown_field", f"is no field of a {kind}: use {known}")
    if "limit" not in values:
        raise InvalidInput.single("limit", "required", "is missing; null is unlimited, 0 is none")
    for name, enum in _ENUMS.items():
        if name in values:
            values[name] = _member(name, values[name], enum)
    for name in _SWITCHES:
        if name in values and not isinstance(values[name], bool):
            raise InvalidInput.single(
                name, "boolean_expected", f"must be true or false, not {values[name]!r}"
            )
    return cls(**values)


def valid_amount(value: object, *, field: str, least: int = 0, most: int = MAX_AMOUNT) -> int:
    """A whole number of units. A bool, a float or a string is none.

    >>> valid_amount(3, field="amount")
    3
    """
    return _within(value, field, least, most)


def valid_meter(text: object) -> str:
    """The name of a meter or another feature: 1 to 64 printable ASCII characters without a space.

    >>> valid_meter("api_calls")
    'api_calls'
    """
    fits = isinstance(text, str) and text.isascii() and text.isprintable() and " " not in text
    if not isinstance(text, str) or not fits or not 1 <= len(text) <= LONGEST_METER:
        raise InvalidInput.single(
            "meter",
            "invalid_meter",
            f"must be 1 to {LONGEST_METER} printable ASCII characters without a space, not {text!r}",
        )
    return text


def _amount_or_none(value: object, field: str) -> None:
    if value is not None:
        _within(value, field, 0, MAX_AMOUNT)


def _within(value: object, field: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput.single(field, "integer_expected", f"must be a whole number, not {value!r}")
    if not least <= value <= most:
        raise InvalidInput.single(field, "out_of_range", f"must be {least} to {most}, not {value}")
    return value


def _member(field: str, value: object, enum: type[StrEnum]) -> StrEnum:
    for member in enum:
        if member == value:
            return member
    raise _choice(field, value, enum)


def _choice(field: str, value: object, choices: Iterable[str]) -> InvalidInput:
    known = ", ".join(repr(str(one)) for one in choices)
    return InvalidInput.single(field, "invalid_choice", f"must be one of {known}, not {value!r}")
