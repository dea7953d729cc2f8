"""Who is inside for as long as they keep saying so: floating seats and concurrent sessions.

Words
    *lease*: a place kept by heartbeats. *session*: what a holder has several of: a browser, a
    machine. *pool*: the leases that share a limit: of a subscription, or of one holder in it.
    *late*: past the last heartbeat's time, its place still kept. *lapsed*: past its grace too.
    *takeover*: what makes room for a newcomer.

Invariants
    No pool has more live leases than the limit that its newest lease was given under. A lease lapses
    at its end and not before; a lapsed lease keeps nobody out. A late heartbeat gets its lease back
    as long as there is room, the very same one. A session has one lease in a pool. A lease, the
    count and the entry are written together or not at all; heartbeats are not journalled. Setting a
    worker's clock ends no lease and prolongs none.
"""

from seatguard.leases.model import Lease, LeaseFacts, LeaseState, Pool

__all__ = ["Lease", "LeaseFacts", "LeaseState", "Pool"]
