"""From decisions to facts that can be told. Pure; when they are told is the caller's business."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from seatguard import signals
from seatguard.actors import Actor
from seatguard.decisions import Decision, Reason
from seatguard.entitlements.model import Terms
from seatguard.seats.holders import Holder
from seatguard.seats.model import Seat, SeatFacts, SeatState
from seatguard.seats.rules import crossed
from seatguard.signals import Fact


def taken(actor: Actor, decision: Decision[SeatFacts]) -> Iterator[Fact]:
    """A seat held or taken, and the threshold that was reached by it; nothing when nothing was written."""
    terms, usage, seat = decision.facts.terms, decision.facts.usage, decision.facts.seat
    if decision.reason is not Reason.ALLOWED or seat is None or terms is None:
        return
    told = {**_common(actor, terms), "seat": seat, "usage": usage}
    if seat.state is SeatState.HELD:
        yield Fact(signals.seat_held, told)
        return
    yield Fact(signals.seat_taken, told)
    percent = crossed(terms.limit, usage.live - usage.held)
    if percent is not None:
        yield Fact(signals.usage_threshold, {**_common(actor, terms), "percent": percent, "usage": usage})


def released(actor: Actor, decision: Decision[SeatFacts]) -> Iterator[Fact]:
    """A seat or hold given back."""
    terms, usage, seat = decision.facts.terms, decision.facts.usage, decision.facts.seat
    if decision.reason is Reason.ALLOWED and seat is not None and terms is not None:
        yield Fact(signals.seat_released, {**_common(actor, terms), "seat": seat, "usage": usage})


def denied(actor: Actor, project: str, holder: Holder, decision: Decision[SeatFacts]) -> Iterator[Fact]:
    """A claim refused, in a project that may have no subscription at all."""
    told = {**_nowhere(actor, project), "reason": decision.reason, "usage": decision.facts.usage}
    if decision.facts.terms is not None:
        told |= _common(actor, decision.facts.terms)
    yield Fact(signals.seat_denied, {**told, "holder": holder.name})


def expired(actor: Actor, seats: Iterable[Seat], found: Sequence[Terms]) -> Iterator[Fact]:
    """Holds cleared away. A sweep knows their subscription by its id only."""
    known = {terms.subscription: terms for terms in found}
    for seat in seats:
        terms = known.get(seat.subscription)
        told = _nowhere(actor, None) if terms is None else _common(actor, terms)
        yield Fact(signals.hold_expired, {**told, "subscription": seat.subscription, "seat": seat})


def drifted(actor: Actor, findings: Sequence[object], *, repair: bool) -> Iterator[Fact]:
    """What a check found; nothing when it found nothing."""
    if findings:
        told = {**_nowhere(actor, None), "findings": tuple(findings), "repair": repair}
        yield Fact(signals.reconcile_drift, told)


def _common(actor: Actor, terms: Terms) -> dict[str, Any]:
    return {
        "actor": actor.label,
        "tenant": terms.tenant,
        "project": terms.project,
        "subscription": terms.subscription,
        "service": terms.number,
        "limit": terms.limit,
    }


def _nowhere(actor: Actor, project: str | None) -> dict[str, Any]:
    nothing = {"subscription": None, "service": None, "limit": None}
    return {"actor": actor.label, "tenant": actor.tenant, "project": project, **nothing}
