"""Management keys, and whom they identify."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from seatguard.actors import Actor
from seatguard.keys import ApiKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagementKey:
    """A key at rest: its digest, what it may do, and what may be shown of it.

    Attributes:
        line: id of the first key of the line; its own for a key that replaced none.
        name: what the key is for, in the operator's words.
        digest_version: 1 is SHA-256, 2 is HMAC-SHA256 with the server's pepper.
        expires_at: from when on it identifies nobody; ``None`` is never.
        last_used_at: when it last identified its bearer, to the minute.
    """

    id: str
    tenant: str
    line: str
    name: str
    scopes: tuple[str, ...]
    prefix: str
    last4: str
    digest_version: int
    digest: bytes
    created_at: dt.datetime
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None
    last_used_at: dt.datetime | None
    version: int = 1


@dataclass(frozen=True, slots=True)
class NewManagementKey:
    """A key at its birth: the only moment the secret is there."""

    record: ManagementKey
    secret: ApiKey


@dataclass(frozen=True, slots=True)
class Manager:
    """Who manages. Holds no secret.

    Attributes:
        actor: scopes every call to the manager's tenant and is put on record: ``key:<prefix>`` or
            ``jwt:<subject>``.
        scopes: what the manager may do.
    """

    actor: Actor
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScopeFacts:
    """What was needed, and is not there."""

    missing: tuple[str, ...]
