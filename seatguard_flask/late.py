"""Refusals that come too late for Flask: raised after the view, by a host that commits in ``after_request``.

Flask asks handlers of errors about the view alone. What an ``after_request`` function raises becomes a server
error, and the commit of a guarded user is such a function in Flask-Security-Too and in many an application.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

from flask import Flask, Response, g, has_request_context, request, session

from seatguard_flask.refusals import GuardError

_KEY = "_seatguard_refused"


class _Refused(NamedTuple):
    refusal: GuardError
    undo: Callable[[], object]


def note(refusal: GuardError, undo: Callable[[], object]) -> None:
    """Remember that the request under way was refused in the host's flush, and how to undo what it did."""
    if has_request_context():
        setattr(g, _KEY, _Refused(refusal, undo))


def answer_late_refusals(app: Flask) -> None:
    """Answer what a model guard raises after the view as if the view had raised it.

    The host's transaction is rolled back and the visitor's session is again as it was when the request came:
    the view took somebody for a user who is none. A host's ``errorhandler`` is asked as ever.
    """
    # Flask has no other place for this: a handler of 500 would be the host's to register, and is not asked
    # while testing. The error is the last argument; later versions of Flask put a context before it.
    flask: Any = app
    as_usual: Callable[..., Response] = app.handle_exception

    @wraps(as_usual)
    def handle_exception(*arguments: Any) -> Response:
        refused = _refused(arguments[-1])
        if refused is None:
            return as_usual(*arguments)
        refused.undo()
        _restore_session(app)
        try:
            answer = flask.handle_user_exception(*arguments[:-1], refused.refusal)
        except Exception as failed:  # noqa: BLE001 - whatever the host's handler raised is for Flask to tell
            return as_usual(*arguments[:-1], failed)
        answered: Response = flask.finalize_request(*arguments[:-1], answer, from_error_handler=True)
        return answered

    flask.handle_exception = handle_exception


def _refused(error: object) -> _Refused | None:
    """The refusal behind an error: itself, or one in the view after which the host went on to commit."""
    refused: _Refused | None = g.pop(_KEY, None)
    if refused is None or error is refused.refusal:
        return refused
    from sqlalchemy.exc import PendingRollbackError

    return refused if isinstance(error, PendingRollbackError) else None


def _restore_session(app: Flask) -> None:
    before = app.session_interface.open_session(app, request)
    if before is None or app.session_interface.is_null_session(session):
        return
    kept = dict(before)
    if kept != dict(session):
        session.clear()
        session.update(kept)
        # Where Flask-Login keeps whom it has logged in; without it, it asks the session again.
        g.pop("_login_user", None)
