"""Tenants: found by slug, made on first use."""

from __future__ import annotations

from seatguard.actors import Actor
from seatguard.clock import Clock
from seatguard.errors import Conflict, NotFound
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts
from seatguard.records import valid_name, valid_slug
from seatguard.tenants.model import DEFAULT_SLUG, Tenant
from seatguard.tenants.ports import Ledger


class TenantService:
    """Knows which organisations there are."""

    def __init__(self, ledger: Ledger, drafts: Drafts, clock: Clock, new_id: NewId) -> None:
        self._ledger = ledger
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id

    def named(self, slug: str) -> Tenant:
        """The tenant of that slug.

        Raises:
            NotFound: there is none.
        """
        with self._ledger.read_all() as work:
            found = work.tenants.find(slug=slug)
        if found is None:
            raise NotFound("tenant", slug)
        return found

    def ensure(self, slug: str = DEFAULT_SLUG, *, name: str | None = None) -> Tenant:
        """The tenant of that slug, added if it is not there yet; safe to call from many processes."""
        try:
            return self.named(slug)
        except NotFound:
            pass
        identifier = self._new_id()
        tenant = Tenant(
            id=identifier,
            tenant=identifier,
            slug=valid_slug(slug),
            name=valid_name(name or slug),
            created_at=self._clock(),
        )
        actor = Actor(tenant=identifier, kind="system", name="tenants")
        try:
            with self._ledger.begin(identifier) as work:
                work.tenants.add(tenant)
                work.journal.append(
                    self._drafts.draft(actor, "tenant.added", "tenant", identifier, data={"slug": slug})
                )
                work.commit()
        except Conflict:
            return self.named(slug)
        return tenant
