"""What a script wrote into a stream, as the relay moves it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seatguard.journal.model import Draft
from seatguard.storage.locking import Section
from seatguard.storage.ports import Work


@dataclass(frozen=True, slots=True)
class Moved:
    """One act of the gate's on its way, with all its entries: all of them are in the ledger, or none is.

    Attributes:
        generation: of the filling in which it was written.
        seats: does to the ledger's copy of the seats what the gate did; ``None`` when it did nothing to them.
        records: does so to other records, in the same unit.
        usage: what became of accounts and charges, for all acts of a subscription at a time.
    """

    entries: tuple[Draft, ...]
    generation: bytes
    seats: Callable[[Section], None] | None = None
    records: Callable[[Work], None] | None = None
    usage: tuple[Sequence[str], ...] = ()

    @property
    def place(self) -> tuple[str, str]:
        """The tenant and the subscription."""
        return self.entries[0].tenant, self.entries[0].stream
