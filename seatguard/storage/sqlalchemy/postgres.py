"""A take in one statement, for PostgreSQL: one round trip, and the hot row locked for its last part only.

The seat is inserted under the guard of the subscription as the statement first sees it. Then the
counter's row is updated: if another take or change came first, PostgreSQL evaluates the ``CASE`` on
the newest row, and a guard that no longer holds makes ``live`` null, which the column refuses, so
that the whole statement is undone (PostgreSQL manual, 13.2.1 Read Committed). A row that changed in
no column is not evaluated anew, and then nothing but time can have passed: claims near the closing
instant are therefore left to the locking path, which reads the clock under the lock.

The subscription is found by its id alone: ``IS TRUE`` keeps every index that begins with the tenant out of
it. A planner without statistics, as in a new database, takes one of those for as good, and then reads all
subscriptions of the tenant for each take.

A row is locked until its transaction is on disk. Where several want the same row, they would wait for one
flush each. So there the statement commits without waiting for the disk, which lets the next one in, and a
second transaction waits for both (:func:`settled`): nothing is answered before that. The log is one, so
what is flushed after the take is flushed with it, on whatever connection.
"""

from __future__ import annotations

import datetime as dt

from seatguard.journal.model import Draft
from seatguard.seats.model import Claim
from seatguard.storage.sqlalchemy.at_once import Given, given, values
from seatguard.storage.sqlalchemy.raw import RawRunner

UNSETTLED = dt.timedelta(seconds=10)
"""Longer than PostgreSQL leaves anything unflushed (three times its ``wal_writer_delay``, by default 0.6 s).

Until then another process's seat may be seen that its taker was not yet told of.
"""

_GUARD = (
    "is_open AND (cap IS NULL OR live < cap) AND (opens_at IS NULL OR opens_at <= %(now)s::bigint) "
    "AND (closes_at IS NULL OR closes_at > %(edge)s::bigint)"
)

_VERSION = "(%(version)s::integer IS NULL OR version = %(version)s::integer)"

_ALONE = (
    "(%(version)s::integer IS NULL OR NOT EXISTS (SELECT 1 FROM seatguard_subscription other "
    "WHERE other.project = seatguard_subscription.project AND other.mode = seatguard_subscription.mode "
    "AND other.id <> seatguard_subscription.id))"
)
"""Whether the project has no other subscription of the mode; asked where the version is."""

_TAKE = f"""
WITH taken AS (
  INSERT INTO seatguard_seat (id, tenant, subscription, holder, holder_key, email, state, since, lapses_at)
  SELECT %(seat)s::uuid, tenant, id, %(holder)s::varchar, %(holder_key)s::varchar, %(email)s::varchar,
         %(state)s::varchar, %(now)s::bigint, %(lapses_at)s::bigint
  FROM seatguard_subscription
  WHERE id = %(subscription)s::uuid AND (tenant = %(tenant)s::uuid) IS TRUE AND {_GUARD}
    AND {_VERSION} AND {_ALONE}
  ON CONFLICT DO NOTHING
  RETURNING number
), counted AS (
  UPDATE seatguard_subscription
  SET live = CASE WHEN {_GUARD} AND {_VERSION} THEN live + 1 END,
      held = held + %(held)s::bigint, seq = seq + 1, head = sha256(head || %(digest)s::bytea)
  WHERE id = %(subscription)s::uuid AND EXISTS (SELECT 1 FROM taken)
  RETURNING live, held, seq, head
), recorded AS (
  INSERT INTO seatguard_entry (stream, seq, id, tenant, aggregate, happened_at, actor, kind, subject,
                               request_id, data, erasable, erasable_digest, person, salt, link)
  SELECT %(subscription)s::uuid, seq, %(entry)s::uuid, %(tenant)s::uuid, %(aggregate)s::varchar,
         %(at)s::bigint, %(actor)s::varchar, %(kind)s::varchar, %(seat)s::uuid, %(request_id)s::varchar,
         %(data)s::text, %(erasable)s::text, %(erasable_digest)s::bytea, %(person)s::varchar,
         %(salt)s::bytea, head
  FROM counted
)
SELECT taken.number, counted.live, counted.held, counted.seq - 1 > (
  SELECT seq FROM seatguard_subscription WHERE id = %(subscription)s::uuid
)"""  # noqa: S608 - put together from constants of this module
_FROM = " FROM taken, counted"
_TAKE_PLAINLY = _TAKE + _FROM
_TAKE_SOON = f"{_TAKE}, set_config('synchronous_commit', 'off', true){_FROM}"

_SETTLE = """
SELECT pg_logical_emit_message(true, 'seatguard', ''),
       EXISTS (SELECT 1 FROM seatguard_seat WHERE id = %(seat)s::uuid)
"""

NOBODY = "00000000-0000-0000-0000-000000000000"


def settled(runner: RawRunner, seat: str) -> bool:
    """Wait until everything committed before is on disk, as the server's ``synchronous_commit`` has it.

    Returns:
        whether the seat is there. If it is, it was on disk when this was: also where the connection
        leads to another server by now.
    """
    return bool(runner.run(_SETTLE, {"seat": seat}).fetchone()[1])


def take(
    runner: RawRunner,
    claim: Claim,
    entry: Draft,
    now: dt.datetime,
    *,
    soon: bool = False,
    as_agreed: bool = False,
) -> Given | None:
    """Give the claimant a seat if nothing speaks against it.

    Args:
        runner: in autocommit mode; the statement is the whole transaction.
        soon: commit without waiting for the disk; :func:`settled` must come before any answer.
        as_agreed: only if the claim's admission is the present one; see ``Swift``.

    Returns:
        the seat; ``None`` when no seat was given, for whatever reason: then nothing was written.
    """
    row = runner.run(
        _TAKE_SOON if soon else _TAKE_PLAINLY, values(claim, entry, now, as_agreed=as_agreed)
    ).fetchone()
    return None if row is None else given(claim, now, row)
