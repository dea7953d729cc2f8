"""What the levels say together: tables of values, and a model of twenty lines."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatguard.allowances import Concurrency, Quota, Rate
from seatguard.catalog.features import Definition, Feature, FeatureKind
from seatguard.catalog.offers import Offer
from seatguard.decisions import Reason
from seatguard.entitlements.grants import Grants, Source, judge, ordered
from seatguard.entitlements.overrides import Level
from seatguard.errors import InvalidInput
from seatguard.periods import Period

NOW = dt.datetime(2027, 6, 15, 12, tzinfo=dt.UTC)
LEVELS = ("user", "subscription", "plan", "tenant")


def quota(amount: int | str | None) -> Offer:
    """A level that says so much of one quota."""
    return Offer.from_data({"quotas": {"speech": {"minutes": amount}}})


def grants(*said: Offer, features: tuple[Feature, ...] = ()) -> Grants:
    """The four levels in their order."""
    user, subscription, plan, tenant = said
    pair = (
        Source(level=Level.SUBSCRIPTION, of="service 7", grants=subscription),
        Source(level=Level.PLAN, of="pro v2", grants=plan),
    )
    sources = ordered(user=user, subscriptions=[pair], tenant=tenant)
    return Grants(sources=sources, features={one.name: one for one in features})


def feature(name: str, kind: FeatureKind, **definition: Any) -> Feature:
    return Feature(
        id="f",
        tenant="t",
        name=name,
        kind=kind,
        definition=Definition.from_data(kind, definition),
        created_at=NOW,
    )


# Override x subscription x plan x tenant; None says nothing, 0 is none.
TABLE: list[tuple[tuple[int | str | None, ...], int | str | None, str | None]] = [
    ((None, None, None, None), None, None),
    ((None, None, None, 5), 5, "tenant"),
    ((None, None, None, 0), 0, "tenant"),
    ((None, None, None, "unlimited"), "unlimited", "tenant"),
    ((None, None, 10, 5), 10, "plan"),
    ((None, None, 0, 5), 0, "plan"),
    ((None, None, 0, "unlimited"), 0, "plan"),
    ((None, None, "unlimited", 0), "unlimited", "plan"),
    ((None, None, "unlimited", None), "unlimited", "plan"),
    ((None, 20, 10, 5), 20, "subscription"),
    ((None, 0, 10, 5), 0, "subscription"),
    ((None, 0, "unlimited", "unlimited"), 0, "subscription"),
    ((None, "unlimited", 0, 0), "unlimited", "subscription"),
    ((None, 3, None, None), 3, "subscription"),
    ((30, 20, 10, 5), 30, "user"),
    ((0, 20, 10, 5), 0, "user"),
    ((0, "unlimited", "unlimited", "unlimited"), 0, "user"),
    (("unlimited", 0, 0, 0), "unlimited", "user"),
    ((1, None, None, None), 1, "user"),
    ((30, None, 10, None), 30, "user"),
    ((0, None, None, 5), 0, "user"),
]


@pytest.mark.parametrize(("said", "value", "source"), TABLE)
def test_the_first_level_that_says_anything_decides(
    said: tuple[int | str | None, ...], value: int | str | None, source: str | None
) -> None:
    """``None`` lets the next level decide; 0 is a decision; unlimited is one too."""
    found = grants(*map(quota, said)).entitlement("speech.minutes")
    assert (found.value, found.source) == (value, source)
    assert [step.value for step in found.chain] == list(said)
    assert [step.level.value for step in found.chain] == list(LEVELS)
    decision = judge(found)
    assert decision.allowed is (value not in (None, 0))
    assert decision.reason is (Reason.ALLOWED if decision.allowed else Reason.NOT_INCLUDED)
    if value is None:
        assert found.allowance is None
    else:
        assert found.allowance == Quota(limit=None if value == "unlimited" else int(value))


AMOUNTS = st.none() | st.just("unlimited") | st.integers(0, 3)
SAID = st.fixed_dictionaries(
    {
        "quotas": st.dictionaries(
            st.sampled_from(["a", "b"]), st.dictionaries(st.sampled_from(["x", "y"]), AMOUNTS)
        ),
        "features": st.dictionaries(
            st.sampled_from(["sso", "tier"]), st.none() | st.booleans() | st.just("gold")
        ),
        "permissions": st.lists(st.sampled_from(["a:read", "a:write", "b:read"]), unique=True),
    }
)


def model(levels: list[dict[str, Any]]) -> tuple[dict[str, object], set[str]]:
    """What the levels grant together, told again in the plainest words."""
    values: dict[str, object] = {}
    permissions: set[str] = set()
    for said in levels:
        for service, limits in said["quotas"].items():
            for name, amount in limits.items():
                if amount is not None and f"{service}.{name}" not in values:
                    values[f"{service}.{name}"] = amount
        for name, value in said["features"].items():
            if value is not None and name not in values:
                values[name] = value
        permissions |= set(said["permissions"])
    return values, permissions


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(SAID, min_size=4, max_size=4), st.integers(0, 4))
def test_grants_equal_the_model(levels: list[dict[str, Any]], quantity: int) -> None:
    """Whatever the levels say: values, permissions and verdicts are the model's."""
    found = grants(*(Offer.from_data(said) for said in levels))
    values, permissions = model(levels)
    assert set(found.permissions) == permissions
    assert set(found.names) == set(values)
    for name in ("a.x", "a.y", "b.x", "b.y", "sso", "tier"):
        entitlement = found.entitlement(name)
        value = values.get(name)
        assert entitlement.value == value
        assert type(entitlement.value) is type(value)
        within = not isinstance(value, int) or isinstance(value, bool) or value >= max(1, quantity)
        decision = judge(replace(entitlement, quantity=quantity))
        assert decision.allowed == (value not in (None, False, 0) and within)
    for service in ("a", "b"):
        for name in ("x", "y"):
            amount = found.limits("quotas").get(service, {}).get(name)
            assert amount == values.get(f"{service}.{name}")


