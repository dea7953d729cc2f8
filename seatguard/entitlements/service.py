"""Terms of a project, from a snapshot or read anew."""

from __future__ import annotations

from seatguard.entitlements import resolve
from seatguard.entitlements.model import Terms
from seatguard.entitlements.ports import Ledger
from seatguard.records import every
from seatguard.snapshots import Snapshot, Snapshots


class EntitlementService:
    """Knows what a project's subscriptions may do now."""

    def __init__(self, ledger: Ledger, snapshots: Snapshots) -> None:
        self._ledger = ledger
        self._snapshots = snapshots

    def terms(
        self, tenant: str, project: str, *, mode: str = "live", max_age: float | None = None
    ) -> Snapshot[tuple[Terms, ...]]:
        """The terms of a project's subscriptions of one mode, in the order they are asked for a seat.

        May be as old as the snapshots are kept, or ``max_age`` seconds; the answer states its age.
        """
        return self._snapshots.get(
            ("terms", tenant, project, mode),
            lambda: self.fresh_terms(tenant, project, mode=mode),
            max_age=max_age,
        )

    def recall(self, tenant: str, project: str, *, mode: str) -> Snapshot[tuple[Terms, ...]] | None:
        """The same, if a fresh snapshot is there; nothing is read."""
        return self._snapshots.peek(("terms", tenant, project, mode))

    def fresh_terms(self, tenant: str, project: str, *, mode: str = "live") -> tuple[Terms, ...]:
        """The same, read from the ledger now."""
        with self._ledger.read(tenant) as work:
            found = []
            for subscription in every(work.subscriptions, project=project, mode=mode):
                slug = None
                if subscription.plan_version is not None:
                    slug = work.plans.get(work.plan_versions.get(subscription.plan_version).plan).slug
                found.append(resolve.terms(subscription, slug))
        return resolve.in_order(found)
