"""What a plan promises: as lines of a page, as fields of a form, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from seatguard.allowances import Concurrency, Quota, Rate
from seatguard.catalog.features import Feature, allowance, assumed
from seatguard.catalog.model import PlanVersion
from seatguard.catalog.offers import Offer, Price
from seatguard.catalog.values import INTERVALS, UNLIMITED, Amount, FeatureValue, Limits
from seatguard.errors import InvalidInput
from seatguard.money import DIGITS
from seatguard.periods import Period
from seatguard_admin.desk import Desk
from seatguard_admin.forms import Field, Form
from seatguard_admin.shown import Shown

Known = Mapping[str, Feature]
"""The features that are defined, by name."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing promised: its name, a title if it has one, how much of it, and what that means."""

    name: str
    title: str
    text: str
    note: str = ""


def known_features(desk: Desk) -> Known:
    """Definitions by name."""
    return {one.name: one for one in desk.engine.features.list(desk.actor, limit=200).items}


def groups(desk: Desk, offer: Offer, known: Known) -> list[tuple[str, str, list[Line]]]:
    """Everything an offer grants beside its seats, in groups, each with the headings of its two columns."""
    t, shown = desk.t, Shown(desk)

    def title(name: str) -> str:
        return (known[name].definition.title or "") if name in known else ""

    features = [
        Line(name, title(name), shown.feature(value)) for name, value in sorted(offer.features.items())
    ]
    found = [
        (t("Features"), t("Value"), features),
        (t("Quotas"), t("Amount"), _limits(desk, "quotas", offer.quotas, known)),
        (t("Rate limits"), t("Amount"), _limits(desk, "rate_limits", offer.rate_limits, known)),
        (t("Permissions"), t("Value"), [Line(name, "", t("Included")) for name in offer.permissions]),
        (t("Capabilities"), t("Value"), [Line(name, "", t("Included")) for name in offer.capabilities]),
    ]
    return [group for group in found if group[2]]


def _limits(desk: Desk, table: str, limits: Limits, known: Known) -> list[Line]:
    lines = []
    for service, name, amount in _flat(limits):
        full = f"{service}.{name}"
        feature = known.get(full)
        kind, definition = (feature.kind, feature.definition) if feature else assumed(table, full)
        note = _measure(desk, allowance(kind, definition, amount))
        lines.append(Line(full, definition.title or "", Shown(desk).amount(amount), note))
    return lines


def _measure(desk: Desk, of: object) -> str:
    """What an amount counts."""
    t = desk.t
    match of:
        case Quota(period=period, soft=soft):
            word = {
                Period.DAY: t("a day"),
                Period.WEEK: t("a week"),
                Period.MONTH: t("a month"),
                Period.QUARTER: t("a quarter"),
                Period.YEAR: t("a year"),
                Period.NEVER: t("once for all"),
            }[period]
            return t("%(period)s, recorded beyond it", period=word) if soft else word
        case Rate(window=window):
            seconds = {1: t("a second"), 60: t("a minute"), 3600: t("an hour"), 86_400: t("a day")}
            return seconds.get(window) or t("in %(count)s seconds", count=window)
        case Concurrency(per_holder=True):
            return t("at a time, for each user")
        case Concurrency():
            return t("at a time")
        case _:
            return ""


def differences(desk: Desk, before: PlanVersion, after: PlanVersion) -> list[tuple[str, str, str]]:
    """What one version promises and another does not: ``(name, before, after)``."""
    old, new = _told(desk, before), _told(desk, after)
    missing = desk.t("none")
    return [
        (name, old.get(name, missing), new.get(name, missing))
        for name in [*old, *(name for name in new if name not in old)]
        if old.get(name) != new.get(name)
    ]


def _told(desk: Desk, version: PlanVersion) -> dict[str, str]:
    t, shown, offer = desk.t, Shown(desk), version.offer
    told = {t("Seats"): shown.limit(version.seats)}
    if offer.min_seats:
        told[t("Fewest seats")] = shown.number(offer.min_seats)
    if offer.max_seats is not None:
        told[t("Most seats")] = shown.number(offer.max_seats)
    for service, name, amount in _flat(offer.quotas):
        told[t("Quota %(name)s", name=f"{service}.{name}")] = shown.amount(amount)
    for service, name, amount in _flat(offer.rate_limits):
        told[t("Rate limit %(name)s", name=f"{service}.{name}")] = shown.amount(amount)
    for name, value in sorted(offer.features.items()):
        told[t("Feature %(name)s", name=name)] = shown.feature(value)
    for name in offer.permissions:
        told[t("Permission %(name)s", name=name)] = t("Included")
    for name in offer.capabilities:
        told[t("Capability %(name)s", name=name)] = t("Included")
    for price in offer.prices:
        told[t("Price in %(currency)s", currency=price.currency)] = shown.price(price)
    if offer.prices or offer.interval is not None:
        told[t("Paid")] = shown.term(offer)
    if offer.trial_days:
        told[t("Days of trial")] = shown.number(offer.trial_days)
    if offer.evaluation_days:
        told[t("Days of evaluation")] = shown.number(offer.evaluation_days)
    return told