NONE = Offer()


@pytest.mark.parametrize(
    ("kind", "definition", "said", "allowance"),
    [
        (
            FeatureKind.METERED,
            {"settings": {"period": "day", "rollover": 10}},
            {"quotas": {"speech": {"minutes": 60}}},
            Quota(limit=60, period=Period.DAY, rollover=10),
        ),
        (
            FeatureKind.METERED,
            {"settings": {"soft": True}},
            {"quotas": {"speech": {"minutes": "unlimited"}}},
            Quota(limit=None, soft=True),
        ),
        (
            FeatureKind.CONCURRENT,
            {"settings": {"lasts": 30, "per_holder": True}},
            {"quotas": {"speech": {"minutes": 5}}},
            Concurrency(limit=5, lasts=30, per_holder=True),
        ),
        (
            FeatureKind.RATE,
            {"settings": {"window": 10}},
            {"rate_limits": {"speech": {"minutes": 0}}},
            Rate(limit=0, window=10),
        ),
        (FeatureKind.STATIC, {}, {"features": {"speech.minutes": 60}}, None),
    ],
)
def test_a_feature_says_what_its_limit_means(
    kind: FeatureKind, definition: dict[str, Any], said: dict[str, Any], allowance: object
) -> None:
    """Period, rollover, window and the rest come from the feature, the number from whoever grants it."""
    found = grants(
        NONE, NONE, Offer.from_data(said), NONE, features=(feature("speech.minutes", kind, **definition),)
    ).entitlement("speech.minutes")
    assert (found.kind, found.allowance, found.source) == (kind, allowance, Level.PLAN)


