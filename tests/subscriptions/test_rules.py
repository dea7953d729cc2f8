from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace
from fractions import Fraction
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatguard.decisions import Reason
from seatguard.errors import InvalidInput
from seatguard.records import MAX_COUNT
from seatguard.subscriptions.model import Overage, Subscription, SubscriptionState
from seatguard.subscriptions.rules import (
    LimitFacts,
    check_period,
    may_become,
    may_change_limit,
    resolved,
    start_of,
    valid_date,
    valid_timezone,
)

NOW = dt.datetime(2027, 6, 15, 12, tzinfo=dt.UTC)
S = SubscriptionState

SUBSCRIPTION = Subscription(
    id="s",
    tenant="t",
    number=7,
    client="c",
    project="p",
    mode="live",
    type="web",
    plan_version=None,
    own_limit=10,
    unlimited=False,
    overage="hard",
    starts_on=None,
    expires_on=None,
    timezone="UTC",
    grace_days=0,
    state=S.ACTIVE,
    created_at=NOW,
    limit=10,
    cap=10,
    ceiling=10,
    open=True,
    opens_at=None,
    closes_at=None,
)


def instant(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "limit", "cap"),
    [
        ("hard", 25, 25),
        ("hard", 0, 0),
        ("hard", None, None),
        ("+5", 25, 30),
        ("+5", 0, 5),
        ("+5", None, None),
        ("+999999", MAX_COUNT, MAX_COUNT + 999_999),
        ("+10%", 25, 28),
        ("+10%", 20, 22),
        ("+10%", 1, 2),
        ("+10%", 0, 0),
        ("+10%", None, None),
        ("+1%", 1, 2),
        ("+1%", 100, 101),
        ("+1%", 101, 103),
        ("+100%", 3, 6),
        ("+33%", 3, 4),
        ("+999999%", MAX_COUNT, MAX_COUNT + -(-MAX_COUNT * 999_999 // 100)),
        ("unlimited", 25, None),
        ("unlimited", 0, None),
        ("unlimited", None, None),
    ],
)
def test_the_cap_is_limit_plus_overage(text, limit, cap):
    """A share is rounded up in the customer's favour; a share of none is none."""
    assert Overage.parse(text).cap(limit) == cap


@given(limit=st.integers(0, MAX_COUNT), percent=st.integers(1, 999_999))
def test_a_share_is_rounded_up_exactly(limit, percent):
    """Whole-number arithmetic agrees with exact fractions at every size."""
    assert Overage.parse(f"+{percent}%").cap(limit) == limit + math.ceil(Fraction(limit * percent, 100))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hard",
        "soft",
        "5",
        "-5",
        "+0",
        "+05",
        "+0%",
        "+5.5%",
        "+5 %",
        " +5",
        "+5\n",
        "+1000000",
        "%",
        "+%",
        "+٣",
        "unlimited ",
        None,
        5,
        True,
        b"hard",
        0.1,
    ],
    ids=ascii,
)
def test_what_is_no_overage(text):
    """Anything but the four forms is refused."""
    with pytest.raises(InvalidInput) as caught:
        Overage.parse(text)
    assert caught.value.code == "invalid_overage"


@pytest.mark.parametrize(
    ("given_as", "day"),
    [
        ("2027-12-31", dt.date(2027, 12, 31)),
        ("2028-02-29", dt.date(2028, 2, 29)),
        ("1970-01-02", dt.date(1970, 1, 2)),
        ("9990-12-31", dt.date(9990, 12, 31)),
        (dt.date(2027, 12, 31), dt.date(2027, 12, 31)),
    ],
)
def test_days(given_as, day):
    """A day is a date, or its text as YYYY-MM-DD."""
    assert valid_date(given_as, field="expiry") == day


