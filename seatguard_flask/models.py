"""The model guard: whoever adds, removes, switches on or off a user row takes or frees its seat with it.

It listens to SQLAlchemy's sessions, so it stands at every door there is: views, an admin, a command, single
sign-on, an import. The seat is taken on the session's own connection right after the rows were flushed:
commit, rollback and savepoints need no care of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import ColumnElement, and_, event, false, inspect, or_, select
from sqlalchemy.orm import Mapper, ORMExecuteState, RelationshipDirection, RelationshipProperty, Session

from seatguard.errors import InvalidInput, Misconfigured
from seatguard_flask.backstop import Backstop
from seatguard_flask.late import note
from seatguard_flask.refusals import GuardError
from seatguard_flask.register import Afterwards, Apart, Change, Joined, Register, Sitting, apply

if TYPE_CHECKING:
    from seatguard_flask.extension import Seatguard

Of: TypeAlias = str | Callable[[Any], Any]
"""The name of an attribute of a user, or a function of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What the users of a model mean for the register. The arguments of :class:`ModelGuard`, as a value."""

    model: type[Any]
    project: Of
    subject: Of
    counts: Of | None

    def needs_seat(self, user: Any) -> bool:
        """Whether a user, or something that reads like one, is to have a seat."""
        return self.counts is None or bool(read_of(self.counts, user))

    def place(self, user: Any) -> Sitting:
        """Where the user's seat is, or would be.

        Raises:
            InvalidInput: project or subject is missing.
        """
        project = self.project(user) if callable(self.project) else self.project
        subject = read_of(self.subject, user)
        for field, value in (("project", project), ("subject", subject)):
            if value is None or value == "":
                raise InvalidInput.single(
                    field, "required", f"is missing for a {self.model.__name__} that needs a seat"
                )
        return Sitting(str(project), str(subject))


class ModelGuard:
    """Keeps seats and the rows of one model in step. Made by ``Seatguard.guard``.

    Args:
        seats: the extension.
        model: a mapped class; its subclasses are guarded with it.
        project: name or id of the project, or a function of a user that answers one.
        subject: attribute or function that names the user in the register: a login name, an id.
        counts: attribute or function that tells whether a user needs a seat; ``None`` is everybody.
    """

    def __init__(
        self, seats: Seatguard, model: type[Any], *, project: Of, subject: Of, counts: Of | None
    ) -> None:
        self._seats = seats
        self._model = model
        self.meaning = Meaning(model=model, project=project, subject=subject, counts=counts)
        self._afterwards = Afterwards()
        self._backstop = Backstop(seats)
        event.listen(Session, "before_flush", self._before_flush)
        event.listen(Session, "after_flush_postexec", self._after_flush)
        event.listen(Session, "do_orm_execute", self._around_bulk)
        seats.model_guards.append(self)

    def remove(self) -> None:
        """Guard the model no longer."""
        event.remove(Session, "before_flush", self._before_flush)
        event.remove(Session, "after_flush_postexec", self._after_flush)
        event.remove(Session, "do_orm_execute", self._around_bulk)
        self._afterwards.remove()
        self._backstop.remove()
        self._seats.model_guards.remove(self)

    def sitting(self, user: Any) -> Sitting | None:
        """What a user, or something that reads like one, means for the register; ``None`` is no seat.

        Raises:
            InvalidInput: the user needs a seat, but project or subject is missing.
        """
        return self.meaning.place(user) if self.meaning.needs_seat(user) else None

    def _before_flush(self, session: Session, _context: object, _instances: object) -> None:
        """Remember what known users meant so far; new ones have their ids only after the flush."""
        deleted = list(self._mine(session.deleted))
        changed = [user for user in self._mine(session.dirty) if session.is_modified(user)]
        session.info[self] = _Flush(
            gone=[self.sitting(_Before(user, session)) for user in deleted],
            changed=[(user, self.sitting(_Before(user, session))) for user in changed],
            new=list(self._mine(session.new)),
            stale=[(user, names) for user in changed if (names := _stale(user))],
        )

    def _after_flush(self, session: Session, _context: object) -> None:
        flush: _Flush = session.info.pop(self)
        for user, names in flush.stale:
            session.expire(user, names)
        changes = [Change(before, None) for before in flush.gone]
        changes += [Change(before, self.sitting(user)) for user, before in flush.changed]
        changes += [Change(None, self.sitting(user)) for user in flush.new]
        self._apply(session, changes)

    def _around_bulk(self, execution: ORMExecuteState) -> Any:
        """INSERT, UPDATE and DELETE statements of the ORM go past the flush; they do not go past this."""
        mapper = execution.bind_mapper
        if not (execution.is_insert or execution.is_update or execution.is_delete):
            return None
        if mapper is None or not issubclass(mapper.class_, self._model):
            return None
        return self._bulk_insert(execution) if execution.is_insert else self._bulk_change(execution)

    def _bulk_insert(self, execution: ORMExecuteState) -> Any:
        statement: Any = execution.statement
        if statement._returning:
            raise InvalidInput.single(
                "statement",
                "not_guarded",
                f"an INSERT of {self._model.__name__} with RETURNING cannot be guarded: add the users to the "
                "session, or leave RETURNING out",
            )
        added = execution.invoke_statement(statement=statement.returning(self._model))
        users = added.scalars().all()
        self._apply(execution.session, [Change(None, self.sitting(user)) for user in users])
        return execution.session.execute(select(self._model).where(false()))

    def _bulk_change(self, execution: ORMExecuteState) -> Any:
        session = execution.session
        before = self._rows(session, self._affected(execution))
        result = execution.invoke_statement()
        after = {} if execution.is_delete else self._rows(session, self._keyed(before))
        self._apply(
            session,
            [
                Change(self.sitting(row), self.sitting(after[key]) if key in after else None)
                for key, row in before.items()
            ],
        )
        return result

    def _affected(self, execution: ORMExecuteState) -> ColumnElement[bool] | None:
        """Which rows the statement is about; ``None`` is all of them."""
        if execution.is_executemany and isinstance(execution.parameters, list):
            names = [column.key for column in inspect(self._model).primary_key]
            return self._keyed([tuple(row[name] for name in names) for row in execution.parameters])
        whereclause: ColumnElement[bool] | None = getattr(execution.statement, "whereclause", None)
        return whereclause

    def _keyed(self, keys: Iterable[tuple[Any, ...]]) -> ColumnElement[bool]:
        columns = inspect(self._model).primary_key
        rows = [and_(*(c == value for c, value in zip(columns, key, strict=True))) for key in keys]
        return or_(false(), *rows)

    def _rows(self, session: Session, condition: ColumnElement[bool] | None) -> dict[tuple[Any, ...], _Row]:
        """Rows by primary key, read past the session's own objects."""
        mapper = inspect(self._model)
        names = [attribute.key for attribute in mapper.column_attrs]
        query = select(*mapper.primary_key, *(getattr(self._model, name) for name in names))
        if condition is not None:
            query = query.where(condition)
        width = len(mapper.primary_key)
        with session.no_autoflush:
            found = session.execute(query).all()
        return {
            tuple(row[:width]): _Row(self._model, dict(zip(names, row[width:], strict=True))) for row in found
        }

    def _apply(self, session: Session, changes: list[Change]) -> None:
        wanted = [change for change in changes if change.before != change.after]
        if not wanted or not self._seats.enabled:
            return
        register: Register
        try:
            register = Joined(self._seats, session, self._afterwards)
        except Misconfigured:
            register = Apart(self._seats, session, self._afterwards)
        try:
            apply(self._seats, register, wanted)
        except GuardError as refused:
            note(refused, session.rollback)
            raise

    def _mine(self, users: Iterable[object]) -> Iterator[Any]:
        return (user for user in users if isinstance(user, self._model))


