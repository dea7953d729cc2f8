"""Who is signed in: a user of the host's, by its own word, or the subject of a token."""

from __future__ import annotations

from dataclasses import dataclass

from seatguard.actors import Actor
from seatguard.errors import AuthenticationFailed
from seatguard.management.rules import may_do
from seatguard_flask import managing
from seatguard_flask.exchange import Exchange

SCOPE = "subscriptions:read"
"""What a token needs to see its subject's own."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who asks about himself."""

    actor: Actor
    user: str


def signed_in(exchange: Exchange) -> SignedIn:
    """Whom the host's loader names, or else the request's token.

    Raises:
        AuthenticationFailed: nobody; a management key is nobody's own.
        Denied: ``INSUFFICIENT_SCOPE``; the token does not have :data:`SCOPE`.
        TooManyAttempts: as for whoever manages.
    """
    loader = exchange.state.holder_loader()
    user = None if loader is None else loader()
    if user is not None:
        tenant = exchange.engine.default_tenant()
        return SignedIn(Actor(tenant=tenant, kind="holder", name=user, request_id=exchange.request_id), user)
    manager = managing.identify(exchange)
    if manager.actor.kind != "jwt":
        raise AuthenticationFailed
    may_do(manager.scopes, [SCOPE]).require()
    return SignedIn(manager.actor, manager.actor.name)
