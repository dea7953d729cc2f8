from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from seatguard.entitlements.resolve import in_order, terms
from seatguard.subscriptions.model import Subscription, SubscriptionState
from seatguard.subscriptions.rules import resolved

NOW = dt.datetime(2027, 6, 15, 12, tzinfo=dt.UTC)

SUBSCRIPTION = Subscription(
    id="s",
    tenant="t",
    number=7,
    client="c",
    project="p",
    mode="live",
    type="web",
    plan_version=None,
    own_limit=None,
    unlimited=False,
    overage="hard",
    starts_on=None,
    expires_on=None,
    timezone="UTC",
    grace_days=0,
    state=SubscriptionState.ACTIVE,
    created_at=NOW,
    limit=None,
    cap=None,
    ceiling=None,
    open=True,
    opens_at=None,
    closes_at=None,
)


@pytest.mark.parametrize(
    ("own", "unlimited", "plan_seats", "on_plan", "limit", "source"),
    [
        (5, False, None, False, 5, "subscription"),
        (0, False, None, False, 0, "subscription"),
        (5, False, 10, True, 5, "subscription"),
        (0, False, 10, True, 0, "subscription"),
        (None, False, 10, True, 10, "plan"),
        (None, False, 0, True, 0, "plan"),
        (None, False, None, True, None, "unlimited"),
        (None, True, 10, True, None, "unlimited"),
        (5, True, 10, True, None, "unlimited"),
        (None, True, None, False, None, "unlimited"),
    ],
)
def test_where_the_limit_comes_from(own, unlimited, plan_seats, on_plan, limit, source):
    """Own limit before the plan's, unlimited before both; 0 is a limit and not a missing one."""
    subscription = replace(
        SUBSCRIPTION, own_limit=own, unlimited=unlimited, plan_version="v" if on_plan else None
    )
    found = terms(resolved(subscription, plan_seats, live=0), "pro" if on_plan else None)
    assert (found.limit, found.source, found.plan) == (limit, source, "pro" if on_plan else None)


def test_terms_carry_what_was_agreed():
    """What the gate compares and what an answer shows come over unchanged."""
    subscription = resolved(
        replace(
            SUBSCRIPTION,
            own_limit=10,
            overage="+10%",
            starts_on=dt.date(2027, 1, 1),
            expires_on=dt.date(2027, 12, 31),
            timezone="Pacific/Kiritimati",
        ),
        None,
        live=0,
    )
    found = terms(subscription, None)
    assert (found.subscription, found.number, found.type, found.mode) == ("s", 7, "web", "live")
    assert (found.limit, found.cap) == (10, 11)
    assert (found.expires_on, found.timezone) == (dt.date(2027, 12, 31), "Pacific/Kiritimati")
    assert found.opens_at == dt.datetime(2026, 12, 31, 10, tzinfo=dt.UTC)
    assert found.closes_at == dt.datetime(2027, 12, 31, 10, tzinfo=dt.UTC)


def test_the_earliest_end_is_asked_first():
    """Earliest end first, then the lowest number; what never ends comes last."""
    ends = [(1, None), (2, "2027-12-31"), (3, "2027-06-30"), (4, "2027-12-31"), (5, None)]
    several = [
        terms(
            resolved(
                replace(
                    SUBSCRIPTION,
                    id=f"s{number}",
                    number=number,
                    expires_on=end and dt.date.fromisoformat(end),
                ),
                None,
                live=0,
            ),
            None,
        )
        for number, end in ends
    ]
    assert [one.number for one in in_order(reversed(several))] == [3, 2, 4, 1, 5]
