"""What a reconciliation found and did, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

Key: TypeAlias = tuple[Any, ...]
"""A user's primary key."""


class Kind(StrEnum):
    """What can be wrong."""

    MISSING = "missing"
    """A user who counts, and no seat."""
    ORPHAN = "orphan"
    """A seat, and no user."""
    DUPLICATE = "duplicate"
    """Two users of one name who both count: they share a seat."""
    WRONG_PROJECT = "wrong_project"
    """The user is in one project, the seat in another."""
    WRONG_STATE = "wrong_state"
    """A seat of a user who does not count, or a mere hold of one who does."""


class Outcome(StrEnum):
    """What became of a finding."""

    FOUND = "found"
    """Told, and left as it is."""
    REPAIRED = "repaired"
    """The register now says what the table says."""
    REFUSED = "refused"
    """There is no seat for this user, or none can be given; nobody else was touched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference between table and register.

    Attributes:
        project: where the seat is, or where it should be; as the host names it, or by its id.
        subject: whose seat it is, or should be.
        row: primary key of the user, ``None`` when there is no user.
        found_in: of a seat in the wrong project, the id of that project.
        reason: why it was refused: a reason of a decision, or the code of an error.
    """

    kind: Kind
    project: str
    subject: str
    row: Key | None = None
    found_in: str | None = None
    outcome: Outcome = Outcome.FOUND
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a reconciliation found and did.

    Attributes:
        users: rows read.
        counting: those of them that are to have a seat.
        seats: seats read.
        repair: whether it was to repair, not only to tell.
    """

    findings: tuple[Finding, ...]
    users: int
    counting: int
    seats: int
    repair: bool

    @property
    def ok(self) -> bool:
        """Whether table and register agreed."""
        return not self.findings

    def count(self, kind: str | None = None, outcome: str | None = None) -> int:
        """How many findings of a kind, or with an outcome."""
        return sum(kind in (None, one.kind) and outcome in (None, one.outcome) for one in self.findings)
