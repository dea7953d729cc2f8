"""Usage: record, refund, balance, reset, history."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seatguard.actors import Actor
from seatguard.allowances import Quota, valid_meter
from seatguard.clock import Clock
from seatguard.decisions import Decision
from seatguard.entitlements.including import Inclusions
from seatguard.entitlements.model import Terms, Where
from seatguard.errors import InvalidInput, NotFound
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts
from seatguard.journal.model import Draft
from seatguard.records import MAX_PAGE, Page
from seatguard.signals import Tell
from seatguard.usage import rules, telling
from seatguard.usage.model import Account, Charge, Event, UsageFacts, Wish
from seatguard.usage.ports import UsageGate

Refused = Callable[[Actor, str, str], None]
"""Notes a refusal on a subscription's stream, with its reason."""

BatchDecision = Decision[tuple[Decision[UsageFacts], ...]]


class UsageService:
    """Knows what was used, and decides whether more may be."""

    def __init__(
        self,
        gate: UsageGate,
        inclusions: Inclusions,
        drafts: Drafts,
        clock: Clock,
        new_id: NewId,
        refused: Refused,
        tell: Tell,
    ) -> None:
        self._gate = gate
        self._inclusions = inclusions
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id
        self._refused = refused
        self._tell = tell

    def record(
        self,
        actor: Actor,
        where: Where,
        meter: str,
        amount: int = 1,
        *,
        key: str,
        quota: Quota | None = None,
    ) -> Decision[UsageFacts]:
        """Count what was used; sent again with the same key, it is counted once.

        Args:
            key: the host's own name for what happened, 1 to 255 printable ASCII characters.
            quota: instead of what the subscription includes under the meter's name.

        Returns:
            ``ALLOWED`` or ``ALREADY_RECORDED`` with charge and balance; or the reason of a "no", such as
            ``QUOTA_EXHAUSTED``; then nothing was written.

        Raises:
            InvalidInput: the meter, the key or the amount cannot be used.
            Conflict: ``key_reused``; the key was charged with another amount.
            StorageUnavailable: the store did not answer in time; asking again is safe.
        """
        decision = self.record_all(actor, where, [Event(meter=meter, key=key, amount=amount)], quota=quota)
        return decision.facts[0]

    def record_all(
        self, actor: Actor, where: Where, events: Sequence[Event], *, quota: Quota | None = None
    ) -> BatchDecision:
        """Count a batch as a whole or not at all, with a decision for each event.

        All events go to one subscription: the first in force that includes all their meters.

        Args:
            events: 1 to 100.
            quota: instead of what the subscription includes, for every event.

        Returns:
            The first "no", if there is one: then nothing was written, and an event that is ``ALLOWED``
            would have been. Raises as :meth:`record`.
        """
        if not 1 <= len(events) <= rules.MAX_BATCH:
            raise InvalidInput.single(
                "events", "out_of_range", f"must be 1 to {rules.MAX_BATCH} events, not {len(events)}"
            )
        meters = {rules.valid_event(event).meter for event in events}
        found = self._inclusions.find_all(actor, where, meters, Quota, quota)
        terms, quotas = found.facts.terms, found.facts.value
        if terms is None or quotas is None:
            self._note(actor, terms, found.reason.value)
            refusal = Decision(False, found.reason, UsageFacts(terms))
            return Decision(False, found.reason, tuple(refusal for _ in events))
        wishes = [
            Wish(
                charge=self._new_id(),
                account=self._new_id(),
                event=event,
                quota=quotas[event.meter],
                anchor=terms.anchor,
            )
            for event in events
        ]
        entries = [self._recorded(actor, terms, wish) for wish in wishes]
        outcomes = self._gate.consume(actor.tenant, terms.subscription, wishes, entries)
        now = self._clock()
        decision = rules.summed(
            tuple(
                rules.judge(outcome, event, terms, now)
                for outcome, event in zip(outcomes, events, strict=True)
            )
        )
        if decision.allowed:
            for one in decision.facts:
                self._tell(telling.recorded(actor, one))
        else:
            self._note(actor, terms, decision.reason.value)
        return decision

    def refund(
        self,
        actor: Actor,
        where: Where,
        meter: str,
        *,
        key: str,
        amount: int | None = None,
        quota: Quota | None = None,
    ) -> Decision[UsageFacts]:
        """Give a charge back, to the period it was counted in; twice is once.

        Args:
            amount: how much is given back in all; left out, everything.

        Returns:
            ``ALLOWED``, or ``ALREADY_RECORDED`` when that much was given back before.

        Raises:
            NotFound: nothing was charged under that key.
            InvalidInput: more than was charged.
        """
        decision = self._inclusions.find(actor, where, valid_meter(meter), Quota, quota)
        terms, known = decision.facts.terms, decision.facts.value
        if terms is None or known is None:
            return Decision(False, decision.reason, UsageFacts(terms))
        charge = self._gate.charge(actor.tenant, terms.subscription, meter, key)
        if charge is None:
            raise NotFound("charge", key)
        total = rules.refund_of(charge, amount)
        entry = self._drafts.draft(
            actor,
            "usage.refunded",
            "subscription",
            terms.subscription,
            subject=charge.id,
            data={"meter": meter, "amount": total},
        )
        outcome = self._gate.refund(actor.tenant, charge, total, known, terms.anchor, entry)
        judged = rules.judge_refund(outcome, terms)
        if judged is None:
            raise NotFound("charge", key)
        return judged

    def balance(
        self, actor: Actor, where: Where, meter: str, *, quota: Quota | None = None
    ) -> Decision[UsageFacts]:
        """What was used in the running period, beside what is allowed. Advice: it records nothing.

        Returns:
            ``QUOTA_EXHAUSTED`` when not even one more unit may be recorded.
        """
        decision = self._inclusions.find(actor, where, valid_meter(meter), Quota, quota)
        terms, known = decision.facts.terms, decision.facts.value
        if terms is None or known is None:
            return Decision(False, decision.reason, UsageFacts(terms))
        balance = self._gate.balance(actor.tenant, terms.subscription, meter, known, terms.anchor)
        return rules.judge_balance(balance, known, terms)

    def reset(
        self, actor: Actor, where: Where, meter: str, *, quota: Quota | None = None
    ) -> Decision[UsageFacts]:
        """Let the running period begin anew with nothing used, on record. Charges stay on record too."""
        decision = self._inclusions.find(actor, where, valid_meter(meter), Quota, quota)
        terms, known = decision.facts.terms, decision.facts.value
        if terms is None or known is None:
            return Decision(False, decision.reason, UsageFacts(terms))
        entry = self._drafts.draft(
            actor, "usage.reset", "subscription", terms.subscription, data={"meter": meter}
        )
        balance = self._gate.reset(actor.tenant, terms.subscription, meter, known, terms.anchor, entry)
        return Decision(True, decision.reason, UsageFacts(terms, balance))

    def charges(
        self, actor: Actor, subscription: str, meter: str, *, limit: int = 50, after: str | None = None
    ) -> Page[Charge]:
        """What was recorded under a meter, the newest first.

        Raises:
            InvalidInput: the cursor is none of this listing's, or the limit is not 1 to 200.
        """
        return self._gate.charges(actor.tenant, subscription, meter, limit=_page(limit), after=after)

    def history(
        self, actor: Actor, subscription: str, meter: str, *, limit: int = 50, after: str | None = None
    ) -> Page[Account]:
        """The periods of a meter in which something was used, the newest first. Raises as :meth:`charges`."""
        return self._gate.accounts(actor.tenant, subscription, meter, limit=_page(limit), after=after)

    def _recorded(self, actor: Actor, terms: Terms, wish: Wish) -> Draft:
        event = wish.event
        return self._drafts.draft(
            actor,
            "usage.recorded",
            "subscription",
            terms.subscription,
            subject=wish.charge,
            data={"meter": event.meter, "amount": event.amount},
        )

    def _note(self, actor: Actor, terms: Terms | None, reason: str) -> None:
        if terms is not None:
            self._refused(actor, terms.subscription, reason)


def _page(limit: int) -> int:
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidInput.single("limit", "out_of_range", f"must be 1 to {MAX_PAGE}, not {limit}")
    return limit