@pytest.mark.parametrize(
    "given_as",
    [
        "2025-02-30",
        "2027-02-29",
        "31/12/2025",
        "2025-12-31T00:00",
        "20251231",
        "2025-W01-1",
        "2025-1-01",
        "2025-001",
        "10000-01-01",
        "9991-01-01",
        "1970-01-01",
        "0001-01-01",
        "0000-01-01",
        "-025-01-01",
        " 025-01-01",
        "2025-12-3x",
        "２０２５-12-31",
        "tomorrow",
        "",
        "\x00" * 10,
        None,
        20251231,
        1.5,
        True,
        b"2025-12-31",
        dt.datetime(2027, 12, 31, tzinfo=dt.UTC),
        dt.date(1970, 1, 1),
        dt.date(9991, 1, 1),
    ],
    ids=ascii,
)
def test_what_is_no_day(given_as):
    """No calendar day, another notation, an instant, or out of the range that every store keeps."""
    with pytest.raises(InvalidInput) as caught:
        valid_date(given_as, field="expiry")
    assert (caught.value.code, caught.value.problems[0].field) == ("invalid_date", "expiry")


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+12"])
def test_zones(zone):
    """An IANA zone by its name."""
    assert valid_timezone(zone) == zone


@pytest.mark.parametrize(
    "zone",
    [
        "",
        "CET+1",
        "Mars/Olympus",
        "../../etc/passwd",
        "/etc/localtime",
        "America",
        "a\x00b",
        "\ud800",
        None,
        2,
        True,
        b"UTC",
        "x" * 300,
    ],
    ids=ascii,
)
def test_what_is_no_zone(zone):
    """No zone, a path, a folder of zones, or no text at all."""
    with pytest.raises(InvalidInput) as caught:
        valid_timezone(zone)
    assert caught.value.code == "invalid_timezone"


@pytest.mark.parametrize(
    ("day", "zone", "begins"),
    [
        ("2028-01-01", "UTC", "2028-01-01T00:00:00+00:00"),
        ("2028-01-01", "America/Los_Angeles", "2028-01-01T08:00:00+00:00"),
        ("2027-07-01", "America/Los_Angeles", "2027-07-01T07:00:00+00:00"),
        ("2028-01-01", "Pacific/Kiritimati", "2027-12-31T10:00:00+00:00"),
        ("2028-01-01", "Etc/GMT+12", "2028-01-01T12:00:00+00:00"),
        ("2028-01-01", "Asia/Kathmandu", "2027-12-31T18:15:00+00:00"),
        # The clock goes forward at midnight: the day begins at one o'clock.
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00+00:00"),
        # The clock goes back at midnight: 23 o'clock comes twice, and the day begins after the second.
        ("2018-02-18", "America/Sao_Paulo", "2018-02-18T03:00:00+00:00"),
        # The clock goes back at one: midnight comes twice, and the day begins with the first.
        ("2024-11-03", "America/Havana", "2024-11-03T04:00:00+00:00"),
        # A day of 23 and one of 25 hours.
        ("2027-03-28", "Europe/Berlin", "2027-03-27T23:00:00+00:00"),
        ("2027-03-29", "Europe/Berlin", "2027-03-28T22:00:00+00:00"),
        ("2027-10-31", "Europe/Berlin", "2027-10-30T22:00:00+00:00"),
        ("2027-11-01", "Europe/Berlin", "2027-10-31T23:00:00+00:00"),
        # Samoa skipped this day altogether.
        ("2011-12-30", "Pacific/Apia", "2011-12-30T10:00:00+00:00"),
        ("2011-12-31", "Pacific/Apia", "2011-12-30T10:00:00+00:00"),
    ],
)
def test_when_a_day_begins(day, zone, begins):
    """A day begins at its first instant in the zone, also where the clock is changed at midnight."""
    found = start_of(dt.date.fromisoformat(day), zone)
    assert found == instant(begins)
    assert found.utcoffset() == dt.timedelta(0)


