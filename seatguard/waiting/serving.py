"""Serving the line: what is free is offered to the first, then to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from seatguard import signals
from seatguard.actors import Actor
from seatguard.clock import Clock
from seatguard.decisions import Reason
from seatguard.entitlements.model import Where
from seatguard.errors import NotFound
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts, person_digest
from seatguard.journal.model import Draft
from seatguard.records import MAX_PAGE
from seatguard.seats.model import SeatFacts, SeatState
from seatguard.signals import Fact, Tell
from seatguard.waiting import rules
from seatguard.waiting.model import Offer, Waiting, WaitingState
from seatguard.waiting.ports import Ledger, Seats, Work


class Serving:
    """Offers seats, one call at a time for each of those who wait; what a dead process left, the next does.

    Args:
        seconds: how long an offered seat is held; ``None``: nobody is served.
    """

    def __init__(
        self,
        ledger: Ledger,
        seats: Seats,
        drafts: Drafts,
        clock: Clock,
        new_id: NewId,
        tell: Tell,
        *,
        seconds: int | None,
    ) -> None:
        self._ledger = ledger
        self._seats = seats
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id
        self._tell = tell
        self._seconds = seconds

    def serve(self, actor: Actor, project: str, mode: str) -> Sequence[Offer]:
        """See ``WaitingService.serve``."""
        offers: list[Offer] = []
        refused: set[str | None] = set()
        seconds = self._seconds
        while seconds is not None and None not in refused:
            first = self._first(actor, project, mode, refused)
            if first is None:
                break
            # Somebody asked for already may have the seat that nobody wrote down.
            if first.state is WaitingState.WAITING and not self._seats.advice(actor, _wish(first)).allowed:
                refused.add(first.type)
                continue
            try:
                asked = self._claim(actor, first)
            except NotFound:
                continue
            if asked is None:
                break
            offer, answered = self._ask(actor, asked, seconds)
            if not answered:
                refused.add(asked.type)
            if offer is not None:
                offers.append(offer)
        return offers

    def remove(self, actor: Actor, work: Work, found: Waiting, kind: str) -> None:
        """Take somebody out of the line within the caller's unit, on record."""
        work.waiting.remove(found.id)
        work.journal.append(entry(self._drafts, actor, kind, found))

    def _first(self, actor: Actor, project: str, mode: str, refused: set[str | None]) -> Waiting | None:
        """The first who may be served."""
        after: str | None = None
        with self._ledger.read(actor.tenant) as work:
            while True:
                page = work.waiting.list(
                    limit=MAX_PAGE if refused else 1, after=after, project=project, mode=mode
                )
                for one in page.items:
                    if one.type not in refused:
                        return one
                if page.after is None:
                    return None
                after = page.after

    def _claim(self, actor: Actor, first: Waiting) -> Waiting | None:
        """Make it this call's business to ask for a seat for them.

        Returns:
            ``None`` when it is another call's. That one is told to ask again, since what made this call
            come may be a seat that the other did not see free; it goes on with the line afterwards.

        Raises:
            NotFound: they stand in line no longer.
        """
        with self._ledger.begin(actor.tenant) as work:
            found, now = work.waiting.lock(first.id), self._clock()
            theirs = rules.is_asked_for(found, now)
            state = WaitingState.OFFERING if found.state is WaitingState.WAITING else found.state
            mine = following(found, state=state, seat=found.seat or self._new_id(), asked_at=now)
            work.waiting.replace(following(found) if theirs else mine)
            work.commit()
        return None if theirs else mine

    def _ask(self, actor: Actor, asked: Waiting, seconds: int) -> tuple[Offer | None, bool]:
        """Ask for a seat for somebody, and write down what came of it.

        Returns:
            the offer, if there is one, and whether to go on: no seat is free otherwise.
        """
        where = _wish(asked)
        seat_id = asked.seat or ""
        if asked.state is WaitingState.LEAVING:
            self._seats.release_hold(actor, where, seat_id)
            self._finish(actor, asked, "waiting.left")
            return None, True
        decision = self._seats.offer(
            actor, where, asked.holder, seconds=seconds, email=asked.email, seat=seat_id
        )
        facts = decision.facts
        if not decision.allowed or facts.seat is None:
            return None, not self._put_back(actor, asked)
        offered = decision.reason is Reason.ALLOWED and facts.seat.state is SeatState.HELD
        left = self._finish(actor, asked, "waiting.offered" if offered else "waiting.left")
        if left is None or not offered:
            return None, True
        if left.state is WaitingState.LEAVING:
            self._seats.release_hold(actor, where, seat_id)
            return None, True
        self._tell([_offered(actor, left, facts)])
        return Offer(left, facts.seat, facts.usage), True

    def _put_back(self, actor: Actor, asked: Waiting) -> bool:
        """Let somebody wait on, in the same place.

        Returns:
            False when there is reason to ask again.
        """
        with self._ledger.begin(actor.tenant) as work:
            work.projects.lock(asked.project)
            found = work.waiting.find(id=asked.id)
            if found is None:
                return False
            found = work.waiting.lock(found.id)
            if found.state is WaitingState.LEAVING:
                self.remove(actor, work, found, "waiting.left")
                again = True
            else:
                again = found.version != asked.version
                work.waiting.replace(following(found, state=WaitingState.WAITING, asked_at=None))
            work.commit()
        return not again

    def _finish(self, actor: Actor, asked: Waiting, kind: str) -> Waiting | None:
        """Take somebody out of the line; ``None`` when another call did it before."""
        with self._ledger.begin(actor.tenant) as work:
            work.projects.lock(asked.project)
            if work.waiting.find(id=asked.id) is None:
                return None
            found = work.waiting.lock(asked.id)
            left = "waiting.left" if found.state is WaitingState.LEAVING else kind
            self.remove(actor, work, found, left)
            work.commit()
        return found


def following(waiting: Waiting, **changes: object) -> Waiting:
    """The next version of a place."""
    return replace(waiting, version=waiting.version + 1, **changes)  # type: ignore[arg-type]


def entry(drafts: Drafts, actor: Actor, kind: str, waiting: Waiting) -> Draft:
    """What happened to somebody in a line, for the project's stream."""
    return drafts.draft(
        actor,
        kind,
        "project",
        waiting.project,
        subject=waiting.id,
        data={"seat": waiting.seat} if kind == "waiting.offered" else {},
        erasable={"holder": waiting.holder},
        person=person_digest(actor.tenant, waiting.holder_key),
    )


def _wish(waiting: Waiting) -> Where:
    return Where(project=waiting.project, mode=waiting.mode, type=waiting.type)


def _offered(actor: Actor, left: Waiting, facts: SeatFacts) -> Fact:
    terms = facts.terms
    return Fact(
        signals.seat_offered,
        {
            "actor": actor.label,
            "tenant": actor.tenant,
            "project": left.project,
            "subscription": None if terms is None else terms.subscription,
            "service": None if terms is None else terms.number,
            "limit": None if terms is None else terms.limit,
            "seat": facts.seat,
            "usage": facts.usage,
            "since": left.since,
        },
    )
