"""Usage, rates and leases over units of work: written once for every store that can lock a record.

Memory and SQL differ only in how a unit runs (:class:`~seatguard.storage.meters.units.Units`). A store
with atomic scripts of its own implements the slices' ports directly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seatguard.errors import Misconfigured
from seatguard.leases.ports import LeaseGate
from seatguard.rates.ports import RateGate
from seatguard.usage.ports import UsageGate


@dataclass(frozen=True, slots=True)
class Meters:
    """The gates of what is measured beside seats."""

    usage: UsageGate
    rates: RateGate
    leases: LeaseGate


class NoMeters:
    """Stands where a store keeps no meters."""

    def __getattr__(self, name: str) -> Any:
        """Whatever is asked of it.

        Raises:
            Misconfigured: always.
        """
        raise Misconfigured(f"this store keeps no usage, rates or leases ({name} was asked for)")
