"""What the tenants slice needs from the ledger."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from seatguard.journal.ports import Journal
from seatguard.records import Repository
from seatguard.tenants.model import Tenant


class Work(Protocol):
    """The narrow view of a unit of work that this slice uses."""

    @property
    def tenants(self) -> Repository[Tenant]:
        """Tenants."""

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
        """A unit that only reads one tenant's records."""

    def read_all(self) -> AbstractContextManager[Work]:
        """A unit that reads the records of every tenant."""