# Forms


def offer_fields(desk: Desk, version: PlanVersion | None) -> list[Field]:
    """The fields of everything a version promises, filled in."""
    t = desk.t
    offer = version.offer if version is not None else Offer()
    unlimited = version is not None and version.seats is None
    limit = [("service", t("Service")), ("name", t("Name")), ("amount", t("Amount"))]
    intervals = {"day": t("Daily"), "week": t("Weekly"), "month": t("Monthly"), "year": t("Yearly")}
    filled = _filled(offer)
    fields = [
        Field(name="seats-section", label=t("Seats"), kind="section"),
        Field(
            name="seats",
            label=t("Seats"),
            kind="number",
            value="" if version is None or version.seats is None else str(version.seats),
            hint=t("A whole number. 0 is no seats."),
        ),
        Field(name="unlimited", label=t("Unlimited seats"), kind="check", value="on" if unlimited else ""),
        Field(
            name="min_seats",
            half=True,
            label=t("Fewest seats"),
            kind="number",
            hint=t("That a service with a number of its own may have. Empty is no bound."),
        ),
        Field(
            name="max_seats", half=True, label=t("Most seats"), kind="number", hint=t("Empty is no bound.")
        ),
        Field(
            name="prices-section",
            label=t("Prices"),
            kind="section",
            hint=t("One for each currency, in its main unit: 10 or 10.50. The price of a seat comes on top."),
        ),
        Field(
            name="prices",
            label=t("Prices"),
            kind="rows",
            columns=[
                ("currency", t("Currency")),
                ("amount", t("Amount")),
                ("per_seat", t("For each seat")),
            ],
        ),
        Field(
            name="interval",
            half=True,
            label=t("Paid"),
            kind="select",
            options=[
                ("", t("Once")),
                *((one, intervals[one]) for one in INTERVALS),
            ],
        ),
        Field(
            name="length",
            half=True,
            label=t("Intervals a price pays for"),
            kind="number",
            hint=t("3 and monthly is a quarter."),
        ),
        Field(
            name="trial_days",
            half=True,
            label=t("Days of trial"),
            kind="number",
            hint=t("Empty or 0 is none."),
        ),
        Field(
            name="evaluation_days",
            half=True,
            label=t("Days of evaluation"),
            kind="number",
            hint=t("After which a service without payment ends. Empty or 0 is none."),
        ),
        Field(
            name="limits-section",
            label=t("Limits and features"),
            kind="section",
            hint=t("An amount is a whole number or unlimited. What is left out is not included."),
        ),
        Field(name="quotas", label=t("Quotas"), kind="rows", columns=limit),
        Field(name="rate_limits", label=t("Rate limits"), kind="rows", columns=limit),
        Field(
            name="features",
            label=t("Features"),
            kind="rows",
            columns=[("name", t("Name")), ("value", t("Value"))],
            hint=t("A value is true, false, a whole number or a text."),
        ),
        Field(name="permissions", label=t("Permissions"), kind="area", hint=t("One a line.")),
        Field(name="capabilities", label=t("Capabilities"), kind="area", hint=t("One a line.")),
    ]
    for one in fields:
        if one.kind == "rows":
            one.rows = [list(row) for row in filled[one.name]]
        elif one.name in filled:
            one.value = filled[one.name]
    return fields


def typed_offer(form: Form, stored: Offer) -> dict[str, Any]:
    """Members of the offer that were typed otherwise than they are stored, as data for ``Offer.from_data``.

    Raises:
        InvalidInput: an amount of money is none, or something stands there twice.
    """
    filled = _filled(stored)
    readers: dict[str, Callable[[Field], Any]] = {
        "quotas": lambda one: _limits_of(one.name, one.rows),
        "rate_limits": lambda one: _limits_of(one.name, one.rows),
        "features": lambda one: _features_of(one.rows, stored.features),
        "prices": lambda one: [_price_of(at, row, stored.prices) for at, row in enumerate(one.rows)],
        "permissions": lambda one: _names(one.value),
        "capabilities": lambda one: _names(one.value),
        "interval": lambda one: one.value.strip() or None,
    }
    found = {}
    for name, before in filled.items():
        one = form.named(name)
        same = one.rows == [list(row) for row in before] if one.kind == "rows" else _same(one.value, before)
        if not same:
            found[name] = readers[name](one) if name in readers else form.number(name)
    return found


