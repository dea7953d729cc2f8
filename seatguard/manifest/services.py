"""The services of a project and who sits in them, made as the manifest says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from seatguard.decisions import Decision, Reason
from seatguard.entitlements.model import Terms, Where
from seatguard.errors import NotFound
from seatguard.manifest.alone import alone
from seatguard.manifest.differing import differing
from seatguard.manifest.model import NEVER, ProjectSpec, ServiceSpec
from seatguard.manifest.paging import whole
from seatguard.manifest.report import Change
from seatguard.manifest.selling import Selling
from seatguard.manifest.steps import Steps
from seatguard.projects.model import Project
from seatguard.seats.model import SeatState
from seatguard.sentences import amount
from seatguard.subscriptions import rules
from seatguard.subscriptions.model import Subscription, SubscriptionState

_STATES = {state.value: state for state in SubscriptionState}
_WHAT = {
    SubscriptionState.ACTIVE: "service.resumed",
    SubscriptionState.TRIALING: "service.trial_started",
    SubscriptionState.PAST_DUE: "service.fell_due",
    SubscriptionState.SUSPENDED: "service.suspended",
    SubscriptionState.CANCELED: "service.canceled",
}


class Services:
    """Applies the services of one project after the other.

    Args:
        plan_seats: seats of the plans that the manifest itself names.
        addon_seats: seats that one of each add-on adds which the manifest itself names.
    """

    def __init__(
        self,
        steps: Steps,
        selling: Selling,
        plan_seats: Mapping[str, int | None],
        addon_seats: Mapping[str, int],
    ) -> None:
        self._steps = steps
        self._selling = selling
        self._addon_seats = addon_seats
        self._engine = steps.engine
        self._actor = steps.actor
        self._plan_seats = plan_seats

    def of(self, spec: ProjectSpec, project: Project | None, subject: str) -> None:
        """All services of a project; ``None`` is a project that a dry run would add."""
        present: dict[tuple[str, str], list[Subscription]] = {}
        if project is not None:
            for service in self._present(project):
                present.setdefault((service.type, service.mode), []).append(service)
        known = [service for services in present.values() for service in services]
        for service_spec in spec.services:
            same = present.get((service_spec.type, service_spec.mode), [])
            name = f"{subject} / {service_spec.type}" + (" (test)" if service_spec.mode == "test" else "")
            if same:
                self._changed(service_spec, same.pop(0), name)
            else:
                self._added(service_spec, project, known, name)

    def _present(self, project: Project) -> Iterator[Subscription]:
        return whole(partial(self._engine.subscriptions.list, self._actor, project_id=project.id))

    def _made(
        self, spec: ServiceSpec, project: Project, known: list[Subscription], expiry: dt.date | None
    ) -> Subscription:
        """The new service; the one that another process has made from the same file meanwhile, if so."""
        same = [one.id for one in known if (one.type, one.mode) == (spec.type, spec.mode)]
        if not same:
            service = self._add(spec, project, expiry, once=True)
        else:
            with alone(self._engine, self._actor, deed="declare service", of=project.id):
                others = [
                    one
                    for one in self._present(project)
                    if (one.type, one.mode) == (spec.type, spec.mode) and one.id not in same
                ]
                service = others[0] if others else self._add(spec, project, expiry, once=False)
        known.append(service)
        return service

    def _add(
        self, spec: ServiceSpec, project: Project, expiry: dt.date | None, *, once: bool
    ) -> Subscription:
        service = self._engine.subscriptions.add(
            self._actor,
            project.id,
            plan=spec.plan,
            limit=spec.limit,
            unlimited=spec.unlimited,
            type=spec.type,
            mode=spec.mode,
            overage=spec.overage or "hard",
            starts=spec.starts,
            expiry=expiry,
            timezone=spec.timezone or "UTC",
            grace_days=spec.grace_days or 0,
            trial=None if spec.state is None else spec.state == SubscriptionState.TRIALING,
            once=once,
        )
        if spec.expiry == NEVER and service.expires_on is not None:
            return self._engine.subscriptions.renew(self._actor, service.id, expiry=None)
        return service

    def _added(
        self, spec: ServiceSpec, project: Project | None, known: list[Subscription], subject: str
    ) -> None:
        """A new service. One that is over already gets its users before its end: they came in time."""
        expiry = spec.expiry if isinstance(spec.expiry, dt.date) else None
        is_over = expiry is not None and self._is_over(spec, expiry)
        change = Change("service.added", subject, after=self._seats_of(spec))
        if self._steps.report.dry_run and spec.plan is not None and self._plan_is_unknown(spec.plan):
            self._steps.refuse(change, "not_found", str(NotFound("plan", spec.plan)))
            return
        service = None
        if project is not None:
            service = self._steps.do(
                change, partial(self._made, spec, project, known, None if is_over else expiry)
            )
        else:
            self._steps.report.changes.append(change)
        if service is not None:
            service = self._beside(spec, service, subject)
            self._users(spec, service, subject)
            if is_over:
                self._engine.subscriptions.renew(self._actor, service.id, expiry=expiry)
            self._state(spec, service, subject)
        elif self._steps.report.dry_run:
            for slug, quantity in spec.addons.items():
                self._steps.report.changes.append(_addon_change(subject, slug, 0, quantity))
            room = self._limit_of(spec)
            room = None if room is None else room + self._extra_seats(spec)
            for number, user in enumerate(spec.users):
                seated = Change("user.seated", f"{subject} / {user.username}")
                if room is None or number < room:
                    self._steps.report.changes.append(seated)
                else:
                    self._steps.refuse(seated, Reason.LIMIT_REACHED.value, "no seat is free")

    def _changed(self, spec: ServiceSpec, service: Subscription, subject: str) -> None:
        # An own limit goes in before the plan and comes out after it: between the two steps the
        # service must not fall to a limit that neither side of the change knows.
        if spec.limit is not None or spec.unlimited:
            self._limit(spec, service, subject)
            self._plan(spec, service, subject)
        else:
            self._plan(spec, service, subject)
            self._limit(spec, service, subject)
        # A period that moves on as a whole must not end before it begins in between.
        later = spec.starts and service.expires_on and spec.starts > service.expires_on
        for act in (self._expiry, self._terms_of) if later else (self._terms_of, self._expiry):
            act(spec, service, subject)
        service = self._beside(spec, service, subject)
        opens = spec.state is not None and _STATES[spec.state] in rules.OPEN_STATES
        if opens:
            self._state(spec, service, subject)
        self._users(spec, service, subject)
        if not opens:
            self._state(spec, service, subject)

    def _expiry(self, spec: ServiceSpec, service: Subscription, subject: str) -> None:
        expiry = None if spec.expiry == NEVER else spec.expiry or service.expires_on
        if expiry != service.expires_on:
            self._steps.do(
                Change("service.renewed", subject, _day(service.expires_on), _day(expiry)),
                lambda: self._engine.subscriptions.renew(self._actor, service.id, expiry=expiry),
            )

    def _terms_of(self, spec: ServiceSpec, service: Subscription, subject: str) -> None:
        present = {
            "overage": service.overage,
            "starts": service.starts_on,
            "timezone": service.timezone,
            "grace_days": service.grace_days,
        }
        given = {name: getattr(spec, name) for name in present if getattr(spec, name) is not None}
        if present | given == present:
            return
        change = Change("service.terms_changed", subject, *differing(present, present | given))
        live = self._engine.seats.usage(self._actor, service.id).live
        after = rules.resolved(
            replace(service, overage=spec.overage or service.overage), service.limit, live=live
        )
        if self._steps.allow(change, rules.may_change_limit(service, after, live, over_limit="refuse")):
            self._steps.do(
                change,
                lambda: self._engine.subscriptions.change_terms(self._actor, service.id, **given).require(),
            )

    def _beside(self, spec: ServiceSpec, service: Subscription, subject: str) -> Subscription:
        """Add-ons and grants; the service as it is then."""
        present = self._engine.subscriptions.addons(self._actor, service.id)
        for slug, quantity in spec.addons.items():
            if present.get(slug, 0) != quantity:
                self._steps.do(
                    _addon_change(subject, slug, present.get(slug, 0), quantity),
                    partial(self._set_addon, service, slug, quantity),
                )
        if spec.grants:
            overrides = self._engine.overrides
            self._selling.grants(
                subject,
                spec.grants,
                overrides.of_subscription(self._actor, service.id),
                partial(overrides.change_subscription, self._actor, service.id),
            )
        if self._steps.report.dry_run or not spec.addons:
            return service
        return self._engine.subscriptions.get(self._actor, service.id)

    def _set_addon(self, service: Subscription, slug: str, quantity: int) -> None:
        verbs = self._engine.subscriptions
        verbs.set_addon(self._actor, service.id, slug, quantity=quantity).require()

    def _extra_seats(self, spec: ServiceSpec) -> int:
        """Seats of the add-ons in the file, for a service that is not there yet."""
        seats = {addon.slug: addon.seats for addon in whole(partial(self._engine.addons.list, self._actor))}
        known = seats | dict(self._addon_seats)
        return sum(known.get(slug, 0) * quantity for slug, quantity in spec.addons.items())

    def _plan(self, spec: ServiceSpec, service: Subscription, subject: str) -> None:
        terms = self._terms(service)
        if spec.plan is None or (terms is not None and terms.plan == spec.plan):
            return
        plan = spec.plan
        self._steps.do(
            Change("service.plan_changed", subject, terms.plan if terms else None, plan),
            lambda: self._engine.subscriptions.change_plan(self._actor, service.id, plan=plan).require(),
        )

    def _limit(self, spec: ServiceSpec, service: Subscription, subject: str) -> None:
        if spec.unlimited:
            same = service.limit is None
        elif spec.limit is not None:
            present = None if service.limit is None else service.limit - service.extra_seats
            same = present == spec.limit
        else:
            same = service.own_limit is None and not service.unlimited
        if same:
            return
        change = Change("service.limit_changed", subject, amount(service.limit), self._seats_of(spec))
        if not self._steps.report.dry_run or self._steps.allow(change, self._may_limit(spec, service)):
            self._steps.do(
                change,
                lambda: self._engine.subscriptions.change_limit(
                    self._actor, service.id, limit=spec.limit, unlimited=spec.unlimited
                ).require(),
            )

    def _state(self, spec: ServiceSpec, service: Subscription, subject: str) -> None:
        if spec.state is None or spec.state == service.state:
            return
        state, verbs = _STATES[spec.state], self._engine.subscriptions
        change = Change(_WHAT[state], subject, service.state.value, state.value)
        verb = {
            SubscriptionState.ACTIVE: verbs.resume,
            SubscriptionState.PAST_DUE: verbs.fall_due,
            SubscriptionState.SUSPENDED: verbs.suspend,
            SubscriptionState.CANCELED: verbs.cancel,
        }.get(state)
        if verb is None:
            self._steps.refuse(change, "not_changeable", "a trial begins with the service, not later")
        elif self._steps.allow(change, rules.may_become(service, state)):
            self._steps.do(change, lambda: verb(self._actor, service.id))

    def _users(self, spec: ServiceSpec, service: Subscription, subject: str) -> None:
        """The users listed, each in a seat for good. Others stay."""
        if not spec.users:
            return
        where = Where(project=service.project, mode=service.mode, type=service.type)
        present = {
            seat.holder_key: seat
            for seat in whole(partial(self._engine.seats.list, self._actor, where))
            if seat.subscription == service.id
        }
        seated = {key for key, seat in present.items() if seat.state is SeatState.ASSIGNED}
        listed = set()
        live = len(present)
        for user in spec.users:
            key = self._engine.seats.holder_key(user.username)
            listed.add(key)
            if key in seated:
                email = present[key].email if key in present else None
                if user.email is not None and user.email != email:
                    self._steps.keep(f"{subject} / {user.username}", f"e-mail stays {email or 'unset'}")
                continue
            seated.add(key)
            change = Change("user.seated", f"{subject} / {user.username}")
            if self._steps.report.dry_run and service.cap is not None and live >= service.cap:
                self._steps.refuse(change, Reason.LIMIT_REACHED.value, "no seat is free")
                continue
            live += key not in present
            self._steps.do(
                change,
                partial(_seat, self._steps, where, user.username, user.email),
            )
        others = len(present.keys() - listed)
        if others:
            self._steps.keep(subject, f"{others} users are not in the file and stay")

    def _may_limit(self, spec: ServiceSpec, service: Subscription) -> Decision[object]:
        """What the engine would say to the limit, for a dry run."""
        live = self._engine.seats.usage(self._actor, service.id).live
        wanted = replace(service, own_limit=self._limit_of(spec), unlimited=self._limit_of(spec) is None)
        after = rules.resolved(wanted, None, live=live)
        return rules.may_change_limit(service, after, live, over_limit="refuse")

    def _limit_of(self, spec: ServiceSpec) -> int | None:
        if spec.unlimited or spec.limit is not None or spec.plan is None:
            return spec.limit
        if spec.plan in self._plan_seats:
            return self._plan_seats[spec.plan]
        return self._engine.catalog.current(self._actor, spec.plan).seats

    def _seats_of(self, spec: ServiceSpec) -> str:
        if spec.unlimited or spec.limit is not None:
            return amount(spec.limit)
        return f"plan {spec.plan}"

    def _plan_is_unknown(self, slug: str) -> bool:
        if slug in self._plan_seats:
            return False
        try:
            self._engine.catalog.get(self._actor, slug)
        except NotFound:
            return True
        return False

    def _terms(self, service: Subscription) -> Terms | None:
        found = self._engine.entitlements.fresh_terms(self._actor.tenant, service.project, mode=service.mode)
        return next((terms for terms in found if terms.subscription == service.id), None)

    def _is_over(self, spec: ServiceSpec, expiry: dt.date) -> bool:
        grace = dt.timedelta(days=(spec.grace_days or 0) + 1)
        return self._engine.clock() >= rules.start_of(expiry + grace, spec.timezone or "UTC")


def _seat(steps: Steps, where: Where, username: str, email: str | None) -> None:
    steps.engine.seats.take(steps.actor, where, username, email=email).require()


def _day(day: dt.date | None) -> str:
    return NEVER if day is None else day.isoformat()


def _addon_change(subject: str, slug: str, before: int, after: int) -> Change:
    return Change("service.addon_changed", subject, f"{before} {slug}", f"{after} {slug}")
