"""The gate of usage. What an implementer must fulfil stands here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from seatguard.allowances import Quota
from seatguard.journal.model import Draft
from seatguard.records import Page
from seatguard.usage.model import Account, Balance, Charge, ConsumeOutcome, RefundOutcome, Wish


class UsageGate(Protocol):
    """Accounts and charges.

    Every verb

    * is one atomic act: account, charge and entry are all written, or nothing is;
    * writes nothing when its answer is a "no" or a repetition;
    * reads the clock after it has locked what it compares;
    * may be called again with the same arguments after any failure: the answer tells what stands.

    Raises (every verb):
        StorageUnavailable: the store did not answer in time; the act may or may not have happened.
        NotFound: no such subscription in the tenant.
    """

    def consume(
        self, tenant: str, subscription: str, wishes: Sequence[Wish], entries: Sequence[Draft]
    ) -> tuple[ConsumeOutcome, ...]:
        """Record all events or none; each is judged after those before it.

        * ``Replayed`` when the key was charged under this meter before, earlier in the batch included.
        * ``Reused`` when that was with another amount.
        * ``Closed`` for every event when the subscription is not in force.
        * ``Exhausted`` when the amount does not fit by :func:`seatguard.usage.rules.fits`.
        * Else ``Consumed``; its entry is the one at the same place in ``entries``. Of an event and its
          repetition, sent together by any number of callers, one is consumed.

        With a ``Reused`` or an ``Exhausted`` nothing of the batch is written, though the events that would
        have fitted are answered ``Consumed``. The period is the one that the clock is in under the lock; a
        clock set back opens no closed one twice.
        """

    def refund(
        self, tenant: str, charge: Charge, total: int, quota: Quota, anchor: dt.datetime, entry: Draft
    ) -> RefundOutcome:
        """Give back until ``total`` units of the charge are given back, to the period it was counted in.

        ``Replayed`` when that much was given back before. The balance is that of the running period.
        """

    def reset(
        self, tenant: str, subscription: str, meter: str, quota: Quota, anchor: dt.datetime, entry: Draft
    ) -> Balance:
        """Let the running period begin anew with nothing used. Without anything used, nothing is written."""

    def balance(
        self, tenant: str, subscription: str, meter: str, quota: Quota, anchor: dt.datetime
    ) -> Balance:
        """What was used in the running period, beside what is allowed."""

    def charge(self, tenant: str, subscription: str, meter: str, key: str) -> Charge | None:
        """The charge under that key."""

    def charges(
        self, tenant: str, subscription: str, meter: str, *, limit: int, after: str | None
    ) -> Page[Charge]:
        """Charges of one meter, the newest first."""

    def accounts(
        self, tenant: str, subscription: str, meter: str, *, limit: int, after: str | None
    ) -> Page[Account]:
        """The periods of one meter in which something was used, the newest first."""
