"""A gate with a store of its own, beside a ledger that keeps a copy of its seats."""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TypeVar, cast
from uuid import uuid4

from seatguard.entitlements.model import Agreed, Arrival
from seatguard.errors import Misconfigured, StorageUnavailable
from seatguard.records import Page, Repository
from seatguard.seats.model import Admission
from seatguard.seats.ports import Gate
from seatguard.storage.locking import Section
from seatguard.storage.ports import Ledger, Work
from seatguard.subscriptions.model import Subscription

logger = logging.getLogger("seatguard.gate")

T = TypeVar("T")


class Home(Protocol):
    """The gate on the ledger's own rows: it has the copy of the seats."""

    def within(self, tenant: str, subscription: str, act: Callable[[Section], T]) -> T:
        """Run ``act`` with the subscription's row locked; again from its start after a lost race.

        Raises:
            NotFound: no such subscription in the tenant.
            StorageUnavailable: the store did not answer in time.
        """

    def within_unit(self, tenant: str, subscription: str, act: Callable[[Section, Work], T]) -> T:
        """As :meth:`within`, with the ledger's other records in the same unit.

        Seats and entries are the section's alone; the unit is committed by whoever runs it.
        """

    def within_all(
        self, tenant: str, subscriptions: Sequence[str], act: Callable[[Mapping[str, Section]], T]
    ) -> T:
        """As :meth:`within` for several subscriptions, locked in the order of their ids.

        ``act`` is given the sections of those that there are.
        """

    def within_units(
        self, tenant: str, subscriptions: Sequence[str], act: Callable[[Mapping[str, Section], Work], T]
    ) -> T:
        """As :meth:`within_all`, with the ledger's other records as in :meth:`within_unit`."""

    def seats_named(self, tenant: str, holder_key: str) -> int:
        """See ``Gate.seats_named``."""

    def lapsed(self, tenant: str, *, limit: int) -> tuple[str, ...]:
        """See ``Gate.lapsed``."""


@dataclasses.dataclass(frozen=True, slots=True)
class Count:
    """Live seats, lapsed holds included, and how many of them are lapsed holds."""

    live: int
    lapsed: int


class GateBeside(Gate, Protocol):
    """What such a gate does besides."""

    def freeze(self, tenant: str, subscription: str, token: str) -> Count | None:
        """Give no new seat in the subscription, which the caller has locked in the ledger.

        Whoever claims one meanwhile waits for that lock. Left by :meth:`agree`.

        Returns:
            what is taken; ``None`` when the ledger's copy is all there is.
        """

    def agree(self, tenant: str, subscription: str, admission: Admission, token: str) -> None:
        """Go by this admission, and give seats again, unless somebody else has frozen it since."""

    def relay(self) -> int:
        """Move what the ledger does not have yet into it.

        Returns:
            how many entries were moved.
        """

    def check(self) -> None:
        """See that the gate can be used.

        Raises:
            StorageUnavailable: it does not answer.
            Misconfigured: its store may lose seats.
        """

    def durability(self) -> str:
        """What an answered take survives, in one sentence."""

    def close(self) -> None:
        """Let go of connections."""


def refuse_to_join(_connection: object) -> Gate:
    """For a gate whose seats are not in the host's database.

    Raises:
        Misconfigured: always.
    """
    raise Misconfigured(
        "the seats are kept by the gate of SEATGUARD_GATE_URI, which takes no part in the host's transaction:"
        " hold a seat before the user is saved and confirm it afterwards (the decorator consume does so),"
        " or leave SEATGUARD_GATE_URI out"
    )


