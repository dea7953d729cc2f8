"""What a plan promises, as one value: limits, permissions, features, prices."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from seatguard.allowances import valid_amount
from seatguard.catalog.values import (
    FEATURE,
    NAME,
    SERVICE,
    Amount,
    FeatureValue,
    Limits,
    valid_capability,
    valid_days,
    valid_feature_value,
    valid_interval,
    valid_limit,
    valid_permission,
)
from seatguard.errors import InvalidInput, Problem
from seatguard.money import Money, valid_currency
from seatguard.records import valid_count

T = TypeVar("T")

_MOST_SERVICES, _MOST_NAMES, _MOST_PERMISSIONS, _MOST_PRICES = 50, 100, 200, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What an interval costs in one currency, in minor units.

    Attributes:
        amount: whatever the number of seats.
        per_seat: for each seat on top.

    >>> Price(currency="EUR", amount=1000, per_seat=500).of(3).minor
    2500
    """

    currency: str
    amount: int = 0
    per_seat: int = 0

    def of(self, seats: int) -> Money:
        """The price of an interval with so many seats."""
        return Money(self.amount + self.per_seat * seats, self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Everything a plan version promises beside its number of seats.

    What is left out of quotas, rate limits and features is not refused here: the tenant's default
    decides it, and where there is none either, it is not included.

    Attributes:
        quotas: amounts by service and name; a name may stand for a metered or a concurrent feature.
        rate_limits: requests by service and name.
        permissions: scopes granted, added to what the user has anyway.
        features: values of boolean and static features by name.
        capabilities: names that a license of this plan carries.
        prices: one for each currency.
        interval: what a price pays for: ``day``, ``week``, ``month`` or ``year``; ``None`` is once.
        length: how many intervals a price pays for.
        trial_days: days before the first price is due.
        evaluation_days: days after which a subscription without payment ends.
        min_seats: fewest seats a subscription of its own number may have.
        max_seats: most seats it may have; ``None`` is no bound.
    """

    quotas: Limits = field(default_factory=dict)
    rate_limits: Limits = field(default_factory=dict)
    permissions: tuple[str, ...] = ()
    features: Mapping[str, FeatureValue] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ()
    prices: tuple[Price, ...] = ()
    interval: str | None = None
    length: int = 1
    trial_days: int = 0
    evaluation_days: int = 0
    min_seats: int = 0
    max_seats: int | None = None

    def to_data(self) -> dict[str, Any]:
        """As JSON can hold it; what is as by default is left out.

        >>> Offer(permissions=("speech:files:read",)).to_data()
        {'permissions': ['speech:files:read']}
        """
        found: dict[str, Any] = {}
        for one in fields(self):
            value, plain = getattr(self, one.name), _plain(getattr(self, one.name))
            if value not in (one.default, {}, ()):
                found[one.name] = plain
        return found

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Offer:
        """The offer that :meth:`to_data` wrote, or that somebody wrote by hand.

        In quotas, rate limits and features ``None`` is the same as leaving the name out; ``-1`` in a
        limit is ``"unlimited"``.

        Raises:
            InvalidInput: all problems at once, each with its path.

        >>> Offer.from_data({"quotas": {"speech": {"minutes": 60, "words": None}}}).quotas
        {'speech': {'minutes': 60}}
        >>> Offer.from_data({"quotas": {"speech": {"minutes": "60"}}})
        Traceback (most recent call last):
        ...
        seatguard.errors.InvalidInput: quotas.speech.minutes: must be a whole number or 'unlimited', not '60'
        """
        return _Reading(data).offer()

    @classmethod
    def from_stored(cls, data: Mapping[str, Any]) -> Offer:
        """The offer that :meth:`to_data` wrote, taken at its word: what was agreed stays readable."""
        if not data:
            return cls()
        found = dict(data)
        for name in ("permissions", "capabilities"):
            found[name] = tuple(found.get(name, ()))
        found["prices"] = tuple(Price(**price) for price in found.get("prices", ()))
        return cls(**found)


class _Reading:
    """One reading of an offer: problems are collected, each with its path."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data
        self._problems: list[Problem] = []

    def offer(self) -> Offer:
        known = [one.name for one in fields(Offer)]
        for name in self._data:
            if name not in known:
                self._problem(str(name), "unknown_field", f"is no known field: use {', '.join(known)}")
        offer = Offer(
            quotas=self._limits("quotas"),
            rate_limits=self._limits("rate_limits"),
            permissions=self._names("permissions", valid_permission, _MOST_PERMISSIONS),
            features=self._features(),
            capabilities=self._names("capabilities", valid_capability, _MOST_PERMISSIONS),
            prices=self._prices(),
            interval=self._one("interval", valid_interval, None),
            length=self._one("length", lambda value: valid_amount(value, field="", least=1, most=120), 1),
            trial_days=self._one("trial_days", valid_days, 0),
            evaluation_days=self._one("evaluation_days", valid_days, 0),
            min_seats=self._one("min_seats", lambda value: valid_count(value, field=""), 0),
            max_seats=self._one("max_seats", lambda value: valid_count(value, field=""), None),
        )
        if offer.max_seats is not None and offer.max_seats < offer.min_seats:
            self._problem("max_seats", "out_of_range", f"must not be below min_seats, {offer.min_seats}")
        if self._problems:
            raise InvalidInput(self._problems)
        return offer

    def _problem(self, path: str, code: str, message: str) -> None:
        self._problems.append(Problem(path, code, message))

    def _checked(self, path: str, value: object, check: Callable[[object], T], default: T) -> T:
        try:
            return check(value)
        except InvalidInput as error:
            self._problem(path, error.code, error.problems[0].message)
            return default

    def _one(self, name: str, check: Callable[[object], T], default: T) -> T:
        value = self._data.get(name)
        return default if value is None else self._checked(name, value, check, default)

    def _table(self, path: str, value: object, most: int) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            self._problem(path, "object_expected", f"must be an object, not {value!r}")
            return {}
        if len(value) > most:
            self._problem(path, "too_long", f"must have at most {most} members, not {len(value)}")
            return {}
        return value

    def _limits(self, name: str) -> Limits:
        found: dict[str, dict[str, Amount]] = {}
        given = self._data.get(name)
        for service, limits in ({} if given is None else self._table(name, given, _MOST_SERVICES)).items():
            path = f"{name}.{service}"
            self._named(path, service, SERVICE)
            if limits is None:
                continue
            none: Amount = 0
            amounts = {
                limit: self._checked(f"{path}.{limit}", amount, valid_limit, none)
                for limit, amount in self._table(path, limits, _MOST_NAMES).items()
                if self._named(f"{path}.{limit}", limit, NAME) and amount is not None
            }
            if amounts:
                found[service] = amounts
        return found

    def _features(self) -> Mapping[str, FeatureValue]:
        given = self._data.get("features")
        table = {} if given is None else self._table("features", given, _MOST_PERMISSIONS)
        no: FeatureValue = False
        return {
            name: self._checked(f"features.{name}", value, valid_feature_value, no)
            for name, value in table.items()
            if self._named(f"features.{name}", name, FEATURE) and value is not None
        }

    def _names(self, name: str, check: Callable[[object], str], most: int) -> tuple[str, ...]:
        items = self._list(name, most)
        found = (self._checked(f"{name}[{index}]", item, check, "") for index, item in enumerate(items))
        return tuple(dict.fromkeys(found))

    def _prices(self) -> tuple[Price, ...]:
        found: list[Price] = []
        for index, item in enumerate(self._list("prices", _MOST_PRICES)):
            path = f"prices[{index}]"
            if isinstance(item, Price):
                item = _plain(item)
            table = self._table(path, item, len(fields(Price)))
            for member in table.keys() - {"currency", "amount", "per_seat"}:
                self._problem(f"{path}.{member}", "unknown_field", "is no known field of a price")
            amounts = {
                name: self._checked(
                    f"{path}.{name}", table[name], lambda value: valid_amount(value, field=""), 0
                )
                for name in ("amount", "per_seat")
                if table.get(name) is not None
            }
            currency = self._checked(f"{path}.currency", table.get("currency"), valid_currency, "")
            if any(price.currency == currency for price in found if currency):
                self._problem(f"{path}.currency", "duplicate", f"{currency} has a price already")
            found.append(Price(currency=currency, **amounts))
        return tuple(found)

    def _list(self, name: str, most: int) -> Sequence[Any]:
        given = self._data.get(name)
        if given is None:
            return ()
        if not isinstance(given, (list, tuple)):
            self._problem(name, "list_expected", f"must be a list, not {given!r}")
            return ()
        if len(given) > most:
            self._problem(name, "too_long", f"must have at most {most} items, not {len(given)}")
            return ()
        return given

    def _named(self, path: str, name: object, pattern: re.Pattern[str]) -> bool:
        fits = isinstance(name, str) and pattern.fullmatch(name) is not None
        if not fits:
            self._problem(
                path, "invalid_name", "is no name: use letters, digits, _ and inner hyphens, at most 64"
            )
        return fits


def _plain(value: Any) -> Any:
    if isinstance(value, Price):
        return {"currency": value.currency, "amount": value.amount, "per_seat": value.per_seat}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _plain(value[name]) for name in sorted(value)}
    return value