@dataclass(frozen=True, slots=True)
class _Flush:
    """What a flush is about to write."""

    gone: list[Sitting | None]
    changed: list[tuple[Any, Sitting | None]]
    new: list[Any]
    stale: list[tuple[Any, list[str]]]


def _stale(user: Any) -> list[str]:
    """Related objects that SQLAlchemy goes on showing although the key to them has been changed."""
    state = inspect(user)
    mapper = state.mapper

    def changed(name: str) -> bool:
        return bool(state.attrs[name].history.has_changes())

    return [
        one.key
        for one in mapper.relationships
        if one.direction is RelationshipDirection.MANYTOONE
        and one.key in state.dict
        and not changed(one.key)
        and any(changed(name) for name in _names(mapper, one.local_columns))
    ]


def _names(mapper: Mapper[Any], columns: Iterable[ColumnElement[Any]]) -> list[str]:
    """The attributes of columns; a column may be in the table and not in the model."""
    return [mapper.get_property_by_column(one).key for one in columns if mapper.columns.contains_column(one)]


class _Row:
    """A row that reads like a user: its columns, and the properties of its class over them."""

    def __init__(self, model: type[Any], values: Mapping[str, Any]) -> None:
        self._model = model
        self._values = values

    def __getattr__(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        found = getattr(self._model, name, None)
        if isinstance(found, property) and found.fget is not None:
            return found.fget(self)
        raise InvalidInput.single(
            name,
            "not_guarded",
            f"of {self._model.__name__} is no column: a statement on many rows is guarded by columns only",
        )


class _Before:
    """A changed user as it was: old values where they are known, else as the database still has them."""

    def __init__(self, user: Any, session: Session) -> None:
        self._user = user
        self._session = session
        self._stored: dict[str, Any] | None = None

    def __getattr__(self, name: str) -> Any:
        state = inspect(self._user)
        if name not in state.attrs:
            found = getattr(type(self._user), name, None)
            if isinstance(found, property) and found.fget is not None:
                return found.fget(self)
            return getattr(self._user, name)
        history = state.attrs[name].history
        if history.deleted:
            return history.deleted[0]
        if history.added and name in state.mapper.column_attrs:
            return self._from_database()[name]
        relationship = state.mapper.relationships.get(name)
        if relationship is not None and relationship.direction is RelationshipDirection.MANYTOONE:
            return self._related(relationship)
        return getattr(self._user, name)

    def _related(self, relationship: RelationshipProperty[Any]) -> Any:
        """Whom the old key names; the user may show the new one already."""
        mapper = inspect(type(self._user))
        local = {theirs: ours for ours, theirs in relationship.local_remote_pairs or ()}
        primary_key = relationship.mapper.primary_key
        names = _names(mapper, [local[column] for column in primary_key if column in local])
        if len(names) != len(primary_key):
            return getattr(self._user, relationship.key)
        key = tuple(getattr(self, name) for name in names)
        return None if None in key else self._session.get(relationship.mapper, key)

    def _from_database(self) -> dict[str, Any]:
        """The row, where an attribute was set without ever being read."""
        if self._stored is None:
            mapper = inspect(type(self._user))
            names = [attribute.key for attribute in mapper.column_attrs]
            query = select(*(getattr(type(self._user), name) for name in names)).where(
                *(
                    column == value
                    for column, value in zip(mapper.primary_key, inspect(self._user).identity, strict=True)
                )
            )
            with self._session.no_autoflush:
                self._stored = dict(zip(names, self._session.execute(query).one(), strict=True))
        return self._stored


def read_of(of: Of, user: Any) -> Any:
    """What an attribute or function says of a user."""
    return of(user) if callable(of) else getattr(user, of)
