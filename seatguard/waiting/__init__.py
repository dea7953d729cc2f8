"""Who waits for a seat, and in which order: the line in front of a full project.

Words
    *line*: everybody who waits for a seat of one project and mode, in the order they came. *place*: where
    in it somebody stands. *offer*: a hold that the line gives to the first in it; it lapses as holds do.
    *serving*: offering free seats to the line until none is free or nobody waits.

Invariants
    Nobody stands in a line twice, nor in one while holding a seat. Seats are offered in the order of the
    line; who is offered a seat has left the line, and gets one offer for one wait, however many processes
    serve. An offer is an ordinary hold, taken by the gate: it counts, and the cap holds. While somebody
    waits, a newcomer gets no seat: what is free is offered to the line first.
"""

from seatguard.waiting.model import Offer, Place, Waiting

__all__ = ["Offer", "Place", "Waiting"]
