"""Seats: check, take, hold, confirm, renew, release, transfer, list, verify."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from seatguard.actors import Actor
from seatguard.clock import Clock
from seatguard.decisions import Decision, Reason
from seatguard.entitlements.model import Terms, Where
from seatguard.errors import Denied, InvalidInput, NotFound, StorageUnavailable
from seatguard.idempotency.model import Reply
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts, person_digest
from seatguard.journal.model import Draft
from seatguard.records import MAX_PAGE, Page
from seatguard.seats import holders, rules, telling
from seatguard.seats.advice import REFUSABLE_AGE, Advice
from seatguard.seats.explanation import Explanation
from seatguard.seats.holders import Holder
from seatguard.seats.model import (
    Admission,
    AlreadyHeld,
    Claim,
    Drift,
    NotHeld,
    Outcome,
    Seat,
    SeatFacts,
    SeatState,
    Usage,
)
from seatguard.seats.ports import Gate, Lapse, Line, Seal, Swift, TermsSource
from seatguard.signals import Tell
from seatguard.snapshots import Snapshots

Render = Callable[[Decision[SeatFacts]], Reply | None]
"""Makes the reply to be kept from a decision, inside the act that makes the decision true."""

_NO_USAGE = Usage(0, 0)

_SAME_USER_AT_ONCE = 5
_SWIFT_AGE = 60.0
_TOO_FAST = "the user's seats change faster than they can be read; ask again"


class SeatService:
    """Knows who sits where and decides who may."""

    def __init__(
        self,
        gate: Gate,
        source: TermsSource,
        drafts: Drafts,
        clock: Clock,
        new_id: NewId,
        snapshots: Snapshots,
        refused: Callable[[Actor, str, str], None],
        has_expired: Callable[[Actor, str], bool],
        tell: Tell,
        *,
        fold_case: bool,
        line: Line | None = None,
        swift: Swift | None = None,
    ) -> None:
        self._gate = gate
        self._source = source
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id
        self._advice = Advice(gate, source, clock, snapshots)
        self._refused = refused
        self._has_expired = has_expired
        self._tell = tell
        self._fold_case = fold_case
        self._line = line
        self._swift = swift

    def check(self, actor: Actor, where: Where, *, since: float = math.inf) -> Decision[SeatFacts]:
        """What a new holder would meet now. Advice: it takes nothing, and it may be a moment old.

        Far from the limit the numbers come from a snapshot, whose age is in the facts; near it, and
        for every "no", they are read from the store.

        Args:
            since: when the question began; what was read after that is of this instant.
        """
        decision = self._advice.check(actor.tenant, where, since=since)
        if not decision.allowed:
            self._note(actor, decision)
        return decision

    def recall(self, tenant: str, where: Where) -> Decision[SeatFacts] | None:
        """A "yes" of :meth:`check` from fresh snapshots; ``None`` where it would read or refuse."""
        return self._advice.recall(tenant, where)

    def take(
        self,
        actor: Actor,
        where: Where,
        username: object,
        *,
        email: object = None,
        render: Render | None = None,
    ) -> Decision[SeatFacts]:
        """Give a user a seat.

        Args:
            username: the host's user id; normalised (NFC, white space and control characters refused).
            email: kept with the seat, if given.
            render: makes the reply to keep under an idempotency key, in the same atomic act.

        Returns:
            ``ALLOWED`` with the new seat, ``ALREADY_HELD`` with the seat there is, or the reason
            of a "no" with the numbers; then nothing was written.

        Raises:
            InvalidInput: username or email cannot be used.
            StorageUnavailable: the store did not answer in time; asking again is safe.
        """
        return self._claim(actor, where, username, email, None, render)

    def hold(
        self,
        actor: Actor,
        where: Where,
        username: object,
        *,
        seconds: object,
        email: object = None,
        anew: bool = False,
        render: Render | None = None,
    ) -> Decision[SeatFacts]:
        """Take a seat for a while: it counts until it is confirmed, released, or ``seconds`` are over.

        Answers as :meth:`take`; a user who holds or has a seat keeps it as it is.

        Args:
            anew: let a hold that the user has already end ``seconds`` from now; then that is ``ALLOWED``,
                and ``ALREADY_HELD`` is a seat for good.
        """
        lasts = rules.valid_hold(seconds)
        for _ in range(_SAME_USER_AT_ONCE):
            decision = self._claim(actor, where, username, email, lasts, render)
            seat = decision.facts.seat
            if not anew or decision.reason is not Reason.ALREADY_HELD:
                return decision
            if seat is None or seat.state is not SeatState.HELD:
                return decision
            # It may be confirmed or let go of between the two; then ask once more.
            with suppress(NotFound, Denied):
                renewed = self.renew(actor, where, seat.id, seconds=seconds, render=render)
                if renewed.allowed:
                    return renewed
        raise StorageUnavailable(_TOO_FAST)

    def offer(
        self, actor: Actor, where: Where, username: object, *, seconds: object, email: object, seat: str
    ) -> Decision[SeatFacts]:
        """Hold the seat of that id for somebody who waits. A "no" is noted nowhere: nobody has asked.

        Answers as :meth:`hold`; again with the same id it is the same hold.
        """
        holder = holders.normalize(username, fold_case=self._fold_case)
        address = holders.normalize_email(email)
        found = _matching(self._source.fresh_terms(actor.tenant, where.project, mode=where.mode), where)
        return self._claimed(actor, found, holder, address, rules.valid_hold(seconds), None, seat)

    def confirm(
        self, actor: Actor, where: Where, seat_id: str, *, render: Render | None = None
    ) -> Decision[SeatFacts]:
        """Turn a hold into a seat for good; needs no free seat, and twice is once.

        Returns:
            ``ALLOWED`` or ``ALREADY_HELD`` with the seat; ``HOLD_EXPIRED`` when it is past its end.

        Raises:
            NotFound: no such hold in the project.
        """
        terms, seat = self._seat_in(actor, where, seat_id)
        entry = self._entry(actor, "seat.taken", seat, data={"from": "hold"})
        seal = self._sealed(render, lambda outcome: rules.judge_confirm(outcome, terms))
        with self._clearing(actor, (terms,)) as lapse:
            outcome = self._gate.confirm(actor.tenant, seat_id, entry, lapse, seal)
        if isinstance(outcome, NotHeld):
            raise NotFound("hold", seat_id)
        self._advice.saw(outcome, terms.subscription)
        return self._told(actor, rules.judge_confirm(outcome, terms))

    def confirm_for(
        self,
        actor: Actor,
        where: Where,
        seat_id: str,
        username: object,
        *,
        email: object = None,
        render: Render | None = None,
    ) -> Decision[SeatFacts]:
        """Turn a hold into the seat of a user whose name was not known when it was taken.

        A user who sits in the project already keeps that seat, or has their own hold made one; this hold
        is let go of then. So nobody gets two.

        Returns:
            As :meth:`confirm`; ``ALREADY_HELD`` with the seat the user had.

        Raises:
            InvalidInput: username or email cannot be used.
            NotFound: no such hold in the project.
        """
        holder = holders.normalize(username, fold_case=self._fold_case)
        address = holders.normalize_email(email)
        terms, seat = self._seat_in(actor, where, seat_id)
        found = self._source.fresh_terms(actor.tenant, where.project, mode=where.mode)
        names = [one.subscription for one in found]
        named = replace(seat, holder=holder.name, holder_key=holder.key)
        entry = self._entry(actor, "seat.taken", named, data={"from": "hold"})
        seal = self._sealed(render, lambda outcome: rules.judge_confirm(outcome, terms))
        for _ in range(_SAME_USER_AT_ONCE):
            if any(one.id != seat_id for one in self._gate.seats_of(actor.tenant, names, holder.key)):
                decision = self.take(actor, replace(where, type=None), username, email=email, render=render)
                if decision.allowed:
                    self.release_hold(actor, where, seat_id)
                    return decision
            with self._clearing(actor, (terms,)) as lapse:
                outcome = self._gate.confirm(
                    actor.tenant, seat_id, entry, lapse, seal, holder=holder, email=address
                )
            if isinstance(outcome, NotHeld):
                raise NotFound("hold", seat_id)
            if not isinstance(outcome, AlreadyHeld) or outcome.seat.id == seat_id:
                self._advice.saw(outcome, terms.subscription)
                return self._told(actor, rules.judge_confirm(outcome, terms))
        raise StorageUnavailable(_TOO_FAST)

    def renew(
        self, actor: Actor, where: Where, seat_id: str, *, seconds: object, render: Render | None = None
    ) -> Decision[SeatFacts]:
        """Let a hold end ``seconds`` from now.

        Raises:
            InvalidInput: not 1 second to 366 days.
            NotFound: no such hold in the project.
        """
        lapses_at = self._clock() + rules.valid_hold(seconds)
        terms, seat = self._seat_in(actor, where, seat_id)
        entry = self._entry(actor, "hold.renewed", seat, data={"lapses_at": lapses_at.isoformat()})
        seal = self._sealed(render, lambda outcome: rules.judge_renewal(outcome, terms))
        with self._clearing(actor, (terms,)) as lapse:
            outcome = self._gate.renew(actor.tenant, seat_id, lapses_at, entry, lapse, seal)
        if isinstance(outcome, NotHeld):
            raise NotFound("hold", seat_id)
        return rules.judge_renewal(outcome, terms)

    def release(
        self, actor: Actor, where: Where, username: object, *, render: Render | None = None
    ) -> Decision[SeatFacts]:
        """Free a user's seat, held or assigned. A user without one is ``NOT_HELD``, and no refusal."""
        holder = holders.normalize(username, fold_case=self._fold_case)
        found = _matching(self._source.fresh_terms(actor.tenant, where.project, mode=where.mode), where)
        seats = self._gate.seats_of(actor.tenant, [terms.subscription for terms in found], holder.key)
        if not seats:
            return self._not_held(actor, found)
        terms = _of(found, seats[0].subscription)
        return self._release(actor, terms, seats[0], render, held_by=holder.key)

    def release_hold(
        self, actor: Actor, where: Where, seat_id: str, *, render: Render | None = None
    ) -> Decision[SeatFacts]:
        """Let go of a hold. One that is gone already is ``NOT_HELD``, and no refusal.

        Returns:
            ``HOLD_CONFIRMED`` when it has become a seat for good: that one stays.
        """
        found = self._source.fresh_terms(actor.tenant, where.project, mode=where.mode)
        seat = self._gate.seat(actor.tenant, [terms.subscription for terms in found], seat_id)
        if seat is None:
            return self._not_held(actor, found)
        return self._release(actor, _of(found, seat.subscription), seat, render, only_hold=True)

    def transfer(
        self,
        actor: Actor,
        where: Where,
        username: object,
        *,
        to: object,
        email: object = None,
        render: Render | None = None,
    ) -> Decision[SeatFacts]:
        """Give a user's seat to another user in one step; at no moment is it free.

        Returns:
            ``ALLOWED`` with the seat; ``NOT_HELD`` when the first user has none;
            ``HOLDER_SEATED`` when the second user has one already, anywhere in the project.
        """
        holder = holders.normalize(username, fold_case=self._fold_case)
        receiver = holders.normalize(to, fold_case=self._fold_case, field="to_username")
        new_email = holders.normalize_email(email)
        found = _matching(self._source.fresh_terms(actor.tenant, where.project, mode=where.mode), where)
        names = [terms.subscription for terms in found]
        seats = [
            seat for seat in self._gate.seats_of(actor.tenant, names, holder.key) if seat.lapses_at is None
        ]
        if not seats:
            refusal = self._not_held(actor, found)
            return Decision(False, refusal.reason, refusal.facts)
        seat, terms = seats[0], _of(found, seats[0].subscription)
        if holder.key == receiver.key:
            usage = self._gate.usage(actor.tenant, terms.subscription)
            return Decision(True, Reason.ALREADY_HELD, SeatFacts(terms, usage, seat))
        usage = self._gate.usage(actor.tenant, terms.subscription)
        theirs = self._gate.seats_of(actor.tenant, names, receiver.key)
        if theirs:
            return Decision(False, Reason.HOLDER_SEATED, SeatFacts(terms, usage, theirs[0]))
        entry = self._drafts.draft(
            actor,
            "seat.transferred",
            "subscription",
            seat.subscription,
            subject=seat.id,
            erasable={"holder": receiver.name, **_email(new_email)},
            person=person_digest(actor.tenant, receiver.key),
        )
        seal = self._sealed(render, lambda outcome: rules.judge_transfer(outcome, terms, usage))
        with self._clearing(actor, (terms,)) as lapse:
            outcome = self._gate.transfer(
                actor.tenant,
                seat.id,
                receiver,
                new_email,
                entry,
                lapse,
                seal,
                held_by=holder.key,
            )
        return rules.judge_transfer(outcome, terms, usage)

    def explain(self, actor: Actor, where: Where) -> Explanation:
        """What a new holder would meet now, with every question asked and the holds in the way.

        For operators, and for logs: it names holders. Everything is read from the store, nothing is noted
        as a refusal.
        """
        return self._advice.explain(
            actor.tenant, where, 0 if self._line is None else self._line.length(actor, where)
        )

    def advice(self, actor: Actor, where: Where) -> Decision[SeatFacts]:
        """What the first in line would meet now. Read from the store, noted nowhere."""
        return self._advice.now(actor.tenant, where)

    def holds(self, actor: Actor, where: Where, *, limit: int = 50) -> tuple[Seat, ...]:
        """The project's holds, open invitations among them, the first to lapse first.

        Raises:
            InvalidInput: the limit is not 1 to 200.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidInput.single("limit", "out_of_range", f"must be 1 to {MAX_PAGE}, not {limit}")
        found = _matching(self._source.fresh_terms(actor.tenant, where.project, mode=where.mode), where)
        return self._gate.holds(actor.tenant, [terms.subscription for terms in found], limit=limit)

    def find(self, actor: Actor, where: Where, username: object) -> Seat | None:
        """The user's seat in the project, if there is one."""
        holder = holders.normalize(username, fold_case=self._fold_case)
        found = _matching(self._source.fresh_terms(actor.tenant, where.project, mode=where.mode), where)
        seats = self._gate.seats_of(actor.tenant, [terms.subscription for terms in found], holder.key)
        return seats[0] if seats else None

    def list(self, actor: Actor, where: Where, *, limit: int = 50, after: str | None = None) -> Page[Seat]:
        """The project's seats in the order they were taken, one page at a time.

        Raises:
            InvalidInput: the cursor is none of this listing's, or the limit is not 1 to 200.
        """
        found = _matching(self._source.terms(actor.tenant, where.project, mode=where.mode).value, where)
        return self._listed(actor, [terms.subscription for terms in found], limit, after)

    def list_of(
        self, actor: Actor, subscription_id: str, *, limit: int = 50, after: str | None = None
    ) -> Page[Seat]:
        """The seats of one subscription, as :meth:`list`."""
        return self._listed(actor, [subscription_id], limit, after)

    def get(self, actor: Actor, where: Where, seat_id: str) -> Seat:
        """One seat of the project.

        Raises:
            NotFound: no such seat in the project.
            Denied: it was a hold of the tenant and has been cleared away after its end.
        """
        return self._seat_in(actor, where, seat_id)[1]

    def release_seat(self, actor: Actor, where: Where, seat_id: str) -> Decision[SeatFacts]:
        """Free the very seat, whoever has it; one that is taken from its holder meanwhile is ``NOT_HELD``.

        Raises:
            NotFound: no such seat in the project.
        """
        terms, seat = self._seat_in(actor, where, seat_id)
        return self._release(actor, terms, seat, None, held_by=seat.holder_key)

    def usage(self, actor: Actor, subscription_id: str) -> Usage:
        """Seats taken now in one subscription.

        Raises:
            NotFound: no such subscription in the tenant.
        """
        return self._gate.usage(actor.tenant, subscription_id)

    def seats_named(self, actor: Actor, username: object) -> int:
        """How many seats of that name there are in the whole tenant."""
        return self._gate.seats_named(
            actor.tenant, holders.normalize(username, fold_case=self._fold_case).key
        )

    def holder_key(self, username: object) -> str:
        """The key by which that name is compared."""
        return holders.normalize(username, fold_case=self._fold_case).key

    def sweep(self, actor: Actor) -> int:
        """Clear lapsed holds away, all over the tenant. Takers do the same where they need room.

        Returns:
            how many.
        """
        swept = 0
        while subscriptions := self._gate.lapsed(actor.tenant, limit=MAX_PAGE):
            for subscription in subscriptions:
                with self._clearing(actor, ()) as lapse:
                    swept += self._gate.sweep(actor.tenant, subscription, lapse)
        return swept

    def uncleared(self, actor: Actor) -> int:
        """How many subscriptions have lapsed holds that nobody has cleared away yet; at most a page."""
        return len(self._gate.lapsed(actor.tenant, limit=MAX_PAGE))

    def verify(self, actor: Actor, subscriptions: Sequence[str], *, repair: bool = False) -> Iterator[Drift]:
        """Subscriptions whose counter and seat rows disagree; with ``repair`` the rows win, on record."""

        def repaired(subscription: str, numbers: dict[str, object]) -> Draft:
            return self._drafts.draft(
                actor, "subscription.counter_repaired", "subscription", subscription, data=numbers
            )

        return self._gate.verify(actor.tenant, subscriptions, repaired if repair else None)

    def _listed(
        self, actor: Actor, subscriptions: Sequence[str], limit: int, after: str | None
    ) -> Page[Seat]:
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidInput.single("limit", "out_of_range", f"must be 1 to {MAX_PAGE}, not {limit}")
        if after is not None and not (after.isascii() and after.isdigit() and len(after) < 19):
            raise InvalidInput.single("after", "invalid_cursor", "is no cursor: start again without it")
        return self._gate.list(actor.tenant, subscriptions, limit=limit, after=int(after or 0))

    def _must_wait(self, actor: Actor, where: Where, found: Sequence[Terms], holder: Holder) -> bool:
        """Whether others came first. Who sits, or was offered a seat, is past the line."""
        if self._line is None or not self._line.stands(actor, where):
            return False
        names = [terms.subscription for terms in found]
        return not self._gate.seats_of(actor.tenant, names, holder.key)

    def _claim(
        self,
        actor: Actor,
        where: Where,
        username: object,
        email: object,
        lasts: dt.timedelta | None,
        render: Render | None,
    ) -> Decision[SeatFacts]:
        holder = holders.normalize(username, fold_case=self._fold_case)
        address = holders.normalize_email(email)
        if render is None and self._line is None:
            swift = self._claimed_as_agreed(actor, where, holder, address, lasts)
            if swift is not None:
                return swift
        snapshot = self._source.terms(actor.tenant, where.project, mode=where.mode)
        found = _matching(snapshot.value, where)
        if self._must_wait(actor, where, found, holder):
            decision = rules.behind(self.advice(actor, where), waiting=True)
        else:
            decision = self._claimed(actor, found, holder, address, lasts, render)
        if not decision.allowed and snapshot.age > REFUSABLE_AGE:
            fresh = _matching(self._advice.younger(actor.tenant, where).value, where)
            if fresh != found and not self._must_wait(actor, where, fresh, holder):
                decision = self._claimed(actor, fresh, holder, address, lasts, render)
        if not decision.allowed:
            self._note(actor, decision)
            self._tell(telling.denied(actor, where.project, holder, decision))
        return decision

    def _claimed_as_agreed(
        self, actor: Actor, where: Where, holder: Holder, email: str | None, lasts: dt.timedelta | None
    ) -> Decision[SeatFacts] | None:
        """A seat under terms read a while ago, where the gate can tell that they still hold.

        So a service that is asked now and then costs one statement and not two.
        """
        if self._swift is None:
            return None
        kept = self._source.recall(actor.tenant, where.project, mode=where.mode, max_age=_SWIFT_AGE)
        if kept is None or len(kept.value) != 1 or not _matching(kept.value, where):
            return None
        (terms,) = kept.value
        claim, entry = self._claim_on(actor, terms, holder, email, lasts, self._new_id(), self._clock())
        outcome = self._swift.take_as_agreed(claim, entry)
        if outcome is None:
            return None
        self._advice.saw(outcome, terms.subscription)
        return self._told(actor, rules.judge(outcome, terms, self._clock()))

    def _claimed(
        self,
        actor: Actor,
        found: tuple[Terms, ...],
        holder: Holder,
        email: str | None,
        lasts: dt.timedelta | None,
        render: Render | None,
        seat: str | None = None,
    ) -> Decision[SeatFacts]:
        """Ask the subscriptions in their order; where the holder sits already comes first of all.

        Args:
            seat: id of the seat; left out, a new one for each subscription that is asked.
        """
        candidates = list(found)
        if len(found) > 1:
            own = self._gate.seats_of(actor.tenant, [terms.subscription for terms in found], holder.key)
            if own:
                candidates = [_of(found, own[0].subscription)]
        return rules.first_yes(
            self._ask(actor, terms, holder, email, lasts, render, seat or self._new_id())
            for terms in candidates
        )

    def _ask(
        self,
        actor: Actor,
        terms: Terms,
        holder: Holder,
        email: str | None,
        lasts: dt.timedelta | None,
        render: Render | None,
        seat: str,
    ) -> Decision[SeatFacts]:
        now = self._clock()
        claim, entry = self._claim_on(actor, terms, holder, email, lasts, seat, now)
        seal = self._sealed(render, lambda outcome: rules.judge_sealed(outcome, terms, now))
        with self._clearing(actor, (terms,)) as lapse:
            outcome = self._gate.take(claim, entry, lapse, seal)
        self._advice.saw(outcome, terms.subscription)
        return self._told(actor, rules.judge(outcome, terms, self._clock()))

    def _claim_on(
        self,
        actor: Actor,
        terms: Terms,
        holder: Holder,
        email: str | None,
        lasts: dt.timedelta | None,
        seat: str,
        now: dt.datetime,
    ) -> tuple[Claim, Draft]:
        lapses_at = None if lasts is None else now + lasts
        claim = Claim(
            tenant=actor.tenant,
            subscription=terms.subscription,
            seat=seat,
            holder=holder,
            email=email,
            lapses_at=lapses_at,
            admission=Admission.of(terms),
        )
        entry = self._drafts.draft(
            actor,
            "seat.taken" if lapses_at is None else "seat.held",
            "subscription",
            terms.subscription,
            subject=claim.seat,
            data={} if lapses_at is None else {"lapses_at": lapses_at.isoformat()},
            erasable={"holder": holder.name, **_email(email)},
            person=person_digest(actor.tenant, holder.key),
        )
        return claim, entry

    def _release(
        self,
        actor: Actor,
        terms: Terms,
        seat: Seat,
        render: Render | None,
        *,
        only_hold: bool = False,
        held_by: str | None = None,
    ) -> Decision[SeatFacts]:
        kind = "seat.released" if seat.state is SeatState.ASSIGNED else "hold.released"
        entry = self._entry(actor, kind, seat)
        seal = self._sealed(render, lambda outcome: rules.judge_release(outcome, terms))
        outcome = self._gate.release(actor.tenant, seat.id, entry, seal, only_hold=only_hold, held_by=held_by)
        if isinstance(outcome, NotHeld):
            return self._not_held(actor, (terms,))
        self._advice.saw(outcome, terms.subscription)
        decision = rules.judge_release(outcome, terms)
        self._tell(telling.released(actor, decision))
        return decision

    def _seat_in(self, actor: Actor, where: Where, seat_id: str) -> tuple[Terms, Seat]:
        """The seat and its terms.

        Raises:
            NotFound: no such seat in the project.
            Denied: it was a hold of the tenant and has been cleared away after its end.
        """
        found = self._source.fresh_terms(actor.tenant, where.project, mode=where.mode)
        seat = self._gate.seat(actor.tenant, [terms.subscription for terms in found], seat_id)
        if seat is None:
            if self._has_expired(actor, seat_id):
                raise Denied(Decision(False, Reason.HOLD_EXPIRED, SeatFacts(None, _NO_USAGE)))
            raise NotFound("hold", seat_id)
        return _of(found, seat.subscription), seat

    def _entry(self, actor: Actor, kind: str, seat: Seat, *, data: dict[str, str] | None = None) -> Draft:
        return self._drafts.draft(
            actor,
            kind,
            "subscription",
            seat.subscription,
            subject=seat.id,
            data=data,
            erasable={"holder": seat.holder},
            person=person_digest(actor.tenant, seat.holder_key),
        )

    @contextmanager
    def _clearing(self, actor: Actor, found: Sequence[Terms]) -> Iterator[Lapse]:
        """Drafts the entries of lapsed holds that a call clears away, and tells of them after the call.

        Args:
            found: terms of the subscription, where they are known.
        """
        gone: dict[str, Seat] = {}

        def lapse(seat: Seat) -> Draft:
            # A gate that lost a race begins its act again.
            gone[seat.id] = seat
            return self._entry(actor, "hold.expired", seat)

        yield lapse
        if gone:
            self._tell(telling.expired(actor, gone.values(), found))

    def _told(self, actor: Actor, decision: Decision[SeatFacts]) -> Decision[SeatFacts]:
        self._tell(telling.taken(actor, decision))
        return decision

    def _not_held(self, actor: Actor, found: Sequence[Terms]) -> Decision[SeatFacts]:
        if not found:
            return Decision(False, Reason.NO_SERVICE, SeatFacts(None, _NO_USAGE))
        usage = self._gate.usage(actor.tenant, found[0].subscription)
        return Decision(True, Reason.NOT_HELD, SeatFacts(found[0], usage))

    def _note(self, actor: Actor, decision: Decision[SeatFacts]) -> None:
        if decision.facts.terms is not None:
            self._refused(actor, decision.facts.terms.subscription, decision.reason.value)

    def _sealed(self, render: Render | None, judged: Callable[[Outcome], Decision[SeatFacts]]) -> Seal | None:
        """How the gate makes the reply to keep: the verdict is known inside its atomic act."""
        return None if render is None else lambda outcome: render(judged(outcome))


def _matching(found: tuple[Terms, ...], where: Where) -> tuple[Terms, ...]:
    return where.among(found)


def _of(found: Sequence[Terms], subscription: str) -> Terms:
    for terms in found:
        if terms.subscription == subscription:
            return terms
    raise NotFound("seat", subscription)


def _email(email: str | None) -> dict[str, str]:
    return {} if email is None else {"email": email}
