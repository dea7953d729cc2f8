"""Older entries move to files; the chain goes on in the ledger from where the file ends."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import Path

from seatguard.actors import Actor
from seatguard.clock import Clock
from seatguard.errors import Conflict, InvalidInput
from seatguard.ids import NewId
from seatguard.journal import rules
from seatguard.journal.drafts import Drafts, person_digest
from seatguard.journal.files import MOST, ArchiveFile, Held, Title, bare
from seatguard.journal.model import AGGREGATES, Archive, Entry, Finding, Head, Stretch
from seatguard.journal.ports import Ledger, Search, Work
from seatguard.journal.service import JournalService
from seatguard.records import MAX_PAGE, every


class ArchiveService:
    """Moves entries of the journal to files, and reads them there."""

    def __init__(
        self, ledger: Ledger, journal: JournalService, drafts: Drafts, clock: Clock, new_id: NewId
    ) -> None:
        self._ledger = ledger
        self._journal = journal
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id

    def archive(self, actor: Actor, *, before: dt.datetime, file: Path) -> Archive:
        """Move entries of before an instant to a file.

        First the file is written and read back; then the entries leave the ledger, a thousand in a
        transaction, each compared with the file before. A call that was interrupted at any point is made
        again with the same arguments, and goes on; one that was not changes nothing. The tenant's own
        stream and the newest entry of every other stay in the ledger.

        Args:
            before: aware; at least 31 days ago.
            file: a name that nothing has, or that of the interrupted call.

        Raises:
            InvalidInput: ``before`` is too recent or not the file's; the file cannot be written or is none.
            Conflict: ``nothing_to_archive``; ``journal_does_not_hold``, then nothing is archived of which
                nobody knows whether it is true; ``archived_elsewhere``, another call moved these entries;
                ``file_changed``, another call erased somebody in the file just now.
        """
        rules.may_archive(before, self._clock())
        kept = ArchiveFile(file)
        if not kept.exists():
            if self._journal.signs:
                self._journal.checkpoint(actor)
            title = Title(self._new_id(), actor.tenant, before)
            kept.write(title, self._old(actor, title))
        made = self._begin(actor, kept, before)
        if made.finished:
            return made
        while erased := self._cut(actor, kept):
            kept.rewrite(lambda entry: bare(entry) if entry.id in erased else entry)
        return self._finish(actor, made)

    def newest(self, actor: Actor) -> Archive | None:
        """The archive that reaches furthest, ``None`` when all entries are in the ledger."""
        with self._ledger.read(actor.tenant) as work:
            return max(every(work.archives), key=lambda one: one.before, default=None)

    def search(self, actor: Actor, file: Path, search: Search | None = None) -> Iterator[Entry]:
        """Matching entries of a file, stream by stream.

        Raises:
            InvalidInput: it is no archive of the actor's tenant.
        """
        wanted = search or Search()
        for _, entries in self._mine(actor, file).read():
            for entry in entries:
                if rules.matches(wanted, entry):
                    yield entry

    def verify(self, actor: Actor, files: Iterable[Path]) -> Iterator[Finding]:
        """Everything wrong with what files hold, as :meth:`JournalService.verify` does it for the ledger.

        Together they vouch for every entry from the first to the last.

        Raises:
            InvalidInput: one of them is no archive of the actor's tenant.
        """
        trusted = self._journal.vouched(actor)
        for path in files:
            file = self._mine(actor, path)
            archive = file.title().archive
            with self._ledger.read(actor.tenant) as work:
                known = work.archives.find(id=archive)
            if known is None:
                yield Finding("archive_unknown", "", archive, 0)
                continue
            digest, count = b"", 0
            for stretch, entries in file.read():
                digest, count = stretch.digest(digest), count + 1
                found = rules.audit_stretch(stretch, entries, trusted[stretch.stream])
                if found is not None:
                    yield found
            if (digest, count) != (known.digest, known.stretches):
                yield Finding("archive_altered", "", archive, 0)

    def erase(self, actor: Actor, holder_key: str, file: Path) -> int:
        """Take a person's names out of a file, and put on record that it was done.

        Returns:
            how many entries lost their erasable part.

        Raises:
            InvalidInput: the file cannot be written, or is no archive of the actor's tenant.
            Conflict: ``file_changed``, another call erased somebody in it at the same time; ask again.
        """
        person = person_digest(actor.tenant, holder_key)
        kept = self._mine(actor, file)
        erased = kept.rewrite(lambda entry: bare(entry) if entry.person == person else entry)
        if erased:
            with self._ledger.begin(actor.tenant) as work:
                self._record(
                    actor, work, "person.erased", kept.title().archive, {"entries": erased, "archived": True}
                )
                work.commit()
        return erased

    def _mine(self, actor: Actor, file: Path) -> ArchiveFile:
        kept = ArchiveFile(file)
        if kept.title().tenant != actor.tenant:
            raise InvalidInput.single("file", "foreign_archive", f"{file} is the archive of another tenant")
        return kept

    def _old(self, actor: Actor, title: Title) -> Iterator[Held]:
        """All that may leave the ledger, whose chain holds."""
        empty = True
        for head in self._heads(actor):
            for held in self._old_of(actor, title, head):
                empty = False
                yield held
        if empty:
            raise Conflict(
                "nothing_to_archive", f"no entry of before {title.before.isoformat()} can leave the journal"
            )

    def _heads(self, actor: Actor) -> Iterator[Head]:
        """Every stream that may be archived, a page in memory at a time."""
        for aggregate in AGGREGATES:
            after: str | None = None
            while aggregate != "tenant":
                with self._ledger.read(actor.tenant) as work:
                    page = work.journal.heads(aggregate, limit=MAX_PAGE, after=after)
                yield from (head for head in page.items if head.seq > 1)
                after = page.after
                if after is None:
                    break

    def _old_of(self, actor: Actor, title: Title, head: Head) -> Iterator[Held]:
        with self._ledger.read(actor.tenant) as work:
            newest = work.stretches.list(stream=head.stream, limit=1, newest_first=True).items
        seq, link = (newest[0].last, newest[0].link) if newest else (0, rules.GENESIS)
        while True:
            with self._ledger.read(actor.tenant) as work:
                found = work.journal.stream(head.stream, after_seq=seq, limit=MOST)
            entries = rules.archivable(found, head, title.before)
            if not entries:
                return
            stretch = Stretch(
                id=self._new_id(),
                tenant=title.tenant,
                archive=title.archive,
                aggregate=head.aggregate,
                stream=head.stream,
                first=seq + 1,
                last=entries[-1].seq,
                start=link,
                link=entries[-1].link,
            )
            bad = rules.audit_stretch(stretch, entries, {})
            if bad is not None:
                raise Conflict(
                    "journal_does_not_hold",
                    f"place {bad.seq} of {bad.aggregate} {bad.stream} is {bad.what}: "
                    "see `seatguard audit verify`; nothing was archived",
                )
            yield stretch, entries
            if len(entries) < MOST:
                return
            seq, link = stretch.last, stretch.link

    def _begin(self, actor: Actor, kept: ArchiveFile, before: dt.datetime) -> Archive:
        """Read the whole file, and put on record what it holds; what was on record before stays."""
        title = self._mine(actor, kept.path).title()
        if title.before != before:
            raise InvalidInput.single(
                "before", "unlike_file", f"{kept.path} holds entries of before {title.before.isoformat()}"
            )
        with self._ledger.read(actor.tenant) as work:
            known = work.archives.find(id=title.archive)
        if known is not None:
            return known
        digest, entries, stretches = b"", 0, 0
        for stretch, held in kept.read():
            bad = rules.audit_stretch(stretch, held, {})
            if bad is not None:
                raise Conflict(
                    "file_does_not_hold",
                    f"{kept.path}: place {bad.seq} of {bad.aggregate} {bad.stream} is {bad.what}; "
                    "nothing has left the ledger: remove the file and begin again",
                )
            digest, entries, stretches = stretch.digest(digest), entries + len(held), stretches + 1
        made = Archive(
            id=title.archive,
            tenant=actor.tenant,
            before=before,
            at=self._clock(),
            entries=entries,
            stretches=stretches,
            digest=digest,
            finished=False,
        )
        with self._ledger.begin(actor.tenant) as work:
            work.archives.add(made)
            facts = {"before": before.isoformat(), "entries": entries, "digest": digest.hex()}
            self._record(actor, work, "journal.copied", made.id, facts)
            work.commit()
        return made

    def _cut(self, actor: Actor, kept: ArchiveFile) -> set[str]:
        """Let go of what the file holds.

        Returns:
            ids of entries whose names were erased since the file was written, with those after them still in
            the ledger; none when all of it is done.
        """
        for batch in _batches(kept.read()):
            with self._ledger.begin(actor.tenant) as work:
                erased = {one for held in batch for one in self._let_go(work, held)}
                if erased:
                    return erased
                work.commit()
        return set()

    def _let_go(self, work: Work, held: Held) -> set[str]:
        stretch, entries = held
        known = work.stretches.find(stream=stretch.stream, first=stretch.first)
        if known is not None and known.archive == stretch.archive:
            return set()
        there = work.journal.cut(stretch.stream, first=stretch.first, last=stretch.last)
        same = len(there) == len(entries) and all(map(_alike, there, entries))
        if not same or known is not None:
            raise Conflict(
                "archived_elsewhere",
                f"{stretch.aggregate} {stretch.stream} has other entries at {stretch.first} to "
                f"{stretch.last} than the file: another archive was made meanwhile, or somebody changed them",
            )
        work.stretches.add(stretch)
        return {one.id for one, other in zip(there, entries, strict=True) if one == bare(other) != other}

    def _finish(self, actor: Actor, made: Archive) -> Archive:
        with self._ledger.begin(actor.tenant) as work:
            stored = work.archives.lock(made.id)
            if stored.finished:
                return stored
            done = dataclasses.replace(stored, finished=True, version=stored.version + 1)
            work.archives.replace(done)
            facts = {"before": made.before.isoformat(), "entries": made.entries}
            self._record(actor, work, "journal.archived", made.id, facts)
            work.commit()
            return done

    def _record(self, actor: Actor, work: Work, kind: str, archive: str, data: dict[str, object]) -> None:
        work.journal.append(
            self._drafts.draft(actor, kind, "tenant", actor.tenant, subject=archive, data=data)
        )


def _alike(one: Entry, other: Entry) -> bool:
    """Whether they are the same entry, which may have lost its names in one of two places."""
    return one == other or (bare(one) == bare(other) and bare(one) in (one, other))


def _batches(held: Iterable[Held]) -> Iterator[list[Held]]:
    """Stretches for one transaction each: those of many quiet streams together, a long one alone."""
    batch: list[Held] = []
    entries = 0
    for one in held:
        if batch and entries + len(one[1]) > MOST:
            yield batch
            batch, entries = [], 0
        batch.append(one)
        entries += len(one[1])
    if batch:
        yield batch
