"""A take in one round trip, for MariaDB: a block of statements, the transaction in it.

The ``UPDATE`` that compares and counts comes first: it locks the subscription's row, as every other act
does before it touches anything else. With the seat first the row would be locked for a shorter while, but
two acts could wait for each other, and one of them might be no take, which is not repeated. For the same
reason the row is found by its primary key: by the index over tenant and id, that index's record would be
locked first, and a change of the agreement locks the two the other way round. Claims near the closing
instant are left to the locking path, as on PostgreSQL.
"""

from __future__ import annotations

import datetime as dt

from seatguard.journal.model import Draft
from seatguard.seats.model import Claim
from seatguard.storage.sqlalchemy.at_once import Given, given, values
from seatguard.storage.sqlalchemy.raw import RawRunner

_TAKE = """
BEGIN NOT ATOMIC
  DECLARE number, others BIGINT;
  DECLARE EXIT HANDLER FOR 1062 BEGIN ROLLBACK; SELECT NULL; END;
  IF %(version)s IS NULL THEN
    SET others = 0;
  ELSE
    SELECT count(*) INTO others FROM seatguard_subscription asked JOIN seatguard_subscription other
      ON other.project = asked.project AND other.mode = asked.mode AND other.id <> asked.id
    WHERE asked.id = %(subscription)s;
  END IF;
  IF others > 0 THEN
    ROLLBACK;
    SELECT NULL;
  ELSE
    UPDATE seatguard_subscription FORCE INDEX (PRIMARY)
    SET live = live + 1, held = held + %(held)s, seq = seq + 1,
        head = unhex(sha2(concat(head, %(digest)s), 256))
    WHERE id = %(subscription)s AND tenant = %(tenant)s AND is_open AND (cap IS NULL OR live < cap)
      AND (opens_at IS NULL OR opens_at <= %(now)s) AND (closes_at IS NULL OR closes_at > %(edge)s)
      AND (%(version)s IS NULL OR version = %(version)s);
    IF row_count() = 0 THEN
      ROLLBACK;
      SELECT NULL;
    ELSE
      INSERT INTO seatguard_seat (id, tenant, subscription, holder, holder_key, email, state, since,
                                  lapses_at)
      VALUES (%(seat)s, %(tenant)s, %(subscription)s, %(holder)s, %(holder_key)s, %(email)s, %(state)s,
              %(now)s, %(lapses_at)s);
      SET number = last_insert_id();
      INSERT INTO seatguard_entry (stream, seq, id, tenant, aggregate, happened_at, actor, kind, subject,
                                   request_id, data, erasable, erasable_digest, person, salt, link)
      SELECT %(subscription)s, seq, %(entry)s, %(tenant)s, %(aggregate)s, %(at)s, %(actor)s, %(kind)s,
             %(seat)s, %(request_id)s, %(data)s, %(erasable)s, %(erasable_digest)s, %(person)s, %(salt)s, head
      FROM seatguard_subscription WHERE id = %(subscription)s;
      SELECT number, live, held, 0 FROM seatguard_subscription WHERE id = %(subscription)s;
      COMMIT;
    END IF;
  END IF;
END
"""


def take(
    runner: RawRunner, claim: Claim, entry: Draft, now: dt.datetime, *, as_agreed: bool = False
) -> Given | None:
    """Give the claimant a seat if nothing speaks against it.

    Args:
        as_agreed: only if the claim's admission is the present one; see ``Swift``.

    Returns:
        the seat; ``None`` when no seat was given, for whatever reason: then nothing was written.
    """
    cursor = runner.run(_TAKE, values(claim, entry, now, as_agreed=as_agreed))
    row = cursor.fetchone()
    # The block is over when its last answer is there: the commit's.
    while runner.act(cursor.nextset):
        pass
    runner.is_open = False
    return None if row[0] is None else given(claim, now, row)
