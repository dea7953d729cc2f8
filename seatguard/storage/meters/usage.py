"""Usage over units of work. Promises: see ``seatguard.usage.ports.UsageGate``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from seatguard.allowances import Quota
from seatguard.clock import Clock
from seatguard.journal.model import Draft
from seatguard.periods import span_at
from seatguard.records import Page
from seatguard.storage import ports as ledger
from seatguard.storage.meters.units import Units, Work, again
from seatguard.subscriptions.rules import gives
from seatguard.usage import rules
from seatguard.usage.model import (
    Account,
    Balance,
    Charge,
    Closed,
    Consumed,
    ConsumeOutcome,
    Exhausted,
    NoCharge,
    Refunded,
    RefundOutcome,
    Replayed,
    Reused,
    Wish,
)

_NEWEST = 20
"""Accounts that are looked through for the one before: more than one only after a clock was set back."""


class UnitUsage:
    """Accounts and charges as records."""

    def __init__(self, units: Units, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    def consume(
        self, tenant: str, subscription: str, wishes: Sequence[Wish], entries: Sequence[Draft]
    ) -> tuple[ConsumeOutcome, ...]:
        """See ``UsageGate.consume``."""

        def act(work: Work) -> tuple[ConsumeOutcome, ...]:
            record = work.subscriptions.lock(subscription)
            now = self._clock()
            if not gives(record, now):
                return tuple(Closed() for _ in wishes)
            book = _Book(work, tenant, subscription, now)
            outcomes = tuple(book.settle(wish) for wish in wishes)
            if not any(isinstance(outcome, Exhausted | Reused) for outcome in outcomes):
                book.write()
                for outcome, entry in zip(outcomes, entries, strict=True):
                    if isinstance(outcome, Consumed):
                        work.journal.append(entry)
            return outcomes

        return again(self._units, tenant, act)

    def refund(
        self, tenant: str, charge: Charge, total: int, quota: Quota, anchor: dt.datetime, entry: Draft
    ) -> RefundOutcome:
        """See ``UsageGate.refund``."""

        def act(work: Work) -> RefundOutcome:
            work.subscriptions.lock(charge.subscription)
            now = self._clock()
            known = work.charges.find(subscription=charge.subscription, meter=charge.meter, key=charge.key)
            if known is None:
                return NoCharge()
            more = total - known.refunded
            if more > 0:
                account = work.accounts.get(known.account)
                left = max(0, account.used - more)
                work.accounts.replace(replace(account, used=left, version=account.version + 1))
                known = replace(known, refunded=total, version=known.version + 1)
                work.charges.replace(known)
                work.journal.append(entry)
            balance = _balance(work, charge.subscription, charge.meter, quota, anchor, now)
            return (Refunded if more > 0 else Replayed)(known, balance)

        return again(self._units, tenant, act)

    def reset(
        self, tenant: str, subscription: str, meter: str, quota: Quota, anchor: dt.datetime, entry: Draft
    ) -> Balance:
        """See ``UsageGate.reset``."""

        def act(work: Work) -> Balance:
            work.subscriptions.lock(subscription)
            now = self._clock()
            account = _account(work, subscription, meter, quota, anchor, now)
            if account is not None and account.used:
                work.accounts.replace(replace(account, used=0, version=account.version + 1))
                work.journal.append(entry)
            return _balance(work, subscription, meter, quota, anchor, now)

        return again(self._units, tenant, act)

    def balance(
        self, tenant: str, subscription: str, meter: str, quota: Quota, anchor: dt.datetime
    ) -> Balance:
        """See ``UsageGate.balance``."""

        def act(work: Work) -> Balance:
            work.subscriptions.get(subscription)
            return _balance(work, subscription, meter, quota, anchor, self._clock())

        return self._units.look(tenant, act)

    def charge(self, tenant: str, subscription: str, meter: str, key: str) -> Charge | None:
        """See ``UsageGate.charge``."""
        return self._units.look(
            tenant, lambda work: work.charges.find(subscription=subscription, meter=meter, key=key)
        )

    def charges(
        self, tenant: str, subscription: str, meter: str, *, limit: int, after: str | None
    ) -> Page[Charge]:
        """See ``UsageGate.charges``."""
        return self._units.look(
            tenant,
            lambda work: work.charges.list(
                limit=limit, after=after, newest_first=True, subscription=subscription, meter=meter
            ),
        )

    def accounts(
        self, tenant: str, subscription: str, meter: str, *, limit: int, after: str | None
    ) -> Page[Account]:
        """See ``UsageGate.accounts``."""
        return self._units.look(
            tenant,
            lambda work: work.accounts.list(
                limit=limit, after=after, newest_first=True, subscription=subscription, meter=meter
            ),
        )


class _Book:
    """What a batch would write, decided first and written afterwards."""

    def __init__(self, work: Work, tenant: str, subscription: str, now: dt.datetime) -> None:
        self._work = work
        self._tenant = tenant
        self._subscription = subscription
        self._now = now
        self._accounts: dict[str, Account] = {}
        self._charges: dict[tuple[str, str], Charge] = {}

    def settle(self, wish: Wish) -> ConsumeOutcome:
        """Decide about one event, after those before it."""
        event = wish.event
        charge = self._charges.get((event.meter, event.key)) or self._work.charges.find(
            subscription=self._subscription, meter=event.meter, key=event.key
        )
        account = self._accounts.get(event.meter)
        if account is None:
            account = _account(
                self._work, self._subscription, event.meter, wish.quota, wish.anchor, self._now
            )
        balance = _beside(
            self._work, self._subscription, wish.event.meter, account, wish.quota, wish.anchor, self._now
        )
        if charge is not None:
            return Replayed(charge, balance) if charge.amount == event.amount else Reused(charge)
        if not rules.fits(balance, event.amount, soft=wish.quota.soft):
            return Exhausted(balance)
        balance = replace(balance, used=balance.used + event.amount)
        return Consumed(self._charged(wish, balance, account), balance)

    def write(self) -> None:
        """Write accounts and charges."""
        for account in self._accounts.values():
            (self._work.accounts.add if account.version == 1 else self._work.accounts.replace)(account)
        for charge in self._charges.values():
            self._work.charges.add(charge)

    def _charged(self, wish: Wish, balance: Balance, account: Account | None) -> Charge:
        event = wish.event
        if account is None:
            account = Account(
                id=wish.account,
                tenant=self._tenant,
                subscription=self._subscription,
                meter=event.meter,
                period=wish.quota.period,
                starts_at=balance.starts_at,
                ends_at=balance.resets_at,
                used=balance.used,
                carried=balance.carried,
                limit=wish.quota.limit,
            )
        else:
            # An account that this batch opened or changed already is still written once.
            version = account.version + (event.meter not in self._accounts)
            account = replace(account, used=balance.used, limit=wish.quota.limit, version=version)
        self._accounts[event.meter] = account
        charge = Charge(
            id=wish.charge,
            tenant=self._tenant,
            subscription=self._subscription,
            meter=event.meter,
            key=event.key,
            amount=event.amount,
            refunded=0,
            account=account.id,
            at=self._now,
        )
        self._charges[event.meter, event.key] = charge
        return charge


def _account(
    work: Work, subscription: str, meter: str, quota: Quota, anchor: dt.datetime, now: dt.datetime
) -> Account | None:
    """The account of the running period."""
    start = span_at(quota.period, anchor, now).start
    return work.accounts.find(subscription=subscription, meter=meter, period=quota.period, starts_at=start)


def account_before(
    work: ledger.Work, subscription: str, meter: str, quota: Quota, start: dt.datetime
) -> Account | None:
    """The last account of a period before the one that begins at ``start``."""
    if quota.rollover == 0:
        return None
    page = work.accounts.list(
        limit=_NEWEST, newest_first=True, subscription=subscription, meter=meter, period=quota.period
    )
    earlier = [account for account in page.items if account.starts_at < start]
    return max(earlier, key=lambda account: account.starts_at, default=None)


def _balance(
    work: Work, subscription: str, meter: str, quota: Quota, anchor: dt.datetime, now: dt.datetime
) -> Balance:
    account = _account(work, subscription, meter, quota, anchor, now)
    return _beside(work, subscription, meter, account, quota, anchor, now)


def _beside(
    work: Work,
    subscription: str,
    meter: str,
    account: Account | None,
    quota: Quota,
    anchor: dt.datetime,
    now: dt.datetime,
) -> Balance:
    """The balance of an account, or of a period in which nothing was used yet."""
    previous = None
    if account is None:
        start = span_at(quota.period, anchor, now).start
        previous = account_before(work, subscription, meter, quota, start)
    return rules.balance(meter, account, previous, quota, anchor, now)
