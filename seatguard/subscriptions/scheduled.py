"""Changes agreed on for later: put down, called off, applied when they are due."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from seatguard.actors import Actor
from seatguard.clock import Clock
from seatguard.decisions import Reason
from seatguard.errors import Conflict, Denied, InvalidInput, NotFound
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts
from seatguard.records import Page, every, valid_count, valid_slug
from seatguard.subscriptions import rules
from seatguard.subscriptions.acts import Acts, Done
from seatguard.subscriptions.model import ChangeState, ScheduledChange, Subscription, SubscriptionState
from seatguard.subscriptions.ports import Ledger, Work

POLICIES = ("postpone", "allow", "block")
UNLIMITED = "unlimited"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall change, checked; see :class:`ScheduledChange`."""

    what: str
    value: str | int | None


def valid_change(what: object, value: object) -> Wanted:
    """A change that can be scheduled.

    Raises:
        InvalidInput: on ``what`` or ``value``.

    >>> valid_change("expiry", "2027-12-31")
    Wanted(what='expiry', value='2027-12-31')
    """
    check = _CHECKS.get(what) if isinstance(what, str) else None
    if check is None or not isinstance(what, str):
        raise InvalidInput.single(
            "what", "invalid_choice", f"must be one of {', '.join(_CHECKS)}, not {what!r}"
        )
    return Wanted(what, check(value))


def _limit(value: object) -> int | str | None:
    return UNLIMITED if value == UNLIMITED else None if value is None else valid_count(value, field="value")


def _expiry(value: object) -> str | None:
    return None if value is None else rules.valid_date(value, field="value").isoformat()


def _state(value: object) -> str:
    states = [state.value for state in SubscriptionState if state is not SubscriptionState.TRIALING]
    if value not in states:
        raise InvalidInput.single(
            "value", "invalid_choice", f"must be one of {', '.join(states)}, not {value!r}"
        )
    return str(value)


_CHECKS: dict[str, Callable[[object], str | int | None]] = {
    "limit": _limit,
    "plan": lambda value: valid_slug(value, field="value"),
    "expiry": _expiry,
    "state": _state,
}


CHANGEABLE = tuple(_CHECKS)
"""What may change later."""


class Scheduled:
    """Puts changes down within a unit of work."""

    def __init__(self, drafts: Drafts, clock: Clock, new_id: NewId) -> None:
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id

    def put(
        self,
        actor: Actor,
        work: Work,
        subscription: Subscription,
        wanted: Wanted,
        *,
        at: dt.datetime,
        policy: str,
    ) -> ScheduledChange:
        """Put a change down for an instant."""
        change = ScheduledChange(
            id=self._new_id(),
            tenant=subscription.tenant,
            subscription=subscription.id,
            what=wanted.what,
            value=wanted.value,
            at=at.astimezone(dt.UTC),
            policy=policy,
            state=ChangeState.PENDING,
            reason=None,
            created_at=self._clock(),
            settled_at=None,
        )
        work.scheduled_changes.add(change)
        data = {"what": wanted.what, "value": wanted.value, "at": change.at.isoformat(), "policy": policy}
        self.note(actor, work, change, "change.scheduled", data)
        return change

    def note(
        self, actor: Actor, work: Work, change: ScheduledChange, kind: str, data: dict[str, Any]
    ) -> None:
        """Put on record what has become of a change."""
        work.journal.append(
            self._drafts.draft(actor, kind, "subscription", change.subscription, subject=change.id, data=data)
        )


