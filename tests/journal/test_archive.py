"""Older entries in a file: the ledger verifies without them, and file and ledger vouch for all of them."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import gzip
import json
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from seatguard import Actor, Seatguard, Store, open_store
from seatguard.errors import Conflict, InvalidInput
from seatguard.journal import archiving, files, service
from seatguard.journal.model import Archive, Entry, Finding
from seatguard.journal.ports import Search
from seatguard.storage.sqlalchemy import ledger, tables
from seatguard.storage.sqlalchemy.database import Database
from seatguard.subscriptions.model import Subscription
from seatguard.testing import FrozenClock
from tests.storage.crowd import Arena
from tests.storage.stores import sql_store
from tests.worlds import World

entry, archive, stretch = tables.entry, tables.archive, tables.stretch


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture(params=["memory", "database"])
def store(request: pytest.FixtureRequest, clock: FrozenClock) -> Iterator[Store]:
    """In memory and on SQLite; what only a server can tell asks for one by itself."""
    if request.param == "memory":
        yield open_store("memory:", clock=clock, steady=clock)
    else:
        folder = request.getfixturevalue("tmp_path")
        yield from sql_store(f"sqlite:///{folder / 'archived.db'}", clock)


@dataclasses.dataclass
class Past:
    """Two services with a past: a year ago, and since."""

    world: World
    service: Subscription
    quiet: Subscription
    before: dt.datetime
    file: Path

    @classmethod
    def build(cls, store: Store, clock: FrozenClock, folder: Path, *, old: int = 6) -> Past:
        world = World.on(store, clock)
        service = world.service(1000, type="busy")
        quiet = world.service(10, type="quiet")
        past = cls(world, service, quiet, clock(), folder / "journal.ndjson.gz")
        past.take(*(f"old-{number}" for number in range(old)))
        past.take("idle", type="quiet")
        world.engine.seats.release(world.actor, past.where("busy"), "old-1").require()
        clock.travel(days=100)
        past.before = clock()
        clock.travel(days=100)
        past.take("new-0", "new-1")
        return past

    def where(self, type: str) -> Any:
        return dataclasses.replace(self.world.where, type=type)

    def take(self, *usernames: str, type: str = "busy") -> None:
        for username in usernames:
            self.world.engine.seats.take(self.world.actor, self.where(type), username).require()

    def archive(self, file: Path | None = None) -> Archive:
        return self.world.engine.archives.archive(
            self.world.actor, before=self.before, file=file or self.file
        )

    def findings(self, *others: Path) -> list[Finding]:
        """What an audit finds in the ledger, and then in the files."""
        engine, me = self.world.engine, self.world.actor
        archived = engine.archives.verify(me, [self.file, *others])
        return [*engine.journal.verify(me), *archived]

    def everything(self, stream: str | None = None) -> list[Entry]:
        return self.world.entries(stream=stream)


def test_archived_entries_leave_the_ledger_and_both_verify(
    store: Store, clock: FrozenClock, tmp_path: Path
) -> None:
    """Each entry is in exactly one of the two, and what was there before is there to the last byte."""
    past = Past.build(store, clock, tmp_path)
    engine, me = past.world.engine, past.world.actor
    before = past.everything()
    made = past.archive()

    assert past.findings() == []
    archived = list(engine.archives.search(me, past.file))
    left = past.everything()
    assert made.finished
    assert made.entries == len(archived) == 9
    assert {one.id for one in archived}.isdisjoint(one.id for one in left)
    kinds = [one.kind for one in left if one not in before]
    assert kinds == ["journal.copied", "journal.archived"]
    kept = [one for one in left if one in before]
    assert sorted([*archived, *kept], key=lambda one: one.id) == sorted(before, key=lambda one: one.id)
    assert {one.at < past.before for one in archived} == {True}
    assert engine.archives.newest(me) == made

    past.take("newer")
    assert engine.journal.checkpoint(me) is not None
    assert past.findings() == []


def test_newest_entry_of_a_stream_and_the_tenants_own_stay(
    store: Store, clock: FrozenClock, tmp_path: Path
) -> None:
    """A list still shows when a service was used last, and the record of archives is never in one."""
    past = Past.build(store, clock, tmp_path)
    past.archive()
    (last,) = past.everything(past.quiet.id)
    assert last.seq == 2
    row = past.world.engine.reports.service(past.world.actor, past.quiet.id)
    assert row is not None
    assert row.last_at == last.at
    assert past.everything(past.world.actor.tenant)[0].seq == 1


def test_a_second_archive_goes_on_where_the_first_ended(
    store: Store, clock: FrozenClock, tmp_path: Path
) -> None:
    """Archives follow each other without a gap; given both files, everything is checked."""
    past = Past.build(store, clock, tmp_path)
    past.archive()
    clock.travel(days=200)
    past.before = clock() - dt.timedelta(days=50)
    second = tmp_path / "second.gz"
    made = past.archive(second)
    assert made.finished
    assert past.findings(second) == []
    assert [one.kind for one in past.everything(past.service.id)] == ["seat.taken"]
    archives = past.world.engine.archives
    held = [*archives.search(past.world.actor, past.file), *archives.search(past.world.actor, second)]
    of_service = [one.seq for one in held if one.stream == past.service.id]
    assert of_service == list(range(1, len(of_service) + 1))


def test_archiving_again_changes_nothing(store: Store, clock: FrozenClock, tmp_path: Path) -> None:
    """The same call again answers the same; a new file has nothing to hold."""
    past = Past.build(store, clock, tmp_path)
    made = past.archive()
    left, content = past.everything(), past.file.read_bytes()
    assert past.archive() == made
    with pytest.raises(Conflict) as caught:
        past.archive(tmp_path / "other.gz")
    assert caught.value.code == "nothing_to_archive"
    assert sorted(one.name for one in tmp_path.glob("*.gz*")) == ["journal.ndjson.gz"]
    assert past.everything() == left
    assert past.file.read_bytes() == content


@pytest.mark.parametrize("days", [0, 30, -5])
def test_recent_entries_are_refused(clock: FrozenClock, tmp_path: Path, days: int) -> None:
    """Of the last 31 days nothing leaves: the message names the last day that may be given."""
    world = World.in_memory()
    with pytest.raises(InvalidInput) as caught:
        world.engine.archives.archive(world.actor, before=dt.datetime(2020, 1, 1), file=tmp_path / "no.gz")
    assert caught.value.code == "invalid_date"
    with pytest.raises(InvalidInput) as caught:
        world.engine.archives.archive(
            world.actor, before=world.clock() - dt.timedelta(days=days), file=tmp_path / "no.gz"
        )
    assert caught.value.code == "too_recent"
    assert str((world.clock() - dt.timedelta(days=31)).date()) in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_file_of_another_date_or_tenant_or_of_nothing_is_refused(
    store: Store, clock: FrozenClock, tmp_path: Path
) -> None:
    """Nothing leaves the ledger for a file that is not of this archive."""
    past = Past.build(store, clock, tmp_path)
    past.archive()
    stranger = past.world.stranger()
    archives, left = past.world.engine.archives, past.everything()
    earlier = past.before - dt.timedelta(days=1)
    garbage = tmp_path / "garbage.gz"
    cut = tmp_path / "cut.gz"
    garbage.write_bytes(b"no gzip at all")
    cut.write_bytes(past.file.read_bytes()[:-40])
    for actor, before, file, code in (
        (past.world.actor, earlier, past.file, "unlike_file"),
        (stranger.actor, past.before, past.file, "foreign_archive"),
        (past.world.actor, past.before, garbage, "no_archive"),
        (past.world.actor, past.before, tmp_path / "none" / "x.gz", "unwritable"),
        (past.world.actor, past.before, tmp_path / ("x" * 300), "unwritable"),
    ):
        with pytest.raises(InvalidInput) as caught:
            archives.archive(actor, before=before, file=file)
        assert caught.value.code == code
    for call in (
        lambda: list(archives.search(stranger.actor, past.file)),
        lambda: list(archives.verify(stranger.actor, [past.file])),
        lambda: archives.erase(stranger.actor, "ada", past.file),
    ):
        with pytest.raises(InvalidInput) as caught:
            call()
        assert caught.value.code == "foreign_archive"
    assert archives.newest(stranger.actor) is None
    for path, code in (
        (cut, "no_archive"),
        (tmp_path / "missing.gz", "not_found"),
        (tmp_path, "unreadable"),
    ):
        with pytest.raises(InvalidInput) as caught:
            list(archives.search(past.world.actor, path))
        assert caught.value.code == code
    assert past.everything() == left


def test_search_of_a_file_finds_by_what_is_asked(store: Store, clock: FrozenClock, tmp_path: Path) -> None:
    """The filters are those of the ledger."""
    past = Past.build(store, clock, tmp_path)
    searches = (
        Search(kind="seat."),
        Search(stream=past.quiet.id),
        Search(person=past.world.engine.person(past.world.actor, "old-1")),
        Search(until=past.before, actor=past.world.actor.label, kind="seat.released"),
        Search(request_id="none"),
    )
    found = [
        [one.id for one in past.everything() if archiving.rules.matches(search, one) and one.at < past.before]
        for search in searches
    ]
    past.archive()
    for search, ids in zip(searches, found, strict=True):
        read = past.world.engine.archives.search(past.world.actor, past.file, search)
        gone = {one.id for one in past.everything()}
        assert sorted(one.id for one in read) == sorted(set(ids) - gone)


def test_erased_person_is_taken_out_of_a_file_too(store: Store, clock: FrozenClock, tmp_path: Path) -> None:
    """The names go, the chain holds, and the erasure is on record; before, the file still names."""
    past = Past.build(store, clock, tmp_path)
    engine, me = past.world.engine, past.world.actor
    past.archive()
    assert engine.erase_person(me, "old-1").facts["entries"] == 0
    holder = engine.seats.holder_key("old-1")
    assert "old-1" in gzip.decompress(past.file.read_bytes()).decode()

    assert engine.archives.erase(me, holder, past.file) == 2
    assert "old-1" not in gzip.decompress(past.file.read_bytes()).decode()
    assert "old-2" in gzip.decompress(past.file.read_bytes()).decode()
    assert past.findings() == []
    assert past.everything(me.tenant)[-1].data == {"entries": 2, "archived": True}
    assert engine.archives.erase(me, holder, past.file) == 0
    assert past.archive().finished


def test_an_erasure_by_way_of_a_link_is_one_of_the_file_itself(clock: FrozenClock, tmp_path: Path) -> None:
    """The link stays a link, and what it leads to names nobody; also when the archive was made that way."""
    world = World.in_memory()
    past = Past.build(world.store, world.clock, tmp_path)
    link = tmp_path / "link.gz"
    link.symlink_to(past.file.name)
    past.archive(link)
    engine, me = past.world.engine, past.world.actor
    assert engine.archives.erase(me, engine.seats.holder_key("old-1"), link) == 2
    assert link.is_symlink()
    assert not past.file.is_symlink()
    assert "old-1" not in gzip.decompress(past.file.read_bytes()).decode()
    assert past.file.stat().st_mode & 0o777 == 0o600
    assert past.findings() == []


def test_two_erasures_at_once_bring_no_name_back(clock: FrozenClock, tmp_path: Path) -> None:
    """Who has read the file before another call wrote it anew is refused; the other's erasure stands."""
    world = World.in_memory()
    past = Past.build(world.store, world.clock, tmp_path)
    past.archive()
    engine, me, found = past.world.engine, past.world.actor, list[int]()

    def late(entry: Entry) -> Entry:
        if not found:
            found.append(engine.archives.erase(me, engine.seats.holder_key("old-1"), past.file))
        return files.bare(entry)

    with pytest.raises(Conflict) as caught:
        files.ArchiveFile(past.file).rewrite(late)
    assert caught.value.code == "file_changed"
    assert found == [2]
    left = gzip.decompress(past.file.read_bytes()).decode()
    assert "old-1" not in left
    assert "old-2" in left
    assert [one.name for one in tmp_path.iterdir()] == [past.file.name]


