"""What the subscriptions slice needs from the ledger."""

from __future__ import annotations

import datetime as dt
from contextlib import AbstractContextManager
from typing import Protocol

from seatguard.catalog.addons import AddOn
from seatguard.catalog.model import Plan, PlanVersion
from seatguard.idempotency.model import Reply
from seatguard.journal.ports import Journal
from seatguard.projects.model import Project
from seatguard.records import Repository
from seatguard.subscriptions.model import Extra, ScheduledChange, Subscription, UserSubscription
from seatguard.tenants.model import Tenant


class Work(Protocol):
    """The narrow view of a unit of work that this slice uses."""

    @property
    def tenants(self) -> Repository[Tenant]:
        """The tenant itself."""

    @property
    def projects(self) -> Repository[Project]:
        """Projects."""

    @property
    def plans(self) -> Repository[Plan]:
        """Plans."""

    @property
    def plan_versions(self) -> Repository[PlanVersion]:
        """Plan versions."""

    @property
    def subscriptions(self) -> Repository[Subscription]:
        """Subscriptions; the number is unique."""

    @property
    def addons(self) -> Repository[AddOn]:
        """Add-ons."""

    @property
    def extras(self) -> Repository[Extra]:
        """Quantities of add-ons; (subscription, addon) is unique."""

    @property
    def scheduled_changes(self) -> Repository[ScheduledChange]:
        """Changes agreed on for later."""

    @property
    def user_subscriptions(self) -> Repository[UserSubscription]:
        """Users' own subscriptions; (user_key, slot) is unique."""

    @property
    def replies(self) -> Repository[Reply]:
        """Replies kept with what was made."""

    @property
    def journal(self) -> Journal:
        """Entries."""

    def next_number(self) -> int:
        """A number no other subscription of any tenant has; numbers of undone units may be skipped."""

    def seats_live(self, subscription: str) -> int:
        """The counter: seats and holds, lapsed ones included; exact while this unit has the lock."""

    def holds_lapsed(self, subscription: str, now: dt.datetime) -> int:
        """How many of them are holds past their end that were not cleared away yet."""

    def advance(self) -> None:
        """Let every process read anew what the tenant's users may do; call it last, just before commit."""

    def commit(self) -> None:
        """Make everything this unit wrote final."""


class Ledger(Protocol):
    """Where units of work begin."""

    def begin(self, tenant: str) -> AbstractContextManager[Work]:
        """A unit that reads and writes one tenant's records; left without commit, it changed nothing."""

    def read(self, tenant: str) -> AbstractContextManager[Work]:
        """A unit that only reads."""
