"""The client record."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


class ClientState(StrEnum):
    """Whether the client's keys are honoured."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A customer of the tenant."""

    id: str
    tenant: str
    name: str
    external_id: str | None
    state: ClientState
    created_at: dt.datetime
    version: int = 1