def test_person_erased_between_copy_and_cut_is_in_neither(
    store: Store, clock: FrozenClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is compared with the ledger before anything leaves it, and loses names it may not have."""
    past = Past.build(store, clock, tmp_path)
    engine, me = past.world.engine, past.world.actor
    begin = engine.archives._begin

    def meanwhile(*arguments: Any) -> Archive:
        made = begin(*arguments)
        engine.erase_person(me, "old-1").require()
        return made

    monkeypatch.setattr(engine.archives, "_begin", meanwhile)
    assert past.archive().finished
    assert past.findings() == []
    assert "old-1" not in gzip.decompress(past.file.read_bytes()).decode()


def test_entries_changed_between_copy_and_cut_stay(clock: FrozenClock, tmp_path: Path) -> None:
    """What is not the same in file and ledger leaves neither, and the rest is done when it is put right."""
    world = World.in_memory()
    past = Past.build(world.store, world.clock, tmp_path)
    rows = past.world.store.ledger._rows  # type: ignore[attr-defined]
    victim = next(one for one in rows.entries.values() if one.kind == "seat.released")
    begin = past.world.engine.archives._begin

    def meanwhile(*arguments: Any) -> Archive:
        made = begin(*arguments)
        rows.entries[victim.id] = dataclasses.replace(victim, actor="cli:eve")
        return made

    past.world.engine.archives._begin = meanwhile  # type: ignore[method-assign]
    with pytest.raises(Conflict) as caught:
        past.archive()
    assert caught.value.code == "archived_elsewhere"
    assert rows.entries[victim.id].actor == "cli:eve"
    past.world.engine.archives._begin = begin  # type: ignore[method-assign]
    rows.entries[victim.id] = victim
    assert past.archive().finished
    assert past.findings() == []


def test_names_changed_in_the_file_before_the_cut_stay_in_the_ledger(tmp_path: Path) -> None:
    """They are in no digest of the file's, so they are compared one by one."""
    world = World.in_memory()
    past = Past.build(world.store, world.clock, tmp_path)
    begin, before = past.world.engine.archives._begin, past.everything()

    def rename(lines: list[dict[str, Any]]) -> None:
        of_kind(lines, "seat.taken")["erasable"]["holder"] = "eve"

    def meanwhile(*arguments: Any) -> Archive:
        made = begin(*arguments)
        edited(past.file, rename)
        return made

    past.world.engine.archives._begin = meanwhile  # type: ignore[method-assign]
    with pytest.raises(Conflict) as caught:
        past.archive()
    assert caught.value.code == "archived_elsewhere"
    assert {one.id for one in before} <= {one.id for one in past.everything()}


def test_a_journal_that_does_not_hold_is_not_archived(clock: FrozenClock, tmp_path: Path) -> None:
    """What somebody altered is not made to look true by leaving it behind."""
    world = World.in_memory()
    past = Past.build(world.store, world.clock, tmp_path)
    rows = past.world.store.ledger._rows  # type: ignore[attr-defined]
    victim = next(one for one in rows.entries.values() if one.kind == "seat.released")
    rows.entries[victim.id] = dataclasses.replace(victim, actor="cli:eve")
    with pytest.raises(Conflict) as caught:
        past.archive()
    assert caught.value.code == "journal_does_not_hold"
    assert not list(tmp_path.glob("*.gz*"))


def test_what_if_begins_where_the_ledger_does(store: Store, clock: FrozenClock, tmp_path: Path) -> None:
    """Who was seated before is seated; what is played again is said to begin later."""
    past = Past.build(store, clock, tmp_path)
    what_if = past.world.engine.subscriptions.what_if
    known = what_if(past.world.actor, past.service.id, limit=6, since=past.before)
    past.archive()
    found = what_if(past.world.actor, past.service.id, limit=6)
    assert known.refused == found.refused == 1
    assert (known.given, known.most, known.live) == (found.given, found.most, found.live) == (2, 6, 7)
    assert known.since == past.before
    assert found.since is not None
    assert found.since > past.before


def test_reports_still_tell_of_days_whose_entries_are_archived(clock: FrozenClock, tmp_path: Path) -> None:
    """What they need is counted before an entry leaves, whether or not chores run; not so in memory."""
    with contextlib.closing(sql_store(f"sqlite:///{tmp_path / 'seats.db'}", clock)) as stores:
        past = Past.build(next(stores), clock, tmp_path)
        engine, me = past.world.engine, past.world.actor
        before = engine.reports.seat_series(me, days=365)
        assert sum(day.taken for day in before) == 9
        engine.archive(me, before=past.before, file=past.file)
        assert engine.reports.seat_series(me, days=365) == before
        assert [one.seq for one in past.everything(past.quiet.id)] == [2]


def edited(file: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Write a file's lines anew."""
    lines = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    change(lines)
    file.write_bytes(gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in lines)))


