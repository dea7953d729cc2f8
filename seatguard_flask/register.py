"""What changed user rows mean for the register, and the two ways of telling it.

*Joined*: user rows and seats lie in one database and change in one transaction. *Apart*: they do not; then
a seat is held first, taken for good after the host's commit and let go after its rollback, and what a crash
leaves in between is for ``reconcile`` to find.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from seatguard.decisions import Decision, Reason
from seatguard.errors import Denied, NotFound, SeatguardError
from seatguard.seats.model import SeatFacts, Usage
from seatguard.signals import Fact, seat_denied
from seatguard_flask.holding import UNAVAILABLE, ask
from seatguard_flask.inviting import brought
from seatguard_flask.refusals import Manner, refusal

if TYPE_CHECKING:
    from seatguard_flask.extension import Seatguard

logger = logging.getLogger("seatguard.flask")


@dataclass(frozen=True, slots=True, order=True)
class Sitting:
    """Who sits where."""

    project: str
    subject: str


@dataclass(frozen=True, slots=True)
class Change:
    """What one written row means; ``None`` is nobody."""

    before: Sitting | None
    after: Sitting | None


class Register(Protocol):
    """Where seats are taken and freed."""

    def take(self, sitting: Sitting) -> Decision[SeatFacts]:
        """Give a seat."""

    def release(self, sitting: Sitting) -> Decision[SeatFacts]:
        """Free a seat."""

    def transfer(self, sitting: Sitting, subject: str) -> Decision[SeatFacts]:
        """Give a seat to another subject of the same project."""


def apply(seats: Seatguard, register: Register, changes: Iterable[Change]) -> None:
    """Tell the register, room first: seats are freed, then moved, then taken.

    In the order of projects, so that two sessions lock them in the same order.

    Raises:
        SeatRefused: there is no seat; the caller's transaction must not go on. Not in a dry run.
    """
    leaving, moving, arriving = [], [], []
    for change in changes:
        match change:
            case Change(Sitting() as before, None):
                leaving.append(before)
            case Change(Sitting() as before, Sitting() as after) if before.project == after.project:
                moving.append((before, after))
            case Change(Sitting() as before, Sitting() as after):
                leaving.append(before)
                arriving.append(after)
            case Change(None, Sitting() as after):
                arriving.append(after)
            case _:
                pass
    for sitting in sorted(leaving):
        register.release(sitting)
    for before, after in sorted(moving):
        moved = register.transfer(before, after.subject)
        if moved.reason is Reason.NOT_HELD:
            arriving.append(after)
        elif moved.reason is Reason.HOLDER_SEATED:
            register.release(before)
    for sitting in sorted(arriving):
        decision = register.take(sitting)
        if not decision.allowed:
            _refuse(seats, sitting, decision)


def _refuse(seats: Seatguard, sitting: Sitting, decision: Decision[SeatFacts]) -> None:
    state = seats._state()
    if state.switches.dry_run:
        logger.info("dry run: would have refused: %s", decision.reason.value)
        return
    raise refusal(decision, Manner(settings=state.settings, project=sitting.project))


@dataclass(frozen=True, slots=True)
class _Pending:
    """Something to do when a transaction has ended, one way or the other."""

    transaction: SessionTransaction | None
    committed: Callable[[], object]
    undone: Callable[[], object]


class Afterwards:
    """What is left to do until the host's session has committed, or has rolled back what it was about."""

    def __init__(self) -> None:
        event.listen(Session, "after_commit", self._after_commit)
        event.listen(Session, "after_soft_rollback", self._after_rollback)

    def remove(self) -> None:
        """Listen no longer."""
        event.remove(Session, "after_commit", self._after_commit)
        event.remove(Session, "after_soft_rollback", self._after_rollback)

    def note(
        self, session: Session, *, committed: Callable[[], object], undone: Callable[[], object]
    ) -> None:
        """Do the one when all of the session's work is final, the other when this part of it is undone."""
        pending: list[_Pending] = session.info.setdefault(self, [])
        pending.append(_Pending(session.get_nested_transaction(), committed, undone))

    def _after_commit(self, session: Session) -> None:
        if session.in_nested_transaction():
            return  # a savepoint was released; nothing is final yet
        for one in session.info.pop(self, []):
            _in_any_case(one.committed)

    def _after_rollback(self, session: Session, previous: SessionTransaction) -> None:
        keep = []
        for one in reversed(session.info.pop(self, [])):
            if previous.nested and previous not in _with_parents(one.transaction):
                keep.append(one)
            else:
                _in_any_case(one.undone)
        if keep:
            session.info[self] = keep[::-1]


