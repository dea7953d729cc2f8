"""Features: what a limit or a value of a plan means."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from seatguard.allowances import Allowance, Concurrency, Quota, Rate, from_data
from seatguard.catalog.rules import valid_description, valid_order
from seatguard.catalog.values import UNLIMITED, Amount, FeatureValue, valid_feature_value, valid_limit
from seatguard.errors import InvalidInput, Problem
from seatguard.records import valid_flag, valid_name


class FeatureKind(StrEnum):
    """What a feature is measured by."""

    BOOLEAN = "boolean"
    """There or not."""
    STATIC = "static"
    """A number or a text that the host makes use of."""
    METERED = "metered"
    """So much per period."""
    CONCURRENT = "concurrent"
    """So many at a time."""
    RATE = "rate"
    """So many requests in a window."""


_ALLOWANCES: dict[FeatureKind, tuple[str, type[Quota] | type[Rate] | type[Concurrency]]] = {
    FeatureKind.METERED: ("quota", Quota),
    FeatureKind.CONCURRENT: ("concurrency", Concurrency),
    FeatureKind.RATE: ("rate", Rate),
}
_WINDOWS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_PER = re.compile(r".*[Pp]er_?(second|minute|hour|day)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """Everything there is to say of a feature but its name and kind.

    Attributes:
        title: what customers read; ``None`` shows the name.
        settings: of its allowance, as ``Quota``, ``Rate`` and ``Concurrency`` name them: ``period``,
            ``rollover``, ``soft``; ``window``; ``lasts``, ``grace``, ``per_holder``, ``takeover``.
        default: what holds where nobody grants anything; ``None`` is not included.
        options: the texts that a static feature may be; empty is any.
        display_order: where it stands in a pricing table.
        public: whether customers see it.
        show_unlimited: whether "unlimited" is shown as such, not left out.
    """

    title: str | None = None
    description: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    default: FeatureValue | None = None
    options: tuple[str, ...] = ()
    display_order: int = 0
    public: bool = True
    show_unlimited: bool = True

    def to_data(self) -> dict[str, Any]:
        """As JSON can hold it; what is as by default is left out."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        found["settings"], found["options"] = dict(self.settings), list(self.options)
        empty = Definition()
        return {
            name: value
            for name, value in found.items()
            if value not in ({}, []) and value != getattr(empty, name)
        }

    @classmethod
    def from_stored(cls, data: Mapping[str, Any]) -> Definition:
        """The definition that :meth:`to_data` wrote."""
        return cls(**(dict(data) | {"options": tuple(data.get("options", ()))}))

    @classmethod
    def from_data(cls, kind: FeatureKind, data: Mapping[str, Any]) -> Definition:
        """The definition of a feature of that kind, written by hand.

        Raises:
            InvalidInput: naming the field, the value and the cure.

        >>> Definition.from_data(FeatureKind.METERED, {"settings": {"period": "day"}}).settings
        {'period': 'day'}
        """
        known = [one.name for one in fields(cls)]
        unknown = [str(name) for name in data if name not in known]
        if unknown:
            raise InvalidInput(
                [
                    Problem(name, "unknown_field", f"is no known field: use {', '.join(known)}")
                    for name in unknown
                ]
            )
        title, settings = data.get("title"), data.get("settings") or {}
        options, default = data.get("options") or (), data.get("default")
        if not isinstance(settings, Mapping):
            raise InvalidInput.single("settings", "object_expected", f"must be an object, not {settings!r}")
        if not isinstance(options, (list, tuple)) or not all(isinstance(one, str) for one in options):
            raise InvalidInput.single("options", "list_expected", f"must be a list of texts, not {options!r}")
        definition = cls(
            title=None if title is None else valid_name(title, field="title"),
            description=valid_description(data.get("description")),
            settings=dict(settings),
            options=tuple(options),
            display_order=valid_order(data.get("display_order", 0)),
            public=valid_flag(data.get("public", True), field="public"),
            show_unlimited=valid_flag(data.get("show_unlimited", True), field="show_unlimited"),
        )
        allowance(kind, definition, None)
        if default is None:
            return definition
        return replace(definition, default=valid_value(kind, definition, default))


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """Something that plans grant, by a name that is unique in the tenant.

    Attributes:
        name: ``sso``, or ``speech-service.minutes`` for a limit of a service.
    """

    id: str
    tenant: str
    name: str
    kind: FeatureKind
    definition: Definition
    created_at: dt.datetime
    version: int = 1


def allowance(kind: FeatureKind, definition: Definition, amount: Amount | None) -> Allowance | None:
    """What an amount of the feature allows; ``None`` for a feature that is not measured.

    Raises:
        InvalidInput: the settings are none of that kind.

    >>> allowance(FeatureKind.RATE, Definition(settings={"window": 1}), 5)
    Rate(limit=5, window=1)
    """
    if kind not in _ALLOWANCES:
        if definition.settings:
            raise InvalidInput.single("settings", "unknown_field", f"a {kind} feature has no settings")
        return None
    if "limit" in definition.settings or "kind" in definition.settings:
        raise InvalidInput.single("settings", "unknown_field", "must not hold a limit or a kind")
    limit = None if amount == UNLIMITED else amount
    try:
        return from_data({"kind": _ALLOWANCES[kind][0], "limit": limit, **definition.settings})
    except InvalidInput as error:
        raise InvalidInput(
            [Problem(f"settings.{one.field}", one.code, one.message) for one in error.problems]
        ) from error


def assumed(table: str, name: str, *, own: bool = False) -> tuple[FeatureKind, Definition]:
    """What a limit means that no feature defines.

    In quotas a name that begins with ``maxConcurrent`` is so many at a time, any other so much per calendar
    month. So many at a time are of all users together, and of one user where ``own`` says that the amount
    stands in the user's own plan or override. In rate limits the name tells the window by its end,
    ``requestsPerSecond``; else it is a minute.

    >>> assumed("quotas", "speech-service.maxConcurrentSessions")[0].value
    'concurrent'
    >>> assumed("rate_limits", "api.requestsPerHour")[1].settings
    {'window': 3600}
    """
    bare = name.rpartition(".")[2]
    if table == "rate_limits":
        found = _PER.fullmatch(bare)
        return FeatureKind.RATE, Definition(settings={"window": _WINDOWS[found[1].lower()] if found else 60})
    if bare.lower().startswith("maxconcurrent"):
        return FeatureKind.CONCURRENT, Definition(settings={"per_holder": True} if own else {})
    return FeatureKind.METERED, Definition()


def valid_value(kind: FeatureKind, definition: Definition, value: object) -> FeatureValue:
    """A value that a feature of that kind may have.

    Raises:
        InvalidInput: on ``default``.
    """
    try:
        found: FeatureValue = valid_limit(value) if kind in _ALLOWANCES else valid_feature_value(value)
    except InvalidInput as error:
        raise InvalidInput.single("default", error.code, error.problems[0].message) from error
    if kind is FeatureKind.BOOLEAN and not isinstance(found, bool):
        raise InvalidInput.single("default", "boolean_expected", f"must be true or false, not {value!r}")
    if kind is FeatureKind.STATIC and definition.options and found not in definition.options:
        raise InvalidInput.single(
            "default", "invalid_choice", f"must be one of {', '.join(definition.options)}, not {value!r}"
        )
    return found