def of_kind(lines: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one["entry"] for one in lines if one.get("entry", {}).get("kind") == kind)
    return found


def test_a_changed_file_is_found_out(clock: FrozenClock, tmp_path: Path, subtests: Any) -> None:
    """An entry altered, a stretch gone, a whole other history: each is named."""
    world = World.in_memory()
    past = Past.build(world.store, world.clock, tmp_path)
    past.archive()
    whole = past.file.read_bytes()

    def alter(lines: list[dict[str, Any]]) -> None:
        of_kind(lines, "seat.released")["actor"] = "cli:eve"

    def rename(lines: list[dict[str, Any]]) -> None:
        of_kind(lines, "seat.taken")["erasable"]["holder"] = "eve"

    def forget(lines: list[dict[str, Any]]) -> None:
        second = next(place for place in range(2, len(lines)) if "stretch" in lines[place])
        del lines[1:second]
        lines[-1]["end"] = [lines[-1]["end"][0] - 1, lines[-1]["end"][1] - (second - 2)]

    def claim(lines: list[dict[str, Any]]) -> None:
        lines[0]["id"] = past.service.id

    for change, what in (
        (alter, "altered"),
        (rename, "altered"),
        (forget, "archive_altered"),
        (claim, "archive_unknown"),
    ):
        with subtests.test(change.__name__):
            past.file.write_bytes(whole)
            edited(past.file, change)
            assert [one.what for one in past.findings()] == [what]
    past.file.write_bytes(whole)
    assert past.findings() == []


