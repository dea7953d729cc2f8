"""Validate before Flask: with ``SEATGUARD_VALIDATE_FIRST`` its usual "yes" is answered as WSGI.

Flask's own part of a request costs ten times what the answer does. What is skipped is all of it: hooks,
sessions, signals, ``TRUSTED_HOSTS``. Whatever :class:`~seatguard_flask.advice.Advice` does not know goes on
to Flask as if nothing had happened.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

from seatguard_flask import headers, replies
from seatguard_flask.body import MAX_BYTES
from seatguard_flask.exchange import request_id
from seatguard_flask.state import State

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class ValidateFirst:
    """Stands before an app's ``wsgi_app``."""

    def __init__(self, after: WSGIApplication, state: State, path: str) -> None:
        self._after = after
        self._state = state
        self._path = path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer, or let Flask answer."""
        if environ["PATH_INFO"] == self._path and environ["REQUEST_METHOD"] == "POST":
            length = environ.get("CONTENT_LENGTH", "")
            if length.isascii() and length.isdigit() and len(length) < 6 and int(length) <= MAX_BYTES:
                raw = environ["wsgi.input"].read(int(length))
                facts = self._state.advice.recall(self._state, environ, raw)
                if facts is not None:
                    body = replies.allowed(facts)
                    start_response(
                        "200 OK",
                        [
                            *replies.content(body),
                            *headers.PROTECTION,
                            ("X-Request-Id", request_id(environ)),
                            replies.age(facts),
                        ],
                    )
                    return [body]
                environ["wsgi.input"] = io.BytesIO(raw)
        return self._after(environ, start_response)
