"""What a store holds, as a manifest: always the same text for the same agreements."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from seatguard.actors import Actor
from seatguard.catalog.model import Plan, PlanVersion
from seatguard.clients.model import Client, ClientState
from seatguard.engine import Seatguard
from seatguard.entitlements.model import Terms, Where
from seatguard.manifest.model import (
    NEVER,
    AddOnSpec,
    ClientSpec,
    FeatureSpec,
    Manifest,
    OptionsSpec,
    PlanSpec,
    ProductSpec,
    ProjectSpec,
    ServiceSpec,
    SubscriberSpec,
    UserSpec,
)
from seatguard.manifest.paging import whole
from seatguard.projects.model import Project
from seatguard.projects.rules import is_live
from seatguard.seats.model import SeatState
from seatguard.subscriptions.model import Subscription, SubscriptionState


def export(engine: Seatguard, actor: Actor) -> Manifest:
    """Everything the actor's tenant sells and agreed on, sorted by name.

    Keys, holds, scheduled changes and the journal are left out.

    Applied to an empty store, it makes a store whose export is the same. Users beyond a limit that
    was lowered below them are in the export; a new store refuses them.

    >>> from seatguard.manifest import from_toml, apply, to_toml
    >>> engine = Seatguard.open("memory:")
    >>> me = engine.actor("cli", "example")
    >>> _ = apply(engine, me, from_toml('plans = [{slug = "team", seats = 3}]'))
    >>> export(engine, me).plans  # doctest: +ELLIPSIS
    (PlanSpec(slug='team', name=None, seats=3, active=None, ...),)
    """
    plans = sorted(whole(partial(engine.catalog.list, actor)), key=lambda plan: plan.slug)
    current = {plan.slug: engine.catalog.current(actor, plan.slug) for plan in plans}
    clients = sorted(
        whole(partial(engine.clients.list, actor)),
        key=lambda client: (client.name, client.external_id or "", client.id),
    )
    sold = _Sold(engine, actor)
    return Manifest(
        options=sold.options(),
        defaults=engine.overrides.defaults(actor).to_data(),
        products=sold.products(),
        features=sold.features(),
        addons=sold.addons(),
        plans=tuple(sold.plan(plan, current[plan.slug]) for plan in plans),
        clients=tuple(_Export(engine, actor, current).client(client) for client in clients),
        users=sold.users({plan.id: plan.slug for plan in plans}),
    )


class _Sold:
    """Everything that is not a client's."""

    def __init__(self, engine: Seatguard, actor: Actor) -> None:
        self._engine = engine
        self._actor = actor
        self._products = {one.id: one for one in whole(partial(engine.products.list, actor))}

    def options(self) -> OptionsSpec | None:
        found = self._engine.tenants.get(self._actor).options
        single = None if found.one_plan_per_user else False
        if single is None and found.scopes is None:
            return None
        return OptionsSpec(one_plan_per_user=single, scopes=found.scopes)

    def products(self) -> tuple[ProductSpec, ...]:
        return tuple(
            ProductSpec(
                slug=one.slug,
                name=None if one.name == one.slug else one.name,
                description=one.description,
                active=None if one.active else False,
            )
            for one in sorted(self._products.values(), key=lambda one: one.slug)
        )

    def features(self) -> tuple[FeatureSpec, ...]:
        found = whole(partial(self._engine.features.list, self._actor))
        return tuple(
            FeatureSpec(name=one.name, kind=one.kind.value, definition=one.definition.to_data())
            for one in sorted(found, key=lambda one: one.name)
        )

    def addons(self) -> tuple[AddOnSpec, ...]:
        found = whole(partial(self._engine.addons.list, self._actor))
        return tuple(
            AddOnSpec(
                slug=one.slug,
                name=None if one.name == one.slug else one.name,
                seats=one.seats or None,
                most=one.most,
                active=None if one.active else False,
                offer=one.offer.to_data(),
            )
            for one in sorted(found, key=lambda one: one.slug)
        )

    def plan(self, plan: Plan, current: PlanVersion) -> PlanSpec:
        return PlanSpec(
            slug=plan.slug,
            name=None if plan.name == plan.slug else plan.name,
            seats=current.seats,
            active=None if plan.active else False,
            product=None if plan.product is None else self._products[plan.product].slug,
            description=plan.description,
            display_order=plan.display_order or None,
            offer=current.offer.to_data(),
        )

    def users(self, plans: Mapping[str, str]) -> tuple[SubscriberSpec, ...]:
        """Each user's grants stand with the first of the user's plans."""
        grants = {one.subject: one for one in self._engine.overrides.users(self._actor)}
        found: list[tuple[str, SubscriberSpec]] = []
        subscriptions = whole(partial(self._engine.user_subscriptions.list, self._actor))
        for one in sorted(subscriptions, key=lambda one: (one.user_key, plans[one.plan])):
            own = grants.pop(one.user_key, None)
            spec = SubscriberSpec(
                user=one.user,
                plan=plans[one.plan],
                ends_at=one.ends_at,
                grants={} if own is None else own.grants.to_data(),
            )
            found.append((one.user_key, spec))
        for key, override in grants.items():
            spec = SubscriberSpec(user=override.user or key, grants=override.grants.to_data())
            found.append((key, spec))
        return tuple(spec for _, spec in sorted(found, key=lambda pair: (pair[0], pair[1].plan or "")))


