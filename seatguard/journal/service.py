"""Search, verify, sign and erase."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile

from seatguard.actors import Actor
from seatguard.clock import Clock
from seatguard.errors import Conflict, InvalidInput, Misconfigured
from seatguard.ids import NewId
from seatguard.journal import rules
from seatguard.journal.drafts import Drafts, person_digest
from seatguard.journal.model import AGGREGATES, Checkpoint, Entry, Finding, Head
from seatguard.journal.ports import Ledger, Search, Work
from seatguard.records import MAX_PAGE, Page, every

_SLACK = dt.timedelta(minutes=10)
"""How long a transaction may take and still be covered by the next checkpoint after it."""


class JournalService:
    """What operators do with the record."""

    def __init__(
        self, ledger: Ledger, drafts: Drafts, clock: Clock, new_id: NewId, key: bytes | None
    ) -> None:
        self._ledger = ledger
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id
        self._key = None if key is None else rules.usable_key(key)

    @property
    def signs(self) -> bool:
        """Whether there is a journal key."""
        return self._key is not None

    def search(
        self,
        actor: Actor,
        search: Search | None = None,
        *,
        limit: int = 50,
        after: str | None = None,
        newest_first: bool = True,
    ) -> Page[Entry]:
        """Entries of the actor's tenant, one page at a time."""
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidInput.single("limit", "out_of_range", f"must be 1 to {MAX_PAGE}, not {limit}")
        with self._ledger.read(actor.tenant) as work:
            return work.journal.search(
                search or Search(), limit=limit, after=after, newest_first=newest_first
            )

    def export(self, actor: Actor, search: Search | None = None) -> Iterator[Entry]:
        """All matching entries, oldest first. The export itself is put on record beforehand.

        A checkpoint is signed first when there is a journal key, so that what is exported can be
        held against it.
        """
        if self.signs:
            self.checkpoint(actor)
        wanted = search or Search()
        with self._ledger.begin(actor.tenant) as work:
            filters = {
                f.name: str(value)
                for f in dataclasses.fields(wanted)
                if f.name != "person" and (value := getattr(wanted, f.name)) is not None
            }
            work.journal.append(
                self._drafts.draft(
                    actor, "journal.exported", "tenant", actor.tenant, data={"filters": filters}
                )
            )
            work.commit()
        after: str | None = None
        while True:
            page = self.search(actor, wanted, limit=MAX_PAGE, after=after, newest_first=False)
            yield from page.items
            if page.after is None:
                return
            after = page.after

    def checkpoint(self, actor: Actor) -> Checkpoint | None:
        """Sign where the streams stand now; ``None`` when nothing moved since the last time.

        Raises:
            Misconfigured: there is no journal key.
        """
        key = self._signing_key()
        while True:
            try:
                return self._checkpoint(actor, key)
            except Conflict:
                continue  # another process signed that number first; what it left out is for the next

    def _checkpoint(self, actor: Actor, key: bytes) -> Checkpoint | None:
        with self._ledger.begin(actor.tenant) as work:
            newest = work.checkpoints.list(limit=1, newest_first=True).items
            last = newest[0] if newest else None
            known = _vouched(() if last is None else _signed_since(work, last.at - 2 * _SLACK))
            moved = work.journal.moved_since(last.at - _SLACK) if last else _all_heads(work)
            heads = {
                head.stream: [head.aggregate, head.seq, head.link.hex()]
                for head in moved
                if head.seq and head.seq not in known[head.stream]
            }
            if not heads:
                return None
            unsigned = Checkpoint(
                id=self._new_id(),
                tenant=actor.tenant,
                number=last.number + 1 if last else 1,
                at=self._clock(),
                heads=heads,
                previous=last.signature if last else rules.GENESIS,
                signature=b"",
                key_id=rules.key_id(key),
            )
            signed = dataclasses.replace(unsigned, signature=rules.sign(unsigned, key))
            work.checkpoints.add(signed)
            work.commit()
            return signed

    def verify(self, actor: Actor) -> Iterator[Finding]:
        """Everything wrong with the record: at most one finding a stream, its first bad place.

        With a journal key the checkpoints are judged too, and hold every stream to what was signed.
        Of a stream whose older entries were archived, those in the ledger are judged: they go on from the
        link that is on record; see :class:`~seatguard.journal.archiving.ArchiveService` for the others.
        Safe during traffic: what is written meanwhile is no finding.
        """
        with self._ledger.read(actor.tenant) as work:
            checkpoints = list(every(work.checkpoints))
            if self._key is not None:
                bad = rules.audit_checkpoints(checkpoints, self._key)
                if bad is not None:
                    yield bad
                    checkpoints = checkpoints[: bad.seq - 1]
            else:
                checkpoints = []
            trusted = _vouched(checkpoints)
            owners = {
                stream: str(fact[0])
                for checkpoint in checkpoints
                for stream, fact in checkpoint.heads.items()
            }
            yield from _audit_archives(work)
            archived = bool(work.archives.list(limit=1).items)
            for head in _all_heads(work):
                owners.pop(head.stream, None)
                found = _audit(work, head, trusted[head.stream], archived=archived)
                if found is not None:
                    yield found
            for stream, seq in work.journal.ownerless(limit=MAX_PAGE):
                owners.pop(stream, None)
                (first,) = work.journal.stream(stream, after_seq=seq - 1, limit=1)
                yield Finding("stream_removed", first.aggregate, stream, seq, first.id)
            for stream, aggregate in owners.items():
                yield Finding("stream_removed", aggregate, stream, 1)

    def vouched(self, actor: Actor) -> defaultdict[str, dict[int, str]]:
        """What signed checkpoints say: ``{stream: {seq: link in hex}}``; nothing without a key."""
        if self._key is None:
            return _vouched(())
        with self._ledger.read(actor.tenant) as work:
            checkpoints = list(every(work.checkpoints))
        bad = rules.audit_checkpoints(checkpoints, self._key)
        return _vouched(checkpoints if bad is None else checkpoints[: bad.seq - 1])

    def last_checkpoint(self, actor: Actor) -> Checkpoint | None:
        """The newest checkpoint, ``None`` before the first."""
        with self._ledger.read(actor.tenant) as work:
            newest = work.checkpoints.list(limit=1, newest_first=True).items
            return newest[0] if newest else None

    def erase(self, actor: Actor, holder_key: str) -> int:
        """Drop a person's names from every entry and put that on record.

        Whether the person may be erased is asked by the engine, which can see the seats.

        Returns:
            how many entries lost their erasable part.
        """
        with self._ledger.begin(actor.tenant) as work:
            erased = work.journal.erase(person_digest(actor.tenant, holder_key))
            for stream, (aggregate, count) in sorted(erased.items()):
                work.journal.append(
                    self._drafts.draft(actor, "person.erased", aggregate, stream, data={"entries": count})
                )
            work.commit()
        return sum(count for _, count in erased.values())

    def _signing_key(self) -> bytes:
        if self._key is None:
            raise Misconfigured(
                "a checkpoint needs a journal key: set SEATGUARD_JOURNAL_KEY to a secret of 32 random bytes "
                "or more and keep it out of the database"
            )
        return self._key


