"""Charges, accounts, balances, and the outcomes of the gate's verbs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TypeAlias

from seatguard.allowances import Quota
from seatguard.entitlements.model import Terms
from seatguard.periods import Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that was used, as the host tells it.

    Attributes:
        key: the host's own name for it: a second event of the same key is the first one.
        amount: in units of the meter, at least 1.
    """

    meter: str
    key: str
    amount: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An event with what decides about it.

    Attributes:
        charge: id the charge will have.
        account: id its account will have if it is the first of its period.
        anchor: from which periods are counted, in the zone that decides when a day begins.
    """

    charge: str
    account: str
    event: Event
    quota: Quota
    anchor: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """An event on record.

    Attributes:
        account: id of the account it was counted in.
        refunded: how much of the amount was given back.
    """

    id: str
    tenant: str
    subscription: str
    meter: str
    key: str
    amount: int
    refunded: int
    account: str
    at: dt.datetime
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What was used of one meter in one period.

    Attributes:
        ends_at: first instant of the next period; ``None`` when there is none.
        carried: unused units that rolled over from the periods before.
        limit: of the quota when the account was last charged; ``None`` is unlimited.
    """

    id: str
    tenant: str
    subscription: str
    meter: str
    period: Period
    starts_at: dt.datetime
    ends_at: dt.datetime | None
    used: int
    carried: int
    limit: int | None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What was used beside what is allowed, in the period that runs.

    Attributes:
        limit: of the quota; ``None`` is unlimited.
        carried: units allowed in addition.
        resets_at: when the next period begins; ``None`` is never.
    """

    meter: str
    limit: int | None
    used: int
    carried: int
    starts_at: dt.datetime
    resets_at: dt.datetime | None

    @property
    def allowed(self) -> int | None:
        """Units of this period, rollover included; ``None`` is unlimited."""
        return None if self.limit is None else self.limit + self.carried

    @property
    def remaining(self) -> int | None:
        """Units left; ``None`` is unlimited."""
        return None if self.allowed is None else max(0, self.allowed - self.used)

    @property
    def over(self) -> int:
        """Units used beyond what is allowed."""
        return 0 if self.allowed is None else max(0, self.used - self.allowed)


@dataclass(frozen=True, slots=True)
class Consumed:
    """The amount is on record."""

    charge: Charge
    balance: Balance


@dataclass(frozen=True, slots=True)
class Replayed:
    """The key was charged before; nothing was written."""

    charge: Charge
    balance: Balance


@dataclass(frozen=True, slots=True)
class Reused:
    """The key was charged before with another amount; nothing was written."""

    charge: Charge


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The amount is more than what is left; nothing was written."""

    balance: Balance


@dataclass(frozen=True, slots=True)
class Closed:
    """The subscription gives nothing at this instant; nothing was written."""


@dataclass(frozen=True, slots=True)
class Refunded:
    """That much of the charge is given back now."""

    charge: Charge
    balance: Balance


@dataclass(frozen=True, slots=True)
class NoCharge:
    """Nothing was ever charged under that key; nothing was written."""


ConsumeOutcome: TypeAlias = Consumed | Replayed | Reused | Exhausted | Closed
RefundOutcome: TypeAlias = Refunded | Replayed | NoCharge


@dataclass(frozen=True, slots=True)
class UsageFacts:
    """The numbers behind a decision about usage.

    Attributes:
        terms: of the subscription the answer is about; ``None`` when there is none.
        balance: at the latest known instant; ``None`` when nothing is counted.
        charge: the answer is about, if there is one.
    """

    terms: Terms | None
    balance: Balance | None = None
    charge: Charge | None = None
