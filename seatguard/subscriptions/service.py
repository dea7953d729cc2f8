"""Subscriptions: add, change limit, plan and dates, suspend, resume, cancel."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from seatguard.actors import Actor
from seatguard.catalog.model import PlanVersion
from seatguard.catalog.offers import Offer
from seatguard.clock import Clock
from seatguard.decisions import Decision
from seatguard.errors import InvalidInput, NotFound
from seatguard.idempotency.sealing import Seal, keep_with
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts
from seatguard.journal.model import Entry
from seatguard.records import KEEP, Keep, Page, every, expect_version, valid_count, valid_name
from seatguard.subscriptions import rules
from seatguard.subscriptions.acts import Acts, Change, Done
from seatguard.subscriptions.model import DEFAULT_TYPE, Overage, Subscription, SubscriptionState
from seatguard.subscriptions.ports import Ledger, Work
from seatguard.subscriptions.rules import LimitFacts
from seatguard.subscriptions.scheduled import Scheduled, valid_change
from seatguard.subscriptions.whatif import WhatIf, played, seated_before

_STREAM_PAGE = 1000

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
        self.acts = Acts(drafts, clock, new_id)
        self.scheduled = Scheduled(drafts, clock, new_id)

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
        trial: bool | None = None,
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
            trial: whether it begins as a trial; ``None`` is as the plan says. The plan's days of trial are
                followed by the first paid one; a plan's days of evaluation by its end, unless ``expiry``
                says otherwise.
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
            version = None if plan is None else self.acts.plan_for_new(work, plan)
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
                state=SubscriptionState.ACTIVE,
                created_at=self._clock(),
                limit=None,
                cap=None,
                ceiling=None,
                open=True,
                opens_at=None,
                closes_at=None,
            )
            offer = Offer() if version is None else version.offer
            subscription, trial_ends = rules.begun(subscription, offer, trial=trial)
            rules.check_period(subscription.starts_on, subscription.expires_on)
            rules.check_bounds(subscription.own_limit, unlimited, offer)
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
            if trial_ends is not None:
                end = valid_change("state", SubscriptionState.ACTIVE.value)
                self.scheduled.put(actor, work, subscription, end, at=trial_ends, policy="allow")
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
        return self._do(
            actor,
            subscription_id,
            lambda work, before: self.acts.change_limit(
                actor, work, before, own=own, unlimited=unlimited, over_limit=over_limit
            ),
            version=version,
        ).decision

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
        return self._do(
            actor,
            subscription_id,
            lambda work, before: self.acts.renew(actor, work, before, day),
            version=version,
        ).subscription

    def change_terms(
        self,
        actor: Actor,
        subscription_id: str,
        *,
        overage: str | Keep = KEEP,
        starts: dt.date | str | Keep | None = KEEP,
        timezone: str | Keep = KEEP,
        grace_days: int | Keep = KEEP,
        over_limit: str = "refuse",
        version: int | None = None,
    ) -> Decision[LimitFacts]:
        """Give a subscription another overage, first day, time zone or days of grace.

        Args:
            starts: first day; ``None`` is from the beginning.
            over_limit: as in :meth:`change_limit`.

        Raises:
            InvalidInput: a value cannot be used.
            NotFound: no such subscription in the tenant.
            Conflict: the subscription is no longer at ``version``.
        """
        _check_over_limit(over_limit)
        wanted: dict[str, Any] = {}
        if not isinstance(overage, Keep):
            wanted["overage"] = Overage.parse(overage).text
        if not isinstance(starts, Keep):
            wanted["starts_on"] = None if starts is None else rules.valid_date(starts, field="starts")
        if not isinstance(timezone, Keep):
            wanted["timezone"] = rules.valid_timezone(timezone)
        if not isinstance(grace_days, Keep):
            wanted["grace_days"] = _valid_grace(grace_days)
        return self._do(
            actor,
            subscription_id,
            lambda work, before: self.acts.change_terms(actor, work, before, wanted, over_limit),
            version=version,
        ).decision

    def set_addon(
        self,
        actor: Actor,
        subscription_id: str,
        addon: str,
        *,
        quantity: int,
        over_limit: str = "refuse",
        version: int | None = None,
    ) -> Decision[LimitFacts]:
        """Give a subscription so many of an add-on; 0 takes it off.

        Args:
            addon: slug.
            over_limit: as in :meth:`change_limit`.

        Raises:
            InvalidInput: the quantity is no count.
            NotFound: no such subscription or add-on in the tenant.
            Denied: the add-on is deactivated, or fewer of it may be had.
            Conflict: the subscription is no longer at ``version``.
        """
        _check_over_limit(over_limit)
        count = valid_count(quantity, field="quantity")

        def act(work: Work, before: Subscription) -> Done:
            found = work.addons.find(slug=addon)
            if found is None:
                raise NotFound("addon", addon)
            return self.acts.set_extra(actor, work, before, work.addons.lock(found.id), count, over_limit)

        return self._do(actor, subscription_id, act, version=version).decision

    def addons(self, actor: Actor, subscription_id: str) -> dict[str, int]:
        """The subscription's add-ons by slug, with their quantities.

        Raises:
            NotFound: no such subscription in the tenant.
        """
        with self._ledger.read(actor.tenant) as work:
            work.subscriptions.get(subscription_id)
            return {addon.slug: count for addon, count in self.acts.extras(work, subscription_id)}

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
            promised = self.acts.plan_for_new(work, plan)
            before = work.subscriptions.lock(subscription_id)
            expect_version(before, version)
            done = self.acts.change_plan(actor, work, before, promised, plan, over_limit)
            self._commit(work, done)
        return self.told(actor, done).decision

    def what_if(
        self,
        actor: Actor,
        subscription_id: str,
        *,
        limit: int | str | Keep | None = KEEP,
        plan: str | Keep = KEEP,
        expiry: dt.date | str | Keep | None = KEEP,
        since: dt.datetime | None = None,
    ) -> WhatIf:
        """What another limit, plan or last day would mean for today's seats, and would have meant before.

        Nothing is changed. The recorded history is played again as if it had been agreed on all along;
        seats that were refused in it are not known by name, and stay refused. Where older entries were
        archived, it begins with the first that was not.

        Args:
            limit: a number, ``"unlimited"``, or ``None`` for the plan's.
            plan: slug.
            expiry: last day, included; ``None`` is never.
            since: from when on to look at the history, aware; ``None`` is from the beginning.

        Raises:
            InvalidInput: a value cannot be used.
            NotFound: no such subscription or plan in the tenant.
        """
        day = (
            expiry if expiry is None or isinstance(expiry, Keep) else rules.valid_date(expiry, field="expiry")
        )
        if since is not None and since.tzinfo is None:
            raise InvalidInput.single("since", "invalid_date", "must have a time zone")
        with self._ledger.read(actor.tenant) as work:
            before = work.subscriptions.get(subscription_id)
            wanted = self.acts.imagined(work, before, limit=limit, plan=plan, expiry=day)
            live = self.acts.seated(work, subscription_id)
            earlier: set[str] = set()
            for first in work.journal.stream(subscription_id, after_seq=None, limit=1):
                if first.seq > 1:
                    earlier = seated_before(_stream(work, subscription_id), live)
                    since = first.at if since is None else max(first.at, since)
            return played(
                wanted,
                _stream(work, subscription_id),
                live=live,
                zone=ZoneInfo(before.timezone),
                since=since,
                before=earlier,
            )

    def follow(self, actor: Actor, work: Work, published: PlanVersion) -> Sequence[Change]:
        """Move all subscribers of a plan to its new version, within the caller's unit of work.

        Holders beyond a lowered limit stay; new ones are refused.

        Returns:
            the changes, to be told of when the caller has committed.
        """
        moved: list[Change] = []
        for version in every(work.plan_versions, plan=published.plan):
            if version.id == published.id:
                continue
            for subscription in every(work.subscriptions, plan_version=version.id):
                before = work.subscriptions.lock(subscription.id)
                moved.append(self.acts.follow(actor, work, before, published))
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
        return self._do(
            actor, subscription_id, lambda work, before: self.acts.become(actor, work, before, state)
        ).subscription

    def _do(
        self,
        actor: Actor,
        subscription_id: str,
        act: Callable[[Work, Subscription], Done],
        *,
        version: int | None = None,
    ) -> Done:
        with self._ledger.begin(actor.tenant) as work:
            before = work.subscriptions.lock(subscription_id)
            expect_version(before, version)
            done = act(work, before)
            self._commit(work, done)
        return self.told(actor, done)

    @staticmethod
    def _commit(work: Work, done: Done) -> None:
        if done.change is not None:
            work.advance()
            work.commit()

    def told(self, actor: Actor, done: Done) -> Done:
        """Tell of what was committed; of nothing, when it made no difference."""
        self._changed(actor, [] if done.change is None else [done.change])
        return done


def _stream(work: Work, subscription_id: str) -> Iterator[Entry]:
    """The subscription's entries from the first to the last."""
    last: int | None = None
    while True:
        page = work.journal.stream(subscription_id, after_seq=last, limit=_STREAM_PAGE)
        yield from page
        if len(page) < _STREAM_PAGE:
            return
        last = page[-1].seq


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
