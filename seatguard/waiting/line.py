"""The line as the seats see it: whether a newcomer has to wait."""

from __future__ import annotations

from collections.abc import Callable

from seatguard.actors import Actor
from seatguard.entitlements.model import Where
from seatguard.waiting.service import WaitingService


class Line:
    """Those who wait.

    Args:
        waiting: answers the service, which needs the seats that need the line.
        serves: whether free seats are offered to the line before a newcomer is judged. Inside a transaction
            of the host's they are not: it may have locked what the offers would need.
    """

    def __init__(self, waiting: Callable[[], WaitingService], *, serves: bool) -> None:
        self._waiting = waiting
        self._serves = serves

    def stands(self, actor: Actor, where: Where) -> bool:
        """Whether somebody waits still. Costs nothing while nobody does, as of a moment ago."""
        waiting = self._waiting()
        if not waiting.stands(actor, where):
            return False
        if self._serves:
            waiting.serve(actor, where.project, mode=where.mode)
        return waiting.stands(actor, where, fresh=True)

    def length(self, actor: Actor, where: Where) -> int:
        """How many wait."""
        return self._waiting().length(actor, where)
