from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from seatguard.decisions import Decision, Reason
from seatguard.entitlements.model import Terms
from seatguard.entitlements.rules import may_use
from seatguard.errors import InvalidInput
from seatguard.seats.model import (
    AlreadyHeld,
    Closed,
    Full,
    Pool,
    Seat,
    SeatFacts,
    SeatState,
    Taken,
    Usage,
)
from seatguard.seats.rules import (
    Already,
    Confirm,
    Step,
    has_room,
    is_near_limit,
    judge,
    may_seat,
    step,
    valid_hold,
)
from seatguard.subscriptions.model import SubscriptionState

NOW = dt.datetime(2027, 6, 15, 12, tzinfo=dt.UTC)
TICK = dt.timedelta(microseconds=1)
S = SubscriptionState

TERMS = Terms(
    tenant="t",
    project="p",
    subscription="s",
    number=7,
    mode="live",
    type="web",
    plan=None,
    state=S.ACTIVE,
    limit=10,
    cap=10,
    source="subscription",
    expires_on=None,
    timezone="UTC",
    open=True,
    opens_at=None,
    closes_at=None,
)
POOL = Pool(subscription="s", version=1, cap=10, open=True, opens_at=None, closes_at=None, live=9, held=0)
SEAT = Seat(
    id="x",
    tenant="t",
    subscription="s",
    number=1,
    holder="Ada",
    holder_key="ada",
    email=None,
    state=SeatState.ASSIGNED,
    since=NOW,
    lapses_at=None,
)
HOLD = replace(SEAT, state=SeatState.HELD, lapses_at=NOW + TICK)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, Reason.ALLOWED),
        ({"state": S.TRIALING}, Reason.ALLOWED),
        ({"state": S.PAST_DUE}, Reason.ALLOWED),
        ({"state": S.SUSPENDED, "open": False}, Reason.SUSPENDED),
        ({"state": S.CANCELED, "open": False}, Reason.INACTIVE),
        ({"opens_at": NOW}, Reason.ALLOWED),
        ({"opens_at": NOW + TICK}, Reason.NOT_STARTED),
        ({"closes_at": NOW + TICK}, Reason.ALLOWED),
        ({"closes_at": NOW}, Reason.EXPIRED),
        ({"closes_at": NOW - TICK}, Reason.EXPIRED),
        # Of several reasons, the one that somebody decided comes first.
        ({"state": S.SUSPENDED, "open": False, "closes_at": NOW}, Reason.SUSPENDED),
        ({"state": S.CANCELED, "open": False, "opens_at": NOW + TICK}, Reason.INACTIVE),
    ],
)
def test_whether_a_subscription_gives_seats(changes, reason):
    """State first, then the dates; the first instant is in, the last is out."""
    terms = replace(TERMS, **changes)
    assert may_use(terms, NOW) == Decision(reason is Reason.ALLOWED, reason, terms)


@pytest.mark.parametrize(
    ("cap", "live", "room"),
    [(10, 9, True), (10, 10, False), (10, 11, False), (0, 0, False), (None, 10**9, True)],
)
def test_whether_another_holder_fits(cap, live, room):
    """Below the cap there is room; a cap of 0 never has any, no cap always has."""
    assert has_room(replace(TERMS, cap=cap), Usage(live, 0)) is room
    expected = Reason.ALLOWED if room else Reason.LIMIT_REACHED
    decision = may_seat(replace(TERMS, cap=cap), Usage(live, 0), NOW)
    assert (decision.allowed, decision.reason) == (room, expected)
    assert decision.facts == SeatFacts(replace(TERMS, cap=cap), Usage(live, 0))


def test_a_closed_subscription_says_so_even_when_it_is_full():
    """Policy before room: what somebody decided says more than the count."""
    assert may_seat(replace(TERMS, closes_at=NOW), Usage(10, 0), NOW).reason is Reason.EXPIRED


@pytest.mark.parametrize(
    ("cap", "live", "near"),
    [
        (100, 89, False),
        (100, 90, True),
        (100, 100, True),
        (100, 120, True),
        (1000, 949, False),
        (1000, 950, True),
        (10, 0, True),
        (11, 0, False),
        (0, 0, True),
        (None, 10**9, False),
    ],
)
def test_what_is_near_the_limit(cap, live, near):
    """Within ten seats or a twentieth of the cap, whichever is more; without a cap nothing is near."""
    assert is_near_limit(replace(TERMS, cap=cap), Usage(live, 0)) is near


