"""What both passes know: the register, the tables, and how old a thing must be to be told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from seatguard.entitlements.model import Where
from seatguard.errors import InvalidInput, NotFound
from seatguard_flask.usertable import UserRow, UserTable

if TYPE_CHECKING:
    from seatguard_flask.extension import Seatguard


class Ground:
    """Where one reconciliation takes place.

    Args:
        tables: whose users sit in the projects; together they own every seat there.
        grace: seconds; younger seats and users are left alone.
    """

    def __init__(self, seats: Seatguard, tables: Sequence[UserTable], *, grace: float) -> None:
        self.engine = seats.engine
        self.actor = seats.engine.actor("host", "reconcile")
        self.tables = tables
        self._seats = seats
        self._grace = dt.timedelta(seconds=grace)
        self._where: dict[str, Where | NotFound | InvalidInput] = {}

    @property
    def places(self) -> list[Where]:
        """The projects that were found so far, and nothing but these: others are none of its business."""
        return list({one.project: one for one in self._where.values() if isinstance(one, Where)}.values())

    def is_young(self, since: dt.datetime | None) -> bool:
        """Whether it may still be in the making."""
        return since is not None and self.engine.clock() - since < self._grace

    def place(self, project: str) -> Where:
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

    def named(self, where: Where) -> str:
        """A project as the host names it."""
        return next(name for name, found in self._where.items() if found == where)

    def key(self, row: UserRow) -> tuple[str, str] | None:
        """Project and name by which a user's seat is known; ``None`` if it cannot be."""
        if row.sitting is None:
            return None
        try:
            project = self.place(row.sitting.project).project
            return project, self.engine.seats.holder_key(row.sitting.subject)
        except (InvalidInput, NotFound):
            return None
