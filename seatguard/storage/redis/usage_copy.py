"""What became of usage at the gate, done to the ledger's accounts and charges."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from functools import partial

from seatguard.clock import from_micros
from seatguard.storage.ports import Work
from seatguard.storage.redis import wire
from seatguard.storage.redis.items import AccountItem, ChargeItem
from seatguard.storage.redis.moved import Moved
from seatguard.usage.model import Account, Charge

logger = logging.getLogger("seatguard.gate")


def moved(fields: dict[bytes, bytes]) -> Moved:
    """What ``write`` of ``lua/usage/_book.lua`` put into the stream."""
    texts = [fields[b"entry"], *(json.loads(fields[b"entries"]) if fields[b"entries"] else ())]
    entries = tuple(wire.draft_from(text) for text in texts)
    owner = (entries[0].tenant, entries[0].stream)
    return Moved(
        entries,
        fields[b"generation"],
        records=partial(_copied, owner=owner, done=json.loads(fields[b"usage"])),
    )


def _copied(work: Work, owner: tuple[str, str], done: list[list[str]]) -> None:
    for kind, *what in done:
        match kind:
            case "consumed":
                _consumed(work, owner, *what)
            case "refunded":
                _refunded(work, owner[1], *what)
            case "reset":
                _less(work, owner[1], *what)


def _consumed(
    work: Work,
    owner: tuple[str, str],
    item: str,
    identifier: str,
    amount: str,
    at: str,
    account_item: str,
    account_id: str,
    ends_at: str,
    carried: str,
    limit: str,
) -> None:
    (tenant, subscription), named = owner, ChargeItem.parse(item)
    if work.charges.find(subscription=subscription, meter=named.meter, key=named.key) is not None:
        # Not by this gate: somebody records in the ledger itself, without the gate's setting.
        logger.error("a key of subscription %s was charged beside the gate; it counts once", subscription)
        return
    account, most = _account(work, subscription, account_item), int(limit) if limit else None
    if account is None:
        period = AccountItem.parse(account_item)
        account = Account(
            id=account_id,
            tenant=tenant,
            subscription=subscription,
            meter=period.meter,
            period=period.period,
            starts_at=period.starts_at,
            ends_at=from_micros(int(ends_at)) if ends_at else None,
            used=int(amount),
            carried=int(carried),
            limit=most,
        )
        work.accounts.add(account)
    else:
        used = account.used + int(amount)
        work.accounts.replace(replace(account, used=used, limit=most, version=account.version + 1))
    work.charges.add(
        Charge(
            id=identifier,
            tenant=tenant,
            subscription=subscription,
            meter=named.meter,
            key=named.key,
            amount=int(amount),
            refunded=0,
            account=account.id,
            at=from_micros(int(at)),
        )
    )


def _refunded(work: Work, subscription: str, item: str, total: str, account_item: str, more: str) -> None:
    named = ChargeItem.parse(item)
    charge = work.charges.find(subscription=subscription, meter=named.meter, key=named.key)
    if charge is not None:
        work.charges.replace(replace(charge, refunded=int(total), version=charge.version + 1))
        _less(work, subscription, account_item, more)


def _less(work: Work, subscription: str, account_item: str, units: str) -> None:
    account = _account(work, subscription, account_item)
    if account is not None:
        used = max(0, account.used - int(units))
        work.accounts.replace(replace(account, used=used, version=account.version + 1))


def _account(work: Work, subscription: str, item: str) -> Account | None:
    named = AccountItem.parse(item)
    return work.accounts.find(
        subscription=subscription, meter=named.meter, period=named.period, starts_at=named.starts_at
    )
