"""Windows against the log of every hit: never one too many, and no place withheld for long."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatguard import InvalidInput
from seatguard.allowances import Rate
from seatguard.rates import rules
from seatguard.rates.model import Window, Within

START = dt.datetime(2027, 6, 15, 12, tzinfo=dt.UTC)


@settings(max_examples=200, deadline=None)
@given(
    limit=st.integers(0, 8),
    seconds=st.integers(1, 100),
    gaps=st.lists(st.integers(0, 40_000_000), max_size=60),
    costs=st.lists(st.integers(1, 3), min_size=60, max_size=60),
)
def test_no_stretch_as_long_as_the_window_has_more_than_the_limit(
    limit: int, seconds: int, gaps: list[int], costs: list[int]
) -> None:
    """A refusal has its reason within the window and a sixtieth of it, and its time to come back is true."""
    rate, now, window = Rate(limit=limit, window=seconds), START, None
    length = dt.timedelta(seconds=seconds)
    slack = length / rules.PARTS + dt.timedelta(microseconds=2)
    admitted: list[tuple[dt.datetime, int]] = []
    for gap, cost in zip(gaps, costs, strict=False):
        now += dt.timedelta(microseconds=gap)
        counts = rules.live_counts(window, rate, now)
        outcome = rules.weighed(counts, rate, cost, now)
        exact = sum(one for at, one in admitted if at > now - length)
        loose = sum(one for at, one in admitted if at > now - length - slack)
        if isinstance(outcome, Within):
            assert exact + cost <= limit
            admitted.append((now, cost))
            window = Window(
                id="w",
                tenant="t",
                subscription="s",
                meter="m",
                caller="c",
                seconds=seconds,
                ends_at=rules.ends_at(rate, now),
                counts=rules.counted(counts, rate, cost, now),
            )
            assert len(window.counts) <= rules.PARTS + 2
        else:
            assert loose + cost > limit
            retry_in = outcome.tally.retry_in
            assert (retry_in is None) == (cost > limit)
            if retry_in is not None:
                later = now + dt.timedelta(seconds=retry_in)
                assert isinstance(
                    rules.weighed(rules.live_counts(window, rate, later), rate, cost, later), Within
                )


def test_a_clock_far_behind_begins_anew() -> None:
    """Counts that lie ahead of any window would keep a caller out for as long as the clock was set back."""
    rate = Rate(limit=1, window=60)
    counts = rules.counted({}, rate, 1, START)
    window = Window(
        id="w", tenant="t", subscription="s", meter="m", caller="c", seconds=60, ends_at=START, counts=counts
    )
    assert rules.live_counts(window, rate, START - dt.timedelta(seconds=30)) != {}
    assert rules.live_counts(window, rate, START - dt.timedelta(hours=1)) == {}


def test_callers_are_kept_as_digests() -> None:
    """Of the tenant, so that two tenants' stores cannot be compared."""
    digest = rules.digest_of("one", "ada")
    assert len(digest) == 64
    assert "ada" not in digest
    assert digest != rules.digest_of("two", "ada")
    for wrong in ("", "x" * 1025, None, 7):
        with pytest.raises(InvalidInput):
            rules.digest_of("one", wrong)
