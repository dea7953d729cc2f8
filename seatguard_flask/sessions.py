"""A guard for web sessions: so many of a user at a time, each kept by a lease."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from flask import Response, after_this_request, request, session

from seatguard.allowances import Concurrency
from seatguard.decisions import Decision, Reason
from seatguard.errors import NotFound, StorageUnavailable
from seatguard_flask import resolving
from seatguard_flask.granting import Finish, Granting
from seatguard_flask.holding import UNAVAILABLE, ask
from seatguard_flask.passage import View, with_note
from seatguard_flask.refusals import Manner, refused_session
from seatguard_flask.resolving import Place, ProjectOf, SubjectOf

if TYPE_CHECKING:
    from seatguard.leases.model import LeaseFacts
    from seatguard_flask.state import State

logger = logging.getLogger("seatguard.flask")

OVER = frozenset({Reason.LIMIT_REACHED, Reason.LEASE_TAKEN_OVER, Reason.LEASE_ENDED})
"""Reasons for which a session is signed out; after the others the same session may be let in again."""


class GuardingSessions(Granting):
    """The part of the extension that guards sessions; see ``seatguard_flask.Seatguard``."""

    def session_guard(
        self,
        meter: str,
        *,
        user: SubjectOf,
        project: ProjectOf | None = None,
        allowance: Concurrency | None = None,
        every: int = 20,
        sign_out: Callable[[], object] | None = None,
        status: int | None = None,
    ) -> SessionGuard:
        """Let a user have so many sessions at a time. Each holds a lease, whose id is in Flask's session.

        Args:
            meter: what the plan includes the sessions under, ``speech.maxConcurrentSessions``.
            user: a function that answers who is signed in, ``None`` for nobody.
            project: as in :meth:`require`.
            allowance: instead of what the plan says: how many, how long one lasts, who makes room.
            every: seconds between heartbeats, less than a lease lasts. A session that was pushed out may
                go on for that long; ``0`` is a heartbeat with every request.
            sign_out: called when a session has no place, or none any more; left out, Flask's session is
                cleared.
            status: of the refusal of one session too many, instead of ``SEATGUARD_LIMIT_STATUS``.

        Raises:
            ValueError: heartbeats are so rare that the allowance's leases would lapse between them.

        >>> from flask import Flask, session
        >>> from seatguard.allowances import Concurrency
        >>> from seatguard_flask import Seatguard
        >>> app = Flask("shop")
        >>> app.config.update(SEATGUARD_STORAGE_URI="memory:", SECRET_KEY="of your own")
        >>> seats = Seatguard(app)
        >>> _ = seats.project("acme", limit=1)
        >>> two_each = Concurrency(limit=2, per_holder=True, lasts=900)
        >>> sessions = seats.session_guard(
        ...     "sessions", user=lambda: session.get("user"), project="acme", allowance=two_each
        ... )
        >>> @app.post("/signin/<user>")
        ... def sign_in(user):
        ...     session["user"] = user
        ...     sessions.admit()
        ...     return "welcome"
        >>> [app.test_client().post("/signin/ada").status_code for _ in range(3)]
        [200, 200, 402]
        """
        if not 0 <= every < (allowance.lasts if allowance is not None else every + 1):
            raise ValueError(f"every is {every!r}: use 0 or more seconds, and fewer than a lease lasts")
        return SessionGuard(self, meter, user, project, allowance, every, sign_out or _clear, status)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What Flask's session keeps: whose place it is, which lease keeps it, and when that was last said.

    Attributes:
        lease: its id; ``None`` for a user with a seat for good, who needs none.
        said_at: seconds since 1970, by this machine's clock.
    """

    user: str
    lease: str | None
    said_at: float


