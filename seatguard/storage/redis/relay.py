"""The relay: entries from the gate's streams into the ledger, each once and in their order."""

from __future__ import annotations

import json
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from cachetools import LRUCache

from seatguard.errors import Conflict, NotFound, StorageUnavailable
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

_SEEN = 10 * _AT_ONCE
"""How many entries are looked through for those of one subscription."""

_TOGETHER = 100
"""How many subscriptions are locked in one transaction of the ledger."""

_OUTAGE = 3
"""So many subscriptions that cannot be written, the first ones tried, and the ledger counts as away."""

Groups: TypeAlias = Mapping[str, Sequence[Moved]]
"""Messages by their subscriptions, of one tenant."""

_OTHERS: dict[bytes, Callable[[dict[bytes, bytes]], Moved]] = {
    b"usage": usage_copy.moved,
    b"lease": lease_copies.read,
}
"""Who reads what is not about a seat, by the field that such a message has."""


def _read(fields: dict[bytes, bytes]) -> Moved | Exception:
    """What a script wrote, or why it cannot be read."""
    try:
        return _message(fields)
    except (LookupError, TypeError, ValueError) as error:
        return error


def _message(fields: dict[bytes, bytes]) -> Moved:
    """See ``record`` in ``lua/_writing.lua``, and those of the slices in its folders."""
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


class Stuck(StorageUnavailable):
    """Entries of these subscriptions could not be moved; all others were."""

    def __init__(self, why: Mapping[str, Exception]) -> None:
        self.subscriptions = frozenset(why)
        name, error = next(iter(why.items()))
        super().__init__(
            f"entries of {len(why)} subscriptions wait, of {name or 'an unknown one'} because of: {error}"
        )


class _Stream:
    """What waits in one shard, read from the oldest entry on."""

    def __init__(self, server: Server, shard: int, length: int) -> None:
        self.left = length
        self.found: list[tuple[bytes, Moved | Exception]] = []
        self._server = server
        self._key = journal_of(shard)
        self._counts = generation_of(shard)
        self._generation = b""
        self._after: bytes | None = None
        self._holds = False
        self._again = 2

    def read(self) -> None:
        """Read the next ones into ``found``."""
        self._generation = self._server.get(self._counts) or b""
        found = self._server.entries(self._key, after=self._after, most=_AT_ONCE)
        self.found = [(one, _read(fields)) for one, fields in found]
        if not found:
            self.left = 0

    def acknowledge(self, stuck: Container[str]) -> None:
        """Let go of those that the ledger has, up to the first one that it has not."""
        if not self.found:
            return
        done = b""
        for one, message in self.found:
            self._holds = self._holds or isinstance(message, Exception) or message.place[1] in stuck
            if self._holds:
                break
            done = one
        # A stream that was emptied and begun anew meanwhile has other entries under these ids.
        keys = (self._counts, *[self._key] * 6)
        arguments = ("", "", self._generation, done)
        if done and self._server.run("acknowledge", keys, arguments)[0] == b"other" and self._again:
            # Perhaps only marked as unknown, by a restart that this very call has noticed.
            self._again, self._after = self._again - 1, None
            return
        self._after = self.found[-1][0]
        self.left -= len(self.found)


