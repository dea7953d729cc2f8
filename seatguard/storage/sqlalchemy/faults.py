"""What a driver's error means, told apart by its code, not by its class.

MariaDB reports a failed CHECK and a changed snapshot as operational errors, PostgreSQL reports a
lost race as one; the codes are from the databases' own manuals.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class Fault(Enum):
    """What may be done about an error."""

    RACE = auto()
    """Another unit came first and this one was undone: run it again."""
    LOST = auto()
    """The server cannot be reached, or the connection to it was lost."""
    DUPLICATE = auto()
    """A unique value is taken."""
    BACKSTOP = auto()
    """The database's own check refused the count."""
    NO_SCHEMA = auto()
    """The tables are not there."""
    LASTING = auto()
    """Anything else."""


_POSTGRES = {
    "40001": Fault.RACE,
    "40P01": Fault.RACE,
    "55P03": Fault.RACE,
    "57P01": Fault.LOST,
    "57P03": Fault.LOST,
    "23505": Fault.DUPLICATE,
    "23514": Fault.BACKSTOP,
    "23502": Fault.BACKSTOP,
    "42P01": Fault.NO_SCHEMA,
    "3F000": Fault.NO_SCHEMA,
}
_MARIADB = {
    1213: Fault.RACE,
    1205: Fault.RACE,
    1020: Fault.RACE,
    1053: Fault.LOST,
    2003: Fault.LOST,
    2006: Fault.LOST,
    2013: Fault.LOST,
    1062: Fault.DUPLICATE,
    1048: Fault.BACKSTOP,
    4025: Fault.BACKSTOP,
    3819: Fault.BACKSTOP,
    1146: Fault.NO_SCHEMA,
}
_SQLITE = {
    "SQLITE_BUSY": Fault.RACE,
    "SQLITE_BUSY_SNAPSHOT": Fault.RACE,
    "SQLITE_LOCKED": Fault.RACE,
    "SQLITE_CONSTRAINT_UNIQUE": Fault.DUPLICATE,
    "SQLITE_CONSTRAINT_PRIMARYKEY": Fault.DUPLICATE,
    "SQLITE_CONSTRAINT_CHECK": Fault.BACKSTOP,
}


def fault_of(error: DBAPIError | PoolTimeout) -> Fault:
    """What the error means."""
    if isinstance(error, PoolTimeout):
        return Fault.LASTING
    original: Any = error.orig
    sqlite = getattr(original, "sqlite_errorname", None)
    if sqlite is not None:
        if sqlite == "SQLITE_ERROR" and "no such table" in str(original):
            return Fault.NO_SCHEMA
        return _SQLITE.get(sqlite, Fault.LASTING)
    code = original.args[0] if getattr(original, "args", None) else None
    if isinstance(code, int) and code in _MARIADB:
        return _MARIADB[code]
    state = getattr(original, "sqlstate", None)
    if state in _POSTGRES:
        return _POSTGRES[state]
    if error.connection_invalidated or (state is None and isinstance(error, OperationalError)):
        return Fault.LOST
    return Fault.LASTING
