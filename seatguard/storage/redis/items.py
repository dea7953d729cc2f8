"""Accounts and charges by the names that the scripts of ``lua/usage`` have for them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from seatguard.clock import from_micros, to_micros
from seatguard.periods import Period
from seatguard.usage.model import Account, Charge


@dataclass(frozen=True, slots=True)
class AccountItem:
    """An account of one subscription: what makes it the one it is.

    >>> AccountItem.parse("#month 1800000000000000 calls").meter
    'calls'
    """

    meter: str
    period: Period
    starts_at: dt.datetime

    def __str__(self) -> str:
        """Its name."""
        return f"#{self.period.value} {to_micros(self.starts_at)} {self.meter}"

    @classmethod
    def of(cls, account: Account) -> AccountItem:
        """The one of a record."""
        return cls(account.meter, account.period, account.starts_at)

    @classmethod
    def parse(cls, name: str) -> AccountItem:
        """The one of such a name."""
        period, start, meter = name.removeprefix("#").split(" ", 2)
        return cls(meter, Period(period), from_micros(int(start)))


@dataclass(frozen=True, slots=True)
class ChargeItem:
    """A charge of one subscription: what makes it the one it is.

    >>> ChargeItem.parse("=calls job 4711").key
    'job 4711'
    """

    meter: str
    key: str

    def __str__(self) -> str:
        """Its name."""
        return f"={self.meter} {self.key}"

    @classmethod
    def of(cls, charge: Charge) -> ChargeItem:
        """The one of a record."""
        return cls(charge.meter, charge.key)

    @classmethod
    def parse(cls, name: str) -> ChargeItem:
        """The one of such a name."""
        meter, key = name.removeprefix("=").split(" ", 1)
        return cls(meter, key)


def parse(name: str) -> AccountItem | ChargeItem:
    """The item of a name."""
    return AccountItem.parse(name) if name.startswith("#") else ChargeItem.parse(name)