@pytest.fixture
def raw(database_url: str) -> Iterator[Database]:
    """The database as its administrator sees it."""
    database = Database(database_url)
    yield database
    database.close()


def test_a_ledger_changed_around_its_archives_is_found_out(
    database_url: str, clock: FrozenClock, raw: Database, tmp_path: Path, subtests: Any
) -> None:
    """Deleting entries and calling them archived does not pass for an archive, on any database."""
    with contextlib.closing(sql_store(database_url, clock)) as stores:
        past = Past.build(next(stores), clock, tmp_path)
        made = past.archive()
        past.take("newest")
        mine = stretch.c.stream == past.service.id

        def plant(connection: Any) -> None:
            (kept,) = past.everything(past.quiet.id)
            false = dataclasses.replace(kept, id=past.quiet.id, seq=1)
            values = {field.name: getattr(false, field.name) for field in dataclasses.fields(false)}
            connection.execute(insert(entry).values(values))

        def claim(connection: Any) -> None:
            (first, *_) = past.everything(past.service.id)
            connection.execute(update(stretch).where(mine).values(last=first.seq, link=first.link))
            connection.execute(delete(entry).where(entry.c.id == first.id))

        def invent(connection: Any) -> None:
            """An archive that was never made, as if it were being made now."""
            (first, *_) = past.everything(past.service.id)
            held = connection.execute(select(stretch).where(mine)).mappings().one()
            one = connection.execute(select(archive)).mappings().one()
            names = {column.name: column.key for column in archive.c} | {
                column.name: column.key for column in stretch.c
            }
            invented = {names[name]: value for name, value in one.items()}
            connection.execute(insert(archive).values({**invented, "id": past.quiet.id, "finished": False}))
            more = {names[name]: value for name, value in held.items()}
            follows = {"first": first.seq, "last": first.seq, "start": more["link"], "link": first.link}
            ids = {"id": first.id, "archive": past.quiet.id}
            connection.execute(insert(stretch).values({**more, **follows, **ids}))
            connection.execute(delete(entry).where(entry.c.id == first.id))

        def hide(connection: Any) -> None:
            connection.execute(delete(stretch))
            connection.execute(delete(archive))

        for change, what in (
            (plant, {"altered"}),
            (claim, {"archive_altered"}),
            (hide, {"missing"}),
            (lambda connection: connection.execute(delete(stretch)), {"missing", "archive_altered"}),
            (
                lambda connection: connection.execute(update(stretch).where(mine).values(link=bytes(32))),
                {"altered", "archive_altered"},
            ),
            (
                lambda connection: connection.execute(update(archive).values(digest=bytes(32))),
                {"archive_altered"},
            ),
            (
                lambda connection: connection.execute(update(archive).values(finished=False)),
                {"archive_altered"},
            ),
            (invent, {"archive_altered"}),
        ):
            with subtests.test(str(what)), raw.connection(write=True) as connection:
                kept = [
                    (table, connection.execute(select(table)).all()) for table in (archive, stretch, entry)
                ]
                change(connection)
                connection.commit()
                assert {one.what for one in past.world.engine.journal.verify(past.world.actor)} == what
                for table, _ in reversed(kept):
                    connection.execute(delete(table))
                for table, rows in kept:
                    names = [column.key for column in table.c]
                    connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])
                connection.commit()
        assert past.findings() == []
        assert made.finished


