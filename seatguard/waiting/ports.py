"""What the line needs from the ledger and from the seats."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from seatguard.actors import Actor
from seatguard.decisions import Decision
from seatguard.entitlements.model import Where
from seatguard.journal.ports import Journal
from seatguard.projects.model import Project
from seatguard.records import Repository
from seatguard.seats.model import Seat, SeatFacts
from seatguard.waiting.model import Waiting


class Work(Protocol):
    """The narrow view of a unit of work that this slice uses.

    Where both are locked, the project is locked before those who wait.
    """

    @property
    def projects(self) -> Repository[Project]:
        """Projects."""

    @property
    def waiting(self) -> Repository[Waiting]:
        """Who waits; (project, mode, holder_key) is unique."""

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
        """A unit that only reads one tenant's records."""


class Seats(Protocol):
    """What the line asks of the seats."""

    def advice(self, actor: Actor, where: Where) -> Decision[SeatFacts]:
        """What a new holder would meet now, read from the store; noted nowhere."""

    def find(self, actor: Actor, where: Where, username: object) -> Seat | None:
        """The user's seat in the project, if there is one."""

    def offer(
        self, actor: Actor, where: Where, username: object, *, seconds: int, email: object, seat: str
    ) -> Decision[SeatFacts]:
        """Hold the seat of that id for a user; again with the same id it is one hold. Noted nowhere."""

    def release_hold(self, actor: Actor, where: Where, seat_id: str) -> Decision[SeatFacts]:
        """Let go of a hold; one that is gone already is no error."""
