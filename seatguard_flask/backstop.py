"""A refusal by the triggers of ``seatguard db triggers``, said in the words of a guard's refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Engine, event

from seatguard.decisions import Decision, Reason
from seatguard.seats.model import SeatFacts, Usage
from seatguard.storage.sqlalchemy.triggers import LIMIT_REACHED
from seatguard_flask.refusals import Manner, refusal

if TYPE_CHECKING:
    from sqlalchemy.engine import ExceptionContext

    from seatguard_flask.extension import Seatguard


class Backstop:
    """Turns a trigger's error into ``SeatRefused``, so that a host handles one kind of refusal.

    Some databases ask their triggers while the row is written, which is before the guard takes the seat.
    """

    def __init__(self, seats: Seatguard) -> None:
        self._seats = seats
        event.listen(Engine, "handle_error", self._said, retval=True)

    def remove(self) -> None:
        """Leave errors as they are."""
        event.remove(Engine, "handle_error", self._said)

    def _said(self, context: ExceptionContext) -> BaseException | None:
        if LIMIT_REACHED not in str(context.original_exception):
            return None
        # Not of which project: the database does not say.
        decision = Decision(False, Reason.LIMIT_REACHED, SeatFacts(None, Usage(0, 0)))
        return refusal(decision, Manner(settings=self._seats.settings))
