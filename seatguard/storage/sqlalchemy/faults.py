"""What a driver's error means, told apart by its code, not by its class.

MariaDB reports a failed CHECK and a changed snapshot as operational errors, PostgreSQL reports a
lost race as one; the codes are from the databases' own manuals.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class Fault(Enum):
    """What may be done about an error."""

    PASSING = auto()
    """The unit was undone by a race, a restart or a lost connection: run it again."""
    DUPLICATE = auto()
    """A unique value is taken."""
    BACKSTOP = auto()
    """The database's own check refused the count."""
    NO_SCHEMA = auto()
    """The tables are not there."""
    LASTING = auto()
    """Anything else."""


_POSTGRES = {
    "40001": Fault.PASSING,
    "40P01": Fault.PASSING,
    "55P03": Fault.PASSING,
    "57P01": Fault.PASSING,
    "57P03": Fault.PASSING,
    "23505": Fault.DUPLICATE,
    "23514": Fault.BACKSTOP,
    "23502": Fault.BACKSTOP,
    "42P01": Fault.NO_SCHEMA,
    "3F000": Fault.NO_SCHEMA,
}
_MARIADB = {
    1213: Fault.PASSING,
    1205: Fault.PASSING,
    1020: Fault.PASSING,
    1053: Fault.PASSING,
    2006: Fault.PASSING,
    2013: Fault.PASSING,
    1062: Fault.DUPLICATE,
    1048: Fault.BACKSTOP,
    4025: Fault.BACKSTOP,
    3819: Fault.BACKSTOP,
    1146: Fault.NO_SCHEMA,
}
_SQLITE = {
    "SQLITE_BUSY": Fault.PASSING,
    "SQLITE_BUSY_SNAPSHOT": Fault.PASSING,
    "SQLITE_LOCKED": Fault.PASSING,
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
    return Fault.PASSING if error.connection_invalidated else Fault.LASTING
