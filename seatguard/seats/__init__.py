"""Who sits in a subscription: the gate's slice.

Words
    *seat*: one place, held or assigned. *holder*: who sits there: a name as given and a key by
    which names are compared. *hold*: a seat taken for a while: confirmed, released, or lapsed.
    *pool*: the numbers of a subscription that the gate compares: cap, seats live, seats held.
    *live*: assigned or held. *claim*: the wish for a seat. *lapsed*: a hold past its end.

Invariants
    No take ends with more seats live than the cap. A holder has one seat in a subscription.
    A seat, the count and the entry are written together or not at all; a "no" writes nothing.
    A hold counts until it lapses and not a second longer. Confirming one's own hold needs no free
    seat. Nobody who sits is ever refused: the answer to a second claim is the seat there is.
"""

from seatguard.seats.holders import Holder
from seatguard.seats.model import (
    AlreadyHeld,
    Claim,
    Closed,
    Full,
    Lapsed,
    NotHeld,
    Pool,
    Released,
    Renewed,
    Seat,
    SeatFacts,
    SeatState,
    Taken,
    Transferred,
    Usage,
)

__all__ = [
    "AlreadyHeld",
    "Claim",
    "Closed",
    "Full",
    "Holder",
    "Lapsed",
    "NotHeld",
    "Pool",
    "Released",
    "Renewed",
    "Seat",
    "SeatFacts",
    "SeatState",
    "Taken",
    "Transferred",
    "Usage",
]
