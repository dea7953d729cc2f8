"""The line: join, leave, look, serve."""

from __future__ import annotations

from collections.abc import Sequence

from seatguard.actors import Actor
from seatguard.clock import Clock
from seatguard.decisions import Decision, Reason
from seatguard.entitlements.model import Where
from seatguard.errors import InvalidInput, Misconfigured
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts
from seatguard.records import MAX_PAGE, Page, every
from seatguard.seats import holders
from seatguard.signals import Tell
from seatguard.snapshots import Snapshots
from seatguard.waiting import rules
from seatguard.waiting.model import Offer, Place, Waiting, WaitingState
from seatguard.waiting.ports import Ledger, Seats, Work
from seatguard.waiting.serving import Serving, entry, following


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
        self._serving = Serving(ledger, seats, drafts, clock, new_id, tell, seconds=offer_seconds)
        self._open = offer_seconds is not None
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
                work.journal.append(entry(self._drafts, actor, "waiting.joined", waiting))
                work.commit()
            elif known.state is WaitingState.LEAVING:
                stored = work.waiting.lock(known.id)
                work.waiting.replace(following(stored, state=WaitingState.OFFERING))
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
        return self._serving.serve(actor, project, mode)

    def serve_all(self, actor: Actor) -> int:
        """Serve every line of the tenant.

        Returns:
            how many seats were offered.
        """
        with self._ledger.read(actor.tenant) as work:
            lines = sorted({(one.project, one.mode) for one in every(work.waiting)})
        return sum(len(self.serve(actor, project, mode=mode)) for project, mode in lines)

    def _let_go(self, actor: Actor, work: Work, found: Waiting) -> None:
        found = work.waiting.lock(found.id)
        if found.state is WaitingState.WAITING:
            self._serving.remove(actor, work, found, "waiting.left")
        elif found.state is WaitingState.OFFERING:
            # Whoever asks for them right now gives the seat back.
            work.waiting.replace(following(found, state=WaitingState.LEAVING))

    def _check_open(self) -> None:
        if not self._open:
            raise Misconfigured(
                "nobody can wait for a seat here: set SEATGUARD_OFFER_TTL to the seconds that a seat is held"
                " for the first in line, such as 86400"
            )


def _name(actor: Actor, where: Where) -> tuple[str, ...]:
    return ("waiting", actor.tenant, where.project, where.mode)
