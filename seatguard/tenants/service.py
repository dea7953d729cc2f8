"""Tenants: found by slug, made on first use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from seatguard.actors import Actor
from seatguard.clock import Clock
from seatguard.errors import Conflict, InvalidInput, NotFound
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts
from seatguard.records import KEEP, Keep, every, valid_flag, valid_name, valid_slug
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

    def ids(self) -> tuple[str, ...]:
        """The ids of all tenants, in the order in which they were made."""
        with self._ledger.read_all() as work:
            return tuple(tenant.id for tenant in every(work.tenants))

    def get(self, actor: Actor) -> Tenant:
        """The actor's own tenant."""
        with self._ledger.read(actor.tenant) as work:
            return work.tenants.get(actor.tenant)

    def configure(
        self,
        actor: Actor,
        *,
        one_plan_per_user: bool | Keep = KEEP,
        scopes: Sequence[str] | Keep | None = KEEP,
    ) -> Tenant:
        """Set how the actor's tenant sells; see :class:`TenantOptions`. What is so already writes nothing.

        Raises:
            InvalidInput: a value cannot be used.
        """
        with self._ledger.begin(actor.tenant) as work:
            tenant = work.tenants.lock(actor.tenant)
            options = tenant.options
            if not isinstance(one_plan_per_user, Keep):
                flag = valid_flag(one_plan_per_user, field="one_plan_per_user")
                options = replace(options, one_plan_per_user=flag)
            if not isinstance(scopes, Keep):
                options = replace(options, scopes=None if scopes is None else _texts(scopes))
            if options == tenant.options:
                return tenant
            configured = replace(tenant, options=options, version=tenant.version + 1)
            work.tenants.replace(configured)
            data = {"before": tenant.options.to_data(), "after": options.to_data()}
            work.journal.append(
                self._drafts.draft(actor, "tenant.configured", "tenant", tenant.id, data=data)
            )
            work.advance()
            work.commit()
        return configured

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


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, (list, tuple)) or not all(isinstance(value, str) for value in values):
        raise InvalidInput.single("scopes", "list_expected", f"must be a list of scopes, not {values!r}")
    return tuple(dict.fromkeys(values))
