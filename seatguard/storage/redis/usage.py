"""Usage on Redis: one script a verb. Promises: see ``seatguard.usage.ports.UsageGate``.

The gate's book of a subscription begins empty. What is not in it is as the ledger has it: it is looked up
there and given to the script, which goes by it unless somebody has written the item since.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeAlias
from uuid import uuid4

from seatguard.allowances import Quota
from seatguard.clock import Clock, from_micros, system_clock, to_micros
from seatguard.errors import StorageUnavailable
from seatguard.journal.model import Draft
from seatguard.periods import Period, span_at
from seatguard.records import Page
from seatguard.storage.meters.usage import account_before
from seatguard.storage.ports import Ledger, Work
from seatguard.storage.redis import items, wire
from seatguard.storage.redis.items import AccountItem, ChargeItem
from seatguard.storage.redis.pools import Answer, Pools
from seatguard.storage.redis.relay import Relay
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
from seatguard.usage.ports import UsageGate

_TRIES = 20
_AT_ONCE = 500

Agreed: TypeAlias = Mapping[str, tuple[Quota, dt.datetime]]
"""Quota and anchor of each meter that is asked about."""


class RedisUsage:
    """Accounts and charges beside a ledger that gets all of them.

    Args:
        ledger: the one beside, as it is read.
        home: usage in the ledger, for lists.
        clock: ``None`` goes by the server's.
        confirms: whether a write is answered only when the ledger has it.
    """

    def __init__(
        self,
        pools: Pools,
        relay: Relay,
        ledger: Ledger,
        home: UsageGate,
        clock: Clock | None,
        *,
        confirms: bool,
    ) -> None:
        self._pools = pools
        self._relay = relay
        self._ledger = ledger
        self._home = home
        self._clock = clock or system_clock
        self._confirms = confirms

    def consume(
        self, tenant: str, subscription: str, wishes: Sequence[Wish], entries: Sequence[Draft]
    ) -> tuple[ConsumeOutcome, ...]:
        """See ``UsageGate.consume``."""
        drafts = [wire.draft(entry) for entry in entries]
        agreed = {wish.event.meter: (wish.quota, wish.anchor) for wish in wishes}

        def arguments(now: dt.datetime) -> tuple[str, ...]:
            asked = [
                [
                    _span(wish.event.meter, wish.quota, wish.anchor, now),
                    wish.event.key,
                    str(wish.event.amount),
                    wish.charge,
                    wish.account,
                ]
                for wish in wishes
            ]
            return _text(asked), *drafts

        answer, now = self._asked("consume", tenant, subscription, agreed, arguments)
        if answer[0] == b"closed":
            return tuple(Closed() for _ in wishes)
        outcomes = tuple(
            _outcome(tenant, subscription, wish, told, now)
            for wish, told in zip(wishes, answer[2], strict=True)
        )
        if self._confirms and not any(isinstance(outcome, Exhausted | Reused) for outcome in outcomes):
            self._confirmed(outcomes, entries)
        return outcomes

    def refund(
        self, tenant: str, charge: Charge, total: int, quota: Quota, anchor: dt.datetime, entry: Draft
    ) -> RefundOutcome:
        """See ``UsageGate.refund``."""
        item, draft = str(ChargeItem.of(charge)), wire.draft(entry)

        def arguments(now: dt.datetime) -> tuple[str, ...]:
            return item, str(total), draft, _text(_span(charge.meter, quota, anchor, now))

        agreed = {charge.meter: (quota, anchor)}
        answer, now = self._asked("refund", tenant, charge.subscription, agreed, arguments)
        if answer[0] == b"no_charge":
            return NoCharge()
        known = _charge(tenant, charge.subscription, charge.meter, charge.key, answer[3:])
        balance = _balance(charge.meter, quota, anchor, now, answer[1:])
        if answer[0] == b"replayed":
            return Replayed(known, balance)
        self._brought(entry)
        return Refunded(known, balance)

    def reset(
        self, tenant: str, subscription: str, meter: str, quota: Quota, anchor: dt.datetime, entry: Draft
    ) -> Balance:
        """See ``UsageGate.reset``."""
        draft = wire.draft(entry)

        def arguments(now: dt.datetime) -> tuple[str, ...]:
            return draft, _text(_span(meter, quota, anchor, now))

        answer, now = self._asked("reset", tenant, subscription, {meter: (quota, anchor)}, arguments)
        if int(answer[3]):
            self._brought(entry)
        return _balance(meter, quota, anchor, now, answer[1:])

    def balance(
        self, tenant: str, subscription: str, meter: str, quota: Quota, anchor: dt.datetime
    ) -> Balance:
        """See ``UsageGate.balance``."""

        def arguments(now: dt.datetime) -> tuple[str, ...]:
            return (_text(_span(meter, quota, anchor, now)),)

        answer, now = self._asked("balance", tenant, subscription, {meter: (quota, anchor)}, arguments)
        return _balance(meter, quota, anchor, now, answer[1:])

    def charge(self, tenant: str, subscription: str, meter: str, key: str) -> Charge | None:
        """See ``UsageGate.charge``."""
        item = str(ChargeItem(meter, key))
        answer, _ = self._asked("charge", tenant, subscription, {}, lambda _now: (item,))
        return None if answer[0] == b"no_charge" else _charge(tenant, subscription, meter, key, answer[1:])

    def charges(
        self, tenant: str, subscription: str, meter: str, *, limit: int, after: str | None
    ) -> Page[Charge]:
        """See ``UsageGate.charges``."""
        self._relay.bring(subscription)
        return self._home.charges(tenant, subscription, meter, limit=limit, after=after)

    def accounts(
        self, tenant: str, subscription: str, meter: str, *, limit: int, after: str | None
    ) -> Page[Account]:
        """See ``UsageGate.accounts``."""
        self._relay.bring(subscription)
        return self._home.accounts(tenant, subscription, meter, limit=limit, after=after)

    def _asked(
        self,
        script: str,
        tenant: str,
        subscription: str,
        agreed: Agreed,
        arguments: Callable[[dt.datetime], tuple[str, ...]],
    ) -> tuple[Answer, dt.datetime]:
        """A script's answer, and an instant of the periods that it is about."""
        now, told = self._clock(), ""
        for _ in range(_TRIES):
            answer = self._pools.ask(f"usage/{script}", tenant, subscription, told, *arguments(now))
            match answer[0]:
                case b"unopened":
                    self._open(tenant, subscription, answer[1].decode(), answer[2].decode())
                case b"period":
                    now = from_micros(int(answer[1]))
                case b"look":
                    told = self._told(tenant, subscription, agreed, told, answer)
                case _:
                    return answer, now
        raise StorageUnavailable("the account changes faster than it can be read; ask again")

    def _open(self, tenant: str, subscription: str, before: str, filling: str) -> None:
        """Begin a book, after the ledger has got all there was in the one before.

        In another filling of the pool it is not begun: there, the ledger may have got more meanwhile.
        """
        if before:
            self._relay.bring(subscription)
        with self._ledger.read(tenant) as work:
            knows = work.accounts.find(subscription=subscription) is not None
        has = "more" if knows else "nothing"
        self._pools.ask("usage/open", tenant, subscription, "", before, uuid4().hex, has, filling)

    def _told(self, tenant: str, subscription: str, agreed: Agreed, before: str, answer: Answer) -> str:
        """What the ledger has of what a script asks for, beside what it was told before."""
        token, at = answer[1].decode(), int(answer[2])
        names = [name.decode() for name in answer[3]]
        tale: dict[str, Any] = json.loads(before) if before else {}
        if tale.get("token") != token or tale["items"].keys() & names:  # it did not believe that any more
            tale = {"token": token, "at": at, "items": {}}
        wanted = [items.parse(name) for name in names]
        if any(isinstance(one, AccountItem) and _rolls_over(agreed, one) for one in wanted):
            # What rolls over is what the account before has left: it may have been written a moment ago.
            self._relay.bring(subscription)
        with self._ledger.read(tenant) as work:
            for one in wanted:
                if isinstance(one, AccountItem):
                    tale["items"][str(one)] = _known_account(work, subscription, agreed, one)
                else:
                    tale["items"][str(one)] = _known_charge(work, subscription, one)
        for place in range(0, len(answer[4]), 2):
            meter, known = answer[4][place].decode(), answer[4][place + 1].decode()
            self._learn(tenant, subscription, token, meter, known)
        return _text(tale)

    def _learn(self, tenant: str, subscription: str, token: str, meter: str, known: str) -> None:
        """Let the sieve know the next of the ledger's charges: a book soon goes by itself for new keys."""
        with self._ledger.read(tenant) as work:
            page = work.charges.list(
                limit=_AT_ONCE, after=known or None, subscription=subscription, meter=meter
            )
        names = _text([str(ChargeItem.of(charge)) for charge in page.items])
        last = page.after or "all"
        self._pools.ask("usage/learn", tenant, subscription, "", meter, known, last, names, token)

    def _confirmed(self, outcomes: Sequence[ConsumeOutcome], entries: Sequence[Draft]) -> None:
        """Where answers wait for the ledger: wait until it has what these tell of."""
        for outcome, entry in zip(outcomes, entries, strict=True):
            if isinstance(outcome, Consumed):
                self._brought(entry)  # with all that were written with it
                break
        for outcome in outcomes:
            if isinstance(outcome, Replayed) and not self._has(outcome.charge):
                self._relay.bring(outcome.charge.subscription)
                if not self._has(outcome.charge):
                    _lost()

    def _has(self, charge: Charge) -> bool:
        return self._home.charge(charge.tenant, charge.subscription, charge.meter, charge.key) is not None

    def _brought(self, entry: Draft) -> None:
        if self._confirms and not self._relay.confirm(
            entry, lambda section: entry.id in section.recorded([entry.id])
        ):
            _lost()


