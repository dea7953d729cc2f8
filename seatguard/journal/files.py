"""Archives of the journal as files: lines of JSON, compressed with gzip, whole or not there.

The first line names the archive. Each stretch is a line that says which entries of which stream follow,
and then a line for each of them with everything its digest needs. The last line counts. The names in an
entry can be taken out of its line later: its link holds without them.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import gzip
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from seatguard.clock import from_micros, to_micros
from seatguard.errors import Conflict, InvalidInput
from seatguard.ids import is_uuid
from seatguard.journal.model import Entry, Stretch, canonical

FORMAT = 1

MOST = 1000
"""Entries of a stretch at most: so many are in memory, and leave the ledger in one transaction."""

_UNREADABLE = (
    *(gzip.BadGzipFile, EOFError, zlib.error, ValueError, OverflowError),
    *(KeyError, TypeError, AttributeError, StopIteration),
)
_BYTES = ("erasable_digest", "salt", "link")
_LEVEL = 3  # twice as fast as the usual 6, and a tenth larger

Held = tuple[Stretch, Sequence[Entry]]
"""A stretch and its entries, at most a thousand."""


@dataclasses.dataclass(frozen=True, slots=True)
class Title:
    """The first line of a file."""

    archive: str
    tenant: str
    before: dt.datetime


class ArchiveFile:
    """One file. Reading holds one stretch in memory at a time, writing too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # Where a link leads: a file rewritten in the link's own place would leave the names in the other.
        self._place = Path(os.path.realpath(path))

    def exists(self) -> bool:
        """Whether it is there; a file that is being written is not, nor one that cannot be looked at."""
        try:
            return self._place.exists()
        except OSError:
            return False  # reading or writing it says why

    def write(self, title: Title, held: Iterable[Held]) -> None:
        """Write it beside its name, then give it the name, which nothing may have: it is on the disk by then.

        Raises:
            Conflict: ``file_exists``; another one has got the name meanwhile.
            InvalidInput: there is no writing at that place.
        """

        def publish(made: Path) -> None:
            try:
                os.link(made, self._place)  # unlike a renaming, never in the place of another file
            except FileExistsError as error:
                raise Conflict("file_exists", f"{self.path} was made by somebody else meanwhile") from error

        self._write(title, held, publish)

    def rewrite(self, change: Callable[[Entry], Entry]) -> int:
        """Write every entry anew, and put the file into its own place.

        Returns:
            how many entries became others; for none, the file is left as it is.

        Raises:
            Conflict: ``file_changed``; another call has written it anew meanwhile, and this one has not.
        """
        title, changed = self.title(), 0
        read = self._written_last()

        def rewritten() -> Iterator[Held]:
            nonlocal changed
            for stretch, entries in self.read():
                new = [change(entry) for entry in entries]
                changed += sum(one != other for one, other in zip(entries, new, strict=True))
                yield stretch, new

        def publish(made: Path) -> None:
            if changed and self._written_last() != read:
                # What the other call has taken out would be in it again.
                raise Conflict("file_changed", f"{self.path} was written anew meanwhile: repeat the call")
            if changed:
                made.replace(self._place)

        self._write(title, rewritten(), publish)
        return changed

    def title(self) -> Title:
        """What the first line says.

        Raises:
            InvalidInput: it is no archive, or it cannot be read.
        """
        with self._lines() as lines:
            return self._title(next(lines, {}))

    def read(self) -> Iterator[Held]:
        """The stretches with their entries, as they were written. Nothing is believed of what they say.

        Raises:
            InvalidInput: it is no archive, is not whole, or cannot be read.
        """
        with self._lines() as lines:
            tenant = self._title(next(lines, {}))
            counted = [0, 0]
            for line in lines:
                if "end" in line:
                    if line["end"] != counted or next(lines, None) is not None:
                        raise self._broken()
                    return
                stretch = _stretch(tenant, line["stretch"])
                if not 1 <= stretch.last - stretch.first + 1 <= MOST:
                    raise self._broken()
                entries = [
                    _entry(stretch, next(lines)["entry"]) for _ in range(stretch.first, stretch.last + 1)
                ]
                counted[0] += 1
                counted[1] += len(entries)
                yield stretch, entries
            raise self._broken()

    def _write(self, title: Title, held: Iterable[Held], publish: Callable[[Path], None]) -> None:
        made = self._place.with_name(f"{self._place.name}.{os.urandom(4).hex()}.part")
        try:
            # Readable by its owner alone: it may hold names.
            with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:
                with gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as file:
                    for line in _written(title, held):
                        file.write(canonical(line) + b"\n")
                raw.flush()
                os.fsync(raw.fileno())
            publish(made)
            _sync_folder(self._place.parent)
        except OSError as error:
            raise InvalidInput.single(
                "file", "unwritable", f"{self.path} cannot be written: {error.strerror}"
            ) from error
        finally:
            with suppress(OSError):  # it took the file's place, or was never made
                made.unlink()

    @contextmanager
    def _lines(self) -> Iterator[Iterator[dict[str, Any]]]:
        try:
            with gzip.open(self._place, "rb") as file:
                yield (json.loads(line) for line in file)
        except FileNotFoundError as error:
            raise InvalidInput.single("file", "not_found", f"{self.path} is not there") from error
        except _UNREADABLE as error:
            raise self._broken() from error
        except OSError as error:
            raise InvalidInput.single(
                "file", "unreadable", f"{self.path} cannot be read: {error.strerror}"
            ) from error

    def _written_last(self) -> tuple[int, int]:
        """Tells one writing of it from the next."""
        there = self._place.stat()
        return there.st_ino, there.st_mtime_ns

    def _title(self, line: dict[str, Any]) -> Title:
        said = line.get("seatguard_archive")
        if said != FORMAT or not is_uuid(line.get("id")) or not is_uuid(line.get("tenant")):
            raise self._broken()
        return Title(line["id"], line["tenant"], from_micros(line["before"]))

    def _broken(self) -> InvalidInput:
        return InvalidInput.single(
            "file", "no_archive", f"{self.path} is no archive of a journal, or not all of one"
        )


