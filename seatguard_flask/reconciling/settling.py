"""The second look: each candidate again, in a transaction of its own, to be told or put right.

Where users and seats lie in one database, a repair locks the row first and the subscription after it, as the
model guard does: what the host does meanwhile waits, or has been seen. In two databases a repair looks once
more afterwards, and takes itself back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from seatguard.decisions import Decision
from seatguard.entitlements.model import Where
from seatguard.errors import InvalidInput, Misconfigured, NotFound, StorageUnavailable
from seatguard.seats.model import Seat, SeatFacts, SeatState
from seatguard.seats.service import SeatService
from seatguard.signals import Fact
from seatguard_flask.reconciling.comparing import Candidates, Mark
from seatguard_flask.reconciling.ground import Ground
from seatguard_flask.reconciling.report import Finding, Key, Kind, Outcome
from seatguard_flask.register import Sitting
from seatguard_flask.usertable import UserRow, UserTable

_ATTEMPTS = 8


class Settling:
    """Looks at candidates again.

    Args:
        repair: whether to put right what is wrong, not only to tell.

    Attributes:
        findings: what is wrong indeed.
    """

    def __init__(self, ground: Ground, *, repair: bool) -> None:
        self._ground = ground
        self._engine = ground.engine
        self._actor = ground.actor
        self._tables = ground.tables
        self._repair = repair
        self.findings: list[Finding] = []

    def run(self, found: Candidates) -> None:
        """Room first: seats are freed, then moved, then given."""
        for row, error in found.unplaced:
            self._unplaced(row, error)
        for one, other in found.twice:
            self._twice(one, other)
        misplaced: defaultdict[str, list[tuple[Where, Seat]]] = defaultdict(list)
        for where, seat in found.orphans:
            misplaced[seat.holder_key].append((where, seat))
        moving: list[tuple[Mark, Where, Seat]] = []
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
                self.findings.append(finding)
            return
        raise StorageUnavailable(
            "the store did not answer, or others hold the same rows; what is repaired is on record, and"
            " running it again is safe"
        ) from lost

    def _give(self, mark: Mark, elsewhere: tuple[Where, Seat] | None) -> Finding | None:
        """Give a user who counts the seat that is missing, or make it one for good."""
        table = self._tables[mark.table]
        with table.transaction(write=self._repair) as session:
            row = table.again(session, mark.key, lock=self._repair)
            if row is None or not row.counts or row.sitting is None or self._ground.is_young(row.made):
                return None
            sitting = row.sitting
            where = self._ground.place(sitting.project)
            service, facts = self._service(session)
            seat = service.find(self._actor, where, sitting.subject)
            if seat is not None and (seat.state is SeatState.ASSIGNED or self._ground.is_young(seat.since)):
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
            if wrong is not None and elsewhere is not None and facts is not None:
                service.release(self._actor, elsewhere[0], wrong.holder)
            email = wrong.email if wrong is not None else None
            decision = service.take(self._actor, where, sitting.subject, email=email)
            if not decision.allowed:
                return replace(finding, outcome=Outcome.REFUSED, reason=decision.reason.value)
            if facts is not None:
                session.commit()
                self._engine.announce(facts)
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
        self._engine.seats.release(self._actor, self._ground.place(sitting.project), sitting.subject)
        return None

    def _free(self, where: Where, seat: Seat, mark: Mark | None) -> Finding | None:
        """Free a seat whose user is gone or does not count."""
        table = self._tables[mark.table if mark else 0]
        with table.transaction(write=self._repair) as session:
            row = None if mark is None else table.again(session, mark.key, lock=self._repair)
            service, facts = self._service(session)
            if self._found(service, where, seat) is None:
                return None
            released: Decision[SeatFacts] | None = None
            if self._repair and facts is not None:
                # Before the look: it locks the subscription, and who makes this user now waits or was seen.
                released = service.release(self._actor, where, seat.holder)
            if self._sits(table, session, where, seat, row):
                return None
            finding = Finding(
                kind=Kind.ORPHAN if mark is None or row is None else Kind.WRONG_STATE,
                project=self._ground.named(where),
                subject=seat.holder,
                row=None if row is None else row.key,
            )
            if not self._repair:
                return finding
            if released is not None and facts is not None:
                session.commit()
                self._engine.announce(facts)
                return replace(finding, outcome=Outcome.REPAIRED)
        self._engine.seats.release(self._actor, where, seat.holder)
        with table.transaction(write=False) as session:
            if self._sits(table, session, where, seat, row):
                self._engine.seats.take(self._actor, where, seat.holder, email=seat.email)
                return None
        return replace(finding, outcome=Outcome.REPAIRED)

    def _twice(self, one: Mark, other: Mark) -> None:
        """Which of the two is meant only the host knows: it is told, never repaired."""
        rows = []
        for mark in (one, other):
            table = self._tables[mark.table]
            with table.transaction(write=False) as session:
                rows.append(table.again(session, mark.key, lock=False))
        first, second = rows
        if first is None or second is None or not (first.counts and second.counts):
            return
        if (
            first.sitting is None
            or second.sitting is None
            or self._ground.key(first) != self._ground.key(second)
        ):
            return
        self.findings.append(
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
        if not self._ground.is_young(row.made):
            self.findings.append(
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
        if row is not None and row.counts and self._ground.key(row) == wanted:
            return True
        for table in self._tables:
            with nullcontext(session) if table is mine else table.transaction(write=False) as reading:
                named = table.named(reading, seat.holder, seat.holder_key)
                if any(one.counts and self._ground.key(one) == wanted for one in named):
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
                come |= {
                    key for row in table.rows() if row.counts and (key := self._ground.key(row)) in asked
                }
        return [one for one in orphans if (one[0].project, one[1].holder_key) not in come]

    def _service(self, session: Session) -> tuple[SeatService, list[Fact] | None]:
        """The register; where it is within this transaction, with the facts to be told after its commit."""
        facts: list[Fact] = []
        try:
            return self._engine.seats_within(session.connection(), tell=facts.extend), facts
        except Misconfigured:
            return self._engine.seats, None

    def _found(self, service: SeatService, where: Where, seat: Seat) -> Seat | None:
        """The seat, if it is still there, still the same one's, and out of its grace."""
        now = service.find(self._actor, where, seat.holder)
        if now is None or now.id != seat.id or now.state is SeatState.HELD:
            return None
        return None if self._ground.is_young(now.since) else now

    def _name_of(self, mark: Mark) -> str | None:
        table = self._tables[mark.table]
        with table.transaction(write=False) as session:
            row = table.again(session, mark.key, lock=False)
        key = None if row is None else self._ground.key(row)
        return None if key is None else key[1]