def test_an_audit_beside_an_archiver_finds_nothing(
    database_url: str, clock: FrozenClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries that leave between two reads of the audit are not missing."""
    with contextlib.closing(sql_store(database_url, clock)) as stores:
        past = Past.build(next(stores), clock, tmp_path)
        entries = service._entries

        def late(work: Any, stream: str) -> Iterator[Entry]:
            if stream == past.service.id and not past.file.exists():
                past.archive()
            return entries(work, stream)

        monkeypatch.setattr(service, "_entries", late)
        assert list(past.world.engine.journal.verify(past.world.actor)) == []
        assert past.findings() == []


def test_long_streams_leave_in_small_transactions(
    clock: FrozenClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long a stream is, so many entries are in memory and in a transaction, and no more."""
    for module in (files, archiving):
        monkeypatch.setattr(module, "MOST", 5)
    world = World.in_memory()
    past = Past.build(world.store, world.clock, tmp_path, old=32)
    cut: list[int] = []
    let_go = past.world.engine.archives._let_go

    def counted(work: Any, held: Any) -> set[str]:
        cut.append(len(held[1]))
        return let_go(work, held)

    past.world.engine.archives._let_go = counted  # type: ignore[method-assign]
    made = past.archive()
    assert made.entries == sum(cut) == 35
    assert max(cut) == 5
    assert made.stretches == len(cut) == 8
    assert past.findings() == []


def _of_then(arena: Arena) -> Seatguard:
    """An engine of forty days from now, for which today's entries are old."""
    days = dt.timedelta(days=40)
    return Seatguard(open_store(arena.url), clock=lambda: dt.datetime.now(dt.UTC) + days)


def _archive_until_death(arena: Arena, before: dt.datetime, file: Path, steps: int) -> bool:
    """Archive in a process that kills itself after so many calls and returns within the archiver, its files
    and the ledger; whether it lived to the end."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    places = {module.__file__ for module in (archiving, files, ledger)}

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal steps
        if event in ("call", "return") and frame.f_code.co_filename in places:
            steps -= 1
            if steps == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        for module in (files, archiving):
            module.MOST = 4  # type: ignore[attr-defined]
        engine = _of_then(arena)
        me = engine.actor("test", "archiver", tenant=arena.tenant)
        sys.setprofile(count)
        engine.archives.archive(me, before=before, file=file)
        os._exit(0)
    finally:
        os._exit(1)


@pytest.mark.crash
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_a_killed_archiver_loses_nothing_and_doubles_nothing(
    database_url: str, database: str, tmp_path: Path
) -> None:
    """Killed again and again, while it copies and while it cuts, and started again: at any time each
    entry is somewhere and the ledger verifies, and in the end each is in one place."""
    arena = Arena.build(database_url, limit=1_000_000)
    young = Seatguard.open(arena.url)
    me = young.actor("test", "filler", tenant=arena.tenant)
    for number in range(100):
        young.seats.take(me, young.where(arena.project), f"user-{number}").require()
    before = dt.datetime.now(dt.UTC)
    young.seats.take(me, young.where(arena.project), "newest").require()
    expected = {one.id for one in young.journal.export(me)}
    young.close()
    engine, file, chance = _of_then(arena), tmp_path / "journal.gz", random.Random(20271231)

    def held() -> list[str]:
        return [one.id for one in engine.archives.search(me, file)] if file.exists() else []

    deaths = dict.fromkeys(("copying", "between", "cutting"), 0)
    while not _archive_until_death(arena, before, file, steps=int(10 ** chance.uniform(1.5, 3.5))):
        left, there = set(_ids(engine, me)), set(held())
        assert list(engine.journal.verify(me)) == []
        assert expected <= left | there
        deaths["copying" if not there else "between" if there <= left else "cutting"] += 1
        assert sum(deaths.values()) < 500
    print(f"{database}: killed {deaths}")
    assert deaths["copying"]
    assert deaths["cutting"]
    left, there = set(_ids(engine, me)), held()
    assert expected <= left | set(there)
    assert left.isdisjoint(there)
    assert len(there) == len(set(there)) == 101
    assert list(engine.archives.verify(me, [file])) == []
    assert [one.kind for one in engine.journal.search(me, Search(kind="journal.")).items] == [
        "journal.archived",
        "journal.copied",
        "journal.exported",
    ]
    engine.close()


def _ids(engine: Seatguard, me: Actor) -> Iterator[str]:
    after: str | None = None
    while True:
        page = engine.journal.search(me, limit=200, after=after, newest_first=False)
        yield from (one.id for one in page.items)
        after = page.after
        if after is None:
            return
