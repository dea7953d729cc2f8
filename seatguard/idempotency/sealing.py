"""Keeping the reply with what was made: in the same unit of work, both or neither."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, TypeVar

from seatguard.idempotency.model import Reply
from seatguard.records import Repository

T = TypeVar("T")

Seal: TypeAlias = Callable[[T], Reply | None]
"""Makes the reply to keep from what was made; ``None`` keeps nothing. A store may ask more than once."""


class Work(Protocol):
    """The part of a unit of work that keeps replies."""

    @property
    def replies(self) -> Repository[Reply]:
        """Replies; (tenant, route, key) is unique."""


def keep_with(work: Work, made: T, seal: Seal[T] | None) -> None:
    """Keep the reply about what the unit has made, if there is one to keep."""
    reply = None if seal is None else seal(made)
    if reply is not None:
        work.replies.replace(reply)
