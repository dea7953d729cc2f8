"""What can be done to one subscription, within a unit of work that has it locked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from seatguard.actors import Actor
from seatguard.catalog.addons import AddOn
from seatguard.catalog.model import PlanVersion
from seatguard.catalog.rules import may_subscribe
from seatguard.clock import Clock
from seatguard.decisions import Decision
from seatguard.errors import InvalidInput, NotFound
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts
from seatguard.records import Keep, every, valid_count
from seatguard.subscriptions import rules
from seatguard.subscriptions.model import Extra, Subscription, SubscriptionState
from seatguard.subscriptions.ports import Work
from seatguard.subscriptions.rules import LimitFacts

VERBS = {
    SubscriptionState.ACTIVE: "subscription.resumed",
    SubscriptionState.TRIALING: "subscription.trial_started",
    SubscriptionState.PAST_DUE: "subscription.fell_due",
    SubscriptionState.SUSPENDED: "subscription.suspended",
    SubscriptionState.CANCELED: "subscription.canceled",
}

Change: TypeAlias = tuple[str, Subscription]
"""What happened to a subscription, as the journal calls it, and how it stands afterwards."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an act; ``change`` is ``None`` when nothing was written."""

    decision: Decision[LimitFacts]
    change: Change | None
    subscription: Subscription


