"""The gate of leases. What an implementer must fulfil stands here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from seatguard.allowances import Concurrency
from seatguard.journal.model import Draft
from seatguard.leases.model import BeatOutcome, CheckoutOutcome, Lease, ReturnOutcome, Wish
from seatguard.records import Page

Enter: TypeAlias = Callable[[str, Lease], Draft]
"""Drafts the entry of a lease: ``lease.taken``, ``.resumed``, ``.returned``,
``.lapsed`` or ``.taken_over``. It may be called for an act that is not done then, and before the
instants of the lease are known."""


class LeaseGate(Protocol):
    """Pools and leases.

    Every verb

    * is one atomic act: leases, count and entries are all written, or nothing is;
    * writes nothing when its answer is a "no" (clearing lapsed leases away is not part of the answer);
    * reads the time after it has locked the pool, by a clock that setting a worker's clock does not move;
    * may be called again with the same arguments after any failure: the answer tells what stands.

    Raises (every verb):
        StorageUnavailable: the store did not answer in time; the act may or may not have happened.
        NotFound: no such subscription in the tenant.
    """

    def checkout(self, wish: Wish, enter: Enter) -> CheckoutOutcome:
        """Give a session a lease.

        * The session's own live lease in the pool is beaten: ``Kept``; under the id of this very wish,
          ``Granted``: an earlier call of it, its answer lost.
        * ``Closed`` when the subscription is not in force.
        * With as many live leases as the limit allows, lapsed ones are cleared away, then the oldest
          by :func:`seatguard.leases.rules.evictable` are taken over; helps neither, ``Full``.
        * Else ``Granted``.
        """

    def heartbeat(self, tenant: str, lease_id: str, allowance: Concurrency, enter: Enter) -> BeatOutcome:
        """Let a lease live on, counted from now.

        * ``Kept`` for a live one, also one past its end that nobody has cleared away.
        * ``Granted`` for a lapsed one whose place was cleared away, when there is room: it has a place
          again. ``Full`` when there is none; it may ask again.
        * ``Ended`` for one that was returned or taken over, ``NoLease`` for an unknown one.
        """

    def give_back(self, tenant: str, lease_id: str, enter: Enter) -> ReturnOutcome:
        """Free the place of a lease; one that has ended already stays as it ended."""

    def lease(self, tenant: str, lease_id: str) -> Lease | None:
        """The lease of that id, ended ones included until they are swept."""

    def live(self, tenant: str, subscription: str, name: str, holder_key: str) -> int:
        """How many leases of a pool have a place, lapsed ones left out; ``holder_key`` as of the pool."""

    def leases(
        self, tenant: str, subscription: str, name: str, *, limit: int, after: str | None
    ) -> Page[Lease]:
        """Leases of that name with a place, of all holders, in the order they were given."""

    def sweep(self, tenant: str, enter: Enter) -> int:
        """Clear lapsed leases away, and forget those that ended a day ago.

        Returns:
            how many lapsed ones.
        """