def _lost() -> NoReturn:
    raise StorageUnavailable("the gate was emptied before the ledger had the usage; ask again")


def _span(meter: str, quota: Quota, anchor: dt.datetime, now: dt.datetime) -> list[str | bool]:
    """The running period as ``lua/usage/_book.lua`` wants it."""
    span = span_at(quota.period, anchor, now)
    return [
        meter,
        quota.period.value,
        wire.instant(span.start),
        wire.instant(span.end),
        _carries(quota),
        "" if quota.limit is None else str(quota.limit),
        quota.soft,
    ]


def _carries(quota: Quota) -> bool:
    """Whether a period of the quota may have more units than its own."""
    return quota.rollover != 0 and quota.limit is not None and quota.period is not Period.NEVER


def _rolls_over(agreed: Agreed, item: AccountItem) -> bool:
    quota = agreed[item.meter][0] if item.meter in agreed else None
    return quota is not None and quota.period is item.period and _carries(quota)


def _known_account(work: Work, subscription: str, agreed: Agreed, item: AccountItem) -> Any:
    account = work.accounts.find(
        subscription=subscription, meter=item.meter, period=item.period, starts_at=item.starts_at
    )
    if account is not None:
        return [account.id, str(account.used), str(account.carried)]
    if not _rolls_over(agreed, item):
        return {"carried": "0"}
    quota, anchor = agreed[item.meter]
    before = account_before(work, subscription, item.meter, quota, item.starts_at)
    return {"carried": str(rules.carried(before, quota, anchor, item.starts_at))}


