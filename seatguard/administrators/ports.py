"""What the administrators slice needs from the ledger."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from seatguard.administrators.model import Administrator, SavedView
from seatguard.journal.ports import Journal
from seatguard.records import Repository


class Work(Protocol):
    """The narrow view of a unit of work that this slice uses."""

    @property
    def administrators(self) -> Repository[Administrator]:
        """Administrators; (tenant, name) is unique."""

    @property
    def saved_views(self) -> Repository[SavedView]:
        """Saved views; (tenant, owner, page, name) is unique."""

    @property
    def journal(self) -> Journal:
        """Entries."""

    def commit(self) -> None:
        """Make everything this unit wrote final."""


class Ledger(Protocol):
    """Where units of work begin."""

    def begin(self, tenant: str) -> AbstractContextManager[Work]:
        """A unit that reads and writes one tenant's records; left without commit, it changed nothing."""

    def read(self, tenant: str) -> AbstractContextManager[Work]:
        """A unit that only reads."""
