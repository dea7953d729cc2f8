"""Column types that mean the same on SQLite, PostgreSQL and MariaDB."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import BigInteger, Column, Dialect, LargeBinary, String, Text
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeDecorator, TypeEngine

from seatguard.clock import from_micros, to_micros
from seatguard.ids import is_uuid
from seatguard.journal.model import canonical

ID_LENGTH = 36
"""Characters of a UUID in its canonical form; no other text of ours has that length for its bound."""

_BIN = "utf8mb4_bin"
"""MariaDB's default collation takes John, john and jöhn for one name; this one compares bytes."""


def name(length: int) -> TypeEngine[str]:
    """Text of a bounded length, compared byte by byte."""
    return String(length).with_variant(
        mysql.VARCHAR(length, charset="utf8mb4", collation=_BIN), "mysql", "mariadb"
    )


def ident() -> TypeEngine[str]:
    """A UUID in its canonical text form."""
    return (
        String(ID_LENGTH)
        .with_variant(postgresql.UUID(as_uuid=False), "postgresql")
        .with_variant(mysql.VARCHAR(ID_LENGTH, charset="ascii", collation="ascii_bin"), "mysql", "mariadb")
    )


def can_hold(column: Column[Any], value: object) -> bool:
    """Whether a column can have that value at all. To ask a database with another one is an error of its own.

    PostgreSQL takes no other text for an id and no NUL in a text, no driver sends half a surrogate pair, and
    no integer column is wider than 64 bits.
    """
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    if not isinstance(value, str):
        return True
    if isinstance(column.type, String) and column.type.length == ID_LENGTH:
        return is_uuid(value)
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def digest() -> TypeEngine[bytes]:
    """The 32 bytes of a SHA-256."""
    return LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")


class Instant(TypeDecorator[dt.datetime]):
    """An aware UTC instant, kept as whole microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> int | None:
        """To the database."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        """From the database; a number that is no instant was not written by us and reads as the last one."""
        try:
            return None if value is None else from_micros(value)
        except OverflowError:
            return dt.datetime.max.replace(tzinfo=dt.UTC)


class Json(TypeDecorator[Any]):
    """A JSON value as its canonical text, so that digests over it can be made again."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """MariaDB's TEXT ends at 64 KiB; a checkpoint over many streams is longer."""
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.LONGTEXT(charset="utf8mb4", collation=_BIN))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """To the database."""
        return None if value is None else canonical(dict(value)).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """From the database.

        What is no JSON object was not written by us. It is shown as it is, so that an audit can tell
        which entry was altered instead of ending in an error.
        """
        if value is None:
            return None
        try:
            read = json.loads(value)
        except ValueError:
            read = value
        return read if isinstance(read, dict) else {"unreadable": value}


class Words(TypeDecorator[tuple[str, ...]]):
    """Words without white space in them, kept as one text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:
        """To the database."""
        return None if value is None else " ".join(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:
        """From the database."""
        return None if value is None else tuple(value.split())


class Value(Protocol):
    """A value that is kept as JSON; see :class:`Document`."""

    def to_data(self) -> dict[str, Any]:
        """As JSON can hold it."""


class Document(Json):
    """A value kept as the canonical text of its data; nothing at all is read as the empty one.

    Args:
        made: makes the value from what its ``to_data`` told.
    """

    cache_ok = True

    def __init__(self, made: Callable[[Mapping[str, Any]], Value]) -> None:
        super().__init__()
        self.made = made

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """To the database."""
        return super().process_bind_param(value.to_data(), dialect)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """From the database."""
        return self.made({} if value is None else json.loads(value))


class Scalar(TypeDecorator["str | int"]):
    """A number or a short text, kept as JSON so that it stays what it is."""

    impl = String(200)
    cache_ok = True

    def process_bind_param(self, value: str | int | None, dialect: Dialect) -> str | None:
        """To the database."""
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """From the database."""
        return None if value is None else json.loads(value)


class OneOf(TypeDecorator[StrEnum]):
    """A member of an enumeration, kept as its text."""

    impl = String(16)
    cache_ok = True

    def __init__(self, members: type[StrEnum]) -> None:
        super().__init__()
        self.members = members

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:
        """To the database."""
        return None if value is None else value.value

    def process_result_value(self, value: Any, dialect: Dialect) -> StrEnum | None:
        """From the database."""
        return None if value is None else self.members(value)
