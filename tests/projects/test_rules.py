from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from seatguard.errors import Conflict, InvalidInput
from seatguard.projects.model import Access, ProjectKey
from seatguard.projects.rules import (
    DEFAULT_OVERLAP,
    MAX_OVERLAP,
    admits_domain,
    check_room_for_key,
    is_live,
    valid_overlap,
)

NOW = dt.datetime(2027, 6, 15, 12, tzinfo=dt.UTC)
TICK = dt.timedelta(microseconds=1)

KEY = ProjectKey(
    id="k",
    tenant="t",
    project="p",
    mode="live",
    format="sg",
    prefix="sg_live_0000",
    last4="wBWA",
    digest_version=1,
    digest=bytes(32),
    created_at=NOW,
    expires_at=None,
    revoked_at=None,
)
TEST_KEY = replace(KEY, mode="test", prefix="sg_test_0000")
ENDED = replace(KEY, expires_at=NOW)
REVOKED = replace(KEY, revoked_at=NOW)


@pytest.mark.parametrize(
    ("key", "live"),
    [
        (KEY, True),
        (replace(KEY, expires_at=NOW + TICK), True),
        (replace(KEY, expires_at=NOW), False),
        (replace(KEY, expires_at=NOW - TICK), False),
        (REVOKED, False),
        (replace(KEY, revoked_at=NOW, expires_at=NOW + TICK), False),
    ],
)
def test_a_key_lives_until_its_end_or_its_revocation(key, live):
    """A key stops at the very instant of its end; a revoked one has stopped whatever its end."""
    assert is_live(key, NOW) is live


@pytest.mark.parametrize(
    "keys",
    [[], [KEY], [KEY, ENDED, REVOKED], [KEY, TEST_KEY, TEST_KEY], [ENDED] * 5],
    ids=["none", "one", "one and dead ones", "two of the other mode", "dead ones"],
)
def test_room_for_a_second_key(keys):
    """One live key of the mode leaves room for another; ended, revoked and test keys do not count."""
    check_room_for_key(keys, "live", NOW)


def test_no_room_for_a_third_key():
    """Two live keys are the most; the refusal names them by what may be shown."""
    other = replace(KEY, prefix="sg_live_1111")
    with pytest.raises(Conflict) as caught:
        check_room_for_key([KEY, other], "live", NOW)
    assert (caught.value.code, caught.value.facts) == ("too_many_keys", {"live": 2})
    assert "sg_live_0000, sg_live_1111" in str(caught.value)


@pytest.mark.parametrize("overlap", [dt.timedelta(0), TICK, DEFAULT_OVERLAP, MAX_OVERLAP])
def test_overlaps(overlap):
    """An old key may go on for nothing up to seven days."""
    assert valid_overlap(overlap) == overlap


@pytest.mark.parametrize("overlap", [-TICK, MAX_OVERLAP + TICK, dt.timedelta.max, dt.timedelta.min])
def test_what_is_no_overlap(overlap):
    """Less than nothing or more than seven days is refused."""
    with pytest.raises(InvalidInput) as caught:
        valid_overlap(overlap)
    assert (caught.value.code, caught.value.problems[0].field) == ("out_of_range", "overlap")


@pytest.mark.parametrize(
    ("patterns", "domain", "admitted"),
    [
        ((), "acme.example", False),
        (("acme.example",), "acme.example", True),
        (("acme.example",), "shop.acme.example", False),
        (("acme.example",), "notacme.example", False),
        (("other.example", "acme.example"), "acme.example", True),
        (("*.acme.example",), "shop.acme.example", True),
        (("*.acme.example",), "a.b.acme.example", True),
        (("*.acme.example",), "acme.example", False),
        (("*.acme.example",), "evilacme.example", False),
    ],
)
def test_which_domains_are_admitted(patterns, domain, admitted):
    """A domain is admitted when one pattern covers it; no pattern admits none."""
    access = Access(
        tenant="t",
        client="c",
        project="p",
        project_name="Project",
        mode="live",
        key_prefix="sg_live_0000",
        key_ends_at=None,
        allow_dev_domains=False,
        domains=patterns,
    )
    assert admits_domain(access, domain) is admitted