@pytest.mark.parametrize(
    ("said", "name", "allowance"),
    [
        ({"quotas": {"s": {"maxConcurrentSessions": 5}}}, "s.maxConcurrentSessions", Concurrency(limit=5)),
        ({"quotas": {"s": {"summaries": 5}}}, "s.summaries", Quota(limit=5, period=Period.MONTH)),
        ({"rate_limits": {"s": {"requestsPerSecond": 5}}}, "s.requestsPerSecond", Rate(limit=5, window=1)),
        ({"rate_limits": {"s": {"per_hour": 5}}}, "s.per_hour", Rate(limit=5, window=3600)),
        ({"rate_limits": {"s": {"requests": 5}}}, "s.requests", Rate(limit=5, window=60)),
    ],
)
def test_a_limit_without_a_feature_is_what_its_name_says(
    said: dict[str, Any], name: str, allowance: object
) -> None:
    """Nobody has to define a feature to sell one."""
    assert grants(NONE, NONE, Offer.from_data(said), NONE).entitlement(name).allowance == allowance


def test_so_many_at_a_time_are_of_whom_they_are_granted_to() -> None:
    """Of all users together in a project's plan; of the user alone in an override of the user's."""
    said = Offer.from_data({"quotas": {"s": {"maxConcurrentSessions": 5}}})
    granted = [grants(said, NONE, NONE, NONE), grants(NONE, NONE, said, NONE), grants(NONE, NONE, NONE, said)]
    found = [one.entitlement("s.maxConcurrentSessions").allowance for one in granted]
    assert found == [Concurrency(limit=5, per_holder=True), Concurrency(limit=5), Concurrency(limit=5)]


def test_a_default_stands_at_the_end_of_the_chain() -> None:
    """A feature's own default holds where no level says anything, and is shown as a step."""
    sso = feature("sso", FeatureKind.BOOLEAN, default=True)
    found = grants(NONE, NONE, NONE, NONE, features=(sso,)).entitlement("sso")
    assert (found.value, found.source) == (True, Level.FEATURE)
    assert found.chain[-1].value is True
    denied = Offer.from_data({"features": {"sso": False}})
    decision = judge(grants(NONE, denied, NONE, NONE, features=(sso,)).entitlement("sso"))
    assert (decision.allowed, decision.facts.source) == (False, Level.SUBSCRIPTION)


def test_the_service_may_be_left_out_where_only_one_has_it() -> None:
    """A short name stands for the only limit it fits; for two it is ambiguous."""
    plan = Offer.from_data({"quotas": {"a": {"minutes": 5, "words": 1}, "b": {"words": 2}}})
    found = grants(NONE, NONE, plan, NONE)
    assert found.entitlement("minutes").feature == "a.minutes"
    assert found.entitlement("nothing").value is None
    with pytest.raises(InvalidInput) as caught:
        found.entitlement("words")
    assert caught.value.code == "ambiguous"


@pytest.mark.parametrize(
    ("said", "quantity", "used", "reason"),
    [
        (5, 1, 0, Reason.ALLOWED),
        (5, 5, 0, Reason.ALLOWED),
        (5, 6, 0, Reason.QUOTA_EXHAUSTED),
        (5, 1, 5, Reason.QUOTA_EXHAUSTED),
        (5, 0, 5, Reason.ALLOWED),
        (5, 0, 6, Reason.QUOTA_EXHAUSTED),
        ("unlimited", 2**53 - 1, 2**53 - 1, Reason.ALLOWED),
        (0, 0, 0, Reason.NOT_INCLUDED),
        (None, 1, 0, Reason.NOT_INCLUDED),
    ],
)
def test_a_number_bounds_what_was_used_and_what_is_asked_for(
    said: int | str | None, quantity: int, used: int, reason: Reason
) -> None:
    """Together, to the last unit."""
    found = grants(NONE, NONE, quota(said), NONE).entitlement("speech.minutes")
    assert judge(replace(found, quantity=quantity, used=used)).reason is reason
