"""What a client may become, and whose keys count."""

from __future__ import annotations

from seatguard.clients.model import Client, ClientState
from seatguard.decisions import Decision, Reason

_NEXT = {
    ClientState.ACTIVE: frozenset({ClientState.SUSPENDED, ClientState.ARCHIVED}),
    ClientState.SUSPENDED: frozenset({ClientState.ACTIVE, ClientState.ARCHIVED}),
    ClientState.ARCHIVED: frozenset({ClientState.ACTIVE}),
}


def may_become(client: Client, state: ClientState) -> Decision[dict[str, str]]:
    """Whether a client may change to ``state``. Staying as it is, is no change and no refusal."""
    facts = {"from": client.state.value, "to": state.value}
    if state is client.state or state in _NEXT[client.state]:
        return Decision(True, Reason.ALLOWED, facts)
    return Decision(False, Reason.TRANSITION_NOT_ALLOWED, facts)


def is_honoured(client: Client) -> bool:
    """Whether this client's keys identify anybody."""
    return client.state is ClientState.ACTIVE
