"""Leases: check out, beat, give back, list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from seatguard.actors import Actor
from seatguard.allowances import Concurrency, valid_meter
from seatguard.clock import Clock
from seatguard.decisions import Decision, Reason
from seatguard.entitlements.including import Inclusions
from seatguard.entitlements.model import Where
from seatguard.errors import InvalidInput, NotFound
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts, person_digest
from seatguard.journal.model import Draft
from seatguard.leases import rules
from seatguard.leases.model import Ended, Lease, LeaseFacts, LeaseState, NoLease, Wish
from seatguard.leases.ports import Enter, LeaseGate
from seatguard.records import MAX_PAGE, Page

Refused = Callable[[Actor, str, str], None]
"""Notes a refusal on a subscription's stream, with its reason."""


class Named(Protocol):
    """A holder's name, as it was given and as it is compared."""

    @property
    def name(self) -> str:
        """For people to read."""

    @property
    def key(self) -> str:
        """For stores to compare."""


class LeaseService:
    """Knows who is inside now, and decides who may come in.

    Args:
        named: makes a holder of what the host calls its user.
        seated: whether a holder has a seat for good in a subscription.
    """

    def __init__(
        self,
        gate: LeaseGate,
        inclusions: Inclusions,
        drafts: Drafts,
        clock: Clock,
        new_id: NewId,
        refused: Refused,
        named: Callable[[object], Named],
        seated: Callable[[Actor, str, str], bool],
    ) -> None:
        self._gate = gate
        self._inclusions = inclusions
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id
        self._refused = refused
        self._named = named
        self._seated = seated

    def checkout(
        self,
        actor: Actor,
        where: Where,
        name: str,
        username: object,
        *,
        session: str | None = None,
        allowance: Concurrency | None = None,
    ) -> Decision[LeaseFacts]:
        """Give a user a place for as long as heartbeats keep it.

        In a pool that all holders share, somebody with a seat for good needs no place: ``ALREADY_HELD``
        without a lease. So one subscription has named seats and floating ones.

        Args:
            name: what the subscription includes the places under: ``floating``, ``sessions``.
            session: which of the user's sessions; left out, the user has one.
            allowance: instead of what the subscription includes under that name.

        Returns:
            ``ALLOWED`` with a new lease, ``ALREADY_HELD`` with the session's own, or the reason of a "no":
            ``LIMIT_REACHED`` with the instant at which a place frees itself.

        Raises:
            InvalidInput: the name, the user or the session cannot be used.
            StorageUnavailable: the store did not answer in time; asking again is safe.
        """
        holder = self._named(username)
        found = self._inclusions.find(
            actor, where, valid_meter(name), Concurrency, allowance, user=holder.name
        )
        terms, known = found.facts.terms, found.facts.value
        if terms is None or known is None:
            if terms is not None:
                self._refused(actor, terms.subscription, found.reason.value)
            return Decision(False, found.reason, LeaseFacts(terms))
        if not known.per_holder and self._seated(actor, terms.subscription, holder.key):
            return Decision(True, Reason.ALREADY_HELD, LeaseFacts(terms, known.limit))
        wish = Wish(
            lease=self._new_id(),
            pool=self._new_id(),
            tenant=actor.tenant,
            subscription=terms.subscription,
            name=name,
            holder=holder.name,
            holder_key=holder.key,
            session="" if session is None else rules.valid_session(session),
            allowance=known,
        )
        outcome = self._gate.checkout(wish, self._enter(actor))
        decision = rules.judge(outcome, terms, known, self._clock())
        if not decision.allowed:
            self._refused(actor, terms.subscription, decision.reason.value)
        return decision

    def heartbeat(
        self, actor: Actor, where: Where, lease_id: str, *, allowance: Concurrency | None = None
    ) -> Decision[LeaseFacts]:
        """Let a lease live on. Late is better than never: it goes on as long as there is room.

        Returns:
            ``ALREADY_HELD``; ``ALLOWED`` when a lapsed lease has its place again; ``LIMIT_REACHED`` when
            somebody else has it; ``LEASE_TAKEN_OVER`` or ``LEASE_ENDED`` when it is over for good; or why
            the subscription gives nothing any more: then the lease runs out.

        Raises:
            NotFound: no such lease in the project.
        """
        lease = self._gate.lease(actor.tenant, lease_id)
        if lease is None:
            raise NotFound("lease", lease_id)
        found = self._inclusions.find(actor, where, lease.name, Concurrency, allowance, user=lease.holder)
        terms, known = found.facts.terms, found.facts.value
        if terms is None or terms.subscription != lease.subscription:
            raise NotFound("lease", lease_id)
        if known is None:
            return Decision(False, found.reason, LeaseFacts(terms, lease=lease))
        outcome = self._gate.heartbeat(actor.tenant, lease_id, known, self._enter(actor))
        if isinstance(outcome, NoLease):
            raise NotFound("lease", lease_id)
        return rules.judge(outcome, terms, known, self._clock())

    def give_back(self, actor: Actor, where: Where, lease_id: str) -> Decision[LeaseFacts]:
        """Free a lease's place; twice is once.

        Returns:
            ``LEASE_ENDED``, which is no refusal, for one that had lapsed or was taken over before.

        Raises:
            NotFound: no such lease in the project.
        """
        lease = self._gate.lease(actor.tenant, lease_id)
        terms = None if lease is None else self._inclusions.terms_of(actor, where, lease.subscription)
        if lease is None or terms is None:
            raise NotFound("lease", lease_id)
        outcome = self._gate.give_back(actor.tenant, lease_id, self._enter(actor))
        ended = outcome.lease if isinstance(outcome, Ended) else lease
        returned = ended.state is LeaseState.RETURNED
        reason = Reason.ALLOWED if returned else Reason.LEASE_ENDED
        return Decision(True, reason, LeaseFacts(terms, lease=ended))

    def live(
        self,
        actor: Actor,
        where: Where,
        name: str,
        *,
        username: object = None,
        allowance: Concurrency | None = None,
    ) -> Decision[LeaseFacts]:
        """How many places are taken now. Advice.

        Args:
            username: whose, where each holder has places of their own.

        Returns:
            ``LIMIT_REACHED`` when a newcomer would have to make room or go.
        """
        holder = None if username is None else self._named(username)
        user = None if holder is None else holder.name
        found = self._inclusions.find(actor, where, valid_meter(name), Concurrency, allowance, user=user)
        terms, known = found.facts.terms, found.facts.value
        if terms is None or known is None:
            return Decision(False, found.reason, LeaseFacts(terms))
        if known.per_holder and holder is None:
            raise InvalidInput.single("username", "required", f"is needed: each user has {name} of their own")
        key = holder.key if known.per_holder and holder is not None else ""
        live = self._gate.live(actor.tenant, terms.subscription, name, key)
        room = rules.has_room(live, known)
        reason = Reason.ALLOWED if room else Reason.LIMIT_REACHED
        return Decision(room, reason, LeaseFacts(terms, known.limit, live))

    def list(
        self, actor: Actor, subscription: str, name: str, *, limit: int = 50, after: str | None = None
    ) -> Page[Lease]:
        """Leases of that name that have a place, in the order they were given.

        Raises:
            InvalidInput: the cursor is none of this listing's, or the limit is not 1 to 200.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidInput.single("limit", "out_of_range", f"must be 1 to {MAX_PAGE}, not {limit}")
        return self._gate.leases(actor.tenant, subscription, name, limit=limit, after=after)

    def sweep(self, actor: Actor) -> int:
        """Clear lapsed leases away, all over the tenant. Newcomers do the same where they need room.

        Returns:
            how many.
        """
        return self._gate.sweep(actor.tenant, self._enter(actor))

    def _enter(self, actor: Actor) -> Enter:
        def enter(kind: str, lease: Lease) -> Draft:
            return self._drafts.draft(
                actor,
                kind,
                "subscription",
                lease.subscription,
                subject=lease.id,
                data={"name": lease.name},
                erasable={"holder": lease.holder, "session": lease.session},
                person=person_digest(actor.tenant, lease.holder_key),
            )

        return enter