def _audit_archives(work: Work) -> Iterator[Finding]:
    """Archives of which the ledger knows anything else than what was put on record."""

    def said(kind: str, archive: str) -> list[object]:
        search = Search(aggregate="tenant", kind=kind, subject=archive)
        found = work.journal.search(search, limit=2, after=None, newest_first=False)
        return [entry.data.get("digest") for entry in found.items]

    for identifier in [one.id for one in every(work.archives)]:
        copied, done = said("journal.copied", identifier), bool(said("journal.archived", identifier))
        archive = work.archives.get(identifier)  # after what it is compared with: it may be finished just now
        holds = copied == [archive.digest.hex()] and archive.finished >= done
        if holds and archive.finished:
            digest = b""
            for stretch in every(work.stretches, archive=identifier):
                digest = stretch.digest(digest)
            holds = digest == archive.digest
        if not holds:
            yield Finding("archive_altered", "", identifier, 0)


def _audit(work: Work, head: Head, trusted: Mapping[int, str], *, archived: bool) -> Finding | None:
    """The first bad place of one stream, in what is known of its archives or in what the ledger has."""
    stretches = list(every(work.stretches, stream=head.stream)) if archived else []
    while True:
        found = rules.audit_stretches(
            stretches, {one.id for one in every(work.archives)} if stretches else ()
        )
        found = found or rules.audit_stream(
            head,
            _entries(work, head.stream),
            trusted,
            start=(stretches[-1].last, stretches[-1].link) if stretches else (0, rules.GENESIS),
            now=lambda: work.journal.head(head.aggregate, head.stream),
        )
        before = stretches
        # Entries that were archived while they were read are missing from both.
        if found is None or (stretches := list(every(work.stretches, stream=head.stream))) == before:
            return found


def _signed_since(work: Work, instant: dt.datetime) -> Iterator[Checkpoint]:
    return takewhile(lambda one: one.at >= instant, every(work.checkpoints, newest_first=True))


def _entries(work: Work, stream: str) -> Iterator[Entry]:
    seq: int | None = None
    while True:
        stretch = work.journal.stream(stream, after_seq=seq, limit=1000)
        yield from stretch
        if len(stretch) < 1000:
            return
        seq = stretch[-1].seq


def _all_heads(work: Work) -> Iterator[Head]:
    for aggregate in AGGREGATES:
        after: str | None = None
        while True:
            page = work.journal.heads(aggregate, limit=MAX_PAGE, after=after)
            yield from page.items
            if page.after is None:
                break
            after = page.after


def _vouched(checkpoints: Iterable[Checkpoint]) -> defaultdict[str, dict[int, str]]:
    """What checkpoints say of each stream: ``{stream: {seq: link in hex}}``."""
    vouched: defaultdict[str, dict[int, str]] = defaultdict(dict)
    for checkpoint in checkpoints:
        for stream, fact in checkpoint.heads.items():
            if isinstance(fact, list) and len(fact) == 3:  # else somebody changed it: it vouches for nothing
                vouched[stream][fact[1]] = fact[2]
    return vouched
