"""A host's user table as it stands in the database: read in pages, read again one row at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, false, func, inspect, or_, select, tuple_, update
from sqlalchemy.orm import Session

from seatguard.errors import InvalidInput
from seatguard_flask.models import Meaning, Of, read_of
from seatguard_flask.register import Sitting

_AFRESH = {"populate_existing": True}

PAGE = 500
"""Rows read at once."""


@dataclass(frozen=True, slots=True)
class UserRow:
    """What a row means for the register.

    Attributes:
        key: its primary key.
        counts: whether it is to have a seat.
        sitting: where; ``None`` when ``problem`` tells why that cannot be said.
        made: when the user was made, where the host says so.
    """

    key: tuple[Any, ...]
    counts: bool
    sitting: Sitting | None
    problem: InvalidInput | None
    made: dt.datetime | None


class UserTable:
    """The rows of one model.

    It reads on connections of its own: what a session of the host has not committed is not seen.
    """

    def __init__(self, meaning: Meaning, engine: Engine, *, created: Of | None) -> None:
        self.model = meaning.model
        self._meaning = meaning
        self._engine = engine
        self._created = created
        self._key = inspect(self.model).primary_key
        self._subject = _column(meaning)

    @property
    def project(self) -> str | None:
        """The one project of all users, if there is only one."""
        return None if callable(self._meaning.project) else self._meaning.project

    @property
    def finds_names(self) -> bool:
        """Whether :meth:`named` can ask the database."""
        return self._subject is not None

    def rows(self) -> Iterator[UserRow]:
        """All of them in the order of their keys; a page is in memory at a time."""
        last: tuple[Any, ...] | None = None
        while True:
            query = select(self.model).order_by(*self._key).limit(PAGE)
            if last is not None and len(self._key) == 1:
                query = query.where(self._key[0] > last[0])
            elif last is not None:
                query = query.where(tuple_(*self._key) > tuple_(*last))
            with Session(self._engine) as session:
                page = [self._row(user) for user in session.scalars(query).unique()]
            yield from page
            if len(page) < PAGE:
                return
            last = page[-1].key

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[Session]:
        """A session that reads what is committed when it asks. Left without a commit it changes nothing."""
        with Session(self._engine) as session:
            if self._engine.dialect.name != "sqlite":
                # Not the default of MariaDB, which would go on showing what was there at the first look.
                session.connection(execution_options={"isolation_level": "READ COMMITTED"})
            elif write:
                # SQLite locks no rows. A write that touches nothing keeps other writers out until the end.
                column = self._key[0]
                session.connection().execute(update(column.table).where(false()).values({column: column}))
            yield session

    def again(self, session: Session, key: tuple[Any, ...], *, lock: bool) -> UserRow | None:
        """The row as it is now; with ``lock`` nobody else changes it until the transaction ends."""
        if lock:
            mine = (column == value for column, value in zip(self._key, key, strict=True))
            session.execute(select(*self._key).where(*mine).with_for_update())
        user = session.get(self.model, key, populate_existing=True)
        return None if user is None else self._row(user)

    def named(self, session: Session, *names: str) -> list[UserRow]:
        """The rows whose subject is one of these spellings, or differs from them in case only."""
        if self._subject is None:
            return []
        column, kind = self._subject
        if kind is int:
            numbers = {int(name) for name in names if name.isascii() and name.isdigit() and len(name) < 19}
            query = select(self.model).where(column.in_(numbers))
        else:
            folded = {name.lower() for name in names}
            query = select(self.model).where(or_(column.in_(names), func.lower(column).in_(folded)))
        return [self._row(user) for user in session.scalars(query, execution_options=_AFRESH).unique()]

    def _row(self, user: Any) -> UserRow:
        key = tuple(inspect(user).identity)
        counts = self._meaning.needs_seat(user)
        made = None if self._created is None else _utc(read_of(self._created, user))
        try:
            return UserRow(key, counts, self._meaning.place(user), None, made)
        except InvalidInput as problem:
            return UserRow(key, counts, None, problem, made)


def _column(meaning: Meaning) -> tuple[Any, type[Any]] | None:
    """The column that names a user and the type of its values, if the database can look a name up in it."""
    if callable(meaning.subject) or meaning.subject not in inspect(meaning.model).column_attrs:
        return None
    column = getattr(meaning.model, meaning.subject)
    try:
        kind = column.type.python_type
    except NotImplementedError:
        return None
    return (column, kind) if kind in (int, str) else None


def _utc(instant: Any) -> dt.datetime | None:
    if not isinstance(instant, dt.datetime):
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)