@pytest.mark.parametrize(
    ("pool", "own", "lapses_at", "expected"),
    [
        (POOL, None, None, Step.SEAT),
        (POOL, None, NOW + TICK, Step.SEAT),
        (replace(POOL, live=10), None, None, Step.FULL),
        (replace(POOL, live=11), None, None, Step.FULL),
        (replace(POOL, cap=0, live=0), None, None, Step.FULL),
        (replace(POOL, cap=None, live=10**9), None, None, Step.SEAT),
        (replace(POOL, open=False), None, None, Step.CLOSED),
        (replace(POOL, open=False, live=10), None, None, Step.CLOSED),
        (replace(POOL, opens_at=NOW), None, None, Step.SEAT),
        (replace(POOL, opens_at=NOW + TICK), None, None, Step.CLOSED),
        (replace(POOL, closes_at=NOW), None, None, Step.CLOSED),
        (replace(POOL, closes_at=NOW + TICK), None, None, Step.SEAT),
        (POOL, SEAT, None, Already(SEAT)),
        (POOL, SEAT, NOW + TICK, Already(SEAT)),
        (POOL, HOLD, NOW + TICK, Already(HOLD)),
        (POOL, HOLD, None, Confirm(HOLD)),
        # Who sits is never refused: not by a full pool, not by a closed one.
        (replace(POOL, live=10), SEAT, None, Already(SEAT)),
        (replace(POOL, open=False), SEAT, None, Already(SEAT)),
        (replace(POOL, live=10), HOLD, None, Confirm(HOLD)),
        (replace(POOL, closes_at=NOW), HOLD, None, Confirm(HOLD)),
    ],
)
def test_what_a_gate_does_with_a_claim(pool, own, lapses_at, expected):
    """The claimant's own seat is the answer; else open before full before a seat."""
    assert step(pool, own, lapses_at, NOW) == expected


@pytest.mark.parametrize(
    ("outcome", "terms", "reason", "seat"),
    [
        (Taken(SEAT, Usage(1, 0)), TERMS, Reason.ALLOWED, SEAT),
        (AlreadyHeld(SEAT, Usage(1, 0)), TERMS, Reason.ALREADY_HELD, SEAT),
        (Full(Usage(1, 0)), TERMS, Reason.LIMIT_REACHED, None),
        (Closed(Usage(1, 0)), replace(TERMS, closes_at=NOW), Reason.EXPIRED, None),
        (Closed(Usage(1, 0)), replace(TERMS, opens_at=NOW + TICK), Reason.NOT_STARTED, None),
        (Closed(Usage(1, 0)), replace(TERMS, state=S.SUSPENDED, open=False), Reason.SUSPENDED, None),
        # The gate knew better than these terms: they are older than the change.
        (Closed(Usage(1, 0)), TERMS, Reason.INACTIVE, None),
    ],
)
def test_the_verdict_on_what_the_gate_did(outcome, terms, reason, seat):
    """Each outcome has one reason, with the numbers of the gate."""
    allowed = reason in (Reason.ALLOWED, Reason.ALREADY_HELD)
    assert judge(outcome, terms, NOW) == Decision(allowed, reason, SeatFacts(terms, Usage(1, 0), seat))


@pytest.mark.parametrize(("lapses_at", "lapsed"), [(None, False), (NOW + TICK, False), (NOW, True)])
def test_when_a_hold_has_lapsed(lapses_at, lapsed):
    """A hold lasts up to its end, and not at it."""
    assert replace(HOLD, lapses_at=lapses_at).has_lapsed(NOW) is lapsed


@pytest.mark.parametrize("seconds", [1, 60, 366 * 24 * 3600])
def test_holds(seconds):
    """A hold lasts 1 second to 366 days."""
    assert valid_hold(seconds) == dt.timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (0, "out_of_range"),
        (-1, "out_of_range"),
        (366 * 24 * 3600 + 1, "out_of_range"),
        (2**31, "out_of_range"),
        (2**63, "out_of_range"),
        (10**40, "out_of_range"),
        (1.5, "integer_expected"),
        (60.0, "integer_expected"),
        ("60", "integer_expected"),
        (True, "integer_expected"),
        (None, "integer_expected"),
        (float("nan"), "integer_expected"),
    ],
    ids=repr,
)
def test_what_is_no_length_of_a_hold(seconds, code):
    """A bool, a float, a string or a number out of range is refused."""
    with pytest.raises(InvalidInput) as caught:
        valid_hold(seconds)
    assert (caught.value.code, caught.value.problems[0].field) == (code, "expires_in")


@pytest.mark.parametrize("reason", list(Reason))
def test_which_refusals_may_pass_by_themselves(reason):
    """Only what is full, used up, asked too often or not yet started may be a yes later by itself."""
    passing = (Reason.LIMIT_REACHED, Reason.NOT_STARTED, Reason.QUOTA_EXHAUSTED, Reason.RATE_LIMITED)
    assert reason.retryable is (reason in passing)
