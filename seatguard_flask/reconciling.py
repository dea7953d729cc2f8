"""Reconciliation: the register compared with the host's own user table, and brought in line with it.

Two passes find what may be wrong; each of these is then looked at again, in a transaction of its own,
before it is told or repaired. Where users and seats lie in one database, a repair locks the row first and the
subscription after it, as the model guard does: what the host does meanwhile waits, or has been seen. In two
databases a repair looks once more afterwards, and takes itself back.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from flask import current_app
from sqlalchemy import inspect
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from seatguard.decisions import Decision
from seatguard.errors import InvalidInput, Misconfigured, NotFound, StorageUnavailable
from seatguard.records import MAX_PAGE
from seatguard.seats.model import Seat, SeatFacts, SeatState, Where
from seatguard.seats.service import SeatService
from seatguard_flask.models import Meaning, Of
from seatguard_flask.register import Sitting
from seatguard_flask.usertable import UserRow, UserTable

if TYPE_CHECKING:
    from seatguard_flask.extension import Seatguard

Key: TypeAlias = tuple[Any, ...]

_ATTEMPTS = 8


class Kind(StrEnum):
    """What can be wrong."""

    MISSING = "missing"
    """A user who counts, and no seat."""
    ORPHAN = "orphan"
    """A seat, and no user."""
    DUPLICATE = "duplicate"
    """Two users of one name who both count: they share a seat."""
    WRONG_PROJECT = "wrong_project"
    """The user is in one project, the seat in another."""
    WRONG_STATE = "wrong_state"
    """A seat of a user who does not count, or a mere hold of one who does."""


class Outcome(StrEnum):
    """What became of a finding."""

    FOUND = "found"
    """Told, and left as it is."""
    REPAIRED = "repaired"
    """The register now says what the table says."""
    REFUSED = "refused"
    """There is no seat for this user, or none can be given; nobody else was touched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference between table and register.

    Attributes:
        project: where the seat is, or where it should be; as the host names it, or by its id.
        subject: whose seat it is, or should be.
        row: primary key of the user, ``None`` when there is no user.
        found_in: of a seat in the wrong project, the id of that project.
        reason: why it was refused: a reason of a decision, or the code of an error.
    """

    kind: Kind
    project: str
    subject: str
    row: Key | None = None
    found_in: str | None = None
    outcome: Outcome = Outcome.FOUND
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a reconciliation found and did.

    Attributes:
        users: rows read.
        counting: those of them that are to have a seat.
        seats: seats read.
        repair: whether it was to repair, not only to tell.
    """

    findings: tuple[Finding, ...]
    users: int
    counting: int
    seats: int
    repair: bool

    @property
    def ok(self) -> bool:
        """Whether table and register agreed."""
        return not self.findings

    def count(self, kind: str | None = None, outcome: str | None = None) -> int:
        """How many findings of a kind, or with an outcome."""
        return sum(kind in (None, one.kind) and outcome in (None, one.outcome) for one in self.findings)


@dataclass(frozen=True, slots=True)
class _Mark:
    """What is remembered of a name while the seats are read."""

    table: int
    key: Key
    counts: bool
    seated: bool = False


@dataclass(slots=True)
class _Candidates:
    """What may be wrong, before the second look."""

    missing: list[_Mark] = field(default_factory=list)
    held: list[_Mark] = field(default_factory=list)
    orphans: list[tuple[Where, Seat]] = field(default_factory=list)
    off: list[tuple[Where, Seat, _Mark]] = field(default_factory=list)
    twice: list[tuple[_Mark, _Mark]] = field(default_factory=list)


