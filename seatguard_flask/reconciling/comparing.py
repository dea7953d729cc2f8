"""The first pass: users and seats read once, side by side; what may be wrong is noted, nothing is touched."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from seatguard.entitlements.model import Where
from seatguard.errors import InvalidInput, NotFound
from seatguard.records import MAX_PAGE
from seatguard.seats.model import Seat, SeatState
from seatguard_flask.reconciling.ground import Ground
from seatguard_flask.reconciling.report import Key
from seatguard_flask.usertable import UserRow


@dataclass(frozen=True, slots=True)
class Mark:
    """What is remembered of a name while the seats are read."""

    table: int
    key: Key
    counts: bool
    seated: bool = False


@dataclass(slots=True)
class Candidates:
    """What may be wrong, before the second look."""

    missing: list[Mark] = field(default_factory=list)
    held: list[Mark] = field(default_factory=list)
    orphans: list[tuple[Where, Seat]] = field(default_factory=list)
    off: list[tuple[Where, Seat, Mark]] = field(default_factory=list)
    twice: list[tuple[Mark, Mark]] = field(default_factory=list)
    unplaced: list[tuple[UserRow, InvalidInput | NotFound]] = field(default_factory=list)


class Comparison:
    """One reading of tables and seats.

    Attributes:
        found: what may be wrong.
        numbers: of ``users``, of those that are ``counting``, and of ``seats``.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._marks: dict[bytes, Mark] = {}
        self.found = Candidates()
        self.numbers: Counter[str] = Counter()

    def run(self, projects: Sequence[str]) -> None:
        """Read.

        Args:
            projects: to look at besides those the users name.

        Raises:
            NotFound, InvalidInput: there is no such project, or several.
        """
        ground, marks = self._ground, self._marks
        for project in projects:
            ground.place(project)
        for index, table in enumerate(ground.tables):
            if table.project is not None:
                ground.place(table.project)
            for row in table.rows():
                self.numbers.update(users=1, counting=int(row.counts))
                self._note(index, row)
        for where in ground.places:
            self.numbers["seats"] += self._compare(where)
        self.found.missing = [mark for mark in marks.values() if mark.counts and not mark.seated]
        marks.clear()

    def _note(self, index: int, row: UserRow) -> None:
        try:
            if row.sitting is None:
                raise row.problem or InvalidInput.single("user", "required", "is missing")
            key = self._ground.engine.seats.holder_key(row.sitting.subject)
            digest = _digest(self._ground.place(row.sitting.project).project, key)
        except (InvalidInput, NotFound) as error:
            if row.counts:
                self.found.unplaced.append((row, error))
            return
        mark = Mark(index, row.key, row.counts)
        known = self._marks.get(digest)
        if known is not None and known.counts and row.counts:
            self.found.twice.append((known, mark))
        elif known is None or row.counts:
            self._marks[digest] = mark

    def _compare(self, where: Where) -> int:
        count = 0
        for seat in self._seats_in(where):
            count += 1
            digest = _digest(where.project, seat.holder_key)
            mark = self._marks.get(digest)
            if mark is not None and mark.counts:
                self._marks[digest] = replace(mark, seated=True)
                if seat.state is SeatState.HELD:
                    self.found.held.append(mark)
            elif seat.state is SeatState.HELD:
                continue  # An invitation, or a sign-up under way: it ends by itself.
            elif mark is None:
                self.found.orphans.append((where, seat))
            else:
                self.found.off.append((where, seat, mark))
        return count

    def _seats_in(self, where: Where) -> Iterator[Seat]:
        after: str | None = None
        while True:
            page = self._ground.engine.seats.list(self._ground.actor, where, limit=MAX_PAGE, after=after)
            yield from page.items
            if page.after is None:
                return
            after = page.after


def _digest(project: str, holder_key: str) -> bytes:
    """A name in sixteen bytes: what is kept of each user while the seats are read."""
    return hashlib.blake2b(f"{project}\0{holder_key}".encode(), digest_size=16).digest()