def _known_charge(work: Work, subscription: str, item: ChargeItem) -> Any:
    charge = work.charges.find(subscription=subscription, meter=item.meter, key=item.key)
    if charge is None:
        return ""
    return [
        charge.id,
        str(charge.amount),
        str(charge.refunded),
        charge.account,
        str(to_micros(charge.at)),
        str(charge.version),
        str(AccountItem.of(work.accounts.get(charge.account))),
    ]


def _charge(tenant: str, subscription: str, meter: str, key: str, fields: Sequence[bytes]) -> Charge:
    identifier, amount, refunded, account, at, version = (one.decode() for one in fields[:6])
    return Charge(
        id=identifier,
        tenant=tenant,
        subscription=subscription,
        meter=meter,
        key=key,
        amount=int(amount),
        refunded=int(refunded),
        account=account,
        at=from_micros(int(at)),
        version=int(version),
    )


def _balance(
    meter: str, quota: Quota, anchor: dt.datetime, now: dt.datetime, numbers: Sequence[bytes]
) -> Balance:
    span = span_at(quota.period, anchor, now)
    return Balance(
        meter=meter,
        limit=quota.limit,
        used=int(numbers[0]),
        carried=int(numbers[1]),
        starts_at=span.start,
        resets_at=span.end,
    )


def _outcome(
    tenant: str, subscription: str, wish: Wish, told: Sequence[bytes], now: dt.datetime
) -> ConsumeOutcome:
    event = wish.event
    balance = _balance(event.meter, wish.quota, wish.anchor, now, told[1:])
    if told[0] == b"exhausted":
        return Exhausted(balance)
    charge = _charge(tenant, subscription, event.meter, event.key, told[3:])
    match told[0]:
        case b"consumed":
            return Consumed(charge, balance)
        case b"replayed":
            return Replayed(charge, balance)
        case _:
            return Reused(charge)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