class _Export:
    def __init__(self, engine: Seatguard, actor: Actor, current: Mapping[str, PlanVersion]) -> None:
        self._engine = engine
        self._actor = actor
        self._current = current

    def client(self, client: Client) -> ClientSpec:
        projects = whole(partial(self._engine.projects.list, self._actor, client_id=client.id))
        return ClientSpec(
            name=client.name,
            external_id=client.external_id,
            state=None if client.state is ClientState.ACTIVE else client.state.value,
            projects=tuple(self._project(one) for one in sorted(projects, key=lambda one: one.name)),
        )

    def _project(self, project: Project) -> ProjectSpec:
        engine, actor, now = self._engine, self._actor, self._engine.clock()
        services = sorted(
            whole(partial(engine.subscriptions.list, actor, project_id=project.id)),
            key=lambda service: (service.type, service.mode, service.number),
        )
        terms = {
            one.subscription: one
            for mode in ("live", "test")
            for one in engine.entitlements.fresh_terms(actor.tenant, project.id, mode=mode)
        }
        lasting = [
            key
            for key in engine.projects.keys(actor, project.id)
            if key.mode == "live" and is_live(key, now) and not key.expires_at
        ]
        return ProjectSpec(
            name=project.name,
            domains=tuple(sorted(domain.name for domain in engine.projects.domains(actor, project.id))),
            allow_dev_domains=project.allow_dev_domains or None,
            allow_wildcards=project.allow_wildcards or None,
            keys=len(lasting),
            services=tuple(self._service(service, terms[service.id]) for service in services),
        )

    def _service(self, service: Subscription, terms: Terms) -> ServiceSpec:
        # A service that stayed on an older version of its plan has that version's limit as its own.
        current = None if terms.plan is None else self._current[terms.plan]
        limit = None if service.limit is None else service.limit - service.extra_seats
        as_planned = (
            current is not None
            and service.own_limit is None
            and not service.unlimited
            and current.seats == limit
        )
        # Said aloud where the plan would have it otherwise.
        starts_active = current is None or not current.offer.trial_days
        ends_never = current is None or not current.offer.evaluation_days
        where = Where(project=service.project, mode=service.mode, type=service.type)
        seats = sorted(
            (
                seat
                for seat in whole(partial(self._engine.seats.list, self._actor, where))
                if seat.subscription == service.id and seat.state is SeatState.ASSIGNED
            ),
            key=lambda seat: seat.holder_key,
        )
        return ServiceSpec(
            type=service.type,
            mode=service.mode,
            plan=terms.plan,
            limit=None if as_planned else limit,
            unlimited=not as_planned and limit is None,
            overage=None if service.overage == "hard" else service.overage,
            starts=service.starts_on,
            expiry=service.expires_on or (None if ends_never else NEVER),
            timezone=None if service.timezone == "UTC" else service.timezone,
            grace_days=service.grace_days or None,
            state=None
            if service.state is SubscriptionState.ACTIVE and starts_active
            else service.state.value,
            addons=dict(sorted(self._engine.subscriptions.addons(self._actor, service.id).items())),
            grants=self._engine.overrides.of_subscription(self._actor, service.id).to_data(),
            users=tuple(UserSpec(username=seat.holder, email=seat.email) for seat in seats),
        )
