"""Who calls: a key and a domain become a project and an actor."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from seatguard import keys
from seatguard.actors import Actor
from seatguard.entitlements.model import Where
from seatguard.errors import AuthenticationFailed, InvalidInput
from seatguard.projects import domains
from seatguard.projects.model import Access
from seatguard_flask.exchange import Exchange
from seatguard_flask.problems import TooManyAttempts


@dataclass(frozen=True, slots=True)
class Caller:
    """A project that has identified itself.

    Attributes:
        actor: scopes every call to the project's tenant and is put on record.
    """

    access: Access
    actor: Actor
    domain: str

    def where(self, type: str | None = None) -> Where:
        """The project's subscriptions that its key may see, perhaps of one type."""
        return Where(project=self.access.project, mode=self.access.mode, type=type)


def identify(exchange: Exchange, key: SecretStr, domain: str) -> Caller:
    """Whom a key and a domain identify.

    Args:
        key: wrapped, so that no report of an error shows it among our variables.

    Raises:
        InvalidInput: the domain is none, or one for development that the project did not turn on.
        AuthenticationFailed: for every other cause alike.
        TooManyAttempts: the client's address has failed too often.
    """
    name, local = _normalized(domain)
    address = exchange.request.remote_addr
    wait = exchange.state.attempts.retry_after(address)
    if wait is not None and _can_be_guessed(key.get_secret_value()):
        raise TooManyAttempts(wait)
    try:
        access = exchange.engine.projects.identify(key.get_secret_value(), name)
        if local is not None and not access.allow_dev_domains:
            raise AuthenticationFailed
    except AuthenticationFailed:
        exchange.state.attempts.note(address)
        if wait is not None:
            raise TooManyAttempts(wait) from None
        # A local name has one answer whether or not the key is known, so that it tests no keys.
        raise (local or AuthenticationFailed()) from None
    actor = Actor(tenant=access.tenant, kind="key", name=access.key_prefix, request_id=exchange.request_id)
    return Caller(access, actor, name)


def _normalized(domain: str) -> tuple[str, InvalidInput | None]:
    """The one spelling of the domain, and what is to be said if the project has no use for its kind."""
    try:
        return domains.normalize(domain), None
    except InvalidInput as refused:
        if refused.code != "domain_not_allowed":
            raise
        return domains.normalize(domain, allow_dev=True), refused


def _can_be_guessed(key: str) -> bool:
    """Whether the key is one of the short ones.

    A neighbour behind the same address, or behind a proxy that hides it, must not lock out callers whose
    keys nobody can guess; they are looked up in any case.
    """
    known = keys.parse(key)
    return known is not None and known.format == "digits16"
