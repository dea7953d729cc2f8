"""What entitlements need from the ledger."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from seatguard.catalog.model import Plan, PlanVersion
from seatguard.records import Repository
from seatguard.subscriptions.model import Subscription


class Work(Protocol):
    """The narrow view of a unit of work that this slice uses."""

    @property
    def plans(self) -> Repository[Plan]:
        """Plans."""

    @property
    def plan_versions(self) -> Repository[PlanVersion]:
        """Plan versions."""

    @property
    def subscriptions(self) -> Repository[Subscription]:
        """Subscriptions."""


class Ledger(Protocol):
    """Where units of work begin."""

    def read(self, tenant: str) -> AbstractContextManager[Work]:
        """A unit that only reads one tenant's records."""
