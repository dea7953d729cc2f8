"""The statements of a take, made once: building one costs several times what running it costs."""

from __future__ import annotations

import dataclasses

from sqlalchemy import and_, bindparam, insert, or_, select, update

from seatguard.journal.model import Entry
from seatguard.seats.model import Seat
from seatguard.storage.sqlalchemy.tables import entry, seat, subscription

SEAT_FIELDS = [field.name for field in dataclasses.fields(Seat)]
SEAT_COLUMNS = [seat.c[name] for name in SEAT_FIELDS]
NEW_SEAT_FIELDS = [name for name in SEAT_FIELDS if name != "number"]
ENTRY_FIELDS = [field.name for field in dataclasses.fields(Entry)]
ENTRY_COLUMNS = [entry.c[name] for name in ENTRY_FIELDS]
POOL_COLUMNS = [
    subscription.c[name] for name in ("cap", "open", "opens_at", "closes_at", "live", "held", "seq", "head")
]

READ_POOL = select(*POOL_COLUMNS).where(
    subscription.c.id == bindparam("subscription"), subscription.c.tenant == bindparam("tenant")
)
LOCK_POOL = READ_POOL.with_for_update()
"""With parameters ``subscription`` and ``tenant``."""

TOUCH = (
    update(subscription)
    .where(subscription.c.id == bindparam("subscription_id"))
    .values(seq=subscription.c.seq)
)
"""Changes nothing, and takes the write lock of a SQLite file."""

SEAT_OF = select(*SEAT_COLUMNS).where(
    seat.c.subscription == bindparam("subscription"), seat.c.holder_key == bindparam("holder_key")
)
GLANCE = (
    select(*POOL_COLUMNS, *SEAT_COLUMNS)
    .select_from(
        subscription.outerjoin(
            seat,
            and_(seat.c.subscription == subscription.c.id, seat.c.holder_key == bindparam("holder_key")),
        )
    )
    .where(subscription.c.id == bindparam("subscription"), subscription.c.tenant == bindparam("tenant"))
)
"""The pool's columns, then the holder's seat's, which are null when there is none."""

ADD_SEAT = insert(seat)
"""With a parameter for each of ``NEW_SEAT_FIELDS``."""

ADD_ENTRY = insert(entry)
"""With a parameter for each of ``ENTRY_FIELDS``."""

COUNT = (
    update(subscription)
    .where(
        subscription.c.id == bindparam("subscription"),
        or_(
            subscription.c.cap.is_(None),
            subscription.c.cap >= bindparam("new_live"),
            subscription.c.live >= bindparam("new_live"),
        ),
    )
    .values(
        live=bindparam("new_live"),
        held=bindparam("new_held"),
        seq=bindparam("new_seq"),
        head=bindparam("new_head"),
    )
)
"""Sets the counter and the chain's end, unless that would add a seat beyond the cap."""
