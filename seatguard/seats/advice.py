"""What a claim would meet: answered from snapshots where that is good enough, from the store where not."""

from __future__ import annotations

from collections.abc import Sequence

from seatguard.clock import Clock
from seatguard.decisions import Decision
from seatguard.entitlements.model import Terms, Where
from seatguard.seats import rules
from seatguard.seats.explanation import Explanation, explain
from seatguard.seats.model import Outcome, Released, SeatFacts, Taken, Usage
from seatguard.seats.ports import Gate, TermsSource
from seatguard.snapshots import Snapshot, Snapshots

REFUSABLE_AGE = 0.1
"""Seconds: terms older than this refuse nobody before they were read again."""

_HOLDS_SHOWN = 50


class Advice:
    """Looks and takes nothing."""

    def __init__(self, gate: Gate, source: TermsSource, clock: Clock, snapshots: Snapshots) -> None:
        self._gate = gate
        self._source = source
        self._clock = clock
        self._snapshots = snapshots

    def check(self, tenant: str, where: Where, *, since: float) -> Decision[SeatFacts]:
        """See ``SeatService.check``."""
        snapshot = self._source.terms(tenant, where.project, mode=where.mode, since=since)
        decision = self._checked(where.among(snapshot.value), snapshot.age, since)
        if not decision.allowed and snapshot.age > REFUSABLE_AGE:
            snapshot = self.younger(tenant, where)
            decision = self._checked(where.among(snapshot.value), snapshot.age, since)
        return decision

    def recall(self, tenant: str, where: Where) -> Decision[SeatFacts] | None:
        """See ``SeatService.recall``."""
        snapshot = self._source.recall(tenant, where.project, mode=where.mode)
        if snapshot is None:
            return None
        for terms in where.among(snapshot.value):
            usage = self._snapshots.peek(("usage", terms.subscription))
            if usage is None or rules.is_near_limit(terms, usage.value):
                return None
            age = max(snapshot.age, usage.age)
            decision = rules.may_seat(terms, usage.value, self._clock(), age=age)
            if decision.allowed:
                return decision
        return None

    def now(self, tenant: str, where: Where) -> Decision[SeatFacts]:
        """What a claim would meet, read from the store."""
        return self._advised(self._numbers(tenant, where))

    def explain(self, tenant: str, where: Where, waiting: int) -> Explanation:
        """See ``SeatService.explain``; ``waiting`` are served before."""
        numbers = self._numbers(tenant, where)
        now = self._clock()
        names = [terms.subscription for terms, _ in numbers]
        return explain(
            rules.behind(self._advised(numbers), waiting=waiting > 0),
            numbers,
            self._gate.holds(tenant, names, limit=_HOLDS_SHOWN),
            now,
            waiting=waiting,
        )

    def younger(self, tenant: str, where: Where) -> Snapshot[tuple[Terms, ...]]:
        """Terms young enough to refuse by."""
        return self._source.terms(tenant, where.project, mode=where.mode, max_age=REFUSABLE_AGE)

    def saw(self, outcome: Outcome, subscription: str) -> None:
        """Remember the numbers of an act of this process."""
        match outcome:
            case Taken(_, usage) | Released(_, usage):
                self._snapshots.put(("usage", subscription), usage)
            case _:
                pass

    def _numbers(self, tenant: str, where: Where) -> Sequence[tuple[Terms, Usage]]:
        """The subscriptions in the order they are asked, each with its numbers, read now."""
        found = where.among(self._source.fresh_terms(tenant, where.project, mode=where.mode))
        return [(terms, self._gate.usage(tenant, terms.subscription)) for terms in found]

    def _advised(self, numbers: Sequence[tuple[Terms, Usage]]) -> Decision[SeatFacts]:
        now = self._clock()
        return rules.first_yes(rules.may_seat(terms, usage, now) for terms, usage in numbers)

    def _checked(self, found: tuple[Terms, ...], age: float, since: float) -> Decision[SeatFacts]:
        def of(terms: Terms) -> Decision[SeatFacts]:
            usage, usage_age = self._recent_usage(terms, since)
            return rules.may_seat(terms, usage, self._clock(), age=max(age, usage_age))

        return rules.first_yes(map(of, found))

    def _recent_usage(self, terms: Terms, since: float) -> tuple[Usage, float]:
        name = ("usage", terms.subscription)

        def load() -> Usage:
            return self._gate.usage(terms.tenant, terms.subscription)

        snapshot = self._snapshots.get(name, load, since=since)
        if snapshot.age > 0 and rules.is_near_limit(terms, snapshot.value):
            usage = load()
            self._snapshots.put(name, usage)
            return usage, 0.0
        return snapshot.value, snapshot.age
