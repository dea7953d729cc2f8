"""A guard's "no" as an exception of the host's own views: HTML for browsers, a fragment for htmx, else JSON.

The exceptions are ordinary ``HTTPException``s that render themselves. Nothing is registered for them, so a
host's ``errorhandler`` for the class or for the status always comes first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from flask import has_request_context, render_template, request
from werkzeug.exceptions import HTTPException, default_exceptions
from werkzeug.http import HTTP_STATUS_CODES

from seatguard.decisions import Decision, Reason
from seatguard.errors import AuthenticationFailed, Denied, InvalidInput, SeatguardError, StorageUnavailable
from seatguard.seats.model import SeatFacts
from seatguard_flask.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

E = TypeVar("E", bound="GuardError")

PAGE = "seatguard/limit_reached.html"
"""The page a browser is shown; a template of the app's own with this name replaces it."""
FRAGMENT = "seatguard/limit_reached_fragment.html"
"""The part of it that htmx is sent, and that the page includes."""


class PaymentRequired(HTTPException):
    """*402* ``Payment Required``, which Werkzeug does not have."""

    code = 402
    description = "This needs a subscription with more in it."


# Without an entry Flask refuses `errorhandler(402)`, and `abort(402)` ends in a LookupError.
default_exceptions.setdefault(402, PaymentRequired)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How an answer is given.

    Attributes:
        status: instead of the usual one, for those refusals that a better agreement would cure.
        project: name or id under which the seat was asked for.
    """

    settings: Settings
    status: int | None = None
    project: str | None = None


class GuardError(HTTPException):
    """Whatever a guard answers in the place of a view.

    Attributes:
        reason: the public code, for programs.
        title: a heading for people.
        description: one sentence for people; holds no numbers.
    """

    # None here: Flask files a handler under its class's status, and the status of these is a setting.
    code: int | None = None
    title: ClassVar[str] = "This is not possible"
    usual_status: ClassVar[int] = 500

    def __init__(self, reason: str, description: str, manner: Manner) -> None:
        HTTPException.__init__(self, description)
        self.reason = reason
        self.manner = manner

    def numbers(self) -> dict[str, Any]:
        """What ``SEATGUARD_EXPOSE_USAGE`` lets end users see; nothing without it."""
        return {}

    def problem(self) -> dict[str, Any]:
        """The answer as RFC 9457 has it."""
        status = self.code or self.usual_status
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTP_STATUS_CODES[status],
            "status": status,
            "detail": self.description,
            "code": self.reason,
        }
        if has_request_context():
            body["instance"] = request.path
        if self.upgrade_url is not None:
            body["upgrade_url"] = self.upgrade_url
        return body | self.numbers()

    @property
    def upgrade_url(self) -> str | None:
        """Where more seats are to be had, when that is the cure."""
        return None

    def get_body(
        self,
        environ: WSGIEnvironment | None = None,  # noqa: ARG002 - the request under way says it all
        scope: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> str:
        """The body in the form that the client prefers."""
        wanted = _wanted()
        if wanted is None:
            return json.dumps(self.problem(), ensure_ascii=False)
        return render_template(wanted, error=self, numbers=self.numbers(), upgrade_url=self.upgrade_url)

    def get_headers(
        self,
        environ: WSGIEnvironment | None = None,  # noqa: ARG002
        scope: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> list[tuple[str, str]]:
        """The headers that go with the body. What was refused now may be allowed later: nobody keeps it."""
        html = _wanted() is not None
        return [
            ("Content-Type", "text/html; charset=utf-8" if html else "application/problem+json"),
            ("Cache-Control", "no-store"),
            ("Vary", "Accept, HX-Request"),
        ]


class SeatRefused(Denied, GuardError):
    """There is no seat: base of the refusals, and a :class:`~seatguard.errors.Denied` as in the engine.

    Attributes:
        decision: reason and numbers, for the host's own code; end users are shown what the settings allow.
    """

    title = "No seat for another user"
    usual_status = 402

    def __init__(self, decision: Decision[SeatFacts], manner: Manner) -> None:
        GuardError.__init__(self, decision.reason.value, _SENTENCES[decision.reason], manner)
        self.decision: Decision[SeatFacts] = decision

    @property
    def upgrade_url(self) -> str | None:
        """Where more seats are to be had."""
        return self.manner.settings.upgrade_url

    def numbers(self) -> dict[str, Any]:
        """Limit, use and plan, where the settings let end users see them."""
        terms, usage = self.decision.facts.terms, self.decision.facts.usage
        if not self.manner.settings.expose_usage or terms is None:
            return {}
        return {
            "project": self.manner.project,
            "feature": "seats",
            "plan": terms.plan,
            "limit": terms.limit,
            "used": usage.live - usage.held,
            "held": usage.held,
            "remaining": None if terms.cap is None else max(0, terms.cap - usage.live),
        }


class SeatLimitReached(SeatRefused):
    """All seats are taken."""


class SubscriptionInactive(SeatRefused):
    """The subscription gives no seats now: expired, not begun, cancelled, or there is none."""

    title = "The subscription is not active"


class ProjectSuspended(SeatRefused):
    """The operator has suspended the subscription; more money would not help."""

    title = "The subscription is suspended"
    usual_status = 403

    @property
    def upgrade_url(self) -> None:
        """None: an upgrade is no cure."""
        return


class HoldExpired(SeatRefused):
    """The view took longer than its hold, and the seat went to somebody else meanwhile.

    The view has done its work: roll it back.
    """

    title = "This took too long"
    usual_status = 409

    @property
    def upgrade_url(self) -> None:
        """None: asking again is the cure."""
        return


class SeatsUnavailable(StorageUnavailable, GuardError):
    """The store did not answer, and ``SEATGUARD_ON_STORAGE_ERROR`` is ``deny``."""

    title = "Please try again in a moment"
    usual_status = 503

    def __init__(self, error: StorageUnavailable, manner: Manner) -> None:
        GuardError.__init__(self, "storage_unavailable", "This cannot be decided right now.", manner)
        self.retry_after = error.retry_after

    def get_headers(
        self, environ: WSGIEnvironment | None = None, scope: dict[str, Any] | None = None
    ) -> list[tuple[str, str]]:
        """With the time after which asking again makes sense."""
        return [*super().get_headers(environ, scope), ("Retry-After", str(self.retry_after))]


class SubjectInvalid(SeatguardError, GuardError):
    """The request names a user in a way no user can be named.

    Attributes:
        error: what is wrong with it.
    """

    title = "This user name cannot be used"
    usual_status = 422

    def __init__(self, error: InvalidInput, manner: Manner) -> None:
        GuardError.__init__(self, error.code, f"The user name {error.problems[0].message}.", manner)
        self.error = error


class GrantRefused(Denied, GuardError):
    """A feature, a permission, a request or an amount is not granted.

    Attributes:
        decision: reason and numbers, for the host's own code.
    """

    title = "This is not included"
    usual_status = 402

    def __init__(
        self, decision: Decision[Any], manner: Manner, headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        said = _GRANTS.get(decision.reason, "This is not part of the subscription.")
        GuardError.__init__(self, decision.reason.value, said, manner)
        self.decision: Decision[Any] = decision
        self._headers = tuple(headers)

    @property
    def upgrade_url(self) -> str | None:
        """Where more is to be had."""
        return self.manner.settings.upgrade_url

    def get_headers(
        self, environ: WSGIEnvironment | None = None, scope: dict[str, Any] | None = None
    ) -> list[tuple[str, str]]:
        """With the numbers of a rate limit."""
        return [*super().get_headers(environ, scope), *self._headers]


class PermissionMissing(GrantRefused):
    """A permission is not granted."""

    title = "This is not allowed"
    usual_status = 403

    @property
    def upgrade_url(self) -> None:
        """None: an upgrade may be no cure."""
        return


class TooManyRequests(GrantRefused):
    """The requests of a window are used up."""

    title = "Too many requests"
    usual_status = 429

    @property
    def upgrade_url(self) -> None:
        """None: waiting is the cure."""
        return


class SessionRefused(GrantRefused):
    """There is no place for another session."""

    title = "Too many sessions"

    def __init__(self, decision: Decision[Any], manner: Manner) -> None:
        GrantRefused.__init__(self, decision, manner)
        self.description = _SESSIONS.get(decision.reason, self.description)


class SessionOver(SessionRefused):
    """The session had a place, and has it no more: another one pushed it out, or it was ended."""

    title = "The session is over"
    usual_status = 409

    @property
    def upgrade_url(self) -> None:
        """None: signing in again is the cure."""
        return


class ProjectNotFound(SeatguardError, GuardError):
    """The request names a project that there is not."""

    title = "There is no such project"
    usual_status = 404

    def __init__(self, manner: Manner) -> None:
        GuardError.__init__(self, "project_not_found", "There is no such project.", manner)


class KeyRefused(AuthenticationFailed, GuardError):
    """The request shows a project key that identifies nobody."""

    title = "Who is asking?"
    usual_status = 401

    def __init__(self, manner: Manner) -> None:
        GuardError.__init__(self, "invalid_credentials", "The API key does not identify a project.", manner)

    def get_headers(
        self, environ: WSGIEnvironment | None = None, scope: dict[str, Any] | None = None
    ) -> list[tuple[str, str]]:
        """With the challenge that a 401 needs."""
        return [*super().get_headers(environ, scope), ("WWW-Authenticate", 'Bearer realm="seatguard"')]


_SENTENCES = {
    **dict.fromkeys(Reason, "There is no seat for this user."),
    Reason.LIMIT_REACHED: "All seats are taken. Free one, or ask for more.",
    Reason.EXPIRED: "The subscription has expired. Renew it to add users.",
    Reason.NOT_STARTED: "The subscription has not started yet.",
    Reason.SUSPENDED: "The subscription is suspended. Ask your provider.",
    Reason.INACTIVE: "The subscription is not active. Renew it to add users.",
    Reason.NO_SERVICE: "There is no subscription that has seats.",
    Reason.HOLD_EXPIRED: "The seat went to somebody else meanwhile. Please try again.",
}

_CLASSES: dict[Reason, type[SeatRefused]] = {
    Reason.LIMIT_REACHED: SeatLimitReached,
    Reason.EXPIRED: SubscriptionInactive,
    Reason.NOT_STARTED: SubscriptionInactive,
    Reason.INACTIVE: SubscriptionInactive,
    Reason.NO_SERVICE: SubscriptionInactive,
    Reason.SUSPENDED: ProjectSuspended,
    Reason.HOLD_EXPIRED: HoldExpired,
}


_GRANTS = {
    Reason.RATE_LIMITED: "Too many requests. Please try again later.",
    Reason.QUOTA_EXHAUSTED: "The quota of this period is used up.",
    Reason.INSUFFICIENT_SCOPE: "This needs a permission that is not granted.",
    Reason.EXPIRED: "The subscription has expired.",
    Reason.NOT_STARTED: "The subscription has not started yet.",
    Reason.SUSPENDED: "The subscription is suspended. Ask your provider.",
    Reason.INACTIVE: "The subscription is not active.",
    Reason.NO_SERVICE: "There is no subscription.",
}

_GRANT_CLASSES: dict[Reason, type[GrantRefused]] = {
    Reason.RATE_LIMITED: TooManyRequests,
    Reason.INSUFFICIENT_SCOPE: PermissionMissing,
}

_SESSIONS = {
    Reason.LIMIT_REACHED: "All sessions are in use. Sign out somewhere else first.",
    Reason.LEASE_TAKEN_OVER: "Another session has taken this one's place. Sign in again to go on here.",
    Reason.LEASE_ENDED: "This session was ended. Sign in again.",
}

_SESSION_CLASSES: dict[Reason, type[SessionRefused]] = {
    Reason.LEASE_TAKEN_OVER: SessionOver,
    Reason.LEASE_ENDED: SessionOver,
}

_made: dict[tuple[type[GuardError], int], type[GuardError]] = {}


def refusal(decision: Decision[SeatFacts], manner: Manner) -> SeatRefused:
    """The exception for a decision that is a "no"."""
    kind = _CLASSES.get(decision.reason, SeatRefused)
    return _raisable(kind, manner)(decision, manner)


def refused_grant(
    decision: Decision[Any], manner: Manner, headers: Sequence[tuple[str, str]] = ()
) -> GrantRefused:
    """The exception for something that is not granted."""
    kind = _GRANT_CLASSES.get(decision.reason, GrantRefused)
    return _raisable(kind, manner)(decision, manner, headers)


def refused_session(decision: Decision[Any], manner: Manner) -> SessionRefused:
    """The exception for a session that has no place."""
    kind = _SESSION_CLASSES.get(decision.reason, SessionRefused)
    return _raisable(kind, manner)(decision, manner)


def unavailable(error: StorageUnavailable, manner: Manner) -> SeatsUnavailable:
    """The exception for a store that does not answer."""
    return _raisable(SeatsUnavailable, manner)(error, manner)


def invalid_subject(error: InvalidInput, manner: Manner) -> SubjectInvalid:
    """The exception for a user who cannot be named so."""
    return _raisable(SubjectInvalid, manner)(error, manner)


def no_project(manner: Manner) -> ProjectNotFound:
    """The exception for a project that there is not."""
    return _raisable(ProjectNotFound, manner)(manner)


def key_refused(manner: Manner) -> KeyRefused:
    """The exception for a project key that identifies nobody."""
    return _raisable(KeyRefused, manner)(manner)


def _raisable(kind: type[E], manner: Manner) -> Callable[..., E]:
    """The class with its status: a better agreement cures a 402, whatever number the host gives it."""
    status = kind.usual_status
    if status == 402:
        status = manner.status or manner.settings.limit_status
    return cast(Callable[..., E], _with_status(kind, status))


def _with_status(kind: type[GuardError], status: int) -> type[GuardError]:
    # Flask looks for handlers by the status and the ancestors of the class that is raised. With both of them
    # right, `errorhandler(SeatLimitReached)` and `errorhandler(402)` are found alike.
    made = _made.get((kind, status))
    if made is None:
        ancestors = (kind, default_exceptions[status]) if status in default_exceptions else (kind,)
        made = type(kind.__name__, ancestors, {"code": status, "__module__": kind.__module__})
        _made[kind, status] = made
    return made


def _wanted() -> str | None:
    """The template that the client wants, ``None`` for JSON."""
    if not has_request_context():
        return None
    if request.headers.get("HX-Request") == "true":
        return FRAGMENT
    accepted = request.accept_mimetypes
    return PAGE if accepted["text/html"] > accepted["application/json"] else None
