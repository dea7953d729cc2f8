"""One request and its answer, as the views see them."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from flask import Request, g, request

from seatguard.engine import Seatguard as Engine
from seatguard_flask.settings import Settings
from seatguard_flask.state import State

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")


class Exchange:
    """What a view is given: the instance it serves, the request and its id, and headers for the answer.

    Attributes:
        request: the request itself; Flask's proxy would look it up anew for every attribute.
        headers: added to the answer, whatever it turns out to be.
    """

    __slots__ = ("headers", "request", "request_id", "state")

    def __init__(self, state: State, request: Request) -> None:
        self.state = state
        self.request = request
        self.request_id = request_id(request.environ)
        self.headers: list[tuple[str, str]] = []

    @property
    def settings(self) -> Settings:
        """The instance's settings."""
        return self.state.settings

    @property
    def engine(self) -> Engine:
        """The instance's engine."""
        return self.state.engine

    def header(self, variable: str) -> str | None:
        """A header by its WSGI variable, such as ``HTTP_X_API_KEY``."""
        value: str | None = self.request.environ.get(variable)
        return value


def begin(state: State) -> Exchange:
    """A new exchange for the request under way."""
    current: Request = request._get_current_object()  # type: ignore[attr-defined]
    return Exchange(state, current)


def remember(exchange: Exchange) -> None:
    """Keep the exchange for an error handler, so that the answer has the id that the view was given."""
    g._seatguard_exchange = exchange


def resume(state: State) -> Exchange:
    """The exchange kept for the request under way, or a new one if no view has begun."""
    known = g.get("_seatguard_exchange")
    if isinstance(known, Exchange):
        return known
    exchange = begin(state)
    remember(exchange)
    return exchange


def request_id(environ: WSGIEnvironment) -> str:
    """The id the caller gave, if it is fit to be shown, or one of our own."""
    given = environ.get("HTTP_X_REQUEST_ID")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return str(given)
    return secrets.token_hex(16)