class Acts:
    """Changes of one subscription: each is resolved anew, judged, written and put on record."""

    def __init__(self, drafts: Drafts, clock: Clock, new_id: NewId) -> None:
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id

    def change_limit(
        self,
        actor: Actor,
        work: Work,
        before: Subscription,
        *,
        own: int | None,
        unlimited: bool,
        over_limit: str,
    ) -> Done:
        """Another own limit; ``None`` without ``unlimited`` goes back to the plan's."""
        if own is None and not unlimited and before.plan_version is None:
            raise InvalidInput.single("limit", "required", "give a limit: there is no plan to take it from")
        if before.plan_version is not None:
            rules.check_bounds(own, unlimited, work.plan_versions.get(before.plan_version).offer)
        after = replace(before, own_limit=own, unlimited=unlimited)
        return self._settle(actor, work, before, after, "subscription.limit_changed", {}, over_limit)

    def change_plan(
        self, actor: Actor, work: Work, before: Subscription, version: PlanVersion, slug: str, over_limit: str
    ) -> Done:
        """Another plan, by a version that takes subscribers."""
        rules.check_bounds(before.own_limit, before.unlimited, version.offer)
        after = replace(before, plan_version=version.id)
        kind = "subscription.plan_changed"
        return self._settle(actor, work, before, after, kind, {"plan": slug}, over_limit)

    def renew(self, actor: Actor, work: Work, before: Subscription, day: dt.date | None) -> Done:
        """Another last day."""
        rules.check_period(before.starts_on, day)
        days = {"before": _text(before.expires_on), "after": _text(day)}
        after = replace(before, expires_on=day)
        return self._settle(actor, work, before, after, "subscription.renewed", days, "allow", plain=True)

    def become(self, actor: Actor, work: Work, before: Subscription, state: SubscriptionState) -> Done:
        """Another state."""
        rules.may_become(before, state).require()
        after, data = replace(before, state=state), {"before": before.state.value}
        return self._settle(actor, work, before, after, VERBS[state], data, "allow", plain=True)

    def change_terms(
        self, actor: Actor, work: Work, before: Subscription, wanted: Mapping[str, Any], over_limit: str
    ) -> Done:
        """Other overage, first day, time zone or days of grace."""
        after = replace(before, **wanted)
        rules.check_period(after.starts_on, after.expires_on)
        data = {
            name: {"before": _plain(getattr(before, name)), "after": _plain(value)}
            for name, value in wanted.items()
            if getattr(before, name) != value
        }
        return self._settle(
            actor, work, before, after, "subscription.terms_changed", data, over_limit, plain=True
        )

    def set_extra(
        self, actor: Actor, work: Work, before: Subscription, addon: AddOn, quantity: int, over_limit: str
    ) -> Done:
        """Another quantity of an add-on; 0 takes it off."""
        known = work.extras.find(subscription=before.id, addon=addon.id)
        had = 0 if known is None else known.quantity
        rules.may_add(addon, had, quantity).require()
        seats = before.extra_seats + addon.seats * (quantity - had)
        data = {"addon": addon.slug, "quantity": {"before": had, "after": quantity}}
        done = self._settle(
            actor,
            work,
            before,
            replace(before, extra_seats=seats),
            "subscription.addon_changed",
            data,
            over_limit,
            certain=quantity != had,
        )
        if done.change is not None:
            self._keep_extra(work, before, addon, known, quantity)
        return done

    def imagined(
        self,
        work: Work,
        before: Subscription,
        *,
        limit: int | str | Keep | None,
        plan: str | Keep,
        expiry: dt.date | Keep | None,
    ) -> Subscription:
        """The subscription as it would be; nothing is written.

        Args:
            limit: a number, ``"unlimited"``, or ``None`` for the plan's.
            plan: slug; a deactivated one may be imagined too.
        """
        after = before
        if not isinstance(limit, Keep):
            own = valid_count(limit, field="limit") if limit not in (None, "unlimited") else None
            after = replace(after, own_limit=own, unlimited=limit == "unlimited")
        if not isinstance(plan, Keep):
            found = work.plans.find(slug=plan)
            if found is None:
                raise NotFound("plan", plan)
            after = replace(after, plan_version=found.current)
        if not isinstance(expiry, Keep):
            rules.check_period(after.starts_on, expiry)
            after = replace(after, expires_on=expiry)
        if after.own_limit is None and not after.unlimited and after.plan_version is None:
            raise InvalidInput.single("limit", "required", "give a limit: there is no plan to take it from")
        return self.resolved(work, after)

    def plan_for_new(self, work: Work, slug: str) -> PlanVersion:
        """The current version of a plan that takes subscribers, locked against its deactivation."""
        found = work.plans.find(slug=slug)
        if found is None:
            raise NotFound("plan", slug)
        plan = work.plans.lock(found.id)
        may_subscribe(plan).require()
        return work.plan_versions.get(plan.current)

    def follow(self, actor: Actor, work: Work, before: Subscription, published: PlanVersion) -> Change:
        """The next version of the plan it is on; holders beyond a lowered limit stay."""
        after = self.resolved(work, replace(before, plan_version=published.id))
        numbers = {"before": before.limit, "after": after.limit, "live": self.seated(work, before.id)}
        data = {"number": published.number, **numbers}
        kind = "subscription.plan_version_changed"
        return kind, self._replace(actor, work, after, kind, data)

    def resolved(self, work: Work, subscription: Subscription) -> Subscription:
        """The subscription with everything the gate enforces derived anew."""
        version = subscription.plan_version
        seats = None if version is None else work.plan_versions.get(version).seats
        return rules.resolved(subscription, seats, live=work.seats_live(subscription.id))

    def seated(self, work: Work, subscription_id: str) -> int:
        """Seats held now, without the holds that have lapsed and only wait to be cleared away."""
        return work.seats_live(subscription_id) - work.holds_lapsed(subscription_id, self._clock())

    def extras(self, work: Work, subscription_id: str) -> tuple[tuple[AddOn, int], ...]:
        """The subscription's add-ons with their quantities."""
        found = every(work.extras, subscription=subscription_id)
        return tuple((work.addons.get(extra.addon), extra.quantity) for extra in found)

    def _settle(
        self,
        actor: Actor,
        work: Work,
        before: Subscription,
        after: Subscription,
        kind: str,
        data: Mapping[str, Any],
        over_limit: str,
        *,
        plain: bool = False,
        certain: bool = False,
    ) -> Done:
        """Judge and write; nothing is written when it makes no difference.

        Args:
            plain: leave the numbers out of the entry.
            certain: write although the subscription itself stays equal.
        """
        after = self.resolved(work, after)
        live = self.seated(work, before.id)
        decision = rules.may_change_limit(before, after, live, over_limit=over_limit)
        if not decision.allowed or not (certain or rules.differs(before, after)):
            return Done(decision, None, before)
        numbers = {"before": before.limit, "after": after.limit, "cap": after.cap, "live": live}
        changed = self._replace(actor, work, after, kind, dict(data) if plain else {**data, **numbers})
        return Done(decision, (kind, changed), changed)

    def _keep_extra(
        self, work: Work, subscription: Subscription, addon: AddOn, known: Extra | None, quantity: int
    ) -> None:
        if known is None:
            work.extras.add(
                Extra(
                    id=self._new_id(),
                    tenant=subscription.tenant,
                    subscription=subscription.id,
                    addon=addon.id,
                    quantity=quantity,
                )
            )
        elif quantity == 0:
            work.extras.remove(known.id)
        else:
            work.extras.replace(replace(known, quantity=quantity, version=known.version + 1))

    def _replace(
        self, actor: Actor, work: Work, subscription: Subscription, kind: str, data: Mapping[str, Any]
    ) -> Subscription:
        changed = replace(subscription, version=subscription.version + 1)
        work.subscriptions.replace(changed)
        work.journal.append(self._drafts.draft(actor, kind, "subscription", subscription.id, data=dict(data)))
        return changed


def _text(day: dt.date | None) -> str | None:
    return None if day is None else day.isoformat()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value
