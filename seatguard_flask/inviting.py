"""Invitations: a seat held for days for somebody who has no account yet, and a link that says whose it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import current_app
from itsdangerous import BadData, URLSafeSerializer

from seatguard.clock import from_micros, to_micros
from seatguard.decisions import Decision, Reason
from seatguard.errors import Denied, InvalidInput, Misconfigured, NotFound
from seatguard.seats.model import Seat, SeatFacts, SeatState, Usage

if TYPE_CHECKING:
    from sqlalchemy.orm import Session, scoped_session

    from seatguard_flask.extension import Seatguard

_KEY = "seatguard.invited"
_NOTHING = SeatFacts(None, Usage(0, 0))


@dataclass(frozen=True, slots=True)
class Invitation:
    """What became of an invitation.

    Attributes:
        decision: ``ALLOWED`` when it stands; ``ALREADY_HELD`` when the person has a seat for good; else why
            there is none.
        token: for the link that is sent; it works until :attr:`expires_at`, or until the invitation is sent
            again. ``None`` without an invitation.
    """

    decision: Decision[SeatFacts]
    token: str | None
    expires_at: dt.datetime | None


class Invitations:
    """Invitations to the seats of projects: ``seats.invitations``.

    An invitation is a hold, so it counts while it is open and frees its seat at its end.

    >>> from flask import Flask
    >>> from seatguard_flask import Seatguard
    >>> app = Flask("shop")
    >>> app.config.update(SEATGUARD_STORAGE_URI="memory:", SECRET_KEY="of this example only")
    >>> seats = Seatguard(app)
    >>> _ = seats.project("acme", limit=1)
    >>> with app.app_context():
    ...     invitation = seats.invitations.send("acme", "ada@example.com", days=14)
    ...     seats.take("acme", "bob").reason.value
    ...     seats.invitations.accept(invitation.token, 17).reason.value
    'limit_reached'
    'allowed'
    """

    def __init__(self, seats: Seatguard) -> None:
        self._seats = seats

    def send(
        self, project: str, username: str, *, days: int | float = 14, email: str | None = None
    ) -> Invitation:
        """Hold a seat for somebody, or let the hold that they have end later. Sending the mail is yours.

        Again for the same person it is the same seat, with a new end and a new token; the old token is void.

        Args:
            project: name or id.
            username: by what the person is known until they accept: an e-mail address, mostly.
            days: for how long, up to 366.
            email: kept with the seat.

        Raises:
            InvalidInput: username, email or days cannot be used.
            Misconfigured: the app has no ``SECRET_KEY``.
            NotFound: no such project.
            StorageUnavailable: the store did not answer in time; asking again is safe.
        """
        where, signer = self._seats.where(project), self._signer()
        seconds = int(days * 86_400)
        held = self._seats.engine.seats.hold(
            self._seats.actor, where, username, seconds=seconds, email=email, anew=True
        )
        seat = held.facts.seat
        if seat is None or seat.lapses_at is None:
            return Invitation(held, None, None)
        token = signer.dumps([where.project, seat.id, seat.holder, to_micros(seat.lapses_at)])
        return Invitation(held, str(token), seat.lapses_at)

    def accept(
        self,
        token: str | None,
        username: object = None,
        *,
        email: str | None = None,
        session: Session | scoped_session[Any] | None = None,
    ) -> Decision[SeatFacts]:
        """Turn the invitation into the seat of a user. Needs no free seat.

        With a model guard give the session and no username: the next user of the project whom the session
        adds gets the seat, in the session's transaction.

        Args:
            token: of the newest :class:`Invitation`.
            username: your identifier of the user.
            email: kept with the seat.
            session: of the host; the seat stands or falls with its transaction.

        Returns:
            ``ALLOWED``; ``ALREADY_HELD`` when the user sits already, then the invitation is used up;
            ``HOLD_EXPIRED`` or ``NOT_HELD`` when it has ended or was revoked.

        Raises:
            InvalidInput: the token is none, or a newer one was sent; or the username cannot be used.
        """
        project, hold, invited, end = self._read(token)
        engine, actor = self._seats.engine, self._seats.actor
        where = engine.where(project)
        seat = engine.seats.find(actor, where, invited)
        is_open = seat is not None and seat.id == hold and seat.state is SeatState.HELD
        if is_open and seat is not None and seat.lapses_at != from_micros(end):
            raise _unusable("was replaced by a newer one: use the link of the last message")
        if username is None:
            if session is None:
                raise TypeError("say whose seat it is: accept(token, username) or accept(token, session=...)")
            if not is_open:
                return Decision(False, Reason.HOLD_EXPIRED, _NOTHING)
            _bring(session, Brought(project, hold, email))
            return Decision(True, Reason.ALREADY_HELD, SeatFacts(None, Usage(0, 0), seat))
        seats = engine.seats if session is None else engine.seats_within(session.connection())
        name = str(username) if isinstance(username, int) else username
        try:
            return seats.confirm_for(actor, where, hold, name, email=email)
        except Denied as denied:
            return denied.decision
        except NotFound:
            return Decision(False, Reason.NOT_HELD, _NOTHING)

    def revoke(self, project: str, username: str) -> Decision[SeatFacts]:
        """Take an invitation back; its seat is free at once. One that is gone is ``NOT_HELD``, no refusal.

        Returns:
            ``HOLD_CONFIRMED`` when the person has a seat for good by now: that one stays.
        """
        engine, actor, where = self._seats.engine, self._seats.actor, self._seats.where(project)
        seat = engine.seats.find(actor, where, username)
        if seat is None:
            return Decision(True, Reason.NOT_HELD, _NOTHING)
        return engine.seats.release_hold(actor, where, seat.id)

    def open(self, project: str, *, limit: int = 50) -> tuple[Seat, ...]:
        """Invitations, and other holds, that are neither accepted nor ended, the first to end first.

        Args:
            limit: how many at most, 1 to 200.
        """
        return self._seats.engine.seats.holds(self._seats.actor, self._seats.where(project), limit=limit)

    def _read(self, token: str | None) -> tuple[str, str, str, int]:
        try:
            project, hold, invited, end = self._signer().loads(token or "")
        except BadData:
            raise _unusable("is no invitation of this application: use the whole link") from None
        return project, hold, invited, end

    def _signer(self) -> URLSafeSerializer:
        key = current_app.secret_key
        if not key:
            raise Misconfigured("invitations are signed: set SECRET_KEY to 32 random bytes")
        return URLSafeSerializer(key, salt=f"seatguard.invitation.{self._seats.name}")


@dataclass(frozen=True, slots=True)
class Brought:
    """An invitation that a session has accepted for a user it has yet to add."""

    project: str
    hold: str
    email: str | None


def _bring(session: Session | scoped_session[Any], brought: Brought) -> None:
    session.info.setdefault(_KEY, {})[brought.project] = brought


def brought(session: Session, project: str) -> tuple[Brought | None, Callable[[], None]]:
    """The invitation for the next user of a project, if there is one, taken out; and how to put it back."""
    found: Brought | None = session.info.get(_KEY, {}).pop(project, None)

    def back() -> None:
        if found is not None:
            _bring(session, found)

    return found, back


def _unusable(message: str) -> InvalidInput:
    return InvalidInput.single("token", "invalid_token", message)