class Reconciliation:
    """One comparison.

    Args:
        tables: whose users sit in the projects; together they own every seat there.
        projects: more projects to look at than those the users name.
        grace: seconds; younger seats and users are left alone.
    """

    def __init__(
        self,
        seats: Seatguard,
        tables: Sequence[UserTable],
        *,
        projects: Sequence[str],
        repair: bool,
        grace: float,
    ) -> None:
        self._seats = seats
        self._engine = seats.engine
        self._actor = seats.engine.actor("host", "reconcile")
        self._tables = tables
        self._projects = projects
        self._repair = repair
        self._grace = dt.timedelta(seconds=grace)
        self._where: dict[str, Where | NotFound | InvalidInput] = {}
        self._findings: list[Finding] = []

    def run(self) -> Report:
        """Compare, and repair if asked to."""
        marks: dict[bytes, _Mark] = {}
        found = _Candidates()
        numbers: Counter[str] = Counter()
        for project in self._projects:
            self._place(project)
        for index, table in enumerate(self._tables):
            if table.project is not None:
                self._place(table.project)
            for row in table.rows():
                numbers.update(users=1, counting=int(row.counts))
                self._note(index, row, marks, found)
        # Of what was found in the table, and nothing but that: projects of others are none of its business.
        for where in {one.project: one for one in self._where.values() if isinstance(one, Where)}.values():
            numbers["seats"] += self._compare(where, marks, found)
        found.missing = [mark for mark in marks.values() if mark.counts and not mark.seated]
        marks.clear()
        self._settle_all(found)
        return Report(
            findings=tuple(self._findings),
            users=numbers["users"],
            counting=numbers["counting"],
            seats=numbers["seats"],
            repair=self._repair,
        )

    # The two passes ------------------------------------------------------------------------------------

    def _note(self, index: int, row: UserRow, marks: dict[bytes, _Mark], found: _Candidates) -> None:
        try:
            if row.sitting is None:
                raise row.problem or InvalidInput.single("user", "required", "is missing")
            key = self._engine.seats.holder_key(row.sitting.subject)
            digest = _digest(self._place(row.sitting.project).project, key)
        except (InvalidInput, NotFound) as error:
            if row.counts:
                self._unplaced(row, error)
            return
        mark = _Mark(index, row.key, row.counts)
        known = marks.get(digest)
        if known is not None and known.counts and row.counts:
            found.twice.append((known, mark))
        elif known is None or row.counts:
            marks[digest] = mark

    def _compare(self, where: Where, marks: dict[bytes, _Mark], found: _Candidates) -> int:
        count = 0
        for seat in self._seats_in(where):
            count += 1
            digest = _digest(where.project, seat.holder_key)
            mark = marks.get(digest)
            if mark is not None and mark.counts:
                marks[digest] = replace(mark, seated=True)
                if seat.state is SeatState.HELD:
                    found.held.append(mark)
            elif seat.state is SeatState.HELD:
                continue  # An invitation, or a sign-up under way: it ends by itself.
            elif mark is None:
                found.orphans.append((where, seat))
            else:
                found.off.append((where, seat, mark))
        return count

    def _seats_in(self, where: Where) -> Iterator[Seat]:
        after: str | None = None
        while True:
            page = self._engine.seats.list(self._actor, where, limit=MAX_PAGE, after=after)
            yield from page.items
            if page.after is None:
                return
            after = page.after

    # The second look -----------------------------------------------------------------------------------

    def _settle_all(self, found: _Candidates) -> None:
        """Room first: seats are freed, then moved, then given."""
        for one, other in found.twice:
            self._twice(one, other)
        misplaced: defaultdict[str, list[tuple[Where, Seat]]] = defaultdict(list)
        for where, seat in found.orphans:
            misplaced[seat.holder_key].append((where, seat))
        moving: list[tuple[_Mark, Where, Seat]] = []
        if misplaced:
            for mark in found.missing:
                others = misplaced.get(self._name_of(mark) or "")
                if others:
                    moving.append((mark, *others.pop()))
        moved = {mark for mark, _, _ in moving}
        unseen = self._still_unseen([one for others in misplaced.values() for one in others])
        for where, seat in unseen:
            self._settle(partial(self._free, where, seat, None))
        for where, seat, mark in found.off:
            self._settle(partial(self._free, where, seat, mark))
        for mark, where, seat in moving:
            self._settle(partial(self._give, mark, (where, seat)))
        for mark in [*found.held, *(one for one in found.missing if one not in moved)]:
            self._settle(partial(self._give, mark, None))

    def _settle(self, look: Callable[[], Finding | None]) -> None:
        """Look, and act; again after a lost race.

        Raises:
            StorageUnavailable: it was lost too often.
        """
        lost: Exception | None = None
        for _ in range(_ATTEMPTS):
            try:
                finding = look()
            except (StorageUnavailable, OperationalError) as error:
                lost = error
                continue
            if finding is not None:
                self._findings.append(finding)
            return
        raise StorageUnavailable(
            "the store did not answer, or others hold the same rows; what is repaired is on record, and"
            " running it again is safe"
        ) from lost

    def _give(self, mark: _Mark, elsewhere: tuple[Where, Seat] | None) -> Finding | None:
        """Give a user who counts the seat that is missing, or make it one for good."""
        table = self._tables[mark.table]
        with table.transaction(write=self._repair) as session:
            row = table.again(session, mark.key, lock=self._repair)
            if row is None or not row.counts or row.sitting is None or self._is_young(row.made):
                return None
            sitting = row.sitting
            where = self._place(sitting.project)
            service, joined = self._service(session)
            seat = service.find(self._actor, where, sitting.subject)
            if seat is not None and (seat.state is SeatState.ASSIGNED or self._is_young(seat.since)):
                return None
            wrong = None if seat is not None or elsewhere is None else self._found(service, *elsewhere)
            finding = Finding(
                kind=Kind.WRONG_STATE if seat else Kind.WRONG_PROJECT if wrong else Kind.MISSING,
                project=sitting.project,
                subject=sitting.subject,
                row=mark.key,
                found_in=elsewhere[0].project if elsewhere and wrong else None,
            )
            if not self._repair:
                return finding
            if wrong is not None and elsewhere is not None and joined:
                service.release(self._actor, elsewhere[0], wrong.holder)
            email = wrong.email if wrong is not None else None
            decision = service.take(self._actor, where, sitting.subject, email=email)
            if not decision.allowed:
                return replace(finding, outcome=Outcome.REFUSED, reason=decision.reason.value)
            if joined:
                session.commit()
                return replace(finding, outcome=Outcome.REPAIRED)
            if wrong is not None and elsewhere is not None:
                service.release(self._actor, elsewhere[0], wrong.holder)
        return self._checked(table, mark.key, sitting, finding)

    def _checked(self, table: UserTable, key: Key, sitting: Sitting, finding: Finding) -> Finding | None:
        """In two databases: take the seat back if the user went while it was given."""
        with table.transaction(write=False) as session:
            row = table.again(session, key, lock=False)
        if row is not None and row.counts and row.sitting == sitting:
            return replace(finding, outcome=Outcome.REPAIRED)
        self._engine.seats.release(self._actor, self._place(sitting.project), sitting.subject)
        return None

    def _free(self, where: Where, seat: Seat, mark: _Mark | None) -> Finding | None:
        """Free a seat whose user is gone or does not count."""
        table = self._tables[mark.table if mark else 0]
        with table.transaction(write=self._repair) as session:
            row = None if mark is None else table.again(session, mark.key, lock=self._repair)
            service, joined = self._service(session)
            if self._found(service, where, seat) is None:
                return None
            released: Decision[SeatFacts] | None = None
            if self._repair and joined:
                # Before the look: it locks the subscription, and who makes this user now waits or was seen.
                released = service.release(self._actor, where, seat.holder)
            if self._sits(table, session, where, seat, row):
                return None
            finding = Finding(
                kind=Kind.ORPHAN if mark is None or row is None else Kind.WRONG_STATE,
                project=self._named(where),
                subject=seat.holder,
                row=None if row is None else row.key,
            )
            if not self._repair:
                return finding
            if released is not None:
                session.commit()
                return replace(finding, outcome=Outcome.REPAIRED)
        self._engine.seats.release(self._actor, where, seat.holder)
        with table.transaction(write=False) as session:
            if self._sits(table, session, where, seat, row):
                self._engine.seats.take(self._actor, where, seat.holder, email=seat.email)
                return None
        return replace(finding, outcome=Outcome.REPAIRED)

    def _twice(self, one: _Mark, other: _Mark) -> None:
        """Which of the two is meant only the host knows: it is told, never repaired."""
        rows = []
        for mark in (one, other):
            table = self._tables[mark.table]
            with table.transaction(write=False) as session:
                rows.append(table.again(session, mark.key, lock=False))
        first, second = rows
        if first is None or second is None or not (first.counts and second.counts):
            return
        if first.sitting is None or second.sitting is None or self._key(first) != self._key(second):
            return
        self._findings.append(
            Finding(
                kind=Kind.DUPLICATE,
                project=second.sitting.project,
                subject=second.sitting.subject,
                row=second.key,
            )
        )

    def _unplaced(self, row: UserRow, error: InvalidInput | NotFound) -> None:
        """A user who counts but has no project, no name, or none that can be used."""
        code = error.code if isinstance(error, InvalidInput) else "project_not_found"
        sitting = row.sitting or Sitting("", "")
        if not self._is_young(row.made):
            self._findings.append(
                Finding(
                    kind=Kind.MISSING,
                    project=sitting.project,
                    subject=sitting.subject,
                    row=row.key,
                    outcome=Outcome.REFUSED if self._repair else Outcome.FOUND,
                    reason=code,
                )
            )

    def _sits(self, mine: UserTable, session: Session, where: Where, seat: Seat, row: UserRow | None) -> bool:
        """Whether somebody in the tables is to have this seat. The session is the first table's own."""
        wanted = (where.project, seat.holder_key)
        if row is not None and row.counts and self._key(row) == wanted:
            return True
        for table in self._tables:
            with nullcontext(session) if table is mine else table.transaction(write=False) as reading:
                named = table.named(reading, seat.holder, seat.holder_key)
                if any(one.counts and self._key(one) == wanted for one in named):
                    return True
        return False

    def _still_unseen(self, orphans: list[tuple[Where, Seat]]) -> list[tuple[Where, Seat]]:
        """Orphans without those whose user came since; by one more pass where the database cannot look."""
        if not orphans:
            return orphans
        come: set[tuple[str, str]] = set()
        asked = {(where.project, seat.holder_key) for where, seat in orphans}
        for table in self._tables:
            if not table.finds_names:
                come |= {key for row in table.rows() if row.counts and (key := self._key(row)) in asked}
        return [one for one in orphans if (one[0].project, one[1].holder_key) not in come]

    # Small questions -----------------------------------------------------------------------------------

    def _service(self, session: Session) -> tuple[SeatService, bool]:
        """The register within this transaction, where it is in the same database."""
        try:
            return self._engine.seats_within(session.connection()), True
        except Misconfigured:
            return self._engine.seats, False

    def _found(self, service: SeatService, where: Where, seat: Seat) -> Seat | None:
        """The seat, if it is still there, still the same one's, and out of its grace."""
        now = service.find(self._actor, where, seat.holder)
        if now is None or now.id != seat.id or now.state is SeatState.HELD:
            return None
        return None if self._is_young(now.since) else now

    def _is_young(self, since: dt.datetime | None) -> bool:
        return since is not None and self._engine.clock() - since < self._grace

    def _place(self, project: str) -> Where:
        """Where a project's seats are.

        Raises:
            NotFound, InvalidInput: there is no such project, or several.
        """
        if project not in self._where:
            try:
                self._where[project] = self._seats.where(project)
            except (NotFound, InvalidInput) as error:
                self._where[project] = error
        found = self._where[project]
        if isinstance(found, Where):
            return found
        raise found

    def _named(self, where: Where) -> str:
        return next(name for name, found in self._where.items() if found == where)

    def _name_of(self, mark: _Mark) -> str | None:
        table = self._tables[mark.table]
        with table.transaction(write=False) as session:
            row = table.again(session, mark.key, lock=False)
        key = None if row is None else self._key(row)
        return None if key is None else key[1]

    def _key(self, row: UserRow) -> tuple[str, str] | None:
        if row.sitting is None:
            return None
        try:
            project = self._place(row.sitting.project).project
            return project, self._engine.seats.holder_key(row.sitting.subject)
        except (InvalidInput, NotFound):
            return None


