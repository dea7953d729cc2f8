"""Finds which of a project's subscriptions includes something: for slices that measure by allowances."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from seatguard.actors import Actor
from seatguard.clock import Clock
from seatguard.decisions import Decision
from seatguard.entitlements.model import Allowance, Terms, Where
from seatguard.entitlements.rules import Included, included
from seatguard.snapshots import Snapshot

A = TypeVar("A", bound=Allowance)

AllowanceOf = Callable[[Actor, Terms, str, str | None], Allowance | None]
"""What a subscription includes under a name, for one of its users or for all; ``None`` is not included."""

REFUSABLE_AGE = 0.1
"""Seconds: terms older than this refuse nobody before they were read again."""


class TermsSource(Protocol):
    """Where terms come from."""

    def terms(
        self, tenant: str, project: str, *, mode: str = "live", max_age: float | None = None
    ) -> Snapshot[tuple[Terms, ...]]:
        """From a snapshot."""


class Inclusions:
    """Knows what a project's subscriptions include now.

    Args:
        allowance_of: what one subscription includes.
    """

    def __init__(self, source: TermsSource, allowance_of: AllowanceOf, clock: Clock) -> None:
        self._source = source
        self._allowance_of = allowance_of
        self._clock = clock

    def find(
        self,
        actor: Actor,
        where: Where,
        name: str,
        kind: type[A],
        given: A | None = None,
        *,
        user: str | None = None,
    ) -> Decision[Included[A]]:
        """The first subscription in force that includes ``name``.

        Args:
            kind: an allowance of another kind is none.
            given: an allowance that holds for every subscription, instead of what they include.
            user: whose overrides count.
        """
        decision = self.find_all(actor, where, [name], kind, given, user=user)
        terms, value = decision.facts.terms, decision.facts.value
        return Decision(
            decision.allowed, decision.reason, Included(terms, None if value is None else value[name])
        )

    def find_all(
        self,
        actor: Actor,
        where: Where,
        names: Iterable[str],
        kind: type[A],
        given: A | None = None,
        *,
        user: str | None = None,
    ) -> Decision[Included[dict[str, A]]]:
        """The first subscription in force that includes all of ``names``. Arguments as of :meth:`find`."""

        def allowed(terms: Terms) -> dict[str, A] | None:
            found = {name: given or self._allowance_of(actor, terms, name, user) for name in names}
            fitting = {name: one for name, one in found.items() if isinstance(one, kind)}
            return fitting if len(fitting) == len(found) else None

        snapshot = self._source.terms(actor.tenant, where.project, mode=where.mode)
        decision = included(where.among(snapshot.value), allowed, self._clock())
        if not decision.allowed and snapshot.age > REFUSABLE_AGE:
            fresh = self._source.terms(actor.tenant, where.project, mode=where.mode, max_age=REFUSABLE_AGE)
            decision = included(where.among(fresh.value), allowed, self._clock())
        return decision

    def terms_of(self, actor: Actor, where: Where, subscription: str) -> Terms | None:
        """The terms of one of the project's subscriptions, in force or not."""
        found = self._source.terms(actor.tenant, where.project, mode=where.mode, max_age=REFUSABLE_AGE)
        return next((terms for terms in where.among(found.value) if terms.subscription == subscription), None)
