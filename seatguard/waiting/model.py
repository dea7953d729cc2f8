"""Those who wait, and what they are told."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from seatguard.seats.model import Seat, Usage


class WaitingState(StrEnum):
    """Whether a seat is being asked for them right now, and whether they still want it."""

    WAITING = "waiting"
    OFFERING = "offering"
    LEAVING = "leaving"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Somebody in a line. Its id tells the place: the smaller stands before the larger.

    Attributes:
        type: of the service that is wanted; ``None`` is any of the project's.
        seat: id of the seat that is asked for, from the first attempt on.
        asked_at: when the attempt that is under way began.
    """

    id: str
    tenant: str
    project: str
    mode: str
    type: str | None
    holder: str
    holder_key: str
    email: str | None
    since: dt.datetime
    state: WaitingState
    seat: str | None
    asked_at: dt.datetime | None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody stands.

    Attributes:
        waiting: the place in the line; ``None`` for somebody who does not wait.
        ahead: how many stand before them.
        seat: the seat or hold they have instead, if so.
    """

    waiting: Waiting | None
    ahead: int
    seat: Seat | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What the line has given to the first in it."""

    waited: Waiting
    seat: Seat
    usage: Usage