class Relay:
    """Moves entries. Any number of relays may run together, and any may die at any point.

    Everybody reads a shard's stream from its oldest entry on and writes a subscription's entries in their
    order, with its row locked, leaving out those that are there already: many subscriptions in one
    transaction, or each in its own where that fails. An entry goes from the stream when the ledger has it and
    all before it.
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
            Stuck: of some subscriptions the ledger did not take them.
            StorageUnavailable: gate or ledger did not answer in time; what was moved stays moved.
        """
        lengths = self._server.lengths([journal_of(shard) for shard in range(SHARDS)])
        return self._move([_Stream(self._server, *one) for one in enumerate(lengths)])

    def drain(self, shard: int) -> int:
        """Move everything that waits in one shard now; as :meth:`run`."""
        (length,) = self._server.lengths([journal_of(shard)])
        return self._move([_Stream(self._server, shard, length)])

    def bring(self, subscription: str) -> None:
        """Move what waits of one subscription, and what waits beside it if that can be moved."""
        try:
            self.drain(shard_of(subscription))
        except Stuck as stuck:
            if subscription in stuck.subscriptions or "" in stuck.subscriptions:
                raise

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
                self.bring(entry.stream)
            if entry.id in self._brought:
                return True
        return self._home.within(entry.tenant, entry.stream, stands)

    def may_have_entries_of(self, subscription: str) -> bool:
        """Whether entries of that subscription may wait: they do, or too much waits to tell."""
        found = self._server.entries(journal_of(shard_of(subscription)), most=_SEEN)
        try:
            waits = any(json.loads(fields[b"entry"])[3] == subscription for _, fields in found)
        except (LookupError, TypeError, ValueError):
            return True  # nobody knows whose it is
        return waits or len(found) == _SEEN

    def _move(self, streams: Sequence[_Stream]) -> int:
        moved = 0
        stuck: dict[str, Exception] = {}
        while streams := [stream for stream in streams if stream.left > 0]:
            batch: list[Moved] = []
            for stream in streams:
                stream.read()
                for _, message in stream.found:
                    if isinstance(message, Exception):
                        stuck[""] = message
                    else:
                        batch.append(message)
            moved += self._write(batch, stuck)
            for stream in streams:
                stream.acknowledge(stuck)
        if stuck:
            raise Stuck(stuck) from next(iter(stuck.values()))
        return moved

    def _write(self, batch: Sequence[Moved], stuck: dict[str, Exception]) -> int:
        """Write a batch; those of which subscriptions could not be written go into ``stuck``."""
        groups: defaultdict[tuple[str, str], list[Moved]] = defaultdict(list)
        for one in batch:
            if one.place[1] not in stuck:  # else this would come before what waits
                groups[one.place].append(one)
        alike: defaultdict[tuple[str, bool], list[str]] = defaultdict(list)
        for (tenant, subscription), group in groups.items():
            records = any(one.records is not None or one.usage for one in group)
            alike[tenant, records].append(subscription)
        moved = 0
        for (tenant, records), names in alike.items():
            for first in range(0, len(names), _TOGETHER):
                some = {name: groups[tenant, name] for name in names[first : first + _TOGETHER]}
                moved += self._write_together(tenant, some, stuck, records=records)
        return moved

    def _write_together(
        self, tenant: str, groups: Groups, stuck: dict[str, Exception], *, records: bool
    ) -> int:
        try:
            return self._written(tenant, groups, records=records)
        except Exception as error:  # noqa: BLE001 - who has moved all others raises it
            if len(groups) == 1:
                stuck.update(dict.fromkeys(groups, error))
                return 0
        moved, failed = 0, 0
        for subscription, group in groups.items():
            moved += self._write_together(tenant, {subscription: group}, stuck, records=records)
            failed += subscription in stuck
            if failed == _OUTAGE and set(stuck) >= set(list(groups)[:_OUTAGE]):
                raise Stuck(stuck)  # nothing can be moved: the ledger is away
        return moved

    def _written(self, tenant: str, groups: Groups, *, records: bool) -> int:
        place, names = partial(self._placed, groups), tuple(groups)
        if not records:
            moved, there = self._home.within_all(tenant, names, place)
        else:
            try:
                moved, there = self._home.within_units(tenant, names, place)
            except Conflict:
                moved, there = self._home.within_units(tenant, names, partial(place, careful=True))
        with self._noting:
            self._brought.update(dict.fromkeys(there))
        return moved

    def _placed(
        self,
        groups: Groups,
        sections: Mapping[str, Section],
        work: Work | None = None,
        *,
        careful: bool = False,
    ) -> tuple[int, set[str]]:
        """Write what is not there yet.

        Returns:
            how many entries that were, and the ids of those that are there now.
        """
        for subscription in groups.keys() - sections.keys():
            logger.error("entries of subscription %s have no place in the ledger", subscription)
        if not sections:
            return 0, set()
        firsts = [one.entries[0].id for name in sections for one in groups[name]]
        there = next(iter(sections.values())).recorded(firsts)
        # A pool that was flushed and filled again before these came knows nothing of them, and their seats
        # may be others' by now. Nobody fills it while its row is locked here.
        filled = self._server.fields([keys_of(name)[1] for name in sections], "generation")
        moved, known = 0, set[str]()
        for (name, section), generation in zip(sections.items(), filled, strict=True):
            new = [one for one in groups[name] if one.entries[0].id not in there]
            late = [one for one in new if generation not in (None, one.generation)]
            if late:
                lost = sum(len(one.entries) for one in late)
                logger.error("%d entries of subscription %s were lost in a flush", lost, name)
                new = [one for one in new if one.generation == generation]
            _put(section, work, new, careful=careful)
            moved += sum(len(one.entries) for one in new)
            known.update(entry.id for one in groups[name] if one not in late for entry in one.entries)
        return moved, known


def _put(section: Section, work: Work | None, messages: Sequence[Moved], *, careful: bool) -> None:
    for one in messages:
        if one.seats is not None:
            one.seats(section)
        if one.records is not None and work is not None:
            one.records(work)
        for entry in one.entries:
            section.append(entry)
    done = [what for one in messages for what in one.usage]
    if done and work is not None:
        usage_copy.place(work, *messages[0].place, done, careful=careful)
    if any(one.seats is not None for one in messages):
        pool = section.pool()
        section.recount(pool.live, pool.held)


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
