"""The breaker: told at once while a server is known to be away."""

from __future__ import annotations

import pytest

from seatguard import StorageUnavailable
from seatguard.storage.breaker import FAILURES, PAUSE, WITHIN, Breaker


class Seconds:
    """A monotonic clock that is moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def opened(seconds: Seconds) -> Breaker:
    breaker = Breaker(seconds)
    for _ in range(FAILURES):
        breaker.failed()
    return breaker


def test_failures_close_together_open_it(seconds: Seconds) -> None:
    """Five failures within ten seconds: callers are told at once."""
    with pytest.raises(StorageUnavailable):
        opened(seconds).check()


def test_failures_far_apart_do_not(seconds: Seconds) -> None:
    """A failure now and then is nothing."""
    breaker = Breaker(seconds)
    for _ in range(3 * FAILURES):
        breaker.failed()
        seconds.now += WITHIN / 2
        breaker.check()


def test_one_caller_finds_out_after_the_pause(seconds: Seconds) -> None:
    """After the pause one is let through; the others wait for what it finds."""
    breaker = opened(seconds)
    seconds.now += PAUSE
    breaker.check()
    with pytest.raises(StorageUnavailable):
        breaker.check()


def test_success_closes_it(seconds: Seconds) -> None:
    """The server answered: everybody is let through, and old failures are forgotten."""
    breaker = opened(seconds)
    seconds.now += PAUSE
    breaker.check()
    breaker.succeeded()
    assert not breaker.is_open()
    for _ in range(FAILURES - 1):
        breaker.failed()
    breaker.check()