@pytest.mark.parametrize(
    ("zone", "grace", "last", "first_after"),
    [
        ("UTC", 0, "2027-12-31T23:59:59.999999+00:00", "2028-01-01T00:00:00+00:00"),
        ("UTC", 1, "2028-01-01T23:59:59.999999+00:00", "2028-01-02T00:00:00+00:00"),
        ("UTC", 366, "2028-12-31T23:59:59.999999+00:00", "2029-01-01T00:00:00+00:00"),
        ("America/Los_Angeles", 0, "2028-01-01T07:59:59.999999+00:00", "2028-01-01T08:00:00+00:00"),
        ("Pacific/Kiritimati", 0, "2027-12-31T09:59:59.999999+00:00", "2027-12-31T10:00:00+00:00"),
        ("Pacific/Kiritimati", 7, "2028-01-07T09:59:59.999999+00:00", "2028-01-07T10:00:00+00:00"),
    ],
)
def test_the_last_day_is_included(zone, grace, last, first_after):
    """Seats are given to the last microsecond of the expiry day, or of its last day of grace, in the zone."""
    subscription = resolved(
        replace(SUBSCRIPTION, expires_on=dt.date(2027, 12, 31), timezone=zone, grace_days=grace), None, live=0
    )
    assert subscription.closes_at == instant(first_after)
    assert subscription.closes_at - dt.timedelta(microseconds=1) == instant(last)


@pytest.mark.parametrize(
    ("expires", "grace", "closes"),
    [
        ("2027-03-27", 0, "2027-03-27T23:00:00+00:00"),
        ("2027-03-27", 1, "2027-03-28T22:00:00+00:00"),
        ("2027-10-30", 0, "2027-10-30T22:00:00+00:00"),
        ("2027-10-30", 1, "2027-10-31T23:00:00+00:00"),
    ],
)
def test_grace_counts_days_and_not_hours(expires, grace, closes):
    """A day of grace over a change of the clock has 23 or 25 hours, and ends with the calendar day."""
    subscription = resolved(
        replace(
            SUBSCRIPTION,
            expires_on=dt.date.fromisoformat(expires),
            timezone="Europe/Berlin",
            grace_days=grace,
        ),
        None,
        live=0,
    )
    assert subscription.closes_at == instant(closes)


@given(
    day=st.dates(dt.date(1970, 1, 2), dt.date(9990, 12, 31)),
    zone=st.sampled_from(
        ["UTC", "America/Los_Angeles", "Pacific/Kiritimati", "America/Havana", "Etc/GMT+12"]
    ),
    grace=st.integers(0, 366),
)
def test_every_day_can_be_the_last(day, zone, grace):
    """At the edges of the range and with the longest grace the end can still be told, and is a midnight."""
    subscription = resolved(
        replace(SUBSCRIPTION, starts_on=day, expires_on=day, timezone=zone, grace_days=grace), None, live=0
    )
    assert subscription.opens_at < subscription.closes_at
    local = subscription.closes_at.astimezone(ZoneInfo(zone))
    assert local.date() == day + dt.timedelta(days=grace + 1)


@pytest.mark.parametrize(
    ("own", "unlimited", "plan_seats", "overage", "live", "limit", "cap", "ceiling"),
    [
        (10, False, None, "hard", 0, 10, 10, 10),
        (10, False, 5, "hard", 0, 10, 10, 10),
        (None, False, 5, "hard", 0, 5, 5, 5),
        (None, False, 5, "+2", 0, 5, 7, 7),
        (0, False, 5, "hard", 0, 0, 0, 0),
        (0, False, 5, "+10%", 0, 0, 0, 0),
        (None, False, 0, "hard", 0, 0, 0, 0),
        (None, False, None, "hard", 3, None, None, None),
        (10, True, 5, "hard", 3, None, None, None),
        (10, False, None, "unlimited", 3, 10, None, None),
        (2, False, None, "hard", 5, 2, 2, 5),
        (2, False, None, "+1", 5, 2, 3, 5),
        (6, False, None, "hard", 5, 6, 6, 6),
    ],
)
def test_what_the_gate_enforces(own, unlimited, plan_seats, overage, live, limit, cap, ceiling):
    """Own limit before the plan's, 0 is none, None is unlimited; the ceiling covers what is held."""
    found = resolved(
        replace(SUBSCRIPTION, own_limit=own, unlimited=unlimited, overage=overage), plan_seats, live=live
    )
    assert (found.limit, found.cap, found.ceiling) == (limit, cap, ceiling)


