"""Kept replies, and what a request with a key meets."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias


class ReplyState(StrEnum):
    """How far the request has come."""

    IN_FLIGHT = "in_flight"
    DONE = "done"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What was answered to a request with a key.

    Attributes:
        fingerprint: SHA-256 of the request, in hexadecimal digits.
        since: when the request that is in flight began.
        status: the code of the answer; 0 while there is none.
    """

    id: str
    tenant: str
    route: str
    key: str
    fingerprint: str
    state: ReplyState
    since: dt.datetime
    status: int
    body: bytes
    version: int = 1

    def done(self, status: int, body: bytes) -> Reply:
        """The same request, answered."""
        return replace(self, state=ReplyState.DONE, status=status, body=body, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class Begun:
    """The request is new: do it, and seal its answer into ``reply``."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Replied:
    """The request was answered before: give this again, byte by byte."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class InFlight:
    """The first request of this key still runs."""

    retry_after: int


@dataclass(frozen=True, slots=True)
class Reused:
    """The key belongs to a request with another body."""


Start: TypeAlias = Begun | Replied | InFlight | Reused
