"""Leases, pools, and the outcomes of the gate's verbs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from seatguard.allowances import Concurrency
from seatguard.entitlements.model import Terms


class LeaseState(StrEnum):
    """Whether a lease has its place, and if not, why."""

    LIVE = "live"
    RETURNED = "returned"
    LAPSED = "lapsed"
    TAKEN_OVER = "taken_over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A place kept by heartbeats.

    Attributes:
        pool: id of its pool.
        holder: the name as it was given.
        holder_key: the name by which holders are compared.
        session: which of the holder's sessions, as the host names it.
        late_at: until when a heartbeat was promised.
        lapses_at: when the place is free; for an ended lease, when it ended.
        lasts: seconds from its last heartbeat to ``late_at``.
    """

    id: str
    tenant: str
    subscription: str
    pool: str
    name: str
    holder: str
    holder_key: str
    session: str
    state: LeaseState
    since: dt.datetime
    late_at: dt.datetime
    lapses_at: dt.datetime
    lasts: int = 0
    version: int = 1

    def has_lapsed(self, now: dt.datetime) -> bool:
        """Whether it has its place no more."""
        return self.state is not LeaseState.LIVE or now >= self.lapses_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The leases that share a limit.

    Attributes:
        name: what the subscription includes them under.
        holder_key: whose leases; empty when all holders share.
        live: leases with a place, lapsed ones included until they are cleared away.
    """

    id: str
    tenant: str
    subscription: str
    name: str
    holder_key: str
    live: int
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The wish for a place.

    Attributes:
        lease: id the lease will have.
        pool: id its pool will have if it is the first of its pool.
    """

    lease: str
    pool: str
    tenant: str
    subscription: str
    name: str
    holder: str
    holder_key: str
    session: str
    allowance: Concurrency

    @property
    def pool_key(self) -> str:
        """The holder whose pool it is, empty for the pool of all."""
        return self.holder_key if self.allowance.per_holder else ""


@dataclass(frozen=True, slots=True)
class Granted:
    """The lease is the claimant's.

    Attributes:
        live: leases of the pool with a place.
        evicted: leases that made room.
    """

    lease: Lease
    live: int
    evicted: tuple[Lease, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """The lease there was goes on."""

    lease: Lease
    live: int


@dataclass(frozen=True, slots=True)
class Full:
    """No place is free; nothing was written.

    Attributes:
        frees_at: when the first lease lapses if it has no further heartbeat; ``None`` with a limit of 0.
    """

    live: int
    frees_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """The subscription gives nothing at this instant; nothing was written."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The lease has no place any more; its state tells why."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class NoLease:
    """There is no such lease; nothing was written."""


CheckoutOutcome: TypeAlias = Granted | Kept | Full | Closed
BeatOutcome: TypeAlias = Granted | Kept | Full | Closed | Ended | NoLease
ReturnOutcome: TypeAlias = Ended | NoLease


@dataclass(frozen=True, slots=True)
class LeaseFacts:
    """The numbers behind a decision about a lease.

    Attributes:
        terms: of the subscription the answer is about; ``None`` when there is none.
        limit: places of the pool; ``None`` is unlimited.
        live: leases with a place, at the latest known instant.
        lease: the answer is about, if there is one; none for a holder with a named seat.
        frees_at: when the first place is free if its lease has no further heartbeat.
    """

    terms: Terms | None
    limit: int | None = None
    live: int = 0
    lease: Lease | None = None
    frees_at: dt.datetime | None = None
