"""The administrator record and the roles."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """How much an administrator may do; each role may all that the one before it may."""

    VIEWER = "viewer"
    SUPPORT = "support"
    OPERATOR = "operator"
    OWNER = "owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrator:
    """Somebody who may sign in.

    Attributes:
        name: lower-case, unique within the tenant.
        password: salted hash, never the password.
        failures: wrong passwords in a row.
        locked_until: no password is looked at before; ``None`` is not locked.
        epoch: sessions begun under another number are over.
        active: whether the administrator may sign in at all.
    """

    id: str
    tenant: str
    name: str
    role: Role
    password: str
    failures: int
    locked_until: dt.datetime | None
    epoch: int
    active: bool
    created_at: dt.datetime
    version: int = 1

    def __repr__(self) -> str:
        """Without the hash: a record lands in tracebacks."""
        return f"Administrator(name={self.name!r}, role={self.role.value!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedView:
    """Filters of a list under a name, for the administrator who saved them.

    Attributes:
        owner: the administrator as the journal names them: ``admin:ada``. Who signs in by the host has no
            record here.
        page: which list: ``services``, ``clients`` or ``activity``.
        query: the filters as they stand in the list's address: ``view=high&mode=live``.
    """

    id: str
    tenant: str
    owner: str
    page: str
    name: str
    query: str
    created_at: dt.datetime
    version: int = 1
