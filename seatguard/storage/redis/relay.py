"""The relay: entries from the gate's streams into the ledger, each once and in their order."""

from __future__ import annotations

import json
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from cachetools import LRUCache

from seatguard.errors import Conflict, NotFound
from seatguard.idempotency.model import Reply
from seatguard.journal.model import Draft
from seatguard.seats.model import Seat
from seatguard.storage.beside import Home
from seatguard.storage.locking import Section
from seatguard.storage.redis import wire
from seatguard.storage.redis.keys import SHARDS, generation_of, journal_of, keys_of, shard_of
from seatguard.storage.redis.server import Server

logger = logging.getLogger("seatguard.gate")

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Moved:
    """An entry on its way.

    Attributes:
        generation: of the filling in which it was written.
        seat: as it stands after it; ``None`` when it is free.
    """

    entry: Draft
    generation: bytes
    seat: Seat | None
    reply: Reply | None

    @classmethod
    def read(cls, fields: dict[bytes, bytes]) -> Moved:
        """The entry of a stream's fields; see ``record`` in ``lua/_writing.lua``."""
        subject = fields[b"subject"].decode()
        entry = wire.draft_from(fields[b"entry"], subject=subject)
        value, reply, seat = fields[b"seat"], fields[b"reply"], None
        if value:
            state = (subject, "0", *json.loads(value), fields[b"lapses_at"])
            seat = wire.seat(entry.tenant, entry.stream, state)
        return cls(entry, fields[b"generation"], seat, wire.reply_from(reply) if reply else None)


class Relay:
    """Moves entries. Any number of relays may run together, and any may die at any point.

    Everybody reads a shard's stream from its oldest entry on and writes a subscription's entries in their
    order, with its row locked, leaving out those that are there already. An entry goes from the stream when
    the ledger has it and all before it.
    """

    def __init__(self, server: Server, home: Home) -> None:
        self._server = server
        self._home = home
        self._turn = [threading.Lock() for _ in range(SHARDS)]
        self._brought: LRUCache[str, None] = LRUCache(maxsize=10_000)
        self._noting = threading.Lock()

    def run(self) -> int:
        """Move everything that is waiting now.

        Returns:
            how many entries were moved.

        Raises:
            StorageUnavailable: gate or ledger did not answer in time; what was moved stays moved.
        """
        lengths = self._server.lengths([journal_of(shard) for shard in range(SHARDS)])
        return sum(self.drain(shard) for shard, length in enumerate(lengths) if length)

    def drain(self, shard: int) -> int:
        """Move everything that waits in one shard now."""
        moved, again = 0, 2
        key = journal_of(shard)
        waiting = self._server.lengths([key])[0]
        while waiting > 0:
            generation = self._server.get(generation_of(shard)) or b""
            found = self._server.entries(key, most=_AT_ONCE)
            if not found:
                break
            moved += self._write([Moved.read(fields) for _, fields in found])
            arguments = ("", "", generation, found[-1][0])
            # A stream that was emptied and begun anew meanwhile has other entries under these ids.
            keys = (generation_of(shard), *[key] * 6)
            if self._server.run("acknowledge", keys, arguments)[0] == b"other" and again:
                again -= 1  # perhaps only marked as unknown, by a restart that this very call has noticed
                continue
            waiting -= len(found)
        return moved

    def confirm(self, entry: Draft, stands: Callable[[Section], bool]) -> bool:
        """Bring an entry that was just written into the ledger, with all that waits beside it.

        Threads that want the same do it together: the first of them moves the entries of all.

        Args:
            stands: looks in the ledger for what the entry tells of, where somebody else moved it.

        Returns:
            whether the ledger has it; else a flush came in between, and it is gone.
        """
        shard = shard_of(entry.stream)
        with self._turn[shard]:
            if entry.id not in self._brought:
                self.drain(shard)
            if entry.id in self._brought:
                return True
        return self._home.within(entry.tenant, entry.stream, stands)

    def has_entries_of(self, subscription: str) -> bool:
        """Whether entries of that subscription wait."""
        found = self._server.entries(journal_of(shard_of(subscription)), most=10 * _AT_ONCE)
        return any(json.loads(fields[b"entry"])[3] == subscription for _, fields in found)

    def _write(self, batch: Sequence[Moved]) -> int:
        by_subscription: defaultdict[tuple[str, str], list[Moved]] = defaultdict(list)
        for one in batch:
            by_subscription[one.entry.tenant, one.entry.stream].append(one)
        moved = 0
        for (tenant, subscription), entries in by_subscription.items():
            try:
                count, there = self._home.within(tenant, subscription, partial(self._placed, entries=entries))
            except NotFound:
                logger.error("entries of subscription %s have no place in the ledger", subscription)
                continue
            moved += count
            with self._noting:
                self._brought.update(dict.fromkeys(there))
        return moved

    def _placed(self, section: Section, entries: Sequence[Moved]) -> tuple[int, set[str]]:
        """Write what is not there yet.

        Returns:
            how many entries that were, and the ids of those that are there now.
        """
        there = section.recorded([one.entry.id for one in entries])
        new = [one for one in entries if one.entry.id not in there]
        if not new:
            return 0, there
        subscription = new[0].entry.stream
        # The pool was flushed and filled again before these came: it knows nothing of them, and their
        # seats may be others' by now. Nobody fills it while its row is locked here.
        filled = self._server.field(keys_of(subscription)[1], "generation")
        late = [one for one in new if filled is not None and one.generation != filled]
        if late:
            logger.error("%d entries of subscription %s were lost in a flush", len(late), subscription)
            new = [one for one in new if one not in late]
        for one in new:
            _copy(section, one)
            section.append(one.entry)
            if one.reply is not None:
                _keep(section, one.reply)
        pool = section.pool()
        if new:
            section.recount(pool.live, pool.held)
        return len(new), there | {one.entry.id for one in new}


def _copy(section: Section, one: Moved) -> None:
    """Do to the ledger's copy what the gate did."""
    there = section.seat(one.entry.subject)
    if one.seat is None:
        if there is not None:
            section.drop(there)
        return
    namesake = section.seat_of(one.seat.holder_key)
    if namesake is not None and namesake.id != one.seat.id:
        section.drop(namesake)
    if there is None:
        section.add(one.seat)
    else:
        confirmed = there.lapses_at is not None and one.seat.lapses_at is None
        section.put(replace(one.seat, number=there.number), confirmed=confirmed)


def _keep(section: Section, reply: Reply) -> None:
    try:
        section.keep(reply)
    except (Conflict, NotFound):
        return  # it was kept at once, or its key has been taken over or let go of since
