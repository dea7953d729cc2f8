"""What became of usage at the gate, done to the ledger's accounts and charges."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

from seatguard.clock import from_micros
from seatguard.records import Repository
from seatguard.storage.ports import Work
from seatguard.storage.redis import wire
from seatguard.storage.redis.items import AccountItem, ChargeItem
from seatguard.storage.redis.moved import Moved
from seatguard.usage.model import Account, Charge

logger = logging.getLogger("seatguard.gate")

R = TypeVar("R", bound=Account | Charge)


def moved(fields: dict[bytes, bytes]) -> Moved:
    """What ``write`` of ``lua/usage/_book.lua`` put into the stream."""
    texts = [fields[b"entry"], *(json.loads(fields[b"entries"]) if fields[b"entries"] else ())]
    entries = tuple(wire.draft_from(text) for text in texts)
    return Moved(entries, fields[b"generation"], usage=tuple(json.loads(fields[b"usage"])))


def place(
    work: Work, tenant: str, subscription: str, done: Sequence[Sequence[str]], *, careful: bool
) -> None:
    """Do to a subscription's accounts and charges what the gate did, in its order.

    Args:
        careful: whether the ledger may have charges under the keys that are new to the gate.

    Raises:
        Conflict: it has one, and nobody was careful; the unit is to be left.
    """
    copy = _Copy(work, tenant, subscription, careful=careful)
    for kind, *what in done:
        match kind:
            case "consumed":
                copy.consumed(*what)
            case "refunded":
                copy.refunded(*what)
            case "reset":
                copy.less(*what)
    copy.write()


class _Changed(Generic[R]):
    """Records by their items' names, each read and written once: an account has thousands of charges."""

    def __init__(self, repository: Repository[R], find: Callable[[str], R | None]) -> None:
        self._repository = repository
        self._find = find
        self._stored: dict[str, R | None] = {}
        self._now: dict[str, R] = {}

    def get(self, item: str) -> R | None:
        if item not in self._now:
            stored = self._stored[item] = self._find(item)
            if stored is None:
                return None
            self._now[item] = stored
        return self._now[item]

    def put(self, item: str, record: R) -> None:
        self._now[item] = record

    def write(self) -> None:
        new = [record for item, record in self._now.items() if self._stored.get(item) is None]
        self._repository.add_all(new)
        for item, record in self._now.items():
            stored = self._stored.get(item)
            if stored is not None and stored != record:
                self._repository.replace(replace(record, version=stored.version + 1))


class _Copy:
    def __init__(self, work: Work, tenant: str, subscription: str, *, careful: bool) -> None:
        self._work = work
        self._tenant = tenant
        self._subscription = subscription
        self._careful = careful
        self._accounts: _Changed[Account] = _Changed(work.accounts, self._account)
        self._charges: _Changed[Charge] = _Changed(work.charges, self._charge)

    def consumed(
        self,
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
        named, of = ChargeItem.parse(item), AccountItem.parse(account_item)
        if self._careful and self._charges.get(item) is not None:
            # Not by this gate: somebody records in the ledger itself, without the gate's setting.
            logger.error(
                "a key of subscription %s was charged beside the gate; it counts once", self._subscription
            )
            return
        account = self._accounts.get(account_item) or Account(
            id=account_id,
            tenant=self._tenant,
            subscription=self._subscription,
            meter=of.meter,
            period=of.period,
            starts_at=of.starts_at,
            ends_at=from_micros(int(ends_at)) if ends_at else None,
            used=0,
            carried=int(carried),
            limit=None,
        )
        used, most = account.used + int(amount), int(limit) if limit else None
        self._accounts.put(account_item, replace(account, used=used, limit=most))
        charge = Charge(
            id=identifier,
            tenant=self._tenant,
            subscription=self._subscription,
            meter=named.meter,
            key=named.key,
            amount=int(amount),
            refunded=0,
            account=account.id,
            at=from_micros(int(at)),
        )
        self._charges.put(item, charge)

    def refunded(self, item: str, total: str, account_item: str, more: str) -> None:
        charge = self._charges.get(item)
        if charge is not None:
            self._charges.put(item, replace(charge, refunded=int(total)))
            self.less(account_item, more)

    def less(self, account_item: str, units: str) -> None:
        account = self._accounts.get(account_item)
        if account is not None:
            self._accounts.put(account_item, replace(account, used=max(0, account.used - int(units))))

    def write(self) -> None:
        self._accounts.write()
        self._charges.write()

    def _account(self, item: str) -> Account | None:
        named = AccountItem.parse(item)
        return self._work.accounts.find(
            subscription=self._subscription,
            meter=named.meter,
            period=named.period,
            starts_at=named.starts_at,
        )

    def _charge(self, item: str) -> Charge | None:
        named = ChargeItem.parse(item)
        return self._work.charges.find(subscription=self._subscription, meter=named.meter, key=named.key)