@pytest.mark.parametrize(
    ("state", "open_"),
    [(S.TRIALING, True), (S.ACTIVE, True), (S.PAST_DUE, True), (S.SUSPENDED, False), (S.CANCELED, False)],
)
def test_which_states_give_seats(state, open_):
    """A trial and a missing payment give seats; suspended and canceled give none."""
    assert resolved(replace(SUBSCRIPTION, state=state), None, live=0).open is open_


def test_without_dates_there_is_no_beginning_and_no_end():
    """No first day is from the beginning, no last day is never."""
    found = resolved(SUBSCRIPTION, None, live=0)
    assert (found.opens_at, found.closes_at) == (None, None)


ALLOWED = {
    (S.TRIALING, S.ACTIVE), (S.TRIALING, S.PAST_DUE), (S.TRIALING, S.SUSPENDED), (S.TRIALING, S.CANCELED),
    (S.ACTIVE, S.PAST_DUE), (S.ACTIVE, S.SUSPENDED), (S.ACTIVE, S.CANCELED),
    (S.PAST_DUE, S.ACTIVE), (S.PAST_DUE, S.SUSPENDED), (S.PAST_DUE, S.CANCELED),
    (S.SUSPENDED, S.ACTIVE), (S.SUSPENDED, S.CANCELED),
    (S.CANCELED, S.ACTIVE),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), list(product(S, S)))
def test_every_change_of_state(before, after):
    """Every pair of states. Staying is no refusal; nothing goes back to a trial."""
    decision = may_become(replace(SUBSCRIPTION, state=before), after)
    assert decision.allowed is (before is after or (before, after) in ALLOWED)
    assert decision.reason is (Reason.ALLOWED if decision.allowed else Reason.TRANSITION_NOT_ALLOWED)
    assert decision.facts == {"from": before.value, "to": after.value}


@pytest.mark.parametrize(
    ("before", "after", "live", "over_limit", "allowed"),
    [
        (10, 5, 5, "refuse", True),
        (10, 5, 6, "refuse", False),
        (10, 5, 6, "allow", True),
        (10, 0, 0, "refuse", True),
        (10, 0, 1, "refuse", False),
        (None, 5, 6, "refuse", False),
        (None, 5, 5, "refuse", True),
        (10, None, 99, "refuse", True),
        (5, 10, 8, "refuse", True),
        # Already over the cap: raising it, also not far enough, or leaving it makes nothing worse.
        (5, 6, 8, "refuse", True),
        (5, 5, 8, "refuse", True),
        (5, 4, 8, "refuse", False),
    ],
)
def test_how_low_a_limit_may_go(before, after, live, over_limit, allowed):
    """Lowering below use is refused with both numbers unless the holders are to stay."""
    one = replace(SUBSCRIPTION, limit=before, cap=before)
    other = replace(SUBSCRIPTION, limit=after, cap=after)
    decision = may_change_limit(one, other, live, over_limit=over_limit)
    assert decision.allowed is allowed
    assert decision.reason is (Reason.ALLOWED if allowed else Reason.LIMIT_BELOW_USAGE)
    assert decision.facts == LimitFacts(before, after, after, live)


def test_overage_counts_when_a_limit_is_lowered():
    """What is compared with use is the cap, not the limit."""
    lowered = replace(SUBSCRIPTION, limit=5, cap=7)
    assert may_change_limit(SUBSCRIPTION, lowered, 7, over_limit="refuse").allowed
    assert not may_change_limit(SUBSCRIPTION, lowered, 8, over_limit="refuse").allowed


@pytest.mark.parametrize(
    ("starts", "expires"),
    [(None, None), ("2027-01-01", None), (None, "2027-01-01"), ("2027-01-01", "2027-01-01")],
)
def test_periods(starts, expires):
    """One day is a period, and so is one without an end."""
    check_period(starts and dt.date.fromisoformat(starts), expires and dt.date.fromisoformat(expires))


def test_a_period_does_not_end_before_it_begins():
    """The field that is wrong is the expiry."""
    with pytest.raises(InvalidInput) as caught:
        check_period(dt.date(2027, 1, 2), dt.date(2027, 1, 1))
    assert (caught.value.code, caught.value.problems[0].field) == ("invalid_date_range", "expiry")