def _digest(project: str, holder_key: str) -> bytes:
    """A name in sixteen bytes: what is kept of each user while the seats are read."""
    return hashlib.blake2b(f"{project}\0{holder_key}".encode(), digest_size=16).digest()


def tables(
    seats: Seatguard, model: type[Any] | None, meaning: Meaning | None, session: Any, created: Of | None
) -> list[UserTable]:
    """The tables to compare with: the model's, and those of all guarded models, for a seat is a project's and
    not a model's.

    Args:
        model: the first table; ``None`` is all the guarded ones.
        meaning: what its users mean; ``None`` is what its guard says.
        session: of the host; ``None`` is the one of Flask-SQLAlchemy.

    Raises:
        Misconfigured: nothing tells what a user means, or where the users are.
    """
    meanings = [guard.meaning for guard in seats.model_guards]
    own = meaning or next((one for one in meanings if one.model is model), None)
    if own is None and model is not None:
        raise Misconfigured(
            f"{model.__name__} is not guarded here: give project and subject, or call seats.guard before"
        )
    if own is not None:
        meanings = [own, *(one for one in meanings if one.model is not own.model)]
    if not meanings:
        raise Misconfigured("no model is guarded: name one, with its project and its subject")
    if session is None:
        session = getattr(current_app.extensions.get("sqlalchemy"), "session", None)
    if session is None:
        raise Misconfigured("nothing tells where the users are: give a session")
    return [
        UserTable(
            one,
            session.get_bind(mapper=inspect(one.model)).engine,
            created=created if index == 0 else None,
        )
        for index, one in enumerate(meanings)
    ]
