"""A seat in hand: held before the host's own work, kept or given back after it."""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TypeVar

from werkzeug.local import LocalProxy

from seatguard.decisions import Decision, Reason
from seatguard.errors import Denied, InvalidInput, NotFound, StorageUnavailable
from seatguard.seats.model import Seat, SeatFacts, SeatState
from seatguard_flask.refusals import Manner, SubjectInvalid, invalid_subject, refusal, unavailable
from seatguard_flask.resolving import Place, as_name
from seatguard_flask.state import State

if TYPE_CHECKING:
    from seatguard.engine import Seatguard as Engine

logger = logging.getLogger("seatguard.flask")

_current: ContextVar[tuple[SeatInHand, ...]] = ContextVar("seatguard_current_seats")

T = TypeVar("T")

UNAVAILABLE = "storage_unavailable"
"""Why nothing was decided."""

Find = Callable[[], Place]
Name = Callable[[], str | None]


class Hand(Protocol):
    """What a guard holds while the work is done: one seat, or several as one."""

    @property
    def each(self) -> tuple[SeatInHand, ...]:
        """The seats, in their order."""

    @property
    def decided(self) -> bool | None:
        """What the host has said itself; ``None`` when it said nothing."""

    @property
    def unchecked(self) -> str | None:
        """Why nothing was decided, as a code; ``None`` when something was."""

    def open(self) -> None:
        """Hold what is wanted, or raise."""

    def keep(self) -> None:
        """Make it the host's for good, or raise."""

    def give_back(self) -> None:
        """Let go of it. Never fails."""


class SeatInHand:
    """The seat that a guard holds for the work under way; in a guarded view it is ``current_seat``.

    Attributes:
        decision: what the hold answered; ``None`` when guards are off, or the store did not answer.
        unchecked: why nothing was decided, as a code; ``None`` when something was.
    """

    def __init__(self, state: State, find: Find, name: Name, *, on: bool, status: int | None = None) -> None:
        self.decision: Decision[SeatFacts] | None = None
        self.unchecked: str | None = None
        self._state = state
        self._find = find
        self._name = name
        self._on = on
        self._dry = on and state.switches.dry_run
        self._status = status
        self._place: Place | None = None
        self._subject: str | None = None
        self._assigned: tuple[str, str | None] | None = None
        self._canceled = False
        self._settled = False
        self._made: Seat | None = None

    @property
    def each(self) -> tuple[SeatInHand, ...]:
        """Itself."""
        return (self,)

    @property
    def seat(self) -> Seat | None:
        """The seat that is held, or that the user has already; ``None`` without one."""
        return None if self.decision is None else self.decision.facts.seat

    @property
    def decided(self) -> bool | None:
        """What the host has said itself: ``True`` after :meth:`assign`, ``False`` after :meth:`cancel`."""
        if self._canceled:
            return False
        return None if self._assigned is None else True

    def assign(self, user_id: object, *, email: str | None = None) -> None:
        """Say whose seat it is, and that it is to be kept. Done when the work ends well.

        Args:
            user_id: your identifier of the user; a number is read as text.

        Raises:
            InvalidInput: the identifier cannot be used.
        """
        name = as_name(user_id)
        if name is None:
            raise InvalidInput.single("user_id", "required", "is empty; give the identifier of the user")
        if self.decision is not None:
            self._engine.seats.holder_key(name)
        self._assigned, self._canceled = (name, email), False

    def cancel(self) -> None:
        """Say that no seat is wanted after all. A user who had one before keeps it."""
        self._assigned, self._canceled = None, True

    def open(self) -> None:
        """Hold a seat.

        Raises:
            SeatRefused: there is none.
            SubjectInvalid: the user cannot be named so.
            SeatsUnavailable: the store did not answer, and the policy is ``deny``.
        """
        if not self._on:
            return
        self.decision = self._ask("hold", self._held)
        if self.decision is not None and not self.decision.allowed:
            self._refuse(self.decision)

    def keep(self) -> None:
        """Make it a seat for good.

        Raises:
            HoldExpired: it took too long, and no seat is free now.
            SeatsUnavailable: the store did not answer, and the policy is ``deny``.
        """
        if self._settled:
            return
        self._settled = True
        if self.decision is None or not self.decision.allowed or self._place is None:
            return
        place, held = self._place, self.decision
        kept = self._ask("confirm", lambda: self._kept(place, held))
        if kept is not None and not kept.allowed:
            self._refuse(Decision(False, Reason.HOLD_EXPIRED, kept.facts))
        elif kept is not None and held.reason is Reason.ALLOWED:
            self._made = kept.facts.seat

    def give_back(self) -> None:
        """Let go of the hold. Never fails: without the store the hold ends by itself."""
        if self._settled:
            return
        self._settled = True
        seat, place = self.seat, self._place
        # A seat that was there before, or another request's hold, is not ours to give back.
        if (
            seat is None
            or place is None
            or self.decision is None
            or self.decision.reason is not Reason.ALLOWED
        ):
            return
        try:
            self._engine.seats.release_hold(place.actor, place.where, seat.id)
        except StorageUnavailable as error:
            logger.warning("a hold could not be let go and ends by itself at %s: %s", seat.lapses_at, error)

    def take_back(self) -> None:
        """Free again what this hand has kept, and let go of what it has not. Never fails."""
        self.give_back()
        made, self._made = self._made, None
        if made is None or self._place is None:
            return
        try:
            self._engine.seats.release(self._place.actor, self._place.where, made.holder)
        except StorageUnavailable as error:
            logger.warning("a seat could not be freed, run `flask seatguard reconcile`: %s", error)

    @property
    def _engine(self) -> Engine:
        return self._state.engine

    def _held(self) -> Decision[SeatFacts] | None:
        self._place = place = self._find()
        self._subject = self._name()
        name = self._subject or f"unnamed-{secrets.token_hex(16)}"
        seconds = self._state.settings.hold_ttl
        refused: SubjectInvalid
        try:
            return self._engine.seats.hold(place.actor, place.where, name, seconds=seconds)
        except InvalidInput as error:
            refused = invalid_subject(error, self._manner())
        if self._dry:
            return None
        raise refused

    def _kept(self, place: Place, held: Decision[SeatFacts]) -> Decision[SeatFacts]:
        seats, seat = self._engine.seats, held.facts.seat
        name, email = self._assigned or (self._subject, None)
        if seat is None:
            return held
        if seat.state is SeatState.ASSIGNED:
            if self._assigned is None or seats.holder_key(name) == seat.holder_key:
                return held
            seats.transfer(place.actor, place.where, seat.holder, to=name, email=email)
            return held
        mine = held.reason is Reason.ALLOWED
        # The hold of a double submit may end with the other request; then this one needs a seat of its own.
        with contextlib.suppress(NotFound, Denied):
            kept = None
            if self._assigned is not None:
                kept = seats.confirm_for(place.actor, place.where, seat.id, name, email=email)
            elif mine:
                kept = seats.confirm(place.actor, place.where, seat.id)
            if kept is not None and kept.allowed:
                return kept
        return seats.take(place.actor, place.where, name or seat.holder, email=email)

    def _refuse(self, decision: Decision[SeatFacts]) -> None:
        if self._dry:
            logger.info("dry run: would have refused: %s", decision.reason.value)
            return
        raise refusal(decision, self._manner())

    def _manner(self) -> Manner:
        name = None if self._place is None else self._place.name
        return Manner(settings=self._state.settings, status=self._status, project=name)

    def _ask(self, act: str, call: Callable[[], T | None]) -> T | None:
        answer, away = ask(self._state, self._manner, act, call)
        if away:
            self.unchecked = UNAVAILABLE
            if self._place is not None:
                self._engine.unchecked(self._place.actor, self._place.where.project, UNAVAILABLE)
        return answer


