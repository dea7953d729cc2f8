"""Units of the meters over the rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import TypeVar, cast

from seatguard.clock import Clock
from seatguard.leases.model import Lease, LeaseState, Pool
from seatguard.rates.model import Window
from seatguard.storage.memory.ledger import MemoryWork
from seatguard.storage.memory.rows import MemoryRows
from seatguard.storage.meters import Meters
from seatguard.storage.meters.leases import UnitLeases
from seatguard.storage.meters.rates import UnitRates
from seatguard.storage.meters.units import Work
from seatguard.storage.meters.usage import UnitUsage

T = TypeVar("T")


class _Work(MemoryWork):
    """A unit of work with what the meters ask besides; see ``seatguard.storage.meters.units.Work``."""

    def __init__(self, rows: MemoryRows, tenant: str, steady: Clock) -> None:
        super().__init__(rows, tenant)
        self._tenant = tenant
        self.steady = steady

    def leases_ending(self, pool: str, *, by: dt.datetime | None, limit: int) -> list[Lease]:
        """See ``Work.leases_ending``."""
        found = (
            lease
            for lease in self._leases()
            if lease.pool == pool and lease.state is LeaseState.LIVE and (by is None or lease.lapses_at <= by)
        )
        return sorted(found, key=lambda lease: (lease.lapses_at, lease.id))[:limit]

    def pools_lapsed(self, now: dt.datetime, *, limit: int) -> list[Pool]:
        """See ``Work.pools_lapsed``."""
        lapsed = {
            lease.pool
            for lease in self._leases()
            if lease.state is LeaseState.LIVE and lease.lapses_at <= now
        }
        return [self.pools.get(pool) for pool in sorted(lapsed)[:limit]]

    def forget_leases(self, ended_before: dt.datetime) -> int:
        """See ``Work.forget_leases``."""
        over = [
            lease.id
            for lease in self._leases()
            if lease.state is not LeaseState.LIVE and lease.lapses_at <= ended_before
        ]
        for lease in over:
            self.leases.remove(lease)
        return len(over)

    def forget_windows(self, ended_before: dt.datetime) -> int:
        """See ``Work.forget_windows``."""
        windows = cast("dict[str, Window]", self._rows.records["rate_windows"])
        over = [
            window.id
            for window in windows.values()
            if window.tenant == self._tenant and window.ends_at <= ended_before
        ]
        for window in over:
            self.windows.remove(window)
        return len(over)

    def _leases(self) -> Iterator[Lease]:
        leases = cast("dict[str, Lease]", self._rows.records["leases"])
        return (lease for lease in leases.values() if lease.tenant == self._tenant)


class MemoryUnits:
    """One lock, so every unit is alone."""

    def __init__(self, rows: MemoryRows, steady: Clock) -> None:
        self._rows = rows
        self._steady = steady

    def run(self, tenant: str, act: Callable[[Work], T]) -> T:
        """See ``Units.run``."""
        with self._rows.unit():
            work = _Work(self._rows, tenant, self._steady)
            result = act(work)
            work.commit()
            return result

    def look(self, tenant: str, act: Callable[[Work], T]) -> T:
        """See ``Units.look``."""
        with self._rows.lock:
            return act(_Work(self._rows, tenant, self._steady))


def memory_meters(rows: MemoryRows, clock: Clock, steady: Clock) -> Meters:
    """The meters of a store in memory."""
    units = MemoryUnits(rows, steady)
    return Meters(UnitUsage(units, clock), UnitRates(units), UnitLeases(units, clock))
