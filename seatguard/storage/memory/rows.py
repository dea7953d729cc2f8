"""The rows: dictionaries, a lock, and a list of what to undo."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from seatguard.errors import NotFound
from seatguard.journal.model import AGGREGATES, Draft, Entry, Head
from seatguard.journal.rules import GENESIS, next_link, placed
from seatguard.records import Record
from seatguard.seats.model import Seat

K = TypeVar("K")
V = TypeVar("V")

UNIQUE: dict[str, tuple[tuple[str, ...], ...]] = {
    "tenants": (("slug",),),
    "clients": (("tenant", "external_id"),),
    "projects": (("client", "name"),),
    "domains": (("project", "name"),),
    "project_keys": (("digest",),),
    "management_keys": (("digest",),),
    "plans": (("tenant", "slug"),),
    "plan_versions": (("plan", "number"),),
    "products": (("tenant", "slug"),),
    "addons": (("tenant", "slug"),),
    "extras": (("subscription", "addon"),),
    "scheduled_changes": (),
    "features": (("tenant", "name"),),
    "overrides": (("tenant", "level", "subject"),),
    "user_subscriptions": (("tenant", "user_key", "slot"),),
    "subscriptions": (("number",),),
    "replies": (("tenant", "route", "key"),),
    "waiting": (("project", "mode", "holder_key"),),
    "checkpoints": (("tenant", "number"),),
    "archives": (),
    "stretches": (("stream", "first"),),
    "usage_accounts": (("subscription", "meter", "period", "starts_at"),),
    "usage_charges": (("subscription", "meter", "key"),),
    "rate_windows": (("subscription", "meter", "caller"),),
    "lease_pools": (("subscription", "name", "holder_key"),),
    "leases": (),
    "administrators": (("tenant", "name"),),
    "saved_views": (("tenant", "owner", "page", "name"),),
}
"""Kinds of record, and which of their fields are unique together; ``None`` equals nothing."""

OWNERS = {aggregate: f"{aggregate}s" for aggregate in AGGREGATES}
"""Which kind of record owns which streams."""


@dataclass(slots=True)
class Counter:
    """The gate's numbers of one subscription."""

    live: int = 0
    held: int = 0


@dataclass(slots=True)
class MemoryRows:
    """All rows of one store.

    Every change goes through :meth:`set` or :meth:`discard`, which remember how to undo it.
    """

    records: dict[str, dict[str, Record]] = field(default_factory=lambda: {kind: {} for kind in UNIQUE})
    unique: dict[tuple[Any, ...], str] = field(default_factory=dict)
    seats: dict[str, Seat] = field(default_factory=dict)
    seat_of: dict[tuple[str, str], str] = field(default_factory=dict)
    holds: dict[str, dict[str, Seat]] = field(default_factory=lambda: defaultdict(dict))
    members: dict[str, dict[str, Seat]] = field(default_factory=lambda: defaultdict(dict))
    counters: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))
    entries: dict[str, Entry] = field(default_factory=dict)
    streams: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    generations: dict[str, int] = field(default_factory=dict)
    heads: dict[str, Head] = field(default_factory=dict)
    last_service: int = 0
    last_seat: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    _undo: list[Callable[[], object]] = field(default_factory=list)

    @contextmanager
    def unit(self) -> Iterator[None]:
        """One atomic act: alone, and undone as a whole when it ends in an error."""
        with self.lock:
            try:
                yield
            except BaseException:
                self.undo()
                raise
            finally:
                self._undo.clear()

    def undo(self) -> None:
        """Take back everything since the unit began, the last change first."""
        while self._undo:
            self._undo.pop()()

    def keep(self) -> None:
        """Make everything so far final."""
        self._undo.clear()

    def set(self, mapping: MutableMapping[K, V], key: K, value: V) -> None:
        """Put a value; undone with the unit."""
        if key in mapping:
            before = mapping[key]
            self._undo.append(lambda: mapping.__setitem__(key, before))
        else:
            self._undo.append(lambda: mapping.pop(key, None))
        mapping[key] = value

    def discard(self, mapping: MutableMapping[K, V], key: K) -> None:
        """Remove a value; undone with the unit."""
        if key in mapping:
            before = mapping.pop(key)
            self._undo.append(lambda: mapping.__setitem__(key, before))

    def count(self, subscription: str, *, live: int, held: int) -> None:
        """Add to a subscription's counter; undone with the unit."""
        counter = self.counters[subscription]
        counter.live += live
        counter.held += held

        def back() -> None:
            counter.live -= live
            counter.held -= held

        self._undo.append(back)

    def append(self, draft: Draft) -> Entry:
        """Put an entry at the end of its stream; undone with the unit."""
        owners = self.records[OWNERS[draft.aggregate]]
        owner = owners.get(draft.stream)
        if owner is None or owner.tenant != draft.tenant:
            raise NotFound(draft.aggregate, draft.stream)
        head = self.heads.get(draft.stream) or Head(draft.aggregate, draft.stream, 0, GENESIS)
        entry = placed(draft, seq=head.seq + 1, link=next_link(head.link, draft.digest()))
        self.set(self.entries, entry.id, entry)
        self.set(self.heads, draft.stream, Head(draft.aggregate, draft.stream, entry.seq, entry.link))
        stream = self.streams[draft.stream]
        stream.append(entry.id)
        self._undo.append(stream.pop)
        return entry
