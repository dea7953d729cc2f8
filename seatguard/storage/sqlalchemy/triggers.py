"""The limit as triggers on a table of the host's: for what goes past the model guard.

They count the rows that need a seat, with the project's subscriptions locked, against what those grant.
They give no seats. Counting is right whether or not a model guard stands before the table: the guard takes
the seat after the row was written, so asking for the seat of a row would refuse the guard's own users.

Each database in its own way. PostgreSQL counts when the transaction commits, so a guard answers first; a
transaction with an old snapshot is made to fail rather than to count from it. MariaDB counts before the row
is written, by locking reads, which alone see what is committed there: counting afterwards, two writers would
wait for each other's rows. SQLite has one writer at a time.
"""

# ruff: noqa: S608 - SQL is what this makes; what goes into it is checked by UserTable.

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from seatguard.errors import InvalidInput

LIMIT_REACHED = "seatguard: limit_reached"
"""The message of a trigger's refusal."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}")
_TABLE = re.compile(rf"(?:{_NAME.pattern}\.)?{_NAME.pattern}")
_TEXT = re.compile(r"\w[\w @.-]{0,199}")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserTable:
    """The host's table.

    Attributes:
        table: its name, perhaps with a schema before it: ``app.users``.
        project: id or name of the project of all rows; or else
        project_column: where a row has the id or the name of its project.
        active_column: where a row says whether it needs a seat; ``None`` is every row.
        tenant: slug of the tenant that has the projects.
    """

    table: str
    project: str | None = None
    project_column: str | None = None
    active_column: str | None = None
    tenant: str = "default"

    def __post_init__(self) -> None:
        if (self.project is None) == (self.project_column is None):
            raise InvalidInput.single(
                "project", "required", "name the project of all rows, or the column with it; not both"
            )
        for field, pattern in (
            ("table", _TABLE),
            ("project_column", _NAME),
            ("active_column", _NAME),
            ("project", _TEXT),
            ("tenant", _TEXT),
        ):
            value = getattr(self, field)
            if value is not None and not pattern.fullmatch(value):
                raise InvalidInput.single(
                    field,
                    "invalid_characters",
                    f"{value[:80]!r} cannot be written into SQL safely: use a plain name of at most"
                    f" {200 if pattern is _TEXT else 41} letters, digits and underscores",
                )


@dataclass(frozen=True, slots=True)
class Triggers:
    """Statements, each to be executed as one."""

    create: tuple[str, ...]
    drop: tuple[str, ...]


def triggers(users: UserTable, dialect: str) -> Triggers:
    """The triggers for a table on a kind of database.

    Raises:
        InvalidInput: there are none for that kind.

    >>> print(triggers(UserTable(table="users", project="acme"), "sqlite").drop[0])
    DROP TRIGGER "seatguard_limit_users_insert"
    """
    make = _DIALECTS.get(dialect)
    if make is None:
        raise InvalidInput.single(
            "dialect", "invalid_choice", f"must be one of {', '.join(_DIALECTS)}, not {dialect!r}"
        )
    return make(users)


class _Words:
    """The parts of a trigger that the databases share, quoted as one of them wants it."""

    def __init__(self, users: UserTable, quote: str, now: str, *, text: str, bare_id: str) -> None:
        self._users = users
        self._quote = quote
        self._now = now
        self._text = text
        self._id = bare_id
        self.table = ".".join(map(self.name, users.table.split(".")))
        self.trigger = f"seatguard_limit_{users.table.rpartition('.')[2]}"

    def name(self, name: str) -> str:
        return f"{self._quote}{name}{self._quote}"

    def needs_seat(self, row: str) -> str:
        """Whether a row counts; a row without a project is nobody's."""
        asked = []
        if self._users.active_column is not None:
            asked.append(f"{row}.{self.name(self._users.active_column)} IS TRUE")
        if self._users.project_column is not None:
            asked.append(f"{row}.{self.name(self._users.project_column)} IS NOT NULL")
        return " AND ".join(asked) or "1 = 1"

    def events(self, differs: str) -> dict[str, str]:
        """On what to look, and at which rows.

        Args:
            differs: how two values that may be null are compared, with ``{0}`` and ``{1}``.
        """
        found = {"INSERT": self.needs_seat("NEW")}
        if self._users.active_column is not None or self._users.project_column is not None:
            found["UPDATE"] = self._arrives(differs)
        return found

    def drops(self, events: Iterable[str], on: str = "") -> tuple[str, ...]:
        """The way back."""
        return tuple(f"DROP TRIGGER {self.trigger_on(event)}{on}" for event in events)

    def trigger_on(self, event: str) -> str:
        return self.name(f"{self.trigger}_{event.lower()}")

    def _arrives(self, differs: str) -> str:
        """Whether an update makes a row count that did not, or count elsewhere."""
        moved = ""
        if self._users.project_column is not None:
            column = self.name(self._users.project_column)
            moved = f" OR {differs.format(f'NEW.{column}', f'OLD.{column}')}"
        return f"{self.needs_seat('NEW')} AND (NOT ({self.needs_seat('OLD')}){moved})"

    def project(self) -> str:
        """The id of the new row's project: null when there is none, or several have that name."""
        if self._users.project_column is None:
            wanted = f"'{self._users.project}'"
        else:
            wanted = self._text.format(f"NEW.{self.name(self._users.project_column)}")
        return (
            f"SELECT CASE WHEN count(*) = 1 THEN min({self._id}) END FROM seatguard_project p"
            f" JOIN seatguard_tenant t ON t.id = p.tenant"
            f" WHERE t.slug = '{self._users.tenant}' AND (p.name = {wanted} OR {self._id} = {wanted})"
        )

    def places(self) -> str:
        """How many rows there may be: null is unlimited. What is closed grants no more than it has given."""
        granted = (
            "CASE WHEN NOT (is_open"
            f" AND (opens_at IS NULL OR opens_at <= {self._now})"
            f" AND (closes_at IS NULL OR closes_at > {self._now}))"
            " OR cap < live THEN live ELSE cap END"
        )
        return f"CASE WHEN count(*) = count({granted}) THEN coalesce(sum({granted}), 0) END"

    def rows(self) -> str:
        """The rows that count with the new one."""
        same = ""
        if self._users.project_column is not None:
            column = self.name(self._users.project_column)
            same = f" AND u.{column} = NEW.{column}"
        return f"FROM {self.table} u WHERE {self.needs_seat('u')}{same}"


