"""What is sold, made as the manifest says: options, products, features, add-ons, plans, defaults, users."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from seatguard.catalog.addons import addon_offer
from seatguard.catalog.features import Definition, FeatureKind
from seatguard.catalog.model import Plan, PlanChange
from seatguard.catalog.offers import Offer
from seatguard.decisions import Decision, Reason
from seatguard.entitlements.overrides import merged
from seatguard.errors import NotFound
from seatguard.manifest.differing import differing
from seatguard.manifest.model import (
    AddOnSpec,
    FeatureSpec,
    Manifest,
    OptionsSpec,
    PlanSpec,
    ProductSpec,
    SubscriberSpec,
)
from seatguard.manifest.paging import whole
from seatguard.manifest.report import Change
from seatguard.manifest.steps import Steps
from seatguard.records import KEEP
from seatguard.sentences import amount
from seatguard.subscriptions.model import Overage
from seatguard.subscriptions.rules import LimitFacts
from seatguard.tenants.model import TenantOptions

T = TypeVar("T")


class Selling:
    """Applies everything that is not a client's.

    Args:
        steps: who applies to what.
    """

    def __init__(self, steps: Steps, manifest: Manifest) -> None:
        self._steps = steps
        self._engine = steps.engine
        self._actor = steps.actor
        self._manifest = manifest
        self._plans = {plan.slug: plan for plan in whole(partial(self._engine.catalog.list, self._actor))}
        self._single = self._engine.tenants.get(self._actor).options.one_plan_per_user

    def catalog(self) -> None:
        """What is there to be sold."""
        if self._manifest.options is not None:
            self._options(self._manifest.options)
        for product in self._manifest.products:
            self._product(product)
        for feature in self._manifest.features:
            self._feature(feature)
        for addon in self._manifest.addons:
            self._addon(addon)
        for plan in self._manifest.plans:
            self._plan(plan)
        overrides = self._engine.overrides
        if self._manifest.defaults:
            change = partial(overrides.change_defaults, self._actor)
            self.grants("defaults", self._manifest.defaults, overrides.defaults(self._actor), change)

    def users(self) -> None:
        """Who has what by themselves."""
        several = Counter(one.user for one in self._manifest.users if one.plan is not None)
        for spec in self._manifest.users:
            subject = f"user {spec.user}"
            if spec.plan is not None and self._single and several[spec.user] > 1:
                message = "has several plans in the file, and may have one"
                change = Change("user.assigned", subject, after=spec.plan)
                self._steps.refuse(change, "contradiction", message)
            elif spec.plan is not None:
                self._assign(spec, spec.plan, subject)
            if spec.grants:
                had = self._engine.overrides.of_user(self._actor, spec.user)
                change_user = partial(self._engine.overrides.change_user, self._actor, spec.user)
                self.grants(subject, spec.grants, had, change_user)

    def close(self) -> None:
        """Deactivate plans, last of all: the subscribers that the file names are on them by now."""
        for spec in self._manifest.plans:
            plan = self._plans.get(spec.slug)
            if spec.active is False and (plan is None or plan.active):
                self._steps.do(
                    Change("plan.deactivated", spec.slug),
                    partial(self._engine.catalog.deactivate, self._actor, spec.slug),
                )

    def grants(
        self,
        subject: str,
        wanted: Mapping[str, Any],
        present: Offer,
        change: Callable[[Mapping[str, Any]], object],
    ) -> None:
        """Grants merged into those there are; what the file does not name stays."""
        after = merged(present, wanted)
        if after != present:
            told = Change("override.changed", subject, *differing(present.to_data(), after.to_data()))
            self._steps.do(told, lambda: change(wanted))

    def _options(self, spec: OptionsSpec) -> None:
        present = self._engine.tenants.get(self._actor).options
        wanted = TenantOptions(
            one_plan_per_user=present.one_plan_per_user
            if spec.one_plan_per_user is None
            else spec.one_plan_per_user,
            scopes=present.scopes if spec.scopes is None else spec.scopes,
        )
        self._single = wanted.one_plan_per_user
        if wanted != present:
            self._steps.do(
                Change("tenant.configured", "options", *differing(present.to_data(), wanted.to_data())),
                lambda: self._engine.tenants.configure(
                    self._actor, one_plan_per_user=wanted.one_plan_per_user, scopes=wanted.scopes
                ),
            )

    def _product(self, spec: ProductSpec) -> None:
        known = self._found(lambda: self._engine.products.get(self._actor, spec.slug))
        wanted = {
            "name": spec.name or (known.name if known else spec.slug),
            "description": _first(spec.description, known and known.description, None),
            "active": _first(spec.active, known and known.active, True),
        }
        present = {} if known is None else {name: getattr(known, name) for name in wanted}
        if wanted != present:
            kind = "product.added" if known is None else "product.changed"
            self._steps.do(
                Change(kind, spec.slug, *_told(present, wanted)),
                _again(lambda: self._engine.products.define(self._actor, spec.slug, **wanted)),
            )

    def _feature(self, spec: FeatureSpec) -> None:
        known = self._found(lambda: self._engine.features.get(self._actor, spec.name))
        present = {} if known is None else known.definition.to_data()
        data = _laid_over(present, spec.definition)
        wanted = Definition.from_data(FeatureKind(spec.kind), data)
        if known is None or known.kind != spec.kind or known.definition != wanted:
            before = {} if known is None else {"kind": known.kind.value, **present}
            kind = "feature.defined" if known is None else "feature.redefined"
            self._steps.do(
                Change(kind, spec.name, *_told(before, {"kind": spec.kind, **wanted.to_data()})),
                _again(
                    lambda: self._engine.features.define(
                        self._actor, spec.name, kind=spec.kind, definition=wanted
                    )
                ),
            )

    def _addon(self, spec: AddOnSpec) -> None:
        known = self._found(lambda: self._engine.addons.get(self._actor, spec.slug))
        offered = {} if known is None else known.offer.to_data()
        data = _laid_over(offered, spec.offer)
        wanted: dict[str, Any] = {
            "name": spec.name or (known.name if known else spec.slug),
            "seats": _first(spec.seats, known and known.seats, 0),
            "most": _first(spec.most, known and known.most, None),
            "active": _first(spec.active, known and known.active, True),
            "offer": addon_offer(data),
        }
        present = {} if known is None else {name: getattr(known, name) for name in wanted}
        if wanted != present:
            kind = "addon.added" if known is None else "addon.changed"
            before = {} if known is None else {**present, "offer": offered}
            self._steps.do(
                Change(kind, spec.slug, *_told(before, {**wanted, "offer": wanted["offer"].to_data()})),
                _again(lambda: self._engine.addons.define(self._actor, spec.slug, **wanted)),
            )

    def _plan(self, spec: PlanSpec) -> None:
        catalog, actor, do = self._engine.catalog, self._actor, self._steps.do
        plan = self._plans.get(spec.slug)
        if plan is None:
            offer = Offer.from_data(spec.offer)
            do(
                Change("plan.added", spec.slug, after=amount(spec.seats)),
                lambda: self._steps.agreed(
                    lambda: catalog.add(
                        actor,
                        slug=spec.slug,
                        name=spec.name,
                        seats=spec.seats,
                        product=spec.product,
                        description=spec.description,
                        display_order=spec.display_order or 0,
                        offer=offer,
                    ),
                    lambda: catalog.get(actor, spec.slug),
                ),
            )
        else:
            self._described(spec, plan)
            self._published(spec, plan)
        if spec.active is True and plan is not None and not plan.active:
            do(Change("plan.reactivated", spec.slug), lambda: catalog.reactivate(actor, spec.slug))

    def _described(self, spec: PlanSpec, plan: Plan) -> None:
        if spec.name is not None and spec.name != plan.name:
            change = PlanChange(name=spec.name)
            self._steps.do(
                Change("plan.renamed", spec.slug, plan.name, spec.name),
                lambda: self._engine.update_plan(self._actor, plan.id, change),
            )
        product = self._product_of(plan)
        present = {
            "product": product,
            "description": plan.description,
            "display_order": plan.display_order,
        }
        given = {name: getattr(spec, name) for name in present if getattr(spec, name) is not None}
        if present | given != present:
            self._steps.do(
                Change("plan.described", spec.slug, *differing(present, present | given)),
                lambda: self._engine.update_plan(self._actor, plan.id, PlanChange(**given)),
            )

    def _published(self, spec: PlanSpec, plan: Plan) -> None:
        current = self._engine.catalog.current(self._actor, spec.slug)
        before = current.offer.to_data()
        after = Offer.from_data(_laid_over(before, spec.offer)).to_data()
        if current.seats == spec.seats and before == after:
            return
        old, new = (
            f"{amount(seats)}; {more}" if more else amount(seats)
            for seats, more in zip((current.seats, spec.seats), differing(before, after), strict=True)
        )
        touches = self._engine.subscribers(self._actor, plan.id)
        told = Change("plan.published", spec.slug, old, new, touches)
        if self._steps.allow(told, self._may_publish(spec)):
            change = PlanChange(seats=KEEP if current.seats == spec.seats else spec.seats, offer=spec.offer)
            self._steps.do(told, lambda: self._engine.update_plan(self._actor, plan.id, change))

    def _may_publish(self, spec: PlanSpec) -> Decision[object]:
        """Whether a lowered plan leaves room for the users of every subscriber."""
        for service in whole(partial(self._engine.subscriptions.list, self._actor)):
            takes_plans = (
                service.plan_version is not None and service.own_limit is None and not service.unlimited
            )
            if spec.seats is None or not takes_plans:
                continue
            terms = self._engine.entitlements.fresh_terms(
                self._actor.tenant, service.project, mode=service.mode
            )
            if not any(one.subscription == service.id and one.plan == spec.slug for one in terms):
                continue
            cap = Overage.parse(service.overage).cap(spec.seats + service.extra_seats)
            live = self._engine.seats.usage(self._actor, service.id).live
            if cap is not None and live > cap:
                facts = LimitFacts(before=service.limit, after=spec.seats, cap=cap, live=live)
                return Decision(False, Reason.LIMIT_BELOW_USAGE, facts)
        return Decision(True, Reason.ALLOWED, None)

    def _assign(self, spec: SubscriberSpec, slug: str, subject: str) -> None:
        service = self._engine.user_subscriptions
        plan = self._found(lambda: self._engine.catalog.get(self._actor, slug))
        present = service.of(self._actor, spec.user)
        same = next((one for one in present if plan is not None and one.plan == plan.id), None)
        change = Change("user.assigned", subject, after=slug)
        if plan is None and self._steps.report.dry_run and slug not in self._coming():
            self._steps.refuse(change, "not_found", str(NotFound("plan", slug)))
        elif same is None or (spec.ends_at is not None and same.ends_at != spec.ends_at):
            self._steps.do(
                change, lambda: service.assign(self._actor, spec.user, plan=slug, ends_at=spec.ends_at)
            )

    def _coming(self) -> set[str]:
        return {plan.slug for plan in self._manifest.plans}

    def _product_of(self, plan: Plan) -> str | None:
        products = whole(partial(self._engine.products.list, self._actor))
        return next((product.slug for product in products if product.id == plan.product), None)

    @staticmethod
    def _found(get: Callable[[], T]) -> T | None:
        try:
            return get()
        except NotFound:
            return None


def _again(define: Callable[[], T]) -> Callable[[], T]:
    """Define it; once more where another process has defined it from the same file a moment before."""
    return lambda: Steps.agreed(define, define)


def _laid_over(present: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is there with what the file gives in its place; ``None`` takes away."""
    both = {**present, **given}
    return {name: value for name, value in both.items() if value is not None}


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _told(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str | None, str | None]:
    old, new = differing(before, after)
    return old or None, new or None
