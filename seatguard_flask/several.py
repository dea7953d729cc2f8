"""Several seats in hand as one: all of them or none."""

from __future__ import annotations

from collections.abc import Sequence

from seatguard_flask.holding import SeatInHand

MOST = 100
"""Seats that one request may ask for: a body can name many users, and each of them is a hold."""


class SeveralInHand:
    """The seats that a guard holds for one request.

    Each is held by an act of its own. Somebody else may get a seat in between, so of two requests that want
    more than there is each may keep the other from its last one: then both are refused, and no seat is lost.

    Args:
        hands: one for each user.
    """

    def __init__(self, hands: Sequence[SeatInHand]) -> None:
        self._hands = hands

    @property
    def each(self) -> tuple[SeatInHand, ...]:
        """The seats, in the order in which they were asked for."""
        return tuple(self._hands)

    @property
    def decided(self) -> bool | None:
        """What the host has said itself of any of them; ``False`` only if it wants none."""
        said = [hand.decided for hand in self._hands]
        return True if True in said else None if None in said else False

    @property
    def unchecked(self) -> str | None:
        """Why nothing was decided about one of them."""
        return next((hand.unchecked for hand in self._hands if hand.unchecked is not None), None)

    def open(self) -> None:
        """Hold all, or let go of those that were had and raise as for one."""
        try:
            for hand in self._hands:
                hand.open()
        except BaseException:
            self.give_back()
            raise

    def keep(self) -> None:
        """Make all of them seats for good, without those that were canceled; or free all and raise."""
        try:
            for hand in self._hands:
                hand.give_back() if hand.decided is False else hand.keep()
        except BaseException:
            for hand in self._hands:
                hand.take_back()
            raise

    def give_back(self) -> None:
        """Let go of all holds. Never fails."""
        for hand in self._hands:
            hand.give_back()
