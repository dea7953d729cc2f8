"""Plans: add, publish a new version, rename, deactivate."""

from __future__ import annotations

from dataclasses import replace

from seatguard.actors import Actor
from seatguard.catalog.model import Plan, PlanVersion
from seatguard.catalog.ports import Ledger, Work
from seatguard.clock import Clock
from seatguard.errors import Conflict, NotFound
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts
from seatguard.records import Page, expect_version, valid_count, valid_name, valid_slug


class CatalogService:
    """Knows what is sold."""

    def __init__(self, ledger: Ledger, drafts: Drafts, clock: Clock, new_id: NewId) -> None:
        self._ledger = ledger
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id

    def add(self, actor: Actor, *, slug: str, name: str | None = None, seats: int | None) -> Plan:
        """Keep a new plan and publish its first version.

        Args:
            seats: how many holders; ``None`` is unlimited, ``0`` is none.

        Raises:
            InvalidInput: slug, name or seats cannot be used.
            Conflict: ``slug_exists``; also for the slug of a deactivated plan.
        """
        identifier = self._new_id()
        first = self._version(actor, identifier, 1, seats)
        plan = Plan(
            id=identifier,
            tenant=actor.tenant,
            slug=valid_slug(slug),
            name=valid_name(slug if name is None else name),
            active=True,
            current=first.id,
            created_at=self._clock(),
        )
        with self._ledger.begin(actor.tenant) as work:
            try:
                work.plans.add(plan)
            except Conflict as conflict:
                raise Conflict(
                    "slug_exists", f"there is already a plan with slug {slug!r}", slug=slug
                ) from conflict
            work.plan_versions.add(first)
            work.journal.append(
                self._drafts.draft(
                    actor,
                    "plan.added",
                    "plan",
                    plan.id,
                    data={"slug": slug, "name": plan.name, "seats": seats},
                )
            )
            work.commit()
        return plan

    def publish(self, actor: Actor, work: Work, slug: str, *, seats: int | None) -> PlanVersion:
        """Publish the next version of a plan within the caller's unit of work.

        The engine calls this together with moving the subscribers; see ``Seatguard.publish_plan``.

        Raises:
            NotFound: no such plan in the tenant.
        """
        plan = work.plans.lock(_by_slug(work, slug).id)
        last = work.plan_versions.get(plan.current)
        published = self._version(actor, plan.id, last.number + 1, seats)
        work.plan_versions.add(published)
        work.plans.replace(replace(plan, current=published.id, version=plan.version + 1))
        work.journal.append(
            self._drafts.draft(
                actor,
                "plan.published",
                "plan",
                plan.id,
                subject=published.id,
                data={"number": published.number, "seats": {"before": last.seats, "after": seats}},
            )
        )
        return published

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
            renamed = replace(plan, name=valid_name(name), version=plan.version + 1)
            work.plans.replace(renamed)
            work.journal.append(
                self._drafts.draft(
                    actor, "plan.renamed", "plan", plan.id, data={"before": plan.name, "after": name}
                )
            )
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

    def current(self, actor: Actor, slug: str) -> PlanVersion:
        """What the plan promises to new subscribers.

        Raises:
            NotFound: there is no such plan in the tenant.
        """
        with self._ledger.read(actor.tenant) as work:
            return work.plan_versions.get(_by_slug(work, slug).current)

    def list(self, actor: Actor, *, limit: int = 50, after: str | None = None) -> Page[Plan]:
        """Plans, deactivated ones included, in the order they were added."""
        with self._ledger.read(actor.tenant) as work:
            return work.plans.list(limit=limit, after=after)

    def _set_active(self, actor: Actor, slug: str, active: bool) -> Plan:
        with self._ledger.begin(actor.tenant) as work:
            plan = work.plans.lock(_by_slug(work, slug).id)
            if plan.active is active:
                return plan
            changed = replace(plan, active=active, version=plan.version + 1)
            work.plans.replace(changed)
            kind = "plan.reactivated" if active else "plan.deactivated"
            work.journal.append(self._drafts.draft(actor, kind, "plan", plan.id))
            work.commit()
        return changed

    def _version(self, actor: Actor, plan_id: str, number: int, seats: int | None) -> PlanVersion:
        return PlanVersion(
            id=self._new_id(),
            tenant=actor.tenant,
            plan=plan_id,
            number=number,
            seats=None if seats is None else valid_count(seats, field="seats"),
            published_at=self._clock(),
        )


def _by_slug(work: Work, slug: str) -> Plan:
    plan = work.plans.find(slug=slug)
    if plan is None:
        raise NotFound("plan", slug)
    return plan
