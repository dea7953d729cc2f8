"""What the meters need from a store: atomic units over records, run again when they lost a race."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from seatguard.errors import Conflict, NotFound, StorageUnavailable
from seatguard.leases.model import Lease, Pool
from seatguard.storage import ports as ledger

T = TypeVar("T")

ATTEMPTS = 50
"""How often a unit is run before the store counts as unavailable: each lost race was somebody's success."""

_SWEPT = "rate window"
"""The kind of record that somebody may remove while another unit is about to lock it."""


class Work(ledger.Work, Protocol):
    """A unit of work with what the meters ask besides."""

    def leases_ending(self, pool: str, *, by: dt.datetime | None, limit: int) -> Sequence[Lease]:
        """Live leases of a pool, the first to end first; those that have ended by an instant, or all."""

    def pools_lapsed(self, now: dt.datetime, *, limit: int) -> Sequence[Pool]:
        """Pools with such a lease."""

    def forget_leases(self, ended_before: dt.datetime) -> int:
        """Remove leases that ended before an instant; how many."""

    def forget_windows(self, ended_before: dt.datetime) -> int:
        """Remove windows that ended before an instant; how many."""

    def steady(self) -> dt.datetime:
        """The time by which leases and windows are measured; setting a worker's clock does not move it."""


class Units(Protocol):
    """Runs units."""

    def run(self, tenant: str, act: Callable[[Work], T]) -> T:
        """Run a unit that writes and make it final; left by an error, it changed nothing.

        Raises:
            StorageUnavailable: the store did not answer in time.
            Conflict: a record was added or changed by another unit first.
        """

    def look(self, tenant: str, act: Callable[[Work], T]) -> T:
        """Run a unit that only reads."""


def again(units: Units, tenant: str, act: Callable[[Work], T]) -> T:
    """Run a unit, anew from its start as long as others come first.

    Two first users of one account, window or pool both try to add its record; the second finds it then.
    """
    for _ in range(ATTEMPTS):
        try:
            return units.run(tenant, act)
        except Conflict as conflict:
            if conflict.code not in ("already_exists", "version_conflict"):
                raise
        except NotFound as missing:
            if missing.kind != _SWEPT:
                raise
    raise StorageUnavailable("others came first too often; ask again")
