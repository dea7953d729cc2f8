from __future__ import annotations

import datetime as dt

import pytest

from seatguard.clients.model import Client, ClientState
from seatguard.clients.rules import is_honoured, may_become
from seatguard.decisions import Reason

ACTIVE, SUSPENDED, ARCHIVED = ClientState.ACTIVE, ClientState.SUSPENDED, ClientState.ARCHIVED


def client(state: ClientState) -> Client:
    return Client(
        id="c",
        tenant="t",
        name="Client",
        external_id=None,
        state=state,
        created_at=dt.datetime(2027, 1, 1, tzinfo=dt.UTC),
    )


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        (ACTIVE, ACTIVE, True),
        (ACTIVE, SUSPENDED, True),
        (ACTIVE, ARCHIVED, True),
        (SUSPENDED, ACTIVE, True),
        (SUSPENDED, SUSPENDED, True),
        (SUSPENDED, ARCHIVED, True),
        (ARCHIVED, ACTIVE, True),
        (ARCHIVED, SUSPENDED, False),
        (ARCHIVED, ARCHIVED, True),
    ],
)
def test_every_change_of_a_client(before, after, allowed):
    """Every pair of states: an archived client comes back as active only."""
    decision = may_become(client(before), after)
    assert decision.allowed is allowed
    assert decision.reason is (Reason.ALLOWED if allowed else Reason.TRANSITION_NOT_ALLOWED)
    assert decision.facts == {"from": before.value, "to": after.value}


@pytest.mark.parametrize(("state", "honoured"), [(ACTIVE, True), (SUSPENDED, False), (ARCHIVED, False)])
def test_whose_keys_are_honoured(state, honoured):
    """Only an active client's keys identify anybody."""
    assert is_honoured(client(state)) is honoured
