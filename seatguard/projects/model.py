"""Project, domain and key records, and what a key identifies."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from seatguard.clients.model import Client
from seatguard.keys import ApiKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A client's application.

    Attributes:
        allow_dev_domains: whether ``localhost`` and IP addresses may be registered.
        allow_wildcards: whether ``*.example.com`` may be registered.
    """

    id: str
    tenant: str
    client: str
    name: str
    allow_dev_domains: bool
    allow_wildcards: bool
    created_at: dt.datetime
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A host name (or ``*.`` pattern) the project calls from."""

    id: str
    tenant: str
    project: str
    name: str
    created_at: dt.datetime
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectKey:
    """A key at rest: its digest and what may be shown of it.

    Attributes:
        mode: ``live`` or ``test``.
        format: ``sg`` for the default form, ``digits16`` for the weak 16-digit one.
        digest_version: 1 is SHA-256, 2 is HMAC-SHA256 with the server's pepper.
        expires_at: from when on it identifies nobody; ``None`` is never.
    """

    id: str
    tenant: str
    project: str
    mode: str
    format: str
    prefix: str
    last4: str
    digest_version: int
    digest: bytes
    created_at: dt.datetime
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None
    version: int = 1


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key at rest, and whose it is.

    Attributes:
        domains: names registered for the project.
    """

    key: ProjectKey
    project: Project
    client: Client
    domains: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at its birth: the only moment the secret is there."""

    record: ProjectKey
    secret: ApiKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a key identifies. Holds no secret."""

    tenant: str
    client: str
    project: str
    project_name: str
    mode: str
    key_prefix: str
    key_ends_at: dt.datetime | None
    allow_dev_domains: bool
    domains: tuple[str, ...]