def seats_of(desk: Desk, form: Form) -> int | None:
    """The number of seats that was typed; ``None`` is unlimited."""
    seats = form.number("seats")
    if form.checked("unlimited"):
        return None
    if seats is None:
        raise InvalidInput.single("seats", "required", desk.t("give a number of seats, or tick unlimited"))
    return seats


def filled_in(version: PlanVersion) -> dict[str, str]:
    """The version's values as a form shows them."""
    told = {"seats": "" if version.seats is None else str(version.seats)}
    for name, value in _filled(version.offer).items():
        told[name] = (
            value if isinstance(value, str) else "; ".join(" ".join(filter(None, row)) for row in value)
        )
    return told


def _filled(offer: Offer) -> dict[str, Any]:
    """What each field of an offer has in it: a text, or rows of texts."""

    def number(value: int | None, none: int | None) -> str:
        return "" if value == none else str(value)

    return {
        "min_seats": number(offer.min_seats, 0),
        "max_seats": number(offer.max_seats, None),
        "prices": [
            (
                one.currency,
                _major(one.amount, one.currency),
                _major(one.per_seat, one.currency) if one.per_seat else "",
            )
            for one in offer.prices
        ],
        "interval": offer.interval or "",
        "length": number(offer.length, 1),
        "trial_days": number(offer.trial_days, 0),
        "evaluation_days": number(offer.evaluation_days, 0),
        "quotas": [(service, name, str(amount)) for service, name, amount in _flat(offer.quotas)],
        "rate_limits": [(service, name, str(amount)) for service, name, amount in _flat(offer.rate_limits)],
        "features": [(name, _value(value)) for name, value in sorted(offer.features.items())],
        "permissions": "\n".join(offer.permissions),
        "capabilities": "\n".join(offer.capabilities),
    }


def _flat(limits: Limits) -> Iterable[tuple[str, str, Amount]]:
    for service in sorted(limits):
        for name in sorted(limits[service]):
            yield service, name, limits[service][name]


def _same(typed: str, stored: str) -> bool:
    return typed.replace("\r\n", "\n").strip() == stored


def _limits_of(field: str, rows: Sequence[Sequence[str]]) -> dict[str, dict[str, int | str]]:
    found: dict[str, dict[str, int | str]] = {}
    for service, name, amount in rows:
        named = found.setdefault(service, {})
        _once(field, named, name, f"{service}.{name}")
        text = amount.lower()
        named[name] = int(text) if _digits(text) else UNLIMITED if text == UNLIMITED else amount
    return found


def _features_of(
    rows: Sequence[Sequence[str]], stored: Mapping[str, FeatureValue]
) -> dict[str, FeatureValue]:
    found: dict[str, FeatureValue] = {}
    for name, text in rows:
        _once("features", found, name, name)
        if name in stored and _value(stored[name]) == text:
            found[name] = stored[name]  # a text of digits stays a text
        elif text.lower() in ("true", "false"):
            found[name] = text.lower() == "true"
        else:
            found[name] = int(text) if _digits(text) else text
    return found


def _price_of(at: int, row: Sequence[str], stored: Sequence[Price]) -> dict[str, Any]:
    currency, amount, per_seat = row[0].upper(), row[1], row[2]
    known = next((one for one in stored if one.currency == currency), None)
    data = {} if known is None else dict(Offer(prices=(known,)).to_data()["prices"][0])
    data |= {"currency": currency, "amount": 0, "per_seat": 0}
    for name, text in (("amount", amount), ("per_seat", per_seat)):
        if text:
            data[name] = _minor(f"prices[{at}].{name}", text, currency)
    return data


def _minor(path: str, text: str, currency: str) -> int:
    """An amount of the main unit in the smallest one.

    >>> _minor("price", "10.50", "EUR"), _minor("price", "10", "JPY")
    (1050, 10)
    """
    digits = DIGITS.get(currency, 2)
    try:
        amount = Decimal(text.replace(",", ".")).scaleb(digits)
        if not amount.is_finite() or amount < 0 or amount != amount.to_integral_value():
            raise InvalidOperation
    except InvalidOperation:
        raise InvalidInput.single(
            path, "amount_expected", f"must be an amount with at most {digits} decimals, not {text!r}"
        ) from None
    return int(amount)


def _major(minor: int, currency: str) -> str:
    digits = DIGITS.get(currency, 2)
    return f"{Decimal(minor).scaleb(-digits):f}"


def _names(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _value(value: FeatureValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16


def _once(field: str, found: Mapping[str, object], name: str, told: str) -> None:
    if name in found:
        raise InvalidInput.single(f"{field}.{told}", "duplicate", "stands there twice")
