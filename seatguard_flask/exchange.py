"""One request and its answer, as the views see them."""

from __future__ import annotations

import re
import secrets

from flask import Request, g, request

from seatguard.engine import Seatguard as Engine
from seatguard_flask.settings import Settings
from seatguard_flask.state import State

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")


class Exchange:
    """What a view is given: the instance it serves, the request's id, and headers for the answer.

    Attributes:
        headers: added to the answer, whatever it turns out to be.
    """

    __slots__ = ("headers", "request_id", "state")

    def __init__(self, state: State, request_id: str) -> None:
        self.state = state
        self.request_id = request_id
        self.headers: list[tuple[str, str]] = []

    @property
    def settings(self) -> Settings:
        """The instance's settings."""
        return self.state.settings

    @property
    def engine(self) -> Engine:
        """The instance's engine."""
        return self.state.engine


def begin(state: State) -> Exchange:
    """The exchange of the request under way, made where it is first asked for."""
    known = g.get("_seatguard_exchange")
    if isinstance(known, Exchange):
        return known
    exchange = Exchange(state, _request_id(request))
    g._seatguard_exchange = exchange
    return exchange


def _request_id(request: Request) -> str:
    given = request.headers.get("X-Request-Id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return secrets.token_hex(16)