class SessionGuard:
    """Lets sessions in, keeps their places, and frees them; made by ``seats.session_guard``.

    ``app.before_request(sessions.admit)`` guards every request of an app, ``@sessions`` one view.
    """

    def __init__(
        self,
        guards: GuardingSessions,
        meter: str,
        user: SubjectOf,
        project: ProjectOf | None,
        allowance: Concurrency | None,
        every: int,
        sign_out: Callable[[], object],
        status: int | None,
    ) -> None:
        self._guards = guards
        self._meter = meter
        self._user = user
        self._project = project
        self._allowance = allowance
        self._every = every
        self._sign_out = sign_out
        self._status = status
        self._key = f"{guards.name}:{meter}"

    def __call__(self, view: View) -> View:
        """Guard one view."""

        @contextmanager
        def passage(_: Mapping[str, Any]) -> Iterator[Finish]:
            self.admit()
            yield lambda answer: answer

        return self._guards._around("session", self._project, self._user, passage)(view)

    def admit(self) -> None:
        """Let the session of the request under way pass: give it a place, or say that it still needs its own.

        Nothing is asked of a request of nobody, and of one that comes soon after a heartbeat. In the view
        that signs in it tells a user at once that there is no place.

        Raises (in the request, as answers that render themselves):
            SessionRefused: there is no place for it; ``SessionOver``: another one has it now.
            SeatsUnavailable: the store did not answer; see ``SEATGUARD_ON_STORAGE_ERROR``.
        """
        if not self._guards.enabled:
            return
        user = resolving.subject(self._user, request.view_args or {})
        if user is None:
            return
        state = self._guards._state()
        manner = Manner(settings=state.settings, status=self._status)
        kept, now = self._kept(), state.engine.clock().timestamp()
        # A clock that was set back must not make a heartbeat wait.
        if kept is not None and kept.user == user and 0 <= now - kept.said_at < self._every:
            return
        decision, away = ask(
            state, lambda: manner, "admit the session", lambda: self._decide(state, user, kept)
        )
        if away:
            after_this_request(_unchecked)
        if decision is None:
            return
        if decision.allowed:
            lease = decision.facts.lease
            session[self._key] = astuple(_Kept(user, None if lease is None else lease.id, now))
        elif state.switches.dry_run:
            logger.info("dry run: would have refused the session: %s", decision.reason.value)
        else:
            if decision.reason in OVER:
                session.pop(self._key, None)
                self._sign_out()
            raise refused_session(decision, manner)

    def end(self) -> None:
        """Free the place of the session of the request under way: when its user signs out. Twice is once.

        Never fails: without the store the place frees itself when its lease is over.
        """
        kept = self._kept()
        session.pop(self._key, None)
        if kept is None or not self._guards.enabled:
            return
        try:
            self._give_back(self._guards._state(), kept)
        except StorageUnavailable as error:
            logger.warning("the place of a session could not be freed and ends by itself: %s", error)

    def _decide(self, state: State, user: str, kept: _Kept | None) -> Decision[LeaseFacts]:
        leases, place = state.engine.leases, self._place(state)
        if kept is not None and kept.user != user:
            self._give_back(state, kept)
        elif kept is not None and kept.lease is not None:
            try:
                return leases.heartbeat(place.actor, place.where, kept.lease, allowance=self._allowance)
            except NotFound:
                # Forgotten, or of a subscription that was left. Coming back pushes nobody out.
                room = leases.live(
                    place.actor, place.where, self._meter, username=user, allowance=self._allowance
                )
                if not room.allowed:
                    return room
        return leases.checkout(
            place.actor,
            place.where,
            self._meter,
            user,
            session=secrets.token_hex(8),
            allowance=self._allowance,
        )

    def _give_back(self, state: State, kept: _Kept) -> None:
        if kept.lease is None:
            return
        place = self._place(state)
        try:
            state.engine.leases.give_back(place.actor, place.where, kept.lease)
        except NotFound:
            logger.info("the lease of a session that ends was gone already")

    def _place(self, state: State) -> Place:
        return resolving.place(state, self._project, self._guards._resolver, request.view_args or {})

    def _kept(self) -> _Kept | None:
        found = session.get(self._key)
        return None if found is None else _Kept(*found)


def _clear() -> None:
    session.clear()


def _unchecked(response: Response) -> Response:
    return with_note(response, UNAVAILABLE)