class _Frozen:
    """Subscriptions of a unit of work. One that is locked is frozen at the gate until the unit ends."""

    def __init__(self, work: Work, gate: GateBeside, token: str) -> None:
        self._inner: Repository[Subscription] = work.subscriptions
        self._copied = work.seats_live
        self._gate = gate
        self._token = token
        self.before: dict[str, Subscription] = {}
        self.after: dict[str, Subscription] = {}
        self.counts: dict[str, Count | None] = {}
        self.unknown = False

    def get(self, identifier: str) -> Subscription:
        return self._inner.get(identifier)

    def lock(self, identifier: str) -> Subscription:
        record = self._inner.lock(identifier)
        if identifier not in self.before:
            self.unknown = True
            self.counts[identifier] = self._gate.freeze(record.tenant, identifier, self._token)
            self.before[identifier], self.unknown = record, False
        return record

    def find(self, **criteria: Any) -> Subscription | None:
        return self._inner.find(**criteria)

    def add(self, record: Subscription) -> None:
        self._inner.add(record)

    def add_all(self, records: Sequence[Subscription]) -> None:
        self._inner.add_all(records)

    def replace(self, record: Subscription) -> None:
        # The ledger's own check is over its copy of the seats, which may be a moment behind.
        if record.ceiling is not None:
            ceiling = max(record.ceiling, self._copied(record.id))
            record = dataclasses.replace(record, ceiling=ceiling)
        self._inner.replace(record)
        self.after[record.id] = record

    def remove(self, identifier: str) -> None:
        self._inner.remove(identifier)

    def list(
        self, *, limit: int = 50, after: str | None = None, newest_first: bool = False, **criteria: Any
    ) -> Page[Subscription]:
        return self._inner.list(limit=limit, after=after, newest_first=newest_first, **criteria)

    def thaw(self, *, committed: bool) -> None:
        if self.unknown:
            # What stood in the way may have been entries that wait; now that nothing is locked they can move.
            try:
                self._gate.relay()
            except StorageUnavailable as error:
                logger.warning("entries still wait at the gate: %s", error)
        for identifier, before in self.before.items():
            agreed = self.after.get(identifier, before) if committed else before
            try:
                self._gate.agree(agreed.tenant, identifier, Admission.of(agreed), self._token)
            except StorageUnavailable as error:
                # It stays frozen; the next who claims a seat there asks the ledger and thaws it.
                logger.warning("a subscription stays frozen until its next claim: %s", error)


class _Work:
    """A unit of work whose counts are the gate's."""

    def __init__(self, inner: Work, gate: GateBeside) -> None:
        self._inner = inner
        self.subscriptions = _Frozen(inner, gate, uuid4().hex)
        self.committed: bool | None = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def seats_live(self, subscription: str) -> int:
        count = self.subscriptions.counts.get(subscription)
        return self._inner.seats_live(subscription) if count is None else count.live

    def holds_lapsed(self, subscription: str, now: dt.datetime) -> int:
        count = self.subscriptions.counts.get(subscription)
        return self._inner.holds_lapsed(subscription, now) if count is None else count.lapsed

    def commit(self) -> None:
        self.committed = None  # unknown, if the commit's answer is lost
        self._inner.commit()
        self.committed = True


class LedgerBeside:
    """The ledger beside such a gate; see ``seatguard.storage.ports.Ledger``.

    A subscription that a unit of work has locked gives no new seats until the unit ends, as it would if
    the gate shared the ledger's rows: so a limit is compared with a count that cannot grow meanwhile.
    """

    def __init__(self, inner: Ledger, gate: GateBeside) -> None:
        self._inner = inner
        self._gate = gate

    @contextmanager
    def begin(self, tenant: str) -> Iterator[Work]:
        """See ``Ledger.begin``."""
        unit: _Work | None = None
        try:
            with self._inner.begin(tenant) as work:
                unit = _Work(work, self._gate)
                yield cast(Work, unit)
        finally:
            if unit is not None and unit.committed is not None:
                unit.subscriptions.thaw(committed=unit.committed)

    def read(self, tenant: str) -> AbstractContextManager[Work]:
        """See ``Ledger.read``."""
        return self._inner.read(tenant)

    def read_all(self) -> AbstractContextManager[Work]:
        """See ``Ledger.read_all``."""
        return self._inner.read_all()

    def agreed(self, tenant: str, project: str, mode: str) -> Sequence[Agreed]:
        """See ``Ledger.agreed``; the counts are those of the ledger's copy."""
        return self._inner.agreed(tenant, project, mode)

    def arrive(self, digest: bytes) -> Arrival | None:
        """See ``Ledger.arrive``; the counts are those of the ledger's copy."""
        return self._inner.arrive(digest)

    def ready(self) -> None:
        """See ``Ledger.ready``."""
        self._inner.ready()
        self._gate.check()

    def durability(self) -> str:
        """See ``Ledger.durability``."""
        return self._gate.durability()

    def close(self) -> None:
        """See ``Ledger.close``."""
        try:
            self._gate.close()
        finally:
            self._inner.close()
