"""What the journal needs from the ledger."""

from __future__ import annotations

import datetime as dt
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from seatguard.journal.model import Archive, Checkpoint, Draft, Entry, Head, Stretch
from seatguard.records import Page, Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which entries to show; ``None`` means any.

    Attributes:
        id: of one entry.
        kind: an exact kind (``seat.taken``) or a slice with a dot at its end (``seat.``).
        actor: an exact actor (``admin:ada``) or a kind of actors with a colon at its end (``admin:``).
        since: first instant included.
        until: first instant no longer included.
    """

    aggregate: str | None = None
    stream: str | None = None
    kind: str | None = None
    subject: str | None = None
    actor: str | None = None
    request_id: str | None = None
    person: str | None = None
    id: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None


class Journal(Protocol):
    """The entries of one tenant, within a unit of work."""

    def append(self, draft: Draft) -> Entry:
        """Put the draft at the end of its stream, under the lock of the stream's owner."""

    def search(self, search: Search, *, limit: int, after: str | None, newest_first: bool) -> Page[Entry]:
        """Matching entries in the order of their ids, which is the order of time."""

    def stream(self, stream: str, *, after_seq: int | None, limit: int) -> list[Entry]:
        """A stretch of one stream in the order of ``seq``; from its very beginning after ``None``.

        An entry put in front of the first, at ``seq`` 0 or below, belongs to the stretch.
        """

    def heads(self, aggregate: str, *, limit: int, after: str | None) -> Page[Head]:
        """Where the streams of all records of one kind end."""

    def head(self, aggregate: str, stream: str) -> Head:
        """Where one stream ends now, committed writes of others included.

        Raises:
            NotFound: its owner is not in this tenant.
        """

    def ownerless(self, *, limit: int) -> list[tuple[str, int]]:
        """Streams with entries of this tenant and no owner in it, each with its lowest ``seq``."""

    def moved_since(self, instant: dt.datetime) -> list[Head]:
        """Where streams with an entry at or after ``instant`` end now."""

    def erase(self, person: str) -> dict[str, tuple[str, int]]:
        """Drop the erasable part of a person's entries.

        Returns:
            ``{stream: (aggregate, how many entries)}``.
        """

    def cut(self, stream: str, *, first: int, last: int) -> list[Entry]:
        """Take entries out of the ledger, both ends included; at most a thousand.

        Returns:
            what was there, in the order of ``seq``, locked before it was read.
        """


class Work(Protocol):
    """The narrow view of a unit of work that the journal uses."""

    @property
    def journal(self) -> Journal:
        """Entries."""

    @property
    def checkpoints(self) -> Repository[Checkpoint]:
        """Signed heads."""

    @property
    def archives(self) -> Repository[Archive]:
        """Files that entries were moved to."""

    @property
    def stretches(self) -> Repository[Stretch]:
        """What these files hold; (stream, first) is unique, and their ids rise with ``first``."""

    def commit(self) -> None:
        """Make everything this unit wrote final."""


class Ledger(Protocol):
    """Where units of work begin."""

    def begin(self, tenant: str) -> AbstractContextManager[Work]:
        """A unit that reads and writes one tenant's records; left without commit, it changed nothing."""

    def read(self, tenant: str) -> AbstractContextManager[Work]:
        """A unit that only reads."""
