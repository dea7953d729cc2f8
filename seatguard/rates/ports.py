"""The gate of rates. What an implementer must fulfil stands here."""

from __future__ import annotations

from typing import Protocol

from seatguard.rates.model import Hit, HitOutcome


class RateGate(Protocol):
    """Windows.

    Every verb reads the time after it has locked the window, by a clock that setting a worker's clock does
    not move. Rates are promises of a moment: they are not journalled, and may be forgotten after a window.

    Raises (every verb):
        StorageUnavailable: the store did not answer in time.
    """

    def hit(self, hit: Hit) -> HitOutcome:
        """Count a request, if it fits by :func:`seatguard.rates.rules.weighed`; else write nothing.

        However many calls run together, no stretch of time as long as the window has more than the limit.
        """

    def peek(self, hit: Hit) -> HitOutcome:
        """What a hit of that cost would be answered now; counts nothing."""

    def forget(self, tenant: str, subscription: str, meter: str, caller: str) -> None:
        """Let a caller begin anew."""

    def sweep(self, tenant: str) -> int:
        """Remove windows that nothing is within any more; how many."""
