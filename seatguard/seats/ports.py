"""The gate: atomic single calls about seats. What an implementer must fulfil stands here."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeAlias

from seatguard.actors import Actor
from seatguard.entitlements.model import Terms, Where
from seatguard.idempotency.model import Reply
from seatguard.journal.model import Draft
from seatguard.records import Page
from seatguard.seats.holders import Holder
from seatguard.seats.model import (
    Claim,
    ConfirmOutcome,
    Drift,
    Outcome,
    ReleaseOutcome,
    RenewOutcome,
    Seat,
    Taken,
    TakeOutcome,
    TransferOutcome,
    Usage,
)
from seatguard.snapshots import Snapshot

Lapse: TypeAlias = Callable[[Seat], Draft]
"""Drafts the entry that tells of a lapsed hold being cleared away."""

Seal: TypeAlias = Callable[[Outcome], Reply | None]
"""Makes the reply to be kept from an outcome; ``None`` keeps none."""


class Swift(Protocol):
    """A gate that can tell in the act itself whether what a claim knows is still agreed."""

    def take_as_agreed(self, claim: Claim, entry: Draft) -> Taken | None:
        """Give the claimant a seat, if that takes no waiting and the claim's admission is the present one.

        Present means: the subscription's record has that version, and its project has no other
        subscription of its mode, in which the claimant might sit.

        Returns:
            ``None`` for whatever reason: then nothing was written, and nothing is said.
        """


class Gate(Protocol):
    """Who is inside now.

    Every verb

    * is one atomic act: seat, count, entry and reply are all written, or nothing is;
    * writes nothing when its answer is a "no" (clearing lapsed holds away is not part of the answer);
    * reads the clock after it has locked what it compares;
    * may be called again with the same arguments after any failure: the answer tells what stands;
    * is about the subscription that its entry's stream names. A seat of another one is ``NotHeld``.

    Raises (every verb):
        StorageUnavailable: the store did not answer in time; the act may or may not have happened.
        NotFound: no such subscription in the tenant.
    """

    def take(self, claim: Claim, entry: Draft, lapse: Lapse, seal: Seal | None = None) -> TakeOutcome:
        """Give the claimant a seat.

        * The claimant's own seat, if there is one, is the answer: ``AlreadyHeld``. A claim for good on
          the claimant's own hold confirms it: ``Taken``, whether or not a seat is free.
        * ``Closed`` when the subscription is not open, has not opened yet, or has closed.
        * ``Full`` when as many seats are live as the cap allows; lapsed holds do not count.
        * Else ``Taken``. Live seats never exceed the cap, however many calls run together.

        Compared is what is agreed now. The claim's admission is for gates that do not share the ledger's
        rows: it is believed where it is newer than what they know, and else left aside.
        """

    def confirm(
        self,
        tenant: str,
        seat_id: str,
        entry: Draft,
        lapse: Lapse,
        seal: Seal | None = None,
        *,
        holder: Holder | None = None,
        email: str | None = None,
    ) -> ConfirmOutcome:
        """Turn a hold into a seat for good; needs no free seat.

        ``AlreadyHeld`` when it is one already, ``Lapsed`` when it is past its end (it is cleared away).

        Args:
            holder: whose seat it becomes, if not the hold's own: the hold of somebody who had no name
                yet. Sits that holder in the same subscription, the answer is ``AlreadyHeld`` with that
                seat, and the hold stays as it is; a lapsed hold of that holder is cleared away. A seat
                that has become another holder's is ``NotHeld``.
            email: kept with the seat of that holder.
        """

    def renew(
        self,
        tenant: str,
        seat_id: str,
        lapses_at: dt.datetime,
        entry: Draft,
        lapse: Lapse,
        seal: Seal | None = None,
    ) -> RenewOutcome:
        """Give a hold another end. An assigned seat is ``NotHeld``; the end it has already writes nothing."""

    def release(
        self,
        tenant: str,
        seat_id: str,
        entry: Draft,
        seal: Seal | None = None,
        *,
        only_hold: bool = False,
        held_by: str | None = None,
    ) -> ReleaseOutcome:
        """Free a seat, held or assigned. Exactly one call frees it; to all others it is ``NotHeld``.

        Args:
            only_hold: leave an assigned seat to its holder; then the answer is ``AlreadyHeld``.
            held_by: key of the holder it is to be taken from; a seat that somebody else has by now is
                ``NotHeld``. ``None`` frees the seat whoever sits there.
        """

    def transfer(
        self,
        tenant: str,
        seat_id: str,
        holder: Holder,
        email: str | None,
        entry: Draft,
        lapse: Lapse,
        seal: Seal | None = None,
        *,
        held_by: str | None = None,
    ) -> TransferOutcome:
        """Give an assigned seat to another holder in one step.

        ``AlreadyHeld`` with the other's seat when the new holder sits in the same subscription; a lapsed
        hold of the new holder is cleared away. ``Transferred`` also when the new holder has that very
        seat already; then nothing is written. ``held_by`` as in :meth:`release`.
        """

    def usage(self, tenant: str, subscription: str) -> Usage:
        """Seats taken now, lapsed holds left out."""

    def seat(self, tenant: str, subscriptions: Sequence[str], seat_id: str) -> Seat | None:
        """The seat of that id in these subscriptions, lapsed holds included until they are cleared away."""

    def seats_of(self, tenant: str, subscriptions: Sequence[str], holder_key: str) -> tuple[Seat, ...]:
        """The holder's seats in these subscriptions, lapsed holds left out."""

    def seats_named(self, tenant: str, holder_key: str) -> int:
        """How many seats the holder has in the whole tenant."""

    def list(self, tenant: str, subscriptions: Sequence[str], *, limit: int, after: int) -> Page[Seat]:
        """Seats in the order of their numbers, lapsed holds left out.

        The cursor is the number of the last seat, in decimal digits.
        """

    def holds(self, tenant: str, subscriptions: Sequence[str], *, limit: int) -> tuple[Seat, ...]:
        """Holds of these subscriptions that have not lapsed, the first to lapse first."""

    def sweep(self, tenant: str, subscription: str, lapse: Lapse) -> int:
        """Clear lapsed holds of one subscription away.

        Returns:
            how many.
        """

    def lapsed(self, tenant: str, *, limit: int) -> tuple[str, ...]:
        """Subscriptions with a lapsed hold."""

    def verify(
        self,
        tenant: str,
        subscriptions: Sequence[str],
        repaired: Callable[[str, dict[str, object]], Draft] | None,
    ) -> Iterator[Drift]:
        """Compare each counter with its rows, one locked subscription at a time; safe during traffic.

        Args:
            repaired: drafts the entry of a repair; ``None`` repairs nothing.
        """


class TermsSource(Protocol):
    """Where terms come from."""

    def terms(
        self,
        tenant: str,
        project: str,
        *,
        mode: str = "live",
        max_age: float | None = None,
        since: float = math.inf,
    ) -> Snapshot[tuple[Terms, ...]]:
        """From a snapshot."""

    def recall(
        self, tenant: str, project: str, *, mode: str, max_age: float | None = None
    ) -> Snapshot[tuple[Terms, ...]] | None:
        """From a snapshot that is there."""

    def fresh_terms(self, tenant: str, project: str, *, mode: str = "live") -> tuple[Terms, ...]:
        """Read now."""


class Line(Protocol):
    """Those who wait for a seat; see ``seatguard.waiting``."""

    def stands(self, actor: Actor, where: Where) -> bool:
        """Whether somebody waits for the project's seats and is to be served before a newcomer."""

    def length(self, actor: Actor, where: Where) -> int:
        """How many wait."""
