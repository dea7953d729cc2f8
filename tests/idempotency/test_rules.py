from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from seatguard.errors import InvalidInput
from seatguard.idempotency.model import InFlight, Replied, Reply, ReplyState, Reused
from seatguard.idempotency.rules import GIVEN_UP_AFTER, KEPT_FOR, fingerprint, met, valid_key

NOW = dt.datetime(2027, 6, 15, 12, tzinfo=dt.UTC)
TICK = dt.timedelta(microseconds=1)
SAME, OTHER = fingerprint(b"same"), fingerprint(b"other")

RUNNING = Reply(
    id="r",
    tenant="t",
    route="take",
    key="k",
    fingerprint=SAME,
    state=ReplyState.IN_FLIGHT,
    since=NOW,
    status=0,
    body=b"",
)
DONE = RUNNING.done(200, b"seated")
ABANDONED = replace(RUNNING, state=ReplyState.ABANDONED)


@pytest.mark.parametrize("key", ["a", "order-17", "x" * 255, "with inner blanks", "!~"])
def test_keys(key):
    """A key is 1 to 255 printable ASCII characters."""
    assert valid_key(key) == key


@pytest.mark.parametrize(
    "key", ["", "x" * 256, "é", "a\nb", "a\x00", "a\x7f", "\ud800", " a", "a ", " "], ids=ascii
)
def test_what_is_no_key(key):
    """Empty, too long, not ASCII, control characters, or blanks at an end.

    Stores that pad text would take two such keys for one.
    """
    with pytest.raises(InvalidInput) as caught:
        valid_key(key)
    assert caught.value.code == "invalid_idempotency_key"


@pytest.mark.parametrize(
    ("known", "asked", "age", "meets"),
    [
        (RUNNING, SAME, dt.timedelta(0), InFlight(1)),
        (RUNNING, SAME, GIVEN_UP_AFTER - TICK, InFlight(1)),
        (RUNNING, SAME, GIVEN_UP_AFTER, None),
        (RUNNING, OTHER, dt.timedelta(0), Reused()),
        (RUNNING, OTHER, GIVEN_UP_AFTER, Reused()),
        (RUNNING, OTHER, KEPT_FOR, None),
        (DONE, SAME, dt.timedelta(0), Replied(200, b"seated")),
        (DONE, SAME, KEPT_FOR - TICK, Replied(200, b"seated")),
        (DONE, SAME, KEPT_FOR, None),
        (DONE, OTHER, dt.timedelta(0), Reused()),
        (DONE, OTHER, KEPT_FOR - TICK, Reused()),
        (DONE, OTHER, KEPT_FOR, None),
        (ABANDONED, SAME, dt.timedelta(0), None),
        (ABANDONED, OTHER, dt.timedelta(0), None),
        (ABANDONED, OTHER, KEPT_FOR, None),
    ],
)
def test_what_a_request_with_a_known_key_meets(known, asked, age, meets):
    """The kept answer, a wait, a refusal of another body, or leave to go ahead in the old one's place."""
    assert met(known, asked, NOW + age) == meets


def test_an_answered_reply_is_one_version_on():
    """Answering keeps all of the request and moves its version."""
    assert RUNNING.done(200, b"seated") == replace(
        RUNNING, state=ReplyState.DONE, status=200, body=b"seated", version=2
    )


def test_fingerprints_tell_bodies_apart():
    """Equal bodies have equal fingerprints, others do not; none shows the body."""
    first, again, other = fingerprint(b"secret"), fingerprint(b"secret"), fingerprint(b"secret ")
    assert first == again
    assert first != other
    assert "secret" not in first
