"""The relay: entries from the gate's streams into the ledger, each once and in their order."""

from __future__ import annotations

import json
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from cachetools import LRUCache

from seatguard.errors import Conflict, NotFound
from seatguard.idempotency.model import Reply
from seatguard.journal.model import Draft
from seatguard.seats.model import Seat
from seatguard.storage.beside import Home
from seatguard.storage.locking import Section
from seatguard.storage.ports import Work
from seatguard.storage.redis import lease_copies, usage_copy, wire
from seatguard.storage.redis.keys import SHARDS, generation_of, journal_of, keys_of, shard_of
from seatguard.storage.redis.moved import Moved
from seatguard.storage.redis.server import Server

logger = logging.getLogger("seatguard.gate")

_AT_ONCE = 1000


_OTHERS: dict[bytes, Callable[[dict[bytes, bytes]], Moved]] = {
    b"usage": usage_copy.moved,
    b"lease": lease_copies.read,
}
"""Who reads what is not about a seat, by the field that such a message has."""


def _read(fields: dict[bytes, bytes]) -> Moved:
    """What a script wrote; see ``record`` in ``lua/_writing.lua``, and those of the slices in its folders."""
    for name, read in _OTHERS.items():
        if name in fields:
            return read(fields)
    subject = fields[b"subject"].decode()
    entry = wire.draft_from(fields[b"entry"], subject=subject)
    value, text, seat = fields[b"seat"], fields[b"reply"], None
    if value:
        state = (subject, "0", *json.loads(value), fields[b"lapses_at"])
        seat = wire.seat(entry.tenant, entry.stream, state)
    reply = wire.reply_from(text) if text else None
    return Moved(
        (entry,), fields[b"generation"], seats=partial(_copy, subject=subject, seat=seat, reply=reply)
    )


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
            moved += self._write([_read(fields) for _, fields in found])
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
            by_subscription[one.entries[0].tenant, one.entries[0].stream].append(one)
        moved = 0
        for (tenant, subscription), group in by_subscription.items():
            try:
                count, there = self._moved(tenant, subscription, group)
            except NotFound:
                logger.error("entries of subscription %s have no place in the ledger", subscription)
                continue
            moved += count
            with self._noting:
                self._brought.update(dict.fromkeys(there))
        return moved

    def _moved(self, tenant: str, subscription: str, group: Sequence[Moved]) -> tuple[int, set[str]]:
        place = partial(self._placed, group)
        if not any(one.records is not None or one.usage for one in group):
            return self._home.within(tenant, subscription, place)
        try:
            return self._home.within_unit(tenant, subscription, place)
        except Conflict:
            return self._home.within_unit(tenant, subscription, partial(place, careful=True))

    def _placed(
        self,
        group: Sequence[Moved],
        section: Section,
        work: Work | None = None,
        *,
        careful: bool = False,
    ) -> tuple[int, set[str]]:
        """Write what is not there yet.

        Returns:
            how many entries that were, and the ids of those that are there now.
        """
        there = section.recorded([one.entries[0].id for one in group])
        new = [one for one in group if one.entries[0].id not in there]
        there.update(entry.id for one in group if one.entries[0].id in there for entry in one.entries)
        if not new:
            return 0, there
        subscription = new[0].entries[0].stream
        # The pool was flushed and filled again before these came: it knows nothing of them, and their
        # seats may be others' by now. Nobody fills it while its row is locked here.
        filled = self._server.field(keys_of(subscription)[1], "generation")
        late = [one for one in new if filled not in (None, one.generation)]
        if late:
            lost = sum(len(one.entries) for one in late)
            logger.error("%d entries of subscription %s were lost in a flush", lost, subscription)
            new = [one for one in new if one.generation == filled]
        for one in new:
            if one.seats is not None:
                one.seats(section)
            if one.records is not None and work is not None:
                one.records(work)
            for entry in one.entries:
                section.append(entry)
        done = [what for one in new for what in one.usage]
        if done and work is not None:
            usage_copy.place(work, new[0].entries[0].tenant, subscription, done, careful=careful)
        if any(one.seats is not None for one in new):
            pool = section.pool()
            section.recount(pool.live, pool.held)
        written = {entry.id for one in new for entry in one.entries}
        return len(written), there | written


def _copy(section: Section, subject: str, seat: Seat | None, reply: Reply | None) -> None:
    """Do to the ledger's copy what the gate did."""
    there = section.seat(subject)
    if seat is not None:
        namesake = section.seat_of(seat.holder_key)
        if namesake is not None and namesake.id != seat.id:
            section.drop(namesake)
        if there is None:
            section.add(seat)
        else:
            confirmed = there.lapses_at is not None and seat.lapses_at is None
            section.put(replace(seat, number=there.number), confirmed=confirmed)
    elif there is not None:
        section.drop(there)
    if reply is not None:
        _keep(section, reply)


def _keep(section: Section, reply: Reply) -> None:
    try:
        section.keep(reply)
    except (Conflict, NotFound):
        return  # it was kept at once, or its key has been taken over or let go of since
