"""What the idempotency slice needs from the ledger."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from seatguard.idempotency.model import Reply
from seatguard.records import Repository


class Work(Protocol):
    """The narrow view of a unit of work that this slice uses."""

    @property
    def replies(self) -> Repository[Reply]:
        """Replies; (tenant, route, key) is unique."""

    def commit(self) -> None:
        """Make everything this unit wrote final."""


class Ledger(Protocol):
    """Where units of work begin."""

    def begin(self, tenant: str) -> AbstractContextManager[Work]:
        """A unit that reads and writes one tenant's records; left without commit, it changed nothing."""