def _postgresql(users: UserTable) -> Triggers:
    words = _Words(
        users,
        '"',
        "(extract(epoch FROM clock_timestamp()) * 1000000)",
        text="CAST({} AS text)",
        bare_id="CAST(p.id AS text)",
    )
    function = words.name(words.trigger)
    body = f"""CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $seatguard$
DECLARE
  wanted uuid := CAST(({words.project()}) AS uuid);
  places bigint;
  taken bigint;
BEGIN
  PERFORM 1 FROM seatguard_subscription WHERE project = wanted AND mode = 'live' ORDER BY id FOR UPDATE;
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    -- Of two that count from old snapshots the second must fail: it does if the first has written.
    UPDATE seatguard_subscription SET seq = seq WHERE project = wanted AND mode = 'live';
  END IF;
  SELECT {words.places()}
    INTO places FROM seatguard_subscription WHERE project = wanted AND mode = 'live';
  SELECT count(*) INTO taken {words.rows()};
  IF taken > places THEN
    RAISE EXCEPTION '{LIMIT_REACHED}' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END
$seatguard$"""
    events = words.events("{0} IS DISTINCT FROM {1}")
    made = [
        f"CREATE CONSTRAINT TRIGGER {words.trigger_on(event)} AFTER {event} ON {words.table}"
        f"\n  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ({condition})"
        f"\n  EXECUTE FUNCTION {function}()"
        for event, condition in events.items()
    ]
    back = words.drops(events, f" ON {words.table}")
    return Triggers((body, *made), (*back, f"DROP FUNCTION {function}()"))


def _mariadb(users: UserTable) -> Triggers:
    words = _Words(
        users,
        "`",
        "(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000)",
        text="CONVERT({} USING utf8mb4)",
        bare_id="CONVERT(p.id USING utf8mb4)",
    )
    events = words.events("NOT ({0} <=> {1})")
    made = tuple(
        f"""CREATE TRIGGER {words.trigger_on(event)} BEFORE {event} ON {words.table}
FOR EACH ROW BEGIN
  DECLARE wanted varchar(36) CHARACTER SET ascii COLLATE ascii_bin;
  DECLARE places bigint;
  DECLARE taken bigint;
  IF {condition} THEN
    SET wanted = ({words.project()});
    SELECT {words.places()}
      INTO places FROM seatguard_subscription WHERE project = wanted AND mode = 'live' FOR UPDATE;
    SELECT count(*) INTO taken {words.rows()} LOCK IN SHARE MODE;
    IF taken >= places THEN
      SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{LIMIT_REACHED}';
    END IF;
  END IF;
END"""
        for event, condition in events.items()
    )
    return Triggers(made, words.drops(events))


def _sqlite(users: UserTable) -> Triggers:
    words = _Words(
        users,
        '"',
        "((julianday('now') - 2440587.5) * 86400000000.0)",
        text="CAST({} AS TEXT)",
        bare_id="p.id",
    )
    events = words.events("{0} IS NOT {1}")
    made = tuple(
        f"""CREATE TRIGGER {words.trigger_on(event)} AFTER {event} ON {words.table}
FOR EACH ROW WHEN {condition} BEGIN
  SELECT RAISE(ABORT, '{LIMIT_REACHED}') WHERE (SELECT count(*) {words.rows()}) > (
    SELECT {words.places()}
    FROM seatguard_subscription WHERE mode = 'live' AND project = ({words.project()})
  );
END"""
        for event, condition in events.items()
    )
    return Triggers(made, words.drops(events))


_DIALECTS: dict[str, Callable[[UserTable], Triggers]] = {
    "postgresql": _postgresql,
    "mariadb": _mariadb,
    "mysql": _mariadb,
    "sqlite": _sqlite,
}


def as_sql(made: Triggers, dialect: str) -> str:
    """A script for the database's own client, with the way back in comments."""
    back = "\n".join(f"-- {line}" for one in made.drop for line in f"{one};".splitlines())
    head = f"-- Back:\n{back}\n"
    if dialect in ("mariadb", "mysql"):
        return f"{head}DELIMITER //\n" + "".join(f"{one} //\n" for one in made.create) + "DELIMITER ;\n"
    return head + "".join(f"{one};\n" for one in made.create)


def as_alembic(made: Triggers) -> str:
    """The body of a migration of the host's own Alembic."""

    def function(name: str, about: str, statements: tuple[str, ...]) -> str:
        calls = "".join(f'    op.execute("""\n{one}\n""")\n' for one in statements)
        return f'def {name}() -> None:\n    """{about}"""\n{calls}'

    up = function("upgrade", "Hold the table to its projects' seats.", made.create)
    down = function("downgrade", "Hold it no longer.", made.drop)
    return f"from alembic import op\n\n\n{up}\n\n{down}"
