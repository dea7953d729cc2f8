"""The line: join, leave, look, serve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from seatguard import signals
from seatguard.actors import Actor
from seatguard.clock import Clock
from seatguard.decisions import Decision, Reason
from seatguard.entitlements.model import Where
from seatguard.errors import InvalidInput, Misconfigured, NotFound
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts, person_digest
from seatguard.journal.model import Draft
from seatguard.records import MAX_PAGE, Page, every
from seatguard.seats import holders
from seatguard.seats.model import SeatFacts, SeatState
from seatguard.signals import Fact, Tell
from seatguard.snapshots import Snapshots
from seatguard.waiting import rules
from seatguard.waiting.model import Offer, Place, Waiting, WaitingState
from seatguard.waiting.ports import Ledger, Seats, Work


class WaitingService:
    """Knows who waits for a seat, and offers what becomes free in the order of the line."""

    def __init__(
        self,
        ledger: Ledger,
        seats: Seats,
        drafts: Drafts,
        clock: Clock,
        new_id: NewId,
        snapshots: Snapshots,
        tell: Tell,
        *,
        offer_seconds: int | None,
        fold_case: bool,
    ) -> None:
        self._ledger = ledger
        self._seats = seats
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id
        self._snapshots = snapshots
        self._tell = tell
        self._offer_seconds = offer_seconds
        self._fold_case = fold_case

    def join(self, actor: Actor, where: Where, username: object, *, email: object = None) -> Decision[Place]:
        """Stand at the end of a project's line; where a seat is free and nobody waits, it is offered at once.

        Returns:
            ``ALLOWED`` with the place, or with the seat that was offered; ``ALREADY_WAITING`` with the
            place there is; ``ALREADY_HELD`` with the seat there is; or why no seat is ever given there.

        Raises:
            InvalidInput: username or email cannot be used.
            Misconfigured: there are no lines here.
            NotFound: no such project in the tenant.
        """
        self._check_open()
        holder = holders.normalize(username, fold_case=self._fold_case)
        address = holders.normalize_email(email)
        seat = self._seats.find(actor, where, username)
        if seat is not None:
            return Decision(True, Reason.ALREADY_HELD, Place(None, 0, seat))
        decision = rules.may_wait(self._seats.advice(actor, where))
        if not decision.allowed:
            return decision
        with self._ledger.begin(actor.tenant) as work:
            # One comes after the other: the order of the ids is the order of the line.
            work.projects.lock(where.project)
            known = work.waiting.find(project=where.project, mode=where.mode, holder_key=holder.key)
            if known is None:
                waiting = Waiting(
                    id=self._new_id(),
                    tenant=actor.tenant,
                    project=where.project,
                    mode=where.mode,
                    type=where.type,
                    holder=holder.name,
                    holder_key=holder.key,
                    email=address,
                    since=self._clock(),
                    state=WaitingState.WAITING,
                    seat=None,
                    asked_at=None,
                )
                work.waiting.add(waiting)
                work.journal.append(self._entry(actor, "waiting.joined", waiting))
                work.commit()
            elif known.state is WaitingState.LEAVING:
                stored = work.waiting.lock(known.id)
                work.waiting.replace(_next(stored, state=WaitingState.OFFERING))
                work.commit()
        self._snapshots.put(_name(actor, where), value=True)
        self.serve(actor, where.project, mode=where.mode)
        place = self.place(actor, where, username)
        reason = Reason.ALLOWED if known is None or place.waiting is None else Reason.ALREADY_WAITING
        return Decision(True, reason, place)

    def leave(self, actor: Actor, where: Where, username: object) -> bool:
        """Wait no longer.

        Returns:
            whether they waited.
        """
        key = holders.normalize(username, fold_case=self._fold_case).key
        with self._ledger.begin(actor.tenant) as work:
            work.projects.lock(where.project)
            found = work.waiting.find(project=where.project, mode=where.mode, holder_key=key)
            if found is None:
                return False
            self._let_go(actor, work, found)
            work.commit()
        return True

    def forget(self, actor: Actor, username: object) -> int:
        """Take somebody out of every line of the tenant.

        Returns:
            out of how many.
        """
        key = holders.normalize(username, fold_case=self._fold_case).key
        with self._ledger.read(actor.tenant) as work:
            found = list(every(work.waiting, holder_key=key))
        return sum(self.leave(actor, Where(project=one.project, mode=one.mode), username) for one in found)

    def place(self, actor: Actor, where: Where, username: object) -> Place:
        """Where somebody stands."""
        key = holders.normalize(username, fold_case=self._fold_case).key
        with self._ledger.read(actor.tenant) as work:
            mine = work.waiting.find(project=where.project, mode=where.mode, holder_key=key)
            if mine is not None and mine.state is not WaitingState.LEAVING:
                line = every(work.waiting, project=where.project, mode=where.mode)
                return Place(mine, sum(one.id < mine.id for one in line))
        return Place(None, 0, self._seats.find(actor, where, username))

    def list(self, actor: Actor, where: Where, *, limit: int = 50, after: str | None = None) -> Page[Waiting]:
        """Who waits, the first first, one page at a time.

        Raises:
            InvalidInput: the cursor is none, or the limit is not 1 to 200.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidInput.single("limit", "out_of_range", f"must be 1 to {MAX_PAGE}, not {limit}")
        with self._ledger.read(actor.tenant) as work:
            return work.waiting.list(limit=limit, after=after, project=where.project, mode=where.mode)

    def length(self, actor: Actor, where: Where) -> int:
        """How many wait."""
        with self._ledger.read(actor.tenant) as work:
            return sum(1 for _ in every(work.waiting, project=where.project, mode=where.mode))

    def stands(self, actor: Actor, where: Where, *, fresh: bool = False) -> bool:
        """Whether somebody waits; unless ``fresh``, as of a moment ago."""

        def load() -> bool:
            with self._ledger.read(actor.tenant) as work:
                return work.waiting.find(project=where.project, mode=where.mode) is not None

        return self._snapshots.get(_name(actor, where), load, max_age=0 if fresh else None).value

    def serve(self, actor: Actor, project: str, *, mode: str = "live") -> Sequence[Offer]:
        """Offer free seats to those who wait, in their order, until none is free or nobody waits.

        Runs by itself after seats became free; in several processes at once each seat is offered once.

        Returns:
            the offers that this call made.

        Raises:
            StorageUnavailable: the store did not answer in time; who was asked for is asked for again
                by the next call, after half a minute at the latest.
        """
        offers: list[Offer] = []
        refused: set[str | None] = set()
        seconds = self._offer_seconds
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

    def serve_all(self, actor: Actor) -> int:
        """Serve every line of the tenant.

        Returns:
            how many seats were offered.
        """
        with self._ledger.read(actor.tenant) as work:
            lines = sorted({(one.project, one.mode) for one in every(work.waiting)})
        return sum(len(self.serve(actor, project, mode=mode)) for project, mode in lines)

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
            mine = _next(found, state=state, seat=found.seat or self._new_id(), asked_at=now)
            work.waiting.replace(_next(found) if theirs else mine)
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
                self._remove(actor, work, found, "waiting.left")
                again = True
            else:
                again = found.version != asked.version
                work.waiting.replace(_next(found, state=WaitingState.WAITING, asked_at=None))
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
            self._remove(actor, work, found, left)
            work.commit()
        return found

    def _let_go(self, actor: Actor, work: Work, found: Waiting) -> None:
        found = work.waiting.lock(found.id)
        if found.state is WaitingState.WAITING:
            self._remove(actor, work, found, "waiting.left")
        elif found.state is WaitingState.OFFERING:
            # Whoever asks for them right now gives the seat back.
            work.waiting.replace(_next(found, state=WaitingState.LEAVING))

    def _remove(self, actor: Actor, work: Work, found: Waiting, kind: str) -> None:
        work.waiting.remove(found.id)
        work.journal.append(self._entry(actor, kind, found))

    def _entry(self, actor: Actor, kind: str, waiting: Waiting) -> Draft:
        data = {} if kind != "waiting.offered" else {"seat": waiting.seat}
        return self._drafts.draft(
            actor,
            kind,
            "project",
            waiting.project,
            subject=waiting.id,
            data=data,
            erasable={"holder": waiting.holder},
            person=person_digest(actor.tenant, waiting.holder_key),
        )

    def _check_open(self) -> None:
        if self._offer_seconds is None:
            raise Misconfigured(
                "nobody can wait for a seat here: set SEATGUARD_OFFER_TTL to the seconds that a seat is held"
                " for the first in line, such as 86400"
            )


def _next(waiting: Waiting, **changes: object) -> Waiting:
    return replace(waiting, version=waiting.version + 1, **changes)  # type: ignore[arg-type]


def _wish(waiting: Waiting) -> Where:
    return Where(project=waiting.project, mode=waiting.mode, type=waiting.type)


def _name(actor: Actor, where: Where) -> tuple[str, ...]:
    return ("waiting", actor.tenant, where.project, where.mode)


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