class ChangeService:
    """Knows what was agreed on for later, and does it when it is due.

    Args:
        acts: what can be done to a subscription.
        told: is told of every change of a subscription that was committed.
    """

    def __init__(
        self,
        ledger: Ledger,
        scheduled: Scheduled,
        acts: Acts,
        clock: Clock,
        told: Callable[[Actor, Done], object],
    ) -> None:
        self._ledger = ledger
        self._scheduled = scheduled
        self._acts = acts
        self._clock = clock
        self._told = told

    def schedule(
        self,
        actor: Actor,
        subscription_id: str,
        *,
        what: str,
        value: str | int | dt.date | None,
        at: dt.datetime,
        policy: str = "postpone",
    ) -> ScheduledChange:
        """Agree on a change for later. Whether it can be made is asked again when it is due.

        Args:
            what: ``limit``, ``plan``, ``expiry`` or ``state``.
            value: number, slug, day or state; for a limit ``None`` is the plan's and ``"unlimited"`` none,
                for an expiry ``None`` is never.
            at: an instant to come, aware.
            policy: when more seats are held then than the change allows: ``postpone`` it until they fit,
                ``allow`` it and refuse new holders, or ``block`` it for good.

        Raises:
            InvalidInput: a value cannot be used.
            NotFound: no such subscription, or plan to move to, in the tenant.
        """
        wanted = valid_change(what, value)
        if policy not in POLICIES:
            raise InvalidInput.single(
                "policy", "invalid_choice", f"must be one of {', '.join(POLICIES)}, not {policy!r}"
            )
        if at.tzinfo is None:
            raise InvalidInput.single("at", "invalid_date", "must have a time zone")
        if at <= self._clock():
            raise InvalidInput.single("at", "invalid_date", "must be to come: make the change itself")
        with self._ledger.begin(actor.tenant) as work:
            subscription = work.subscriptions.get(subscription_id)
            if wanted.what == "plan" and work.plans.find(slug=wanted.value) is None:
                raise NotFound("plan", wanted.value)
            change = self._scheduled.put(actor, work, subscription, wanted, at=at, policy=policy)
            work.commit()
        return change

    def cancel(self, actor: Actor, change_id: str) -> ScheduledChange:
        """Call a change off; twice is once.

        Raises:
            NotFound: no such change in the tenant.
            Conflict: ``change_settled``; it was applied or blocked.
        """
        with self._ledger.begin(actor.tenant) as work:
            change = work.scheduled_changes.lock(change_id)
            if change.state is ChangeState.CANCELED:
                return change
            if change.state is not ChangeState.PENDING:
                raise Conflict("change_settled", f"the change is {change.state.value} already")
            change = self._settled(actor, work, change, ChangeState.CANCELED, "change.canceled", None)
            work.commit()
        return change

    def list(
        self,
        actor: Actor,
        *,
        subscription_id: str | None = None,
        state: str | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[ScheduledChange]:
        """Changes in the order they were agreed on."""
        criteria: dict[str, Any] = {} if subscription_id is None else {"subscription": subscription_id}
        if state is not None:
            states = {one.value: one for one in ChangeState}
            if state not in states:
                raise InvalidInput.single(
                    "state", "invalid_choice", f"must be one of {', '.join(states)}, not {state!r}"
                )
            criteria["state"] = states[state]
        with self._ledger.read(actor.tenant) as work:
            return work.scheduled_changes.list(limit=limit, after=after, **criteria)

    def apply_due(self, actor: Actor) -> tuple[ScheduledChange, ...]:
        """Do what is due, the earliest first, each change in an act of its own.

        May be called by several processes at once and as often as one likes: a change is made once. One
        that cannot be made stays on record with the reason; a postponed one is tried again the next time.

        Returns:
            the changes that were applied, postponed for the first time, or blocked.
        """
        now = self._clock()
        with self._ledger.read(actor.tenant) as work:
            pending = [*every(work.scheduled_changes, state=ChangeState.PENDING)]
        due = sorted((one for one in pending if one.at <= now), key=lambda one: (one.at, one.id))
        found = (self._apply(actor, one.id) for one in due)
        return tuple(one for one in found if one is not None)

    def _apply(self, actor: Actor, change_id: str) -> ScheduledChange | None:
        done: Done | None = None
        with self._ledger.begin(actor.tenant) as work:
            change = work.scheduled_changes.lock(change_id)
            if change.state is not ChangeState.PENDING:
                return None
            try:
                done = self._made(actor, work, change)
                reason = None if done.decision.allowed else done.decision.reason.value
            except Denied as denied:
                reason = denied.decision.reason.value
            except (InvalidInput, Conflict) as error:
                reason = error.code
            except NotFound:
                reason = "not_found"
            waits = change.policy == "postpone" and reason == Reason.LIMIT_BELOW_USAGE.value
            if waits and change.reason == reason:
                return None
            if reason is None:
                change = self._settled(actor, work, change, ChangeState.APPLIED, "change.applied", None)
            elif waits:
                change = replace(change, reason=reason, version=change.version + 1)
                work.scheduled_changes.replace(change)
                self._scheduled.note(actor, work, change, "change.postponed", {"reason": reason})
            else:
                change = self._settled(actor, work, change, ChangeState.BLOCKED, "change.blocked", reason)
            work.advance()
            work.commit()
        if done is not None:
            self._told(actor, done)
        return change

    def _made(self, actor: Actor, work: Work, change: ScheduledChange) -> Done:
        """The change made in this unit, or refused with nothing written."""
        over_limit = "allow" if change.policy == "allow" else "refuse"
        value = change.value
        # A plan is locked before its subscribers, as everywhere.
        version = self._acts.plan_for_new(work, str(value)) if change.what == "plan" else None
        before = work.subscriptions.lock(change.subscription)
        if version is not None:
            return self._acts.change_plan(actor, work, before, version, str(value), over_limit)
        if change.what == "limit":
            unlimited = value == UNLIMITED
            own = value if isinstance(value, int) else None
            return self._acts.change_limit(
                actor, work, before, own=own, unlimited=unlimited, over_limit=over_limit
            )
        if change.what == "expiry":
            day = None if value is None else rules.valid_date(value, field="value")
            return self._acts.renew(actor, work, before, day)
        return self._acts.become(actor, work, before, SubscriptionState(str(value)))

    def _settled(
        self,
        actor: Actor,
        work: Work,
        change: ScheduledChange,
        state: ChangeState,
        kind: str,
        reason: str | None,
    ) -> ScheduledChange:
        settled = replace(
            change, state=state, reason=reason, settled_at=self._clock(), version=change.version + 1
        )
        work.scheduled_changes.replace(settled)
        data = {"what": change.what, "value": change.value}
        self._scheduled.note(
            actor, work, settled, kind, data if reason is None else {**data, "reason": reason}
        )
        return settled