class Joined:
    """The register inside the session's transaction. Signals wait for its commit.

    Raises:
        Misconfigured: the session's database is not Seatguard's.
    """

    def __init__(self, seats: Seatguard, session: Session, afterwards: Afterwards) -> None:
        engine, facts = seats.engine, list[Fact]()
        self._seats = seats
        self._session = session
        self._afterwards = afterwards
        self._service = engine.seats_within(session.connection(), tell=facts.extend)
        afterwards.note(
            session,
            committed=lambda: engine.announce(facts),
            # A refusal is what undoes the transaction; it has happened all the same.
            undone=lambda: engine.announce([fact for fact in facts if fact.signal is seat_denied]),
        )

    def take(self, sitting: Sitting) -> Decision[SeatFacts]:
        """See ``Register.take``."""
        actor, where = self._seats.actor, self._seats.where(sitting.project)
        invited, back = brought(self._session, where.project)
        if invited is not None:
            self._afterwards.note(self._session, committed=lambda: None, undone=back)
            # An invitation that ended a moment ago promises nothing any more: then as anybody.
            with suppress(NotFound, Denied):
                kept = self._service.confirm_for(
                    actor, where, invited.hold, sitting.subject, email=invited.email
                )
                if kept.allowed:
                    return kept
        return self._service.take(actor, where, sitting.subject)

    def release(self, sitting: Sitting) -> Decision[SeatFacts]:
        """See ``Register.release``."""
        return self._service.release(self._seats.actor, self._seats.where(sitting.project), sitting.subject)

    def transfer(self, sitting: Sitting, subject: str) -> Decision[SeatFacts]:
        """See ``Register.transfer``."""
        where = self._seats.where(sitting.project)
        return self._service.transfer(self._seats.actor, where, sitting.subject, to=subject)


_LATER: Decision[SeatFacts] = Decision(True, Reason.ALLOWED, SeatFacts(None, Usage(0, 0)))
"""Nothing stands in the way now; what is to be done is done after the commit."""


class Apart:
    """The register beside the session's transaction, in a database of its own: held now, settled afterwards.

    Where the store does not answer, ``SEATGUARD_ON_STORAGE_ERROR`` tells what to do.
    """

    def __init__(self, seats: Seatguard, session: Session, afterwards: Afterwards) -> None:
        self._seats = seats
        self._session = session
        self._afterwards = afterwards

    def take(self, sitting: Sitting) -> Decision[SeatFacts]:
        """See ``Register.take``.

        Raises:
            SeatsUnavailable: the store did not answer, and the policy for that is ``deny``.
        """
        service, actor = self._seats.engine.seats, self._seats.actor
        where = self._seats.where(sitting.project)
        invited, back = brought(self._session, where.project)
        if invited is not None:
            hold, email = invited.hold, invited.email
            self._note(
                lambda: service.confirm_for(actor, where, hold, sitting.subject, email=email).require(), back
            )
            return _LATER
        state = self._seats._state()
        decision, away = ask(
            state,
            lambda: Manner(settings=state.settings, project=sitting.project),
            "hold a seat",
            lambda: service.hold(actor, where, sitting.subject, seconds=state.settings.hold_ttl),
        )
        if away or decision is None:
            state.engine.unchecked(actor, where.project, UNAVAILABLE)
            return _LATER
        seat = decision.facts.seat
        if decision.reason is Reason.ALLOWED and seat is not None:
            self._note(
                lambda: service.take(actor, where, sitting.subject).require(),
                lambda: service.release_hold(actor, where, seat.id),
            )
        return decision

    def release(self, sitting: Sitting) -> Decision[SeatFacts]:
        """See ``Register.release``."""
        service, actor = self._seats.engine.seats, self._seats.actor
        where = self._seats.where(sitting.project)
        self._note(lambda: service.release(actor, where, sitting.subject), lambda: None)
        return _LATER

    def transfer(self, sitting: Sitting, subject: str) -> Decision[SeatFacts]:
        """See ``Register.transfer``."""
        service, actor = self._seats.engine.seats, self._seats.actor
        where = self._seats.where(sitting.project)
        self._note(lambda: service.transfer(actor, where, sitting.subject, to=subject), lambda: None)
        return _LATER

    def _note(self, committed: Callable[[], object], undone: Callable[[], object]) -> None:
        self._afterwards.note(self._session, committed=committed, undone=undone)


def _with_parents(transaction: SessionTransaction | None) -> list[Any]:
    chain: list[Any] = []
    while transaction is not None:
        chain.append(transaction)
        transaction = transaction.parent
    return chain


def _in_any_case(act: Callable[[], object]) -> None:
    """The host's transaction has ended: an error here must not look like one of its own."""
    try:
        act()
    except SeatguardError:
        logger.exception("a seat could not follow the host's transaction: run `flask seatguard reconcile`")
