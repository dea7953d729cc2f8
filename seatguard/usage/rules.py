"""Every "no" about usage, and the arithmetic of accounts. Pure."""

from __future__ import annotations

import datetime as dt

from seatguard.allowances import MAX_AMOUNT, Quota, valid_amount, valid_meter
from seatguard.decisions import Decision, Reason
from seatguard.entitlements.model import Terms
from seatguard.entitlements.rules import may_use
from seatguard.errors import Conflict
from seatguard.idempotency.rules import valid_key
from seatguard.periods import Period, number_at, span_at
from seatguard.usage.model import (
    Account,
    Balance,
    Charge,
    Closed,
    Consumed,
    ConsumeOutcome,
    Event,
    Exhausted,
    NoCharge,
    Refunded,
    RefundOutcome,
    Replayed,
    Reused,
    UsageFacts,
)

MAX_BATCH = 100


def carried(previous: Account | None, quota: Quota, anchor: dt.datetime, now: dt.datetime) -> int:
    """Unused units that the period of ``now`` has in addition.

    Periods in which nothing was used count too: what they left unused was theirs.

    Args:
        previous: the last account before that period; ``None`` when nothing was ever used.
    """
    if quota.rollover == 0 or quota.limit is None or quota.period is Period.NEVER:
        return 0
    number = number_at(quota.period, anchor, now)
    if previous is None:
        left, empty = 0, number
    else:
        before = 0 if previous.limit is None else previous.limit + previous.carried
        left = max(0, before - previous.used)
        empty = number - number_at(quota.period, anchor, previous.starts_at) - 1
    most = left + max(0, empty) * quota.limit
    return min(most, MAX_AMOUNT if quota.rollover is None else quota.rollover)


def balance(
    meter: str,
    account: Account | None,
    previous: Account | None,
    quota: Quota,
    anchor: dt.datetime,
    now: dt.datetime,
) -> Balance:
    """What was used beside what is allowed.

    Args:
        account: of the period of ``now``; ``None`` when nothing was used in it yet.
        previous: the last account before that; looked at only without ``account``.
    """
    span = span_at(quota.period, anchor, now)
    return Balance(
        meter=meter,
        limit=quota.limit,
        used=0 if account is None else account.used,
        carried=carried(previous, quota, anchor, now) if account is None else account.carried,
        starts_at=span.start,
        resets_at=span.end,
    )


def fits(balance: Balance, amount: int, *, soft: bool) -> bool:
    """Whether an amount may be recorded: the one comparison of a gate."""
    if balance.used + amount > MAX_AMOUNT:
        return False
    return soft or balance.allowed is None or balance.used + amount <= balance.allowed


def judge(outcome: ConsumeOutcome, event: Event, terms: Terms, now: dt.datetime) -> Decision[UsageFacts]:
    """The verdict on what the gate did with an event.

    Raises:
        Conflict: ``key_reused``; the key was charged with another amount.
    """
    match outcome:
        case Consumed(charge, balance):
            return Decision(True, Reason.ALLOWED, UsageFacts(terms, balance, charge))
        case Replayed(charge, balance):
            return Decision(True, Reason.ALREADY_RECORDED, UsageFacts(terms, balance, charge))
        case Reused(charge):
            raise Conflict(
                "key_reused",
                f"the key {event.key!r} was charged with {charge.amount}, not {event.amount}: "
                "use a new key for another event",
                recorded=charge.amount,
                given=event.amount,
            )
        case Exhausted(balance):
            return Decision(False, Reason.QUOTA_EXHAUSTED, UsageFacts(terms, balance))
        case Closed():
            policy = may_use(terms, now)
            reason = Reason.INACTIVE if policy.allowed else policy.reason
            return Decision(False, reason, UsageFacts(terms))


def judge_balance(balance: Balance, quota: Quota, terms: Terms) -> Decision[UsageFacts]:
    """Whether one more unit may be recorded. Advice."""
    allowed = fits(balance, 1, soft=quota.soft)
    return Decision(
        allowed, Reason.ALLOWED if allowed else Reason.QUOTA_EXHAUSTED, UsageFacts(terms, balance)
    )


def crossed(before: int, after: int, allowed: int | None) -> int | None:
    """The highest of 80, 90 and 100 % that a charge has just reached.

    >>> crossed(70, 95, 100), crossed(95, 99, 100), crossed(99, 130, 100), crossed(5, 6, None)
    (90, None, 100, None)
    """
    if allowed is None:
        return None
    return next(
        (percent for percent in (100, 90, 80) if 100 * before < percent * allowed <= 100 * after),
        None,
    )


def judge_refund(outcome: RefundOutcome, terms: Terms) -> Decision[UsageFacts] | None:
    """The verdict on giving back; ``None`` when there is no such charge."""
    match outcome:
        case Refunded(charge, balance):
            return Decision(True, Reason.ALLOWED, UsageFacts(terms, balance, charge))
        case Replayed(charge, balance):
            return Decision(True, Reason.ALREADY_RECORDED, UsageFacts(terms, balance, charge))
        case NoCharge():
            return None


def summed(decisions: tuple[Decision[UsageFacts], ...]) -> Decision[tuple[Decision[UsageFacts], ...]]:
    """The verdict on a batch: the first "no", else whether anything was new."""
    for decision in decisions:
        if not decision.allowed:
            return Decision(False, decision.reason, decisions)
    new = any(decision.reason is Reason.ALLOWED for decision in decisions)
    return Decision(True, Reason.ALLOWED if new else Reason.ALREADY_RECORDED, decisions)


def refund_of(charge: Charge, amount: int | None) -> int:
    """How much of a charge is to be given back in all.

    Raises:
        InvalidInput: more than was charged.
    """
    if amount is None:
        return charge.amount
    return valid_amount(amount, field="amount", least=1, most=charge.amount)


def valid_event(event: Event) -> Event:
    """An event that can be recorded.

    Raises:
        InvalidInput: the meter, the key or the amount cannot be used.
    """
    valid_meter(event.meter)
    valid_key(event.key, field="key")
    valid_amount(event.amount, field="amount", least=1)
    return event
