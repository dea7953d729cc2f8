"""Every "no" about leases. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import assert_never

from seatguard.allowances import Concurrency, Takeover
from seatguard.decisions import Decision, Reason
from seatguard.entitlements.model import Terms
from seatguard.entitlements.rules import may_use
from seatguard.errors import InvalidInput
from seatguard.leases.model import (
    BeatOutcome,
    Closed,
    Ended,
    Full,
    Granted,
    Kept,
    Lease,
    LeaseFacts,
    LeaseState,
    NoLease,
    Wish,
)

LONGEST_SESSION = 128


def has_room(live: int, allowance: Concurrency) -> bool:
    """Whether another lease fits: the one comparison of a gate."""
    return allowance.limit is None or live < allowance.limit


def evictable(wish: Wish) -> str | None:
    """Whose oldest lease makes room: a holder's key, empty for anybody's, ``None`` for nobody's."""
    match wish.allowance.takeover:
        case Takeover.REFUSE:
            return None
        case Takeover.OWN:
            return wish.holder_key
        case Takeover.OLDEST:
            return ""
        case never:
            assert_never(never)


def granted(wish: Wish, pool: str, now: dt.datetime) -> Lease:
    """The lease that a wish becomes."""
    fresh = Lease(
        id=wish.lease,
        tenant=wish.tenant,
        subscription=wish.subscription,
        pool=pool,
        name=wish.name,
        holder=wish.holder,
        holder_key=wish.holder_key,
        session=wish.session,
        state=LeaseState.LIVE,
        since=now,
        late_at=now,
        lapses_at=now,
    )
    return replace(beaten(fresh, wish.allowance, now), version=1)


def beaten(lease: Lease, allowance: Concurrency, now: dt.datetime) -> Lease:
    """The lease after a heartbeat. It never ends earlier than it would have."""
    late_at = now + dt.timedelta(seconds=allowance.lasts)
    lapses_at = late_at + dt.timedelta(seconds=allowance.grace)
    return replace(
        lease,
        state=LeaseState.LIVE,
        late_at=max(late_at, lease.late_at),
        lapses_at=max(lapses_at, lease.lapses_at),
        lasts=allowance.lasts,
        version=lease.version + 1,
    )


def ended(lease: Lease, state: LeaseState, now: dt.datetime) -> Lease:
    """The lease without its place. A lapsed one ended when it lapsed, whenever that was noticed."""
    return replace(lease, state=state, lapses_at=min(now, lease.lapses_at), version=lease.version + 1)


def judge(
    outcome: BeatOutcome, terms: Terms, allowance: Concurrency, now: dt.datetime
) -> Decision[LeaseFacts]:
    """The verdict on a checkout or a heartbeat."""
    facts = LeaseFacts(terms, allowance.limit)
    match outcome:
        case Granted(lease, live):
            return Decision(True, Reason.ALLOWED, replace(facts, live=live, lease=lease))
        case Kept(lease, live):
            return Decision(True, Reason.ALREADY_HELD, replace(facts, live=live, lease=lease))
        case Full(live, frees_at):
            return Decision(False, Reason.LIMIT_REACHED, replace(facts, live=live, frees_at=frees_at))
        case Closed():
            policy = may_use(terms, now)
            return Decision(False, Reason.INACTIVE if policy.allowed else policy.reason, facts)
        case Ended(lease):
            reason = Reason.LEASE_TAKEN_OVER if lease.state is LeaseState.TAKEN_OVER else Reason.LEASE_ENDED
            return Decision(False, reason, replace(facts, lease=lease))
        case NoLease():
            return Decision(False, Reason.LEASE_ENDED, facts)


def valid_session(text: object) -> str:
    """A session's name: 1 to 128 printable characters.

    >>> valid_session("laptop 2")
    'laptop 2'
    """
    if not isinstance(text, str) or not text.isprintable() or not 1 <= len(text) <= LONGEST_SESSION:
        raise InvalidInput.single(
            "session",
            "invalid_session",
            f"must be 1 to {LONGEST_SESSION} printable characters, not {text!r}",
        )
    if text != text.strip():
        raise InvalidInput.single(
            "session", "invalid_session", "must not begin or end with white space; send it trimmed"
        )
    return text
