"""What entitlements need from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from seatguard.catalog.addons import AddOn
from seatguard.catalog.features import Feature
from seatguard.catalog.model import Plan, PlanVersion
from seatguard.entitlements.model import Agreed
from seatguard.entitlements.overrides import Override
from seatguard.journal.ports import Journal
from seatguard.records import Repository
from seatguard.subscriptions.model import Extra, Subscription, UserSubscription
from seatguard.tenants.model import Tenant


class Work(Protocol):
    """The narrow view of a unit of work that this slice uses."""

    @property
    def tenants(self) -> Repository[Tenant]:
        """The tenant itself."""

    @property
    def features(self) -> Repository[Feature]:
        """Features; the name is unique."""

    @property
    def addons(self) -> Repository[AddOn]:
        """Add-ons."""

    @property
    def extras(self) -> Repository[Extra]:
        """Quantities of add-ons; (subscription, addon) is unique."""

    @property
    def overrides(self) -> Repository[Override]:
        """Overrides; (level, subject) is unique."""

    @property
    def user_subscriptions(self) -> Repository[UserSubscription]:
        """Users' own subscriptions."""

    @property
    def plans(self) -> Repository[Plan]:
        """Plans."""

    @property
    def plan_versions(self) -> Repository[PlanVersion]:
        """Plan versions."""

    @property
    def subscriptions(self) -> Repository[Subscription]:
        """Subscriptions."""

    @property
    def journal(self) -> Journal:
        """Entries."""

    def generation(self) -> int:
        """How often something was changed that decides what the tenant's users may do."""

    def advance(self) -> None:
        """Count such a change; call it last, just before commit."""

    def commit(self) -> None:
        """Make everything this unit wrote final."""


class Ledger(Protocol):
    """Where agreements are read."""

    def begin(self, tenant: str) -> AbstractContextManager[Work]:
        """A unit that reads and writes one tenant's records; left without commit, it changed nothing."""

    def read(self, tenant: str) -> AbstractContextManager[Work]:
        """A unit that only reads one tenant's records."""

    def agreed(self, tenant: str, project: str, mode: str) -> Sequence[Agreed]:
        """The subscriptions of a project of the tenant's and of one mode, in one read."""
