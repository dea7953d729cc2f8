from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatguard.catalog.offers import Offer, Price
from seatguard.catalog.values import valid_permission
from seatguard.errors import InvalidInput
from seatguard.money import DIGITS, Money

FULL: dict[str, Any] = {
    "quotas": {"speech-service": {"maxConcurrentSessions": 5, "minutes": "unlimited"}},
    "rate_limits": {"speech-service": {"requestsPerMinute": 60}},
    "permissions": ["speech:files:read", "speech:files:write"],
    "features": {"sso": True, "support": "24/7", "projects": 10},
    "capabilities": ["export", "Priority queue"],
    "prices": [
        {"currency": "EUR", "amount": 1900, "per_seat": 500},
        {"currency": "USD", "amount": 2100, "per_seat": 0},
    ],
    "interval": "month",
    "length": 3,
    "trial_days": 14,
    "evaluation_days": 30,
    "min_seats": 3,
    "max_seats": 50,
}


def test_an_offer_comes_back_as_it_was_written() -> None:
    """Data to value to data is the same, read strictly or as stored."""
    offer = Offer.from_data(FULL)
    assert offer.to_data() == FULL
    assert Offer.from_stored(FULL) == Offer.from_data(offer.to_data()) == offer
    assert offer.prices[0] == Price(currency="EUR", amount=1900, per_seat=500)


def test_an_empty_offer_says_nothing() -> None:
    """What is as by default takes no room, so that a later default needs no migration."""
    assert Offer().to_data() == {}
    assert Offer.from_data({}) == Offer.from_stored({}) == Offer()


def test_null_inherits_zero_is_none_and_unlimited_has_two_spellings() -> None:
    """``None`` is the same as absent, also for a whole service; 0 stays 0; -1 is unlimited."""
    offer = Offer.from_data({"quotas": {"a": {"x": None, "y": 0, "z": -1, "w": "unlimited"}, "b": None}})
    assert offer.quotas == {"a": {"y": 0, "z": "unlimited", "w": "unlimited"}}
    assert Offer.from_data({"quotas": {"a": {"x": None}}, "features": {"f": None}}) == Offer()


@pytest.mark.parametrize(
    ("data", "path", "code"),
    [
        ({"quotas": []}, "quotas", "object_expected"),
        ({"quotas": {"a": 5}}, "quotas.a", "object_expected"),
        ({"quotas": {"a b": {}}}, "quotas.a b", "invalid_name"),
        ({"quotas": {"a.b": {}}}, "quotas.a.b", "invalid_name"),
        ({"quotas": {"a": {"": 5}}}, "quotas.a.", "invalid_name"),
        ({"quotas": {"a": {"x": -2}}}, "quotas.a.x", "out_of_range"),
        ({"quotas": {"a": {"x": 2**53}}}, "quotas.a.x", "out_of_range"),
        ({"quotas": {"a": {"x": 1.5}}}, "quotas.a.x", "integer_expected"),
        ({"quotas": {"a": {"x": -1.0}}}, "quotas.a.x", "integer_expected"),
        ({"quotas": {"a": {"x": True}}}, "quotas.a.x", "integer_expected"),
        ({"quotas": {"a": {"x": "5"}}}, "quotas.a.x", "integer_expected"),
        ({"rate_limits": {"a": {"x": "many"}}}, "rate_limits.a.x", "integer_expected"),
        ({"quotas": {f"s{n}": {"x": 1} for n in range(51)}}, "quotas", "too_long"),
        ({"permissions": "speech:read"}, "permissions", "list_expected"),
        ({"permissions": ["Speech:Read"]}, "permissions[0]", "invalid_permission"),
        ({"permissions": ["ok", 5]}, "permissions[1]", "string_expected"),
        ({"permissions": ["a"] * 201}, "permissions", "too_long"),
        ({"features": {"sso": [1]}}, "features.sso", "invalid_value"),
        ({"features": {"sso": -1}}, "features.sso", "out_of_range"),
        ({"features": {"sso": "x" * 1001}}, "features.sso", "invalid_value"),
        ({"capabilities": ["a,b"]}, "capabilities[0]", "invalid_name"),
        ({"prices": [{"currency": "EURO"}]}, "prices[0].currency", "invalid_currency"),
        ({"prices": [{"currency": "EUR", "amount": 1.5}]}, "prices[0].amount", "integer_expected"),
        ({"prices": [{"currency": "EUR"}, {"currency": "EUR"}]}, "prices[1].currency", "duplicate"),
        ({"prices": [{"currency": "EUR", "tax": 1}]}, "prices[0].tax", "unknown_field"),
        ({"interval": "fortnight"}, "interval", "invalid_choice"),
        ({"length": 0}, "length", "out_of_range"),
        ({"trial_days": 3651}, "trial_days", "out_of_range"),
        ({"min_seats": 5, "max_seats": 4}, "max_seats", "out_of_range"),
        ({"tenant_id": "x"}, "tenant_id", "unknown_field"),
    ],
)
def test_broken_offers_are_refused_by_path(data: dict[str, Any], path: str, code: str) -> None:
    """What is wrong is named by its path in the offer, with a cure."""
    with pytest.raises(InvalidInput) as caught:
        Offer.from_data(data)
    problem = caught.value.problems[0]
    assert (problem.field, problem.code) == (path, code)


def test_all_problems_are_told_at_once() -> None:
    """One answer for all of them: nobody repairs a form field by field."""
    with pytest.raises(InvalidInput) as caught:
        Offer.from_data({"quotas": {"a": {"x": "5"}}, "interval": "x", "colour": "red"})
    assert {problem.field for problem in caught.value.problems} == {"colour", "quotas.a.x", "interval"}


NAMES = st.sampled_from(["", "a", "a.b", "a b", "EUR", "month", "currency", "-1", "unlimited", "\x00", "ü"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


# On a busy machine the first draw of all may take longer than Hypothesis thinks fit.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(sorted(FULL)), JSON, max_size=4))
def test_any_json_is_an_offer_or_refused(data: dict[str, Any]) -> None:
    """Whatever is sent: an offer that comes back equal, or InvalidInput; no other error."""
    try:
        offer = Offer.from_data(data)
    except InvalidInput as error:
        assert error.problems
    else:
        assert Offer.from_data(offer.to_data()) == offer


@pytest.mark.parametrize("scope", ["a", "speech:files:read", "admin:*", "a.b:c_d-e"])
def test_scopes(scope: str) -> None:
    """Parts in lower case divided by colons; a star stands for the rest."""
    assert valid_permission(scope) == scope


@pytest.mark.parametrize("scope", ["", ":", "a:", "*", "a:*:b", "A:b", "a b", "ä", "a" * 129, "a:\n"])
def test_what_is_no_scope(scope: str) -> None:
    """Anything else is refused."""
    with pytest.raises(InvalidInput):
        valid_permission(scope)


def test_money_is_whole_minor_units() -> None:
    """Sums stay in one currency, and each currency has its own number of digits."""
    assert Price(currency="EUR", amount=1000, per_seat=250).of(4) == Money(2000, "EUR")
    assert Money(1, "EUR") * 3 + Money(2, "EUR") == Money(5, "EUR")
    with pytest.raises(ValueError, match="cannot add USD to EUR"):
        Money(1, "EUR") + Money(1, "USD")
    assert [str(Money(minor, code)) for minor, code in ((5, "EUR"), (5, "JPY"), (-1005, "BHD"))] == [
        "0.05 EUR",
        "5 JPY",
        "-1.005 BHD",
    ]
    assert {len(code) for code in DIGITS} == {3}
