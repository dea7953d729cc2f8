"""Who manages: a management key or a token becomes an actor with scopes."""

from __future__ import annotations

from pydantic import SecretStr

from seatguard.actors import Actor
from seatguard.errors import AuthenticationFailed, NotFound
from seatguard.management.model import Manager
from seatguard.management.rules import may_do
from seatguard_flask import bearer, reading
from seatguard_flask.bearer import InvalidToken
from seatguard_flask.exchange import Exchange
from seatguard_flask.problems import TooManyAttempts

_PREFIX = len("sg_mgmt_AbCd")


def admit(exchange: Exchange, scope: str) -> Manager:
    """Who manages, if the scopes cover what is asked.

    Raises:
        AuthenticationFailed: for every cause alike; ``InvalidToken`` if it was a token.
        TooManyAttempts: address or key prefix have failed too often, and do so again.
        Denied: ``INSUFFICIENT_SCOPE``.
    """
    manager = identify(exchange)
    may_do(manager.scopes, [scope]).require()
    return manager


def identify(exchange: Exchange) -> Manager:
    """Whom the request's key or token identifies.

    Neither can be guessed, so a good one is always let in: who shares an address with somebody who
    tries keys out is not locked out by him. Who fails too often is told to wait instead of why.

    Raises:
        BodyError: the headers carry two of them.
        AuthenticationFailed, TooManyAttempts: as :func:`admit`.
    """
    presented = reading.key_in_headers(exchange)
    if presented is None:
        raise AuthenticationFailed
    attempts = exchange.state.attempts
    beginning = presented.get_secret_value()[:_PREFIX]
    address = exchange.request.remote_addr
    try:
        return _known(exchange, presented)
    except AuthenticationFailed:
        waits = [attempts.retry_after(address), exchange.state.prefixes.retry_after(beginning)]
        attempts.note(address)
        exchange.state.prefixes.note(beginning)
        longest = max((wait for wait in waits if wait is not None), default=None)
        if longest is not None:
            raise TooManyAttempts(longest) from None
        raise


def _known(exchange: Exchange, presented: SecretStr) -> Manager:
    if not bearer.looks_like_token(presented.get_secret_value()):
        return exchange.engine.management.identify(
            presented.get_secret_value(), request_id=exchange.request_id
        )
    claims = bearer.verify(presented.get_secret_value(), exchange.settings.jwt)
    return Manager(
        Actor(
            tenant=tenant_of(exchange, claims.tenant),
            kind="jwt",
            name=claims.subject,
            request_id=exchange.request_id,
        ),
        claims.scopes,
    )


def tenant_of(exchange: Exchange, slug: str | None) -> str:
    """The id of the tenant that a token names.

    Raises:
        InvalidToken: there is none of that name.
    """
    if slug is None:
        return exchange.engine.default_tenant()
    try:
        return exchange.engine.tenants.named(slug).id
    except NotFound:
        raise InvalidToken from None
