"""Rates: hit, peek, forget."""

from __future__ import annotations

from collections.abc import Callable

from seatguard.actors import Actor
from seatguard.allowances import MAX_AMOUNT, Rate, valid_amount, valid_meter
from seatguard.decisions import Decision
from seatguard.entitlements.including import Inclusions
from seatguard.entitlements.model import Where
from seatguard.ids import NewId
from seatguard.rates import rules
from seatguard.rates.model import Hit, HitOutcome, RateFacts
from seatguard.rates.ports import RateGate

Refused = Callable[[Actor, str, str], None]
"""Notes a refusal on a subscription's stream, with its reason."""


class RateService:
    """Knows how often somebody asked a moment ago, and decides whether once more is too often."""

    def __init__(self, gate: RateGate, inclusions: Inclusions, new_id: NewId, refused: Refused) -> None:
        self._gate = gate
        self._inclusions = inclusions
        self._new_id = new_id
        self._refused = refused

    def hit(
        self,
        actor: Actor,
        where: Where,
        meter: str,
        caller: str,
        *,
        cost: int = 1,
        rate: Rate | None = None,
    ) -> Decision[RateFacts]:
        """Admit a request and count it, or refuse it and count nothing.

        Args:
            meter: what is asked for.
            caller: who asks and is counted alone: a user, an address. Only a digest is kept.
            cost: how much the request counts.
            rate: instead of what the subscription includes under the meter's name.

        Returns:
            ``ALLOWED`` or ``RATE_LIMITED``, with how much is left and when there is room again; or why the
            subscription gives nothing.

        Raises:
            InvalidInput: meter, caller or cost cannot be used.
            StorageUnavailable: the store did not answer in time.
        """
        cost = valid_amount(cost, field="cost", least=1, most=MAX_AMOUNT)
        decision = self._asked(actor, where, meter, caller, cost, rate, self._gate.hit)
        if not decision.allowed and decision.facts.terms is not None:
            self._refused(actor, decision.facts.terms.subscription, decision.reason.value)
        return decision

    def peek(
        self,
        actor: Actor,
        where: Where,
        meter: str,
        caller: str,
        *,
        rate: Rate | None = None,
    ) -> Decision[RateFacts]:
        """What :meth:`hit` would answer now. Counts nothing."""
        return self._asked(actor, where, meter, caller, 1, rate, self._gate.peek)

    def forget(self, actor: Actor, subscription: str, meter: str, caller: str) -> None:
        """Let a caller begin anew."""
        self._gate.forget(actor.tenant, subscription, meter, rules.digest_of(actor.tenant, caller))

    def sweep(self, actor: Actor) -> int:
        """Remove what is kept of callers that asked nothing for as long as their window is.

        Returns:
            how many windows.
        """
        return self._gate.sweep(actor.tenant)

    def _asked(
        self,
        actor: Actor,
        where: Where,
        meter: str,
        caller: str,
        cost: int,
        rate: Rate | None,
        ask: Callable[[Hit], HitOutcome],
    ) -> Decision[RateFacts]:
        digest = rules.digest_of(actor.tenant, caller)
        found = self._inclusions.find(actor, where, valid_meter(meter), Rate, rate)
        terms, known = found.facts.terms, found.facts.value
        if terms is None or known is None:
            return Decision(False, found.reason, RateFacts(terms))
        hit = Hit(
            window=self._new_id(),
            tenant=actor.tenant,
            subscription=terms.subscription,
            meter=meter,
            caller=digest,
            rate=known,
            cost=cost,
        )
        return rules.judge(ask(hit), terms)
