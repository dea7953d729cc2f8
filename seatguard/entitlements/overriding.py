"""Overrides: change, read, take back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from seatguard.actors import Actor
from seatguard.catalog.offers import Offer
from seatguard.clock import Clock
from seatguard.entitlements.overrides import MEMBERS, Level, Override, merged
from seatguard.entitlements.ports import Ledger, Work
from seatguard.errors import Conflict, InvalidInput, StorageUnavailable
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts, person_digest
from seatguard.records import every
from seatguard.subscriptions.users import Person

_ATTEMPTS = 5


class OverrideService:
    """Knows what users, subscriptions and the tenant are granted beside the plans.

    A change is merged in: ``{"quotas": {"speech": {"minutes": 60}}}`` sets one limit and leaves the others;
    ``None`` takes back what it stands for, so that the next level decides. ``0`` is none, ``"unlimited"``
    is no limit.

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

    def change_user(self, actor: Actor, user: object, change: Mapping[str, Any]) -> Offer:
        """Grant a user something, or take it back; what is so already writes nothing.

        Returns:
            everything the user is granted now.

        Raises:
            InvalidInput: the user or the change cannot be used; all problems, each with its path.
        """
        person = self._person(user)
        return self._change(actor, Level.USER, person.key, change, user=person)

    def change_subscription(self, actor: Actor, subscription_id: str, change: Mapping[str, Any]) -> Offer:
        """The same for a subscription.

        Raises:
            NotFound: no such subscription in the tenant.
        """
        return self._change(actor, Level.SUBSCRIPTION, subscription_id, change)

    def change_defaults(self, actor: Actor, change: Mapping[str, Any]) -> Offer:
        """The same for the tenant: what holds where neither user, subscription nor plan says anything."""
        return self._change(actor, Level.TENANT, actor.tenant, change)

    def of_user(self, actor: Actor, user: object) -> Offer:
        """What a user is granted beside subscriptions and plans."""
        return self._of(actor, Level.USER, self._person(user).key)

    def of_subscription(self, actor: Actor, subscription_id: str) -> Offer:
        """What a subscription is granted beside its plan.

        Raises:
            NotFound: no such subscription in the tenant.
        """
        with self._ledger.read(actor.tenant) as work:
            work.subscriptions.get(subscription_id)
        return self._of(actor, Level.SUBSCRIPTION, subscription_id)

    def defaults(self, actor: Actor) -> Offer:
        """What holds where nobody else says anything."""
        return self._of(actor, Level.TENANT, actor.tenant)

    def users(self, actor: Actor) -> tuple[Override, ...]:
        """The overrides of all users."""
        with self._ledger.read(actor.tenant) as work:
            return tuple(every(work.overrides, level=Level.USER.value))

    def clear_user(self, actor: Actor, user: object, *members: str) -> Offer:
        """Take back the named members of what a user is granted, or all of it when none is named."""
        return self.change_user(actor, user, dict.fromkeys(members or MEMBERS))

    def _of(self, actor: Actor, level: Level, subject: str) -> Offer:
        with self._ledger.read(actor.tenant) as work:
            found = work.overrides.find(level=level.value, subject=subject)
        return Offer() if found is None else found.grants

    def _change(
        self,
        actor: Actor,
        level: Level,
        subject: str,
        change: Mapping[str, Any],
        *,
        user: Person | None = None,
    ) -> Offer:
        if not isinstance(change, Mapping):
            raise InvalidInput.single("change", "object_expected", f"must be an object, not {change!r}")
        merged(Offer(), change)
        for _ in range(_ATTEMPTS):
            try:
                with self._ledger.begin(actor.tenant) as work:
                    if level is Level.SUBSCRIPTION:
                        work.subscriptions.get(subject)
                    return self._changed(actor, work, level, subject, change, user)
            except Conflict:
                continue  # another process has changed the same override meanwhile
        raise StorageUnavailable("the override changes faster than it can be read; ask again")

    def _changed(
        self,
        actor: Actor,
        work: Work,
        level: Level,
        subject: str,
        change: Mapping[str, Any],
        user: Person | None,
    ) -> Offer:
        known = work.overrides.find(level=level.value, subject=subject)
        before = Offer() if known is None else known.grants
        after = merged(before, change)
        if after == before:
            return before
        if known is None:
            known = Override(
                id=self._new_id(),
                tenant=actor.tenant,
                level=level.value,
                subject=subject,
                user=None if user is None else user.name,
                grants=after,
                updated_at=self._clock(),
            )
            work.overrides.add(known)
        elif after == Offer():
            # Locked first: a removal compares no versions.
            if work.overrides.lock(known.id) != known:
                raise Conflict("version_conflict", "the override was changed meanwhile")
            work.overrides.remove(known.id)
        else:
            work.overrides.replace(
                replace(known, grants=after, updated_at=self._clock(), version=known.version + 1)
            )
        own = level is Level.SUBSCRIPTION
        old, new = before.to_data(), after.to_data()
        work.journal.append(
            self._drafts.draft(
                actor,
                "override.changed",
                "subscription" if own else "tenant",
                subject if own else actor.tenant,
                subject=known.id,
                data={
                    "level": level.value,
                    "before": {name: old.get(name) for name in MEMBERS if old.get(name) != new.get(name)},
                    "after": {name: new.get(name) for name in MEMBERS if old.get(name) != new.get(name)},
                },
                erasable=None if user is None else {"user": user.name},
                person=None if user is None else person_digest(actor.tenant, user.key),
            )
        )
        work.advance()
        work.commit()
        return after
