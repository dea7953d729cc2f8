"""From decisions to facts that can be told. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from seatguard import signals
from seatguard.actors import Actor
from seatguard.decisions import Decision, Reason
from seatguard.signals import Fact
from seatguard.usage.model import UsageFacts
from seatguard.usage.rules import crossed


def recorded(actor: Actor, decision: Decision[UsageFacts]) -> Iterator[Fact]:
    """The threshold that a charge has just reached; nothing for a repetition."""
    terms, balance, charge = decision.facts.terms, decision.facts.balance, decision.facts.charge
    if decision.reason is not Reason.ALLOWED or terms is None or balance is None or charge is None:
        return
    percent = crossed(balance.used - charge.amount, balance.used, balance.allowed)
    if percent is not None:
        yield Fact(
            signals.quota_threshold,
            {
                "actor": actor.label,
                "tenant": terms.tenant,
                "project": terms.project,
                "subscription": terms.subscription,
                "service": terms.number,
                "limit": balance.limit,
                "meter": balance.meter,
                "percent": percent,
                "balance": balance,
            },
        )
