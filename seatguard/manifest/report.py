"""What applying a manifest did, or would do."""

from __future__ import annotations

from dataclasses import dataclass, field

from seatguard.keys import ApiKey


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is now as the file says.

    Attributes:
        what: in the words of the journal: ``service.limit_changed``.
        subject: ``Acme / Shop / web``.
        before: as text, for a changed value.
        after: as text, for a changed value.
        touches: how many subscriptions it reaches, where it is one of many's.
    """

    what: str
    subject: str
    before: str | None = None
    after: str | None = None
    touches: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that is not as the file says, and why.

    Attributes:
        code: a :class:`~seatguard.decisions.Reason`, an error's code, or ``not_changeable``.
    """

    what: str
    subject: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Kept:
    """Something in the store that the file does not name; it stays."""

    subject: str
    message: str


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A key that was made: this is the only moment its secret can be shown."""

    subject: str
    prefix: str
    secret: ApiKey


@dataclass(slots=True)
class Report:
    """What was done, refused and kept, in the order of the file.

    Attributes:
        dry_run: whether the changes are only what would be done.
    """

    dry_run: bool = False
    changes: list[Change] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    new_keys: list[NewSecret] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything is as the file says."""
        return not self.refusals
