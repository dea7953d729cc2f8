"""Quotas, rates and concurrency as values."""

from __future__ import annotations

from typing import Any

import pytest

from seatguard.allowances import Allowance, Concurrency, Quota, Rate, Takeover, from_data, to_data
from seatguard.errors import InvalidInput
from seatguard.periods import Period


@pytest.mark.parametrize(
    "allowance",
    [
        Quota(limit=None),
        Quota(limit=0, period=Period.NEVER, soft=True, rollover=None),
        Rate(limit=100, window=60),
        Rate(limit=None),
        Concurrency(limit=5, per_holder=True, lasts=30, grace=10, takeover=Takeover.OLDEST),
    ],
)
def test_an_allowance_survives_its_written_form(allowance: Allowance) -> None:
    """None stays None and 0 stays 0."""
    assert from_data(to_data(allowance)) == allowance


@pytest.mark.parametrize(
    ("data", "field", "code"),
    [
        ({}, "kind", "invalid_choice"),
        ({"kind": ["rate"], "limit": 1}, "kind", "invalid_choice"),
        ({"kind": "quota"}, "limit", "required"),
        ({"kind": "quota", "limit": -1}, "limit", "out_of_range"),
        ({"kind": "quota", "limit": 2**53}, "limit", "out_of_range"),
        ({"kind": "quota", "limit": True}, "limit", "integer_expected"),
        ({"kind": "quota", "limit": "10"}, "limit", "integer_expected"),
        ({"kind": "quota", "limit": 1, "period": "fortnight"}, "period", "invalid_choice"),
        ({"kind": "quota", "limit": 1, "period": {}}, "period", "invalid_choice"),
        ({"kind": "quota", "limit": 1, "soft": 1}, "soft", "boolean_expected"),
        ({"kind": "quota", "limit": 1, "rollover": -1}, "rollover", "out_of_range"),
        ({"kind": "quota", "limit": 1, "window": 5}, "window", "unknown_field"),
        ({"kind": "rate", "limit": 1, "window": 0}, "window", "out_of_range"),
        ({"kind": "rate", "limit": 1, "window": None}, "window", "integer_expected"),
        ({"kind": "concurrency", "limit": 1, "lasts": 0}, "lasts", "out_of_range"),
        ({"kind": "concurrency", "limit": 1, "takeover": "youngest"}, "takeover", "invalid_choice"),
    ],
)
def test_a_wrong_allowance_is_named(data: dict[str, Any], field: str, code: str) -> None:
    """Which field, what is wrong with it."""
    with pytest.raises(InvalidInput) as raised:
        from_data(data)
    assert [(problem.field, problem.code) for problem in raised.value.problems] == [(field, code)]