def bare(entry: Entry) -> Entry:
    """An entry without its names."""
    return dataclasses.replace(entry, erasable=None, person=None, salt=b"")


def _written(title: Title, held: Iterable[Held]) -> Iterator[dict[str, Any]]:
    yield {
        "seatguard_archive": FORMAT,
        "id": title.archive,
        "tenant": title.tenant,
        "before": to_micros(title.before),
    }
    counted = [0, 0]
    for stretch, entries in held:
        said = dataclasses.asdict(stretch)
        for name in ("tenant", "archive", "version"):
            del said[name]
        yield {"stretch": said | {"start": stretch.start.hex(), "link": stretch.link.hex()}}
        for entry in entries:
            yield {"entry": _told(entry)}
        counted[0] += 1
        counted[1] += len(entries)
    yield {"end": counted}


def _told(entry: Entry) -> dict[str, Any]:
    fields = {field.name: getattr(entry, field.name) for field in dataclasses.fields(entry)}
    del fields["tenant"], fields["aggregate"], fields["stream"]
    fields["at"] = to_micros(entry.at)
    return fields | {name: None if fields[name] is None else fields[name].hex() for name in _BYTES}


def _stretch(title: Title, said: dict[str, Any]) -> Stretch:
    links = {name: bytes.fromhex(said[name]) for name in ("start", "link")}
    return Stretch(**{**said, **links}, tenant=title.tenant, archive=title.archive)


def _entry(stretch: Stretch, said: dict[str, Any]) -> Entry:
    if not isinstance(said["data"], dict) or not isinstance(said["erasable"], dict | None):
        raise TypeError("an entry's data are an object")
    digests = {name: None if said[name] is None else bytes.fromhex(said[name]) for name in _BYTES}
    owner = {"tenant": stretch.tenant, "aggregate": stretch.aggregate, "stream": stretch.stream}
    return Entry(**{**said, **digests, **owner, "at": from_micros(said["at"])})


def _sync_folder(folder: Path) -> None:
    """Have the name itself on the disk, where folders can be opened for it."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
