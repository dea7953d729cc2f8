"""Errors as values that travel."""

from __future__ import annotations

import pickle

import pytest

from seatguard.decisions import Decision, Reason
from seatguard.errors import Conflict, Denied, InvalidInput, NotFound, SeatguardError, StorageUnavailable


@pytest.mark.parametrize(
    "error",
    [
        InvalidInput.single("limit", "out_of_range", "must be at least 0, not -1"),
        NotFound("client", "an-id"),
        Conflict("slug_taken", "there is such a plan", slug="team"),
        StorageUnavailable("the store is away", retry_after=7),
        Denied(Decision(False, Reason.LIMIT_REACHED, {"limit": 3})),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_the_same_in_another_process(error: SeatguardError) -> None:
    """Words and facts: a worker of a pool or a queue raises it, and its caller reads it."""
    read = pickle.loads(pickle.dumps(error))
    assert type(read) is type(error)
    assert str(read) == str(error)
    assert vars(read) == vars(error)
