"""Subscriptions: add, change limit, plan and dates, suspend, resume, cancel."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from seatguard.actors import Actor
from seatguard.catalog.model import PlanVersion
from seatguard.catalog.rules import may_subscribe
from seatguard.clock import Clock
from seatguard.decisions import Decision
from seatguard.errors import InvalidInput, NotFound
from seatguard.idempotency.sealing import Seal, keep_with
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts
from seatguard.records import Page, every, expect_version, valid_count, valid_name
from seatguard.subscriptions import rules
from seatguard.subscriptions.model import DEFAULT_TYPE, Overage, Subscription, SubscriptionState
from seatguard.subscriptions.ports import Ledger, Work
from seatguard.subscriptions.rules import LimitFacts

_VERBS = {
    SubscriptionState.ACTIVE: "subscription.resumed",
    SubscriptionState.TRIALING: "subscription.trial_started",
    SubscriptionState.PAST_DUE: "subscription.fell_due",
    SubscriptionState.SUSPENDED: "subscription.suspended",
    SubscriptionState.CANCELED: "subscription.canceled",
}


Change: TypeAlias = tuple[str, Subscription]
"""What happened to a subscription, as the journal calls it, and how it stands afterwards."""

Changed: TypeAlias = Callable[[Actor, Sequence[Change]], None]
"""Is told of what is committed; of nothing, when a change was refused or made no difference."""


class SubscriptionService:
    """Knows what was agreed with a client about a project."""

    def __init__(self, ledger: Ledger, drafts: Drafts, clock: Clock, new_id: NewId, changed: Changed) -> None:
        self._ledger = ledger
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id
        self._changed = changed

    def add(
        self,
        actor: Actor,
        project_id: str,
        *,
        plan: str | None = None,
        limit: int | None = None,
        unlimited: bool = False,
        type: str = DEFAULT_TYPE,
        mode: str = "live",
        overage: str = "hard",
        starts: dt.date | str | None = None,
        expiry: dt.date | str | None = None,
        timezone: str = "UTC",
        grace_days: int = 0,
        trial: bool = False,
        once: bool = False,
        seal: Seal[Subscription] | None = None,
    ) -> Subscription:
        """Put a project on a plan, or give it a limit of its own, or both.

        Args:
            plan: slug of an active plan.
            limit: own number of seats; ``None`` takes the plan's, ``0`` is none.
            unlimited: no limit at all.
            type: free text by which a caller of the validation API picks one of several.
            mode: ``"live"``, or ``"test"`` to be seen by test keys only.
            overage: ``"hard"``, ``"+5"``, ``"+10%"`` or ``"unlimited"``.
            starts: first day; ``None`` is at once.
            expiry: last day, included; ``None`` is never.
            timezone: IANA zone of both days.
            grace_days: days after the expiry in which seats are still given.
            once: give back the project's subscription of that mode and type, as it is, if there is one;
                also in a race with another call.
            seal: makes the reply to keep under an idempotency key, in the same act.

        Raises:
            InvalidInput: a value cannot be used; or neither plan, limit nor unlimited is given.
            NotFound: no such project or plan in the tenant.
            Denied: the plan is deactivated.
        """
        if plan is None and limit is None and not unlimited:
            raise InvalidInput.single("limit", "required", "give a plan, a limit, or unlimited")
        _check_mode(mode)
        with self._ledger.begin(actor.tenant) as work:
            project = work.projects.lock(project_id) if once else work.projects.get(project_id)
            known = work.subscriptions.find(project=project_id, mode=mode, type=type) if once else None
            if known is not None:
                return known
            version = None if plan is None else self._plan_for_new(work, plan)
            subscription = Subscription(
                id=self._new_id(),
                tenant=actor.tenant,
                number=work.next_number(),
                client=project.client,
                project=project_id,
                mode=mode,
                type=valid_name(type, field="type"),
                plan_version=None if version is None else version.id,
                own_limit=None if limit is None else valid_count(limit, field="limit"),
                unlimited=unlimited,
                overage=Overage.parse(overage).text,
                starts_on=None if starts is None else rules.valid_date(starts, field="starts"),
                expires_on=None if expiry is None else rules.valid_date(expiry, field="expiry"),
                timezone=rules.valid_timezone(timezone),
                grace_days=_valid_grace(grace_days),
                state=SubscriptionState.TRIALING if trial else SubscriptionState.ACTIVE,
                created_at=self._clock(),
                limit=None,
                cap=None,
                ceiling=None,
                open=True,
                opens_at=None,
                closes_at=None,
            )
            rules.check_period(subscription.starts_on, subscription.expires_on)
            subscription = rules.resolved(subscription, version.seats if version else None, live=0)
            work.subscriptions.add(subscription)
            work.journal.append(
                self._drafts.draft(
                    actor,
                    "subscription.added",
                    "subscription",
                    subscription.id,
                    data={
                        "project": project_id,
                        "number": subscription.number,
                        "type": subscription.type,
                        "plan": plan,
                        "limit": subscription.limit,
                        "overage": subscription.overage,
                        "expiry": _text(subscription.expires_on),
                    },
                )
            )
            keep_with(work, subscription, seal)
            work.advance()
            work.commit()
        self._changed(actor, [("subscription.added", subscription)])
        return subscription

    def change_limit(
        self,
        actor: Actor,
        subscription_id: str,
        *,
        limit: int | None,
        unlimited: bool = False,
        over_limit: str = "refuse",
        version: int | None = None,
    ) -> Decision[LimitFacts]:
        """Give a subscription another own limit; ``None`` without ``unlimited`` goes back to the plan's.

        Args:
            over_limit: what to do when more seats are held than the new cap: ``"refuse"``, or
                ``"allow"`` to keep all holders and refuse new ones.

        Returns:
            Allowed, or ``LIMIT_BELOW_USAGE`` with both numbers; then nothing was changed.

        Raises:
            InvalidInput: the limit is no count, or there is no plan to go back to.
            NotFound: no such subscription in the tenant.
            Conflict: the subscription is no longer at ``version``.
        """
        _check_over_limit(over_limit)
        own = None if limit is None else valid_count(limit, field="limit")
        with self._ledger.begin(actor.tenant) as work:
            before = work.subscriptions.lock(subscription_id)
            expect_version(before, version)
            if own is None and not unlimited and before.plan_version is None:
                raise InvalidInput.single(
                    "limit", "required", "give a limit: there is no plan to take it from"
                )
            after = self._resolved(work, replace(before, own_limit=own, unlimited=unlimited))
            seated = self._seated(work, subscription_id)
            decision = rules.may_change_limit(before, after, seated, over_limit=over_limit)
            changes: list[Change] = []
            if decision.allowed and rules.differs(before, after):
                kind = "subscription.limit_changed"
                numbers = {"before": before.limit, "after": after.limit, "cap": after.cap, "live": seated}
                changes = [(kind, self._replace(actor, work, after, kind, numbers))]
                work.advance()
                work.commit()
        self._changed(actor, changes)
        return decision

    def renew(
        self, actor: Actor, subscription_id: str, *, expiry: dt.date | str | None, version: int | None = None
    ) -> Subscription:
        """Give a subscription another last day; ``None`` is never.

        Raises:
            InvalidInput: no calendar day, or before the first day.
            NotFound: no such subscription in the tenant.
            Conflict: the subscription is no longer at ``version``.
        """
        day = None if expiry is None else rules.valid_date(expiry, field="expiry")
        with self._ledger.begin(actor.tenant) as work:
            before = work.subscriptions.lock(subscription_id)
            expect_version(before, version)
            if before.expires_on == day:
                return before
            rules.check_period(before.starts_on, day)
            renewed = self._resolved(work, replace(before, expires_on=day))
            renewed = self._replace(
                actor,
                work,
                renewed,
                "subscription.renewed",
                {"before": _text(before.expires_on), "after": _text(day)},
            )
            work.advance()
            work.commit()
        self._changed(actor, [("subscription.renewed", renewed)])
        return renewed

    def change_plan(
        self,
        actor: Actor,
        subscription_id: str,
        *,
        plan: str,
        over_limit: str = "refuse",
        version: int | None = None,
    ) -> Decision[LimitFacts]:
        """Move a subscription to the current version of another plan.

        Args:
            over_limit: as in :meth:`change_limit`.

        Raises:
            NotFound: no such subscription or plan in the tenant.
            Denied: the plan is deactivated.
            Conflict: the subscription is no longer at ``version``.
        """
        _check_over_limit(over_limit)
        with self._ledger.begin(actor.tenant) as work:
            promised = self._plan_for_new(work, plan)
            before = work.subscriptions.lock(subscription_id)
            expect_version(before, version)
            after = self._resolved(work, replace(before, plan_version=promised.id))
            seated = self._seated(work, subscription_id)
            decision = rules.may_change_limit(before, after, seated, over_limit=over_limit)
            changes: list[Change] = []
            if decision.allowed and rules.differs(before, after):
                kind = "subscription.plan_changed"
                data = {"plan": plan, "before": before.limit, "after": after.limit}
                changes = [(kind, self._replace(actor, work, after, kind, data))]
                work.advance()
                work.commit()
        self._changed(actor, changes)
        return decision

    def follow(self, actor: Actor, work: Work, published: PlanVersion) -> Sequence[Change]:
        """Move all subscribers of a plan to its new version, within the caller's unit of work.

        Holders beyond a lowered limit stay; new ones are refused.

        Returns:
            the changes, to be told of when the caller has committed.
        """
        moved: list[Change] = []
        kind = "subscription.plan_version_changed"
        for version in every(work.plan_versions, plan=published.plan):
            if version.id == published.id:
                continue
            for subscription in every(work.subscriptions, plan_version=version.id):
                before = work.subscriptions.lock(subscription.id)
                after = self._resolved(work, replace(before, plan_version=published.id))
                numbers = {
                    "before": before.limit,
                    "after": after.limit,
                    "live": self._seated(work, before.id),
                }
                data = {"number": published.number, **numbers}
                moved.append((kind, self._replace(actor, work, after, kind, data)))
        return moved

    def suspend(self, actor: Actor, subscription_id: str) -> Subscription:
        """Give no new seats until resumed. Holders stay."""
        return self._become(actor, subscription_id, SubscriptionState.SUSPENDED)

    def resume(self, actor: Actor, subscription_id: str) -> Subscription:
        """Give seats again."""
        return self._become(actor, subscription_id, SubscriptionState.ACTIVE)

    def fall_due(self, actor: Actor, subscription_id: str) -> Subscription:
        """Note that a payment is missing; seats are still given."""
        return self._become(actor, subscription_id, SubscriptionState.PAST_DUE)

    def cancel(self, actor: Actor, subscription_id: str) -> Subscription:
        """Give no new seats any more. Holders stay until they are released."""
        return self._become(actor, subscription_id, SubscriptionState.CANCELED)

    def get(self, actor: Actor, subscription_id: str) -> Subscription:
        """One subscription.

        Raises:
            NotFound: no such subscription in the tenant.
        """
        with self._ledger.read(actor.tenant) as work:
            return work.subscriptions.get(subscription_id)

    def numbered(self, actor: Actor, number: int) -> Subscription:
        """The subscription shown as that ``service_id``.

        Raises:
            NotFound: no such number in the tenant.
        """
        with self._ledger.read(actor.tenant) as work:
            found = work.subscriptions.find(number=number)
        if found is None:
            raise NotFound("service", number)
        return found

    def list(
        self, actor: Actor, *, project_id: str | None = None, limit: int = 50, after: str | None = None
    ) -> Page[Subscription]:
        """Subscriptions in the order they were added."""
        criteria: dict[str, Any] = {} if project_id is None else {"project": project_id}
        with self._ledger.read(actor.tenant) as work:
            return work.subscriptions.list(limit=limit, after=after, **criteria)

    def _become(self, actor: Actor, subscription_id: str, state: SubscriptionState) -> Subscription:
        with self._ledger.begin(actor.tenant) as work:
            before = work.subscriptions.lock(subscription_id)
            rules.may_become(before, state).require()
            if before.state is state:
                return before
            after = self._resolved(work, replace(before, state=state))
            after = self._replace(actor, work, after, _VERBS[state], {"before": before.state.value})
            work.advance()
            work.commit()
        self._changed(actor, [(_VERBS[state], after)])
        return after

    def _plan_for_new(self, work: Work, slug: str) -> PlanVersion:
        """The current version of a plan that takes subscribers, locked against its deactivation."""
        found = work.plans.find(slug=slug)
        if found is None:
            raise NotFound("plan", slug)
        plan = work.plans.lock(found.id)
        may_subscribe(plan).require()
        return work.plan_versions.get(plan.current)

    def _resolved(self, work: Work, subscription: Subscription) -> Subscription:
        version = subscription.plan_version
        seats = None if version is None else work.plan_versions.get(version).seats
        return rules.resolved(subscription, seats, live=work.seats_live(subscription.id))

    def _seated(self, work: Work, subscription_id: str) -> int:
        """Seats held now, without the holds that have lapsed and only wait to be cleared away."""
        return work.seats_live(subscription_id) - work.holds_lapsed(subscription_id, self._clock())

    def _replace(
        self, actor: Actor, work: Work, subscription: Subscription, kind: str, data: Mapping[str, Any]
    ) -> Subscription:
        changed = replace(subscription, version=subscription.version + 1)
        work.subscriptions.replace(changed)
        work.journal.append(self._drafts.draft(actor, kind, "subscription", subscription.id, data=dict(data)))
        return changed


def _check_mode(mode: str) -> None:
    if mode not in ("live", "test"):
        raise InvalidInput.single("mode", "invalid_mode", f"must be 'live' or 'test', not {mode!r}")


def _check_over_limit(over_limit: str) -> None:
    if over_limit not in ("refuse", "allow"):
        raise InvalidInput.single(
            "over_limit", "invalid_choice", f"must be 'refuse' or 'allow', not {over_limit!r}"
        )


def _valid_grace(days: object) -> int:
    grace = valid_count(days, field="grace_days")
    if grace > rules.MAX_GRACE_DAYS:
        raise InvalidInput.single(
            "grace_days", "out_of_range", f"must be 0 to {rules.MAX_GRACE_DAYS}, not {grace}"
        )
    return grace


def _text(day: dt.date | None) -> str | None:
    return None if day is None else day.isoformat()
