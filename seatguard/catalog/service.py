"""Plans: add, change, publish a new version, deactivate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from seatguard.actors import Actor
from seatguard.catalog import rules
from seatguard.catalog.model import Plan, PlanChange, PlanVersion
from seatguard.catalog.offers import Offer
from seatguard.catalog.ports import Ledger, Work
from seatguard.clock import Clock
from seatguard.errors import Conflict, InvalidInput, NotFound, Problem
from seatguard.idempotency.sealing import Seal, keep_with
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts
from seatguard.records import (
    Keep,
    Page,
    expect_version,
    valid_count,
    valid_flag,
    valid_name,
    valid_slug,
)


class CatalogService:
    """Knows what is sold."""

    def __init__(self, ledger: Ledger, drafts: Drafts, clock: Clock, new_id: NewId) -> None:
        self._ledger = ledger
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id

    def add(
        self,
        actor: Actor,
        *,
        slug: str,
        name: str | None = None,
        seats: int | None,
        active: bool = True,
        display_order: int = 0,
        description: str | None = None,
        product: str | None = None,
        offer: Offer | Mapping[str, Any] | None = None,
        seal: Seal[Plan] | None = None,
    ) -> Plan:
        """Keep a new plan and publish its first version.

        Args:
            seats: how many holders; ``None`` is unlimited, ``0`` is none.
            active: whether it takes subscriptions at once.
            display_order: where it stands among the plans shown to customers.
            product: slug of the product it is a plan of.
            offer: what else it promises, as a value or as data for ``Offer.from_data``.
            seal: makes the reply to keep under an idempotency key, in the same act.

        Raises:
            InvalidInput: slug, name, seats or the offer cannot be used.
            NotFound: no such product in the tenant.
            Conflict: ``slug_exists``; also for the slug of a deactivated plan.
        """
        identifier, now = self._new_id(), self._clock()
        data = offer.to_data() if isinstance(offer, Offer) else offer or {}
        first = self._version(actor, identifier, 1, seats, Offer.from_data(data), now)
        plan = Plan(
            id=identifier,
            tenant=actor.tenant,
            slug=valid_slug(slug),
            name=valid_name(slug if name is None else name),
            active=valid_flag(active, field="active"),
            current=first.id,
            created_at=now,
            display_order=rules.valid_order(display_order),
            description=rules.valid_description(description),
            updated_at=now,
        )
        entry: dict[str, Any] = {"slug": slug, "name": plan.name, "seats": seats}
        entry |= {} if plan.active else {"active": False}
        entry |= {"offer": first.offer.to_data()} if first.offer != Offer() else {}
        entry |= {} if product is None else {"product": product}
        with self._ledger.begin(actor.tenant) as work:
            plan = replace(plan, product=_product(work, product))
            _check_scopes(work, actor.tenant, first.offer.permissions)
            try:
                work.plans.add(plan)
            except Conflict as conflict:
                raise Conflict(
                    "slug_exists", f"there is already a plan with slug {slug!r}", slug=slug
                ) from conflict
            work.plan_versions.add(first)
            work.journal.append(self._drafts.draft(actor, "plan.added", "plan", plan.id, data=entry))
            keep_with(work, plan, seal)
            work.commit()
        return plan

    def publish(
        self,
        actor: Actor,
        work: Work,
        slug: str,
        *,
        seats: int | Keep | None,
        offer: Mapping[str, Any] | None = None,
        to_all: bool = True,
    ) -> PlanVersion:
        """Publish the next version of a plan within the caller's unit of work.

        The engine calls this together with moving the subscribers; see ``Seatguard.publish_plan``.

        Args:
            offer: members of the offer to change; the others stay as they are.
            to_all: whether subscribers of older versions have it too.

        Raises:
            NotFound: no such plan in the tenant.
        """
        plan = work.plans.lock(_by_slug(work, slug).id)
        return self._publish(actor, work, plan, seats, offer or {}, to_all=to_all)

    def preview(
        self, actor: Actor, slug: str, *, seats: int | Keep | None, offer: Mapping[str, Any] | None = None
    ) -> PlanVersion:
        """What :meth:`publish` would promise, looked at before: writes nothing.

        Raises:
            InvalidInput: a value cannot be used.
            NotFound: no such plan in the tenant.
        """
        with self._ledger.read(actor.tenant) as work:
            plan = _by_slug(work, slug)
            return self._next(actor, work, plan, work.plan_versions.get(plan.current), seats, offer or {})

    def change(
        self,
        actor: Actor,
        work: Work,
        plan_id: str,
        change: PlanChange,
        *,
        version: int | None,
        to_all: bool = True,
    ) -> tuple[Plan, PlanVersion | None]:
        """Change a plan within the caller's unit of work; what is as wanted already writes nothing.

        The engine calls this together with moving the subscribers; see ``Seatguard.update_plan``.

        Args:
            to_all: as in :meth:`publish`.

        Returns:
            the plan, and the version that was published if what it promises has changed.

        Raises:
            InvalidInput: a value cannot be used.
            NotFound: no such plan in the tenant.
            Conflict: the plan is no longer at ``version``.
        """
        plan = work.plans.lock(plan_id)
        expect_version(plan, version)
        last, published = work.plan_versions.get(plan.current), None
        if not isinstance(change.name, Keep) and change.name != plan.name:
            plan = self._renamed(actor, work, plan, change.name)
        if not isinstance(change.active, Keep) and valid_flag(change.active, field="active") != plan.active:
            plan = self._switched(actor, work, plan, change.active)
        plan = self._described(actor, work, plan, change)
        seats = last.seats if isinstance(change.seats, Keep) else change.seats
        if Offer.from_data(last.offer.to_data() | dict(change.offer)) != last.offer or seats != last.seats:
            published = self._publish(actor, work, plan, seats, change.offer, to_all=to_all)
            plan = work.plans.get(plan_id)
        return plan, published

    def rename(self, actor: Actor, slug: str, *, name: str, version: int | None = None) -> Plan:
        """Give a plan another name; the same name changes nothing. The slug stays for ever.

        Raises:
            NotFound: no such plan in the tenant.
            Conflict: the plan is no longer at ``version``.
        """
        with self._ledger.begin(actor.tenant) as work:
            plan = work.plans.lock(_by_slug(work, slug).id)
            expect_version(plan, version)
            if plan.name == name:
                return plan
            renamed = self._renamed(actor, work, plan, name)
            work.commit()
        return renamed

    def deactivate(self, actor: Actor, slug: str) -> Plan:
        """Take no new subscriptions; subscribers stay. Twice is once."""
        return self._set_active(actor, slug, False)

    def reactivate(self, actor: Actor, slug: str) -> Plan:
        """Take new subscriptions again."""
        return self._set_active(actor, slug, True)

    def get(self, actor: Actor, slug: str) -> Plan:
        """The plan of that slug.

        Raises:
            NotFound: there is none in the tenant.
        """
        with self._ledger.read(actor.tenant) as work:
            return _by_slug(work, slug)

    def identified(self, actor: Actor, plan_id: str) -> Plan:
        """The plan of that id.

        Raises:
            NotFound: there is none in the tenant.
        """
        with self._ledger.read(actor.tenant) as work:
            return work.plans.get(plan_id)

    def current(self, actor: Actor, slug: str) -> PlanVersion:
        """What the plan promises to new subscribers.

        Raises:
            NotFound: there is no such plan in the tenant.
        """
        with self._ledger.read(actor.tenant) as work:
            return work.plan_versions.get(_by_slug(work, slug).current)

    def versions(
        self,
        actor: Actor,
        plan_id: str,
        *,
        limit: int = 50,
        after: str | None = None,
        newest_first: bool = False,
    ) -> Page[PlanVersion]:
        """All versions of a plan in the order they were published, or the other way round."""
        with self._ledger.read(actor.tenant) as work:
            return work.plan_versions.list(limit=limit, after=after, newest_first=newest_first, plan=plan_id)

    def list(self, actor: Actor, *, limit: int = 50, after: str | None = None) -> Page[Plan]:
        """Plans, deactivated ones included, in the order they were added."""
        with self._ledger.read(actor.tenant) as work:
            return work.plans.list(limit=limit, after=after)

    def _set_active(self, actor: Actor, slug: str, active: bool) -> Plan:
        with self._ledger.begin(actor.tenant) as work:
            plan = work.plans.lock(_by_slug(work, slug).id)
            if plan.active is active:
                return plan
            changed = self._switched(actor, work, plan, active)
            work.commit()
        return changed

    def _renamed(self, actor: Actor, work: Work, plan: Plan, name: str) -> Plan:
        names = {"before": plan.name, "after": valid_name(name)}
        return self._replaced(actor, work, replace(plan, name=name), "plan.renamed", names)

    def _switched(self, actor: Actor, work: Work, plan: Plan, active: bool) -> Plan:
        kind = "plan.reactivated" if active else "plan.deactivated"
        return self._replaced(actor, work, replace(plan, active=active), kind, {})

    def _described(self, actor: Actor, work: Work, plan: Plan, change: PlanChange) -> Plan:
        described = plan
        if not isinstance(change.display_order, Keep):
            described = replace(described, display_order=rules.valid_order(change.display_order))
        if not isinstance(change.description, Keep):
            described = replace(described, description=rules.valid_description(change.description))
        if not isinstance(change.product, Keep):
            described = replace(described, product=_product(work, change.product))
        if described == plan:
            return plan
        changed = {
            name: {"before": getattr(plan, name), "after": getattr(described, name)}
            for name in ("display_order", "description", "product")
            if getattr(plan, name) != getattr(described, name)
        }
        return self._replaced(actor, work, described, "plan.described", changed)

    def _publish(
        self,
        actor: Actor,
        work: Work,
        plan: Plan,
        seats: int | Keep | None,
        offer: Mapping[str, Any],
        *,
        to_all: bool,
    ) -> PlanVersion:
        last = work.plan_versions.get(plan.current)
        published = self._next(actor, work, plan, last, seats, offer)
        work.plan_versions.add(published)
        data: dict[str, Any] = {
            "number": published.number,
            "seats": {"before": last.seats, "after": published.seats},
        }
        before, after = last.offer.to_data(), published.offer.to_data()
        if before != after:
            data["offer"] = {
                name: {"before": before.get(name), "after": after.get(name)}
                for name in sorted(before.keys() | after.keys())
                if before.get(name) != after.get(name)
            }
        followed = published.number if to_all else plan.followed_from
        moved = replace(plan, current=published.id, followed_from=followed)
        self._replaced(actor, work, moved, "plan.published", data, subject=published.id)
        return published

    def _next(
        self,
        actor: Actor,
        work: Work,
        plan: Plan,
        last: PlanVersion,
        seats: int | Keep | None,
        offer: Mapping[str, Any],
    ) -> PlanVersion:
        offered = Offer.from_data(last.offer.to_data() | dict(offer))
        if offered.permissions != last.offer.permissions:
            _check_scopes(work, actor.tenant, offered.permissions)
        number = last.seats if isinstance(seats, Keep) else seats
        return self._version(actor, plan.id, last.number + 1, number, offered, self._clock())

    def _replaced(
        self,
        actor: Actor,
        work: Work,
        plan: Plan,
        kind: str,
        data: Mapping[str, Any],
        *,
        subject: str | None = None,
    ) -> Plan:
        changed = replace(plan, version=plan.version + 1, updated_at=self._clock())
        work.plans.replace(changed)
        work.journal.append(
            self._drafts.draft(actor, kind, "plan", plan.id, subject=subject or plan.id, data=dict(data))
        )
        return changed

    def _version(
        self, actor: Actor, plan_id: str, number: int, seats: int | None, offer: Offer, now: dt.datetime
    ) -> PlanVersion:
        count = None if seats is None else valid_count(seats, field="seats")
        rules.check_seats(count, offer)
        return PlanVersion(
            id=self._new_id(),
            tenant=actor.tenant,
            plan=plan_id,
            number=number,
            seats=count,
            published_at=now,
            offer=offer,
        )


def _by_slug(work: Work, slug: str) -> Plan:
    plan = work.plans.find(slug=slug)
    if plan is None:
        raise NotFound("plan", slug)
    return plan


def _product(work: Work, slug: str | None) -> str | None:
    if slug is None:
        return None
    product = work.products.find(slug=slug)
    if product is None:
        raise NotFound("product", slug)
    return product.id


def _check_scopes(work: Work, tenant: str, permissions: Sequence[str]) -> None:
    """Refuse permissions that the tenant does not know, where it keeps a register of them."""
    known = work.tenants.get(tenant).options.scopes
    unknown = [] if known is None else [name for name in permissions if name not in known]
    if unknown:
        raise InvalidInput(
            [
                Problem("permissions", "unknown_permission", f"{name!r} is not in the tenant's register")
                for name in unknown
            ]
        )
