"""What a store holds, as a manifest: always the same text for the same agreements."""

from __future__ import annotations

from functools import partial

from seatguard.actors import Actor
from seatguard.clients.model import Client, ClientState
from seatguard.engine import Seatguard
from seatguard.entitlements.model import Terms, Where
from seatguard.manifest.model import ClientSpec, Manifest, PlanSpec, ProjectSpec, ServiceSpec, UserSpec
from seatguard.manifest.paging import whole
from seatguard.projects.model import Project
from seatguard.projects.rules import is_live
from seatguard.seats.model import SeatState
from seatguard.subscriptions.model import Subscription, SubscriptionState


def export(engine: Seatguard, actor: Actor) -> Manifest:
    """Everything the actor's tenant agreed on, sorted by name. Keys, holds and the journal are left out.

    Applied to an empty store, it makes a store whose export is the same. Users beyond a limit that
    was lowered below them are in the export; a new store refuses them.

    >>> from seatguard.manifest import from_toml, apply, to_toml
    >>> engine = Seatguard.open("memory:")
    >>> me = engine.actor("cli", "example")
    >>> _ = apply(engine, me, from_toml('plans = [{slug = "team", seats = 3}]'))
    >>> export(engine, me).plans
    (PlanSpec(slug='team', name=None, seats=3, active=None),)
    """
    plans = sorted(whole(partial(engine.catalog.list, actor)), key=lambda plan: plan.slug)
    seats = {plan.slug: engine.catalog.current(actor, plan.slug).seats for plan in plans}
    clients = sorted(
        whole(partial(engine.clients.list, actor)),
        key=lambda client: (client.name, client.external_id or "", client.id),
    )
    return Manifest(
        plans=tuple(
            PlanSpec(
                slug=plan.slug,
                name=None if plan.name == plan.slug else plan.name,
                seats=seats[plan.slug],
                active=None if plan.active else False,
            )
            for plan in plans
        ),
        clients=tuple(_Export(engine, actor, seats).client(client) for client in clients),
    )


class _Export:
    def __init__(self, engine: Seatguard, actor: Actor, plan_seats: dict[str, int | None]) -> None:
        self._engine = engine
        self._actor = actor
        self._plan_seats = plan_seats

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
        as_planned = (
            terms.plan is not None
            and service.own_limit is None
            and not service.unlimited
            and self._plan_seats[terms.plan] == service.limit
        )
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
            limit=None if as_planned else service.limit,
            unlimited=not as_planned and service.limit is None,
            overage=None if service.overage == "hard" else service.overage,
            starts=service.starts_on,
            expiry=service.expires_on,
            timezone=None if service.timezone == "UTC" else service.timezone,
            grace_days=service.grace_days or None,
            state=None if service.state is SubscriptionState.ACTIVE else service.state.value,
            users=tuple(UserSpec(username=seat.holder, email=seat.email) for seat in seats),
        )
