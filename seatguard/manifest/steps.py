"""One step of applying: done, refused, or in a dry run only told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from seatguard.actors import Actor
from seatguard.decisions import Decision
from seatguard.engine import Seatguard
from seatguard.errors import Conflict, Denied, InvalidInput, NotFound
from seatguard.manifest.report import Change, Kept, Refusal, Report
from seatguard.sentences import sentence

T = TypeVar("T")


class Steps:
    """Who applies to what, and the report that is being written."""

    def __init__(self, engine: Seatguard, actor: Actor, report: Report) -> None:
        self.engine = engine
        self.actor = actor
        self.report = report

    def do(self, change: Change, act: Callable[[], T]) -> T | None:
        """Do it and report it. ``None`` when it was refused, or when this is a dry run.

        A store out of reach is no refusal: the error goes on to the caller, the report stays.
        """
        result = None
        if not self.report.dry_run:
            try:
                result = act()
            except Denied as denied:
                self.refuse(change, denied.decision.reason.value, sentence(denied.decision))
                return None
            except (Conflict, InvalidInput) as error:
                self.refuse(change, error.code, str(error))
                return None
            except NotFound as error:
                self.refuse(change, "not_found", str(error))
                return None
        self.report.changes.append(change)
        return result

    @staticmethod
    def agreed(add: Callable[[], T], find: Callable[[], T | None]) -> T:
        """What ``add`` makes, or what another process has made from the same file a moment before.

        Raises:
            Conflict: it cannot be added, and is not there either.
        """
        try:
            return add()
        except Conflict:
            found = find()
            if found is None:
                raise
            return found

    def allow(self, change: Change, decision: Decision[object]) -> bool:
        """Whether a dry run's prediction lets the change pass; if not, it is reported."""
        if not decision.allowed:
            self.refuse(change, decision.reason.value, sentence(decision))
        return decision.allowed

    def refuse(self, change: Change, code: str, message: str) -> None:
        """Report what is not as the file says."""
        self.report.refusals.append(Refusal(change.what, change.subject, code, message))

    def keep(self, subject: str, message: str) -> None:
        """Report what the file does not name."""
        self.report.kept.append(Kept(subject, message))
