"""Records and where they are kept: one generic shape for everything the ledger agrees on.

A record is a frozen dataclass with ``id``, ``tenant`` and ``version``. A new kind of record
costs a dataclass and a table; no backend grows a class for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Generic, Protocol, TypeVar

from seatguard.errors import Conflict, InvalidInput
from seatguard.ids import is_uuid

MAX_PAGE = 200
MAX_COUNT = 2**31 - 1
MAX_NAME = 200

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class Keep(Enum):
    """In a change: leave that field as it is. ``None`` cannot say so, for it is a value of its own."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP


class Record(Protocol):
    """What every record has."""

    @property
    def id(self) -> str:
        """UUIDv7, made by the caller."""

    @property
    def tenant(self) -> str:
        """Owner; for a tenant itself its own id."""

    @property
    def version(self) -> int:
        """1 when added, one more with every replacement."""


R = TypeVar("R")
RecordT = TypeVar("RecordT", bound=Record)


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """One page of a listing in a stable order.

    Attributes:
        items: at most ``limit`` of them.
        after: cursor of the next page, ``None`` on the last one.
    """

    items: tuple[R, ...]
    after: str | None = None


class Repository(Protocol[RecordT]):
    """All records of one kind that the unit of work may see: those of its tenant.

    Every method sees what this unit of work already wrote.
    """

    def get(self, identifier: str) -> RecordT:
        """The record.

        Raises:
            NotFound: no such record in this tenant; a foreign id answers alike.
        """

    def lock(self, identifier: str) -> RecordT:
        """The record, read anew and not changed by anybody else until this unit ends.

        Raises:
            NotFound: no such record in this tenant.
        """

    def find(self, **criteria: Any) -> RecordT | None:
        """The record whose fields equal the criteria, ``None`` when there is none.

        With several matches the first added wins.
        """

    def add(self, record: RecordT) -> None:
        """Keep a new record.

        Raises:
            Conflict: ``already_exists``; a unique field is taken.
        """

    def add_all(self, records: Sequence[RecordT]) -> None:
        """Keep new records, in one go where the store has one. Raises as :meth:`add`."""

    def replace(self, record: RecordT) -> None:
        """Put a changed record in the place of the stored one of the version before.

        A record that is stored already, equal in every field, is no conflict: an answer that was lost
        makes a store run the same act again.

        Raises:
            Conflict: ``version_conflict``; somebody else changed it meanwhile. ``already_exists``; a unique
                field is taken.
            NotFound: no such record in this tenant.
        """

    def remove(self, identifier: str) -> None:
        """Let go of a record that no entry and no other record needs; a missing one is no error."""

    def count(self, **criteria: Any) -> int:
        """How many records' fields equal the criteria."""

    def list(
        self, *, limit: int = 50, after: str | None = None, newest_first: bool = False, **criteria: Any
    ) -> Page[RecordT]:
        """Records in the order of their ids (UUIDv7: as added), filtered by equality, one page at a time.

        What a field cannot hold at all, such as a text that is no id, no record has: the page is empty.

        Raises:
            InvalidInput: ``after`` is no cursor of a page.
        """


def every(repository: Repository[RecordT], **criteria: Any) -> Iterator[RecordT]:
    """All matching records, read page by page."""
    after: str | None = None
    while True:
        page = repository.list(limit=MAX_PAGE, after=after, **criteria)
        yield from page.items
        if page.after is None:
            return
        after = page.after


def expect_version(record: Record, version: int | None) -> None:
    """Let an edit pass only if it was made on what is stored; ``None`` skips the question.

    Raises:
        Conflict: ``version_conflict`` with both versions.
    """
    if version is not None and version != record.version:
        raise Conflict(
            "version_conflict",
            f"the record is at version {record.version}, the change was made on version {version}: "
            "read it again and repeat the change",
            stored=record.version,
            given=version,
        )


def valid_slug(text: object, *, field: str = "slug") -> str:
    """A slug: lower-case letters, digits and single hyphens between them, at most 64.

    >>> valid_slug("pro-plan-2")
    'pro-plan-2'
    """
    if not isinstance(text, str):
        raise InvalidInput.single(field, "string_expected", f"must be a string, not {text!r}")
    if len(text) > 64 or not _SLUG.fullmatch(text):
        raise InvalidInput.single(
            field,
            "invalid_slug",
            f"{text[:80]!r} is not a slug: use lower-case letters, digits and single hyphens, at most 64",
        )
    return text


def valid_flag(value: object, *, field: str) -> bool:
    """``True`` or ``False``; 1, 0 and words are neither.

    >>> valid_flag(True, field="active")
    True
    """
    if not isinstance(value, bool):
        raise InvalidInput.single(field, "boolean_expected", f"must be true or false, not {value!r}")
    return value


def valid_cursor(text: str | None) -> str | None:
    """The cursor of a page of records or entries, which is an id.

    >>> valid_cursor(None), valid_cursor("018bcfe5-6800-7000-8000-000000000000")
    (None, '018bcfe5-6800-7000-8000-000000000000')
    """
    if text is not None and not is_uuid(text):
        raise InvalidInput.single("after", "invalid_cursor", "is no cursor: start again without it")
    return text


def valid_name(text: object, *, field: str = "name") -> str:
    """A name a person reads: 1 to 200 printable characters.

    >>> valid_name("Acme Ltd")
    'Acme Ltd'
    """
    if not isinstance(text, str):
        raise InvalidInput.single(field, "string_expected", f"must be a string, not {text!r}")
    if not text.strip():
        raise InvalidInput.single(field, "required", "must not be empty")
    if len(text) > MAX_NAME:
        raise InvalidInput.single(
            field, "too_long", f"must be at most {MAX_NAME} characters, not {len(text)}"
        )
    if not text.isprintable():
        raise InvalidInput.single(field, "invalid_characters", "must hold printable characters only")
    # MariaDB's collations pad: to a unique index there, "Acme" and "Acme " are one name.
    if text != text.strip():
        raise InvalidInput.single(
            field, "invalid_characters", "must not begin or end with white space; send it trimmed"
        )
    return text


def valid_count(value: object, *, field: str) -> int:
    """A whole number from 0 to 2147483647. A bool, a float or a string is none.

    >>> valid_count(100, field="limit")
    100
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput.single(field, "integer_expected", f"must be a whole number, not {value!r}")
    if not 0 <= value <= MAX_COUNT:
        raise InvalidInput.single(field, "out_of_range", f"must be 0 to {MAX_COUNT}, not {value}")
    return value
