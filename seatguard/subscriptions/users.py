"""A user's own subscription to a plan, beside or instead of a seat in a client's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from seatguard.actors import Actor
from seatguard.catalog.model import Plan
from seatguard.catalog.rules import may_subscribe
from seatguard.clock import Clock
from seatguard.errors import Conflict, InvalidInput, NotFound, StorageUnavailable
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts, person_digest
from seatguard.records import Page, every
from seatguard.subscriptions.model import UserSubscription
from seatguard.subscriptions.ports import Ledger, Work

_ATTEMPTS = 5


class Person(Protocol):
    """A user, spelled so that one person is one key."""

    @property
    def name(self) -> str:
        """As given."""

    @property
    def key(self) -> str:
        """For comparing."""


class UserSubscriptionService:
    """Knows which users are on which plan.

    Args:
        person: the user that a text names.
    """

    def __init__(
        self,
        ledger: Ledger,
        drafts: Drafts,
        clock: Clock,
        new_id: NewId,
        person: Callable[[object], Person],
    ) -> None:
        self._ledger = ledger
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id
        self._person = person

    def assign(
        self, actor: Actor, user: object, *, plan: str, ends_at: dt.datetime | None = None
    ) -> UserSubscription:
        """Put a user on a plan. Where a user has at most one, it takes the place of the one there is.

        A user who is on the plan already stays as he is, also when it was deactivated meanwhile.

        Args:
            user: the host's user id.
            plan: the plan's slug or id.
            ends_at: first instant at which it grants nothing any more, aware; ``None`` is never.

        Raises:
            InvalidInput: the user or the instant cannot be used.
            NotFound: no such plan in the tenant.
            Denied: the plan is deactivated.
        """
        person = self._person(user)
        if ends_at is not None and ends_at.tzinfo is None:
            raise InvalidInput.single("ends_at", "invalid_date", "must have a time zone")
        for _ in range(_ATTEMPTS):
            try:
                return self._assign(actor, person, plan, ends_at)
            except Conflict:
                continue  # another process has put the same user somewhere meanwhile
        raise StorageUnavailable("the user's plans change faster than they can be read; ask again")

    def remove(self, actor: Actor, user: object, *, plan: str | None = None) -> int:
        """Take a user off a plan, or off all of them. One who is on none changes nothing.

        Args:
            plan: the plan's slug or id.

        Returns:
            how many subscriptions ended.
        """
        person = self._person(user)
        with self._ledger.begin(actor.tenant) as work:
            wanted = None if plan is None else _plan(work, plan).id
            found = [
                one
                for one in every(work.user_subscriptions, user_key=person.key)
                if wanted in (None, one.plan)
            ]
            for one in sorted(found, key=lambda one: one.plan):
                work.plans.lock(one.plan)
                self._end(actor, work, one)
            if found:
                work.advance()
                work.commit()
        return len(found)

    def of(self, actor: Actor, user: object) -> tuple[UserSubscription, ...]:
        """The user's subscriptions in the order they were made; the first has precedence."""
        person = self._person(user)
        with self._ledger.read(actor.tenant) as work:
            return tuple(every(work.user_subscriptions, user_key=person.key))

    def list(
        self, actor: Actor, *, plan_id: str | None = None, limit: int = 50, after: str | None = None
    ) -> Page[UserSubscription]:
        """Users' subscriptions in the order they were made."""
        with self._ledger.read(actor.tenant) as work:
            if plan_id is None:
                return work.user_subscriptions.list(limit=limit, after=after)
            return work.user_subscriptions.list(limit=limit, after=after, plan=plan_id)

    def _assign(
        self, actor: Actor, person: Person, plan_name: str, ends_at: dt.datetime | None
    ) -> UserSubscription:
        with self._ledger.begin(actor.tenant) as work:
            plan = work.plans.lock(_plan(work, plan_name).id)
            single = work.tenants.get(actor.tenant).options.one_plan_per_user
            present = list(every(work.user_subscriptions, user_key=person.key))
            same = next((one for one in present if one.plan == plan.id), None)
            others = [one for one in present if single and one is not same]
            if same is not None and same.ends_at == ends_at and not others:
                return same
            if same is None:
                may_subscribe(plan).require()
            kept = same or (others.pop(0) if others else None)
            for one in others:
                self._end(actor, work, one)
            found = self._put(actor, work, person, plan, kept, ends_at, slot="" if single else plan.id)
            work.advance()
            work.commit()
        return found

    def _put(
        self,
        actor: Actor,
        work: Work,
        person: Person,
        plan: Plan,
        kept: UserSubscription | None,
        ends_at: dt.datetime | None,
        *,
        slot: str,
    ) -> UserSubscription:
        now, number = self._clock(), work.plan_versions.get(plan.current).number
        if kept is None:
            found = UserSubscription(
                id=self._new_id(),
                tenant=actor.tenant,
                user=person.name,
                user_key=person.key,
                slot=slot,
                plan=plan.id,
                number=number,
                since=now,
                ends_at=ends_at,
                created_at=now,
                updated_at=now,
            )
            work.user_subscriptions.add(found)
            kind, before = "user_subscription.added", None
        else:
            stays = kept.plan == plan.id
            found = replace(
                kept,
                slot=slot,
                plan=plan.id,
                number=kept.number if stays else number,
                since=kept.since if stays else now,
                ends_at=ends_at,
                updated_at=now,
                version=kept.version + 1,
            )
            work.user_subscriptions.replace(found)
            kind, before = "user_subscription.changed", kept.plan
        self._write(
            actor, work, found, kind, {"plan": plan.slug, "before": before, "ends_at": _text(ends_at)}
        )
        return found

    def _end(self, actor: Actor, work: Work, one: UserSubscription) -> None:
        work.user_subscriptions.remove(one.id)
        self._write(actor, work, one, "user_subscription.ended", {})

    def _write(
        self, actor: Actor, work: Work, one: UserSubscription, kind: str, data: dict[str, str | None]
    ) -> None:
        # The plan's stream: its row is locked anyway, and many users come at once.
        work.journal.append(
            self._drafts.draft(
                actor,
                kind,
                "plan",
                one.plan,
                subject=one.id,
                data=data,
                erasable={"user": one.user},
                person=person_digest(actor.tenant, one.user_key),
            )
        )


def _plan(work: Work, name: str) -> Plan:
    found = work.plans.find(slug=name) or work.plans.find(id=name)
    if found is None:
        raise NotFound("plan", name)
    return found


def _text(instant: dt.datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