def ask(state: State, manner: Callable[[], Manner], act: str, call: Callable[[], T]) -> tuple[T | None, bool]:
    """Ask the store by ``call``, and do as ``SEATGUARD_ON_STORAGE_ERROR`` says where it does not answer.

    Returns:
        the answer, and whether it was let pass without one.

    Raises:
        SeatsUnavailable: the store did not answer, and the policy is ``deny``.
        StorageUnavailable: the same, and the policy is ``raise``.
    """
    try:
        return call(), False
    except StorageUnavailable as error:
        if state.switches.dry_run or state.settings.on_storage_error == "allow":
            logger.warning("let pass unchecked, the store did not answer (%s): %s", act, error)
            return None, True
        if state.settings.on_storage_error == "deny":
            raise unavailable(error, manner()) from error
        raise


class Passing:
    """What is in hand while a block runs: kept when the block ends well, else given back."""

    def __init__(self, hand: Hand) -> None:
        self._hand = hand
        self._token: Token[tuple[SeatInHand, ...]] | None = None

    def __enter__(self) -> None:
        self._hand.open()
        self._token = _current.set(self._hand.each)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None and self._hand.decided is not False:
                self._hand.keep()
            else:
                self._hand.give_back()
        finally:
            if self._token is not None:
                _current.reset(self._token)
                self._token = None


class Holding:
    """``with seats.hold(...) as seat:`` the seat is kept when the block ends well, else given back."""

    def __init__(self, seat: SeatInHand) -> None:
        self._seat = seat
        self._passing = Passing(seat)

    def __enter__(self) -> SeatInHand:
        self._passing.__enter__()
        return self._seat

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._passing.__exit__(kind, error, trace)

    async def __aenter__(self) -> SeatInHand:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)


def _in_hand() -> tuple[SeatInHand, ...]:
    found = _current.get(())
    if not found:
        raise RuntimeError("no seat is in hand here: this is for views and blocks that a guard holds one for")
    return found


def _only_one() -> SeatInHand:
    found = _in_hand()
    if len(found) > 1:
        raise RuntimeError(f"{len(found)} seats are in hand here: name their users in current_seats")
    return found[0]


current_seat: SeatInHand = LocalProxy(_only_one)  # type: ignore[assignment]
"""The seat of the innermost guard around the calling code."""

current_seats: tuple[SeatInHand, ...] = LocalProxy(_in_hand)  # type: ignore[assignment]
"""The seats of the innermost guard around the calling code: one, or as many as it was asked for."""
