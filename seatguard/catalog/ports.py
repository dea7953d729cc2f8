"""What the catalog needs from the ledger."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from seatguard.catalog.addons import AddOn, Product
from seatguard.catalog.features import Feature
from seatguard.catalog.model import Plan, PlanVersion
from seatguard.idempotency.model import Reply
from seatguard.journal.ports import Journal
from seatguard.records import Repository
from seatguard.tenants.model import Tenant


class Work(Protocol):
    """The narrow view of a unit of work that this slice uses."""

    @property
    def tenants(self) -> Repository[Tenant]:
        """The tenant itself."""

    @property
    def plans(self) -> Repository[Plan]:
        """Plans; the slug is unique."""

    @property
    def plan_versions(self) -> Repository[PlanVersion]:
        """Versions; (plan, number) is unique."""

    @property
    def products(self) -> Repository[Product]:
        """Products; the slug is unique."""

    @property
    def addons(self) -> Repository[AddOn]:
        """Add-ons; the slug is unique."""

    @property
    def features(self) -> Repository[Feature]:
        """Features; the name is unique."""

    @property
    def replies(self) -> Repository[Reply]:
        """Replies kept with what was made."""

    @property
    def journal(self) -> Journal:
        """Entries."""

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
