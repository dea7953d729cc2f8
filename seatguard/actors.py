"""Who acts, and in whose name: the tenant scope and the journal's ``actor`` in one value."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who asks. Every service call takes one: it scopes the call and is put on record.

    Attributes:
        tenant: id of the tenant whose data the call may see and change.
        kind: ``"system"``, ``"key"``, ``"jwt"``, ``"cli"``, ``"admin"`` or ``"host"``.
        name: which one: a key prefix, a token's subject, a user name, a command.
        request_id: the request that caused the call, if there is one.

    >>> Actor(tenant="t", kind="cli", name="apply").label
    'cli:apply'
    """

    tenant: str
    kind: str
    name: str
    request_id: str | None = None

    @property
    def label(self) -> str:
        """The form kept in the journal: ``kind:name``."""
        return f"{self.kind}:{self.name}"

    def during(self, request_id: str | None) -> Actor:
        """The same actor, in the course of one request."""
        return replace(self, request_id=request_id)
