"""How entries are drafted: the one place where an entry gets its id, time, actor and salt."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from seatguard.actors import Actor
from seatguard.clock import Clock
from seatguard.ids import NewId
from seatguard.journal.model import Draft


def person_digest(tenant: str, holder_key: str) -> str:
    """By what a person's entries are found; it goes when the person is erased."""
    return hashlib.sha256(f"{tenant}\0{holder_key}".encode()).hexdigest()


class Drafts:
    """Makes drafts with the engine's clock, ids and randomness."""

    def __init__(self, clock: Clock, new_id: NewId, entropy: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._new_id = new_id
        self._entropy = entropy

    def draft(
        self,
        actor: Actor,
        kind: str,
        aggregate: str,
        stream: str,
        *,
        subject: str | None = None,
        data: Mapping[str, Any] | None = None,
        erasable: Mapping[str, str] | None = None,
        person: str | None = None,
    ) -> Draft:
        """A draft of what ``actor`` did, now."""
        return Draft(
            id=self._new_id(),
            tenant=actor.tenant,
            aggregate=aggregate,
            stream=stream,
            at=self._clock(),
            actor=actor.label,
            kind=kind,
            subject=subject or stream,
            request_id=actor.request_id,
            data=data or {},
            erasable=erasable,
            person=person,
            salt=self._entropy(16) if erasable is not None else b"",
        )
