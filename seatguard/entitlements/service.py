"""Terms of a project, and what users and subscriptions are granted: from a snapshot or read anew."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from seatguard.actors import Actor
from seatguard.allowances import Allowance, valid_amount
from seatguard.catalog.addons import added_up
from seatguard.catalog.model import Plan, PlanVersion
from seatguard.catalog.offers import Offer
from seatguard.clock import Clock
from seatguard.decisions import Decision
from seatguard.entitlements import resolve
from seatguard.entitlements.grants import Entitlement, Grants, Source, Subject, judge, ordered
from seatguard.entitlements.model import Terms
from seatguard.entitlements.overrides import Level
from seatguard.entitlements.ports import Ledger, Work
from seatguard.errors import InvalidInput
from seatguard.records import every
from seatguard.snapshots import Snapshot, Snapshots
from seatguard.subscriptions.model import Subscription
from seatguard.subscriptions.rules import gives
from seatguard.subscriptions.users import Person


@dataclass(frozen=True, slots=True)
class _Found:
    """Grants, and the instant at which time alone makes them others."""

    grants: Grants
    until: dt.datetime | None


class EntitlementService:
    """Knows what a project's subscriptions may do now, and what users are granted.

    Args:
        snapshots: where terms are kept.
        grants: where grants are kept; under their generation, so that none is stale.
        person: the user that a text names.
    """

    def __init__(
        self,
        ledger: Ledger,
        snapshots: Snapshots,
        grants: Snapshots,
        clock: Clock,
        person: Callable[[object], Person],
    ) -> None:
        self._ledger = ledger
        self._snapshots = snapshots
        self._grants = grants
        self._clock = clock
        self._person = person

    def check(
        self, actor: Actor, subject: Subject, feature: str, quantity: int = 1, *, used: int = 0
    ) -> Decision[Entitlement]:
        """Whether somebody is granted a feature, in the quantity asked for.

        Takes nothing. A change that any process has made is seen at once.

        Args:
            feature: its name; of a limit the name of its service first, ``speech-service.minutes``, which
                may be left out where only one service has that limit.
            used: how much was used already, of a feature with a limit.

        Returns:
            a decision whose facts name the value, the level it comes from, and what every level says.

        Raises:
            InvalidInput: a quantity is no count; or ``ambiguous``, several services have that limit.
            NotFound: no such subscription in the tenant.

        >>> from seatguard.engine import Seatguard
        >>> from seatguard.entitlements import Subject
        >>> engine = Seatguard.open("memory:")
        >>> me = engine.actor("cli", "example")
        >>> _ = engine.catalog.add(me, slug="pro", seats=5, offer={"features": {"sso": True}})
        >>> _ = engine.user_subscriptions.assign(me, "ada", plan="pro")
        >>> decision = engine.entitlements.check(me, Subject(user="ada"), "sso")
        >>> decision.allowed, decision.facts.source.value
        (True, 'plan')
        """
        valid_amount(quantity, field="quantity")
        valid_amount(used, field="used")
        if not isinstance(feature, str):
            raise InvalidInput.single("feature", "string_expected", f"must be a string, not {feature!r}")
        found = self.granted(actor, subject).entitlement(feature)
        return judge(replace(found, quantity=quantity, used=used))

    def allowance(self, actor: Actor, subject: Subject, feature: str) -> Allowance | None:
        """What somebody is allowed of a measured feature; ``None`` when it is not included."""
        return self.granted(actor, subject).entitlement(feature).allowance

    def granted(self, actor: Actor, subject: Subject) -> Grants:
        """Everything somebody is granted now, by any level.

        Kept for as long as nothing changes: the tenant's generation is read every time, and what was kept
        under another one is not looked at.

        Raises:
            InvalidInput: the user cannot be used.
            NotFound: no such subscription in the tenant.
        """
        key = None if subject.user is None else self._person(subject.user).key
        with self._ledger.read(actor.tenant) as work:
            generation = work.generation()
        name = (actor.tenant, generation, key, subject)
        found: _Found = self._grants.get(name, lambda: self._granted(actor.tenant, key, subject)).value
        if found.until is not None and self._clock() >= found.until:
            found = self._granted(actor.tenant, key, subject)
        return found.grants

    def terms(
        self,
        tenant: str,
        project: str,
        *,
        mode: str = "live",
        max_age: float | None = None,
        since: float = math.inf,
    ) -> Snapshot[tuple[Terms, ...]]:
        """The terms of a project's subscriptions of one mode, in the order they are asked for a seat.

        May be as old as the snapshots are kept, or ``max_age`` seconds; the answer states its age.
        What was read after ``since`` is young enough in any case.
        """
        return self._snapshots.get(
            ("terms", tenant, project, mode),
            lambda: self.fresh_terms(tenant, project, mode=mode),
            max_age=max_age,
            since=since,
        )

    def recall(
        self, tenant: str, project: str, *, mode: str, max_age: float | None = None
    ) -> Snapshot[tuple[Terms, ...]] | None:
        """The same, if a fresh snapshot is there; nothing is read."""
        return self._snapshots.peek(("terms", tenant, project, mode), max_age=max_age)

    def fresh_terms(self, tenant: str, project: str, *, mode: str = "live") -> tuple[Terms, ...]:
        """The same, read from the ledger now."""
        return resolve.of_project(self._ledger.agreed(tenant, project, mode))

    def _granted(self, tenant: str, user_key: str | None, subject: Subject) -> _Found:
        now = self._clock()
        turns: list[dt.datetime] = []
        with self._ledger.read(tenant) as work:
            pairs: list[tuple[Source | None, Source | None]] = []
            if user_key is not None:
                for own in every(work.user_subscriptions, user_key=user_key):
                    if own.ends_at is not None and own.ends_at <= now:
                        continue
                    turns += [own.ends_at] if own.ends_at is not None else []
                    plan = work.plans.get(own.plan)
                    number = max(own.number, plan.followed_from)
                    version = work.plan_versions.find(plan=plan.id, number=number)
                    planned = None if version is None else replace(_planned(plan, version), own=True)
                    pairs.append((None, planned))
            for subscription in self._subscriptions(work, subject):
                turns += [at for at in (subscription.opens_at, subscription.closes_at) if at and at > now]
                if gives(subscription, now):
                    pairs.append(self._pair(work, subscription))
            grants = Grants(
                sources=ordered(
                    user=None if user_key is None else self._override(work, Level.USER, user_key),
                    subscriptions=pairs,
                    tenant=self._override(work, Level.TENANT, tenant),
                ),
                features={feature.name: feature for feature in every(work.features)},
            )
        return _Found(grants, min(turns, default=None))

    def _subscriptions(self, work: Work, subject: Subject) -> Iterator[Subscription]:
        if subject.subscription is not None:
            yield work.subscriptions.get(subject.subscription)
        elif subject.project is not None:
            found = every(work.subscriptions, project=subject.project, mode=subject.mode)
            yield from resolve.in_order_of_end(found)

    def _pair(self, work: Work, subscription: Subscription) -> tuple[Source | None, Source | None]:
        of = f"service {subscription.number}"
        override = self._override(work, Level.SUBSCRIPTION, subscription.id)
        own = None if override is None else Source(level=Level.SUBSCRIPTION, of=of, grants=override)
        extras = tuple(
            (work.addons.get(extra.addon), extra.quantity)
            for extra in every(work.extras, subscription=subscription.id)
        )
        if subscription.plan_version is None:
            bought = Source(level=Level.PLAN, of="add-ons", grants=added_up(Offer(), extras))
            return own, bought if extras else None
        version = work.plan_versions.get(subscription.plan_version)
        planned = _planned(work.plans.get(version.plan), version)
        return own, replace(planned, grants=added_up(planned.grants, extras)) if extras else planned

    @staticmethod
    def _override(work: Work, level: Level, subject: str) -> Offer | None:
        found = work.overrides.find(level=level.value, subject=subject)
        return None if found is None else found.grants


def _planned(plan: Plan, version: PlanVersion) -> Source:
    return Source(level=Level.PLAN, of=f"{plan.slug} v{version.number}", grants=version.offer)
