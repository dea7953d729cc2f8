"""What a host says at every start: these plans and projects are there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from seatguard.actors import Actor
from seatguard.catalog.model import Plan
from seatguard.clients.model import Client
from seatguard.engine import Seatguard as Engine
from seatguard.errors import Conflict, InvalidInput, NotFound
from seatguard.projects.model import Project
from seatguard.subscriptions.model import Subscription
from seatguard_flask.state import State

T = TypeVar("T")

_ATTEMPTS = 5


class Declarations:
    """Makes what is declared true. Saying it twice, or in several processes at once, is saying it once."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._engine: Engine = state.engine
        self._actor: Actor = state.engine.actor("host", state.host)

    def plan(self, slug: str, *, seats: int | None) -> Plan:
        """The plan of that slug with that many seats. See ``Seatguard.plan``."""

        def declare() -> Plan:
            catalog = self._engine.catalog
            try:
                plan = catalog.get(self._actor, slug)
            except NotFound:
                return catalog.add(self._actor, slug=slug, seats=seats)
            if catalog.current(self._actor, slug).seats != seats:
                self._engine.publish_plan(self._actor, slug, seats=seats)
                return catalog.get(self._actor, slug)
            return plan

        return _agreed(declare)

    def project(
        self,
        name: str,
        *,
        plan: str | None,
        limit: int | None,
        domains: tuple[str, ...],
        client: str | None,
    ) -> Project:
        """The project of that name with one service. See ``Seatguard.project``."""
        if plan is None and limit is None:
            raise InvalidInput.single("plan", "required", "is missing: name a plan or give a limit")
        project = _agreed(lambda: self._project(name, client or name))
        for domain in domains:
            self._engine.projects.add_domain(self._actor, project.id, domain)
        self._service(project, plan, limit)
        self._state.project_ids[name] = project.id
        return project

    @contextmanager
    def another_limit(self, project: str, limit: int) -> Iterator[None]:
        """Another limit for a project's first service, taken back at the end. See ``Seatguard.override``."""
        service = self._first_service(self.project_id(project))
        if service is None:
            raise NotFound("service", project)
        change = partial(self._engine.subscriptions.change_limit, self._actor, service.id, over_limit="allow")
        change(limit=limit)
        try:
            yield
        finally:
            change(limit=service.own_limit, unlimited=service.unlimited)

    def project_id(self, project: str) -> str:
        """The id of a project, given by name or id.

        Raises:
            NotFound: there is none.
            InvalidInput: several clients have a project of that name.
        """
        known = self._state.project_ids.get(project)
        if known is not None:
            return known
        found = [one.id for one in self._projects() if project in (one.name, one.id)]
        if not found:
            raise NotFound("project", project)
        if len(found) > 1:
            raise InvalidInput.single(
                "project", "ambiguous", f"is the name of {len(found)} projects; use the id of one of them"
            )
        self._state.project_ids[project] = found[0]
        return found[0]

    def _projects(self) -> Iterator[Project]:
        after: str | None = None
        while True:
            page = self._engine.projects.list(self._actor, limit=200, after=after)
            yield from page.items
            if page.after is None:
                return
            after = page.after

    def _project(self, name: str, client: str) -> Project:
        owner = self._client(client)
        found = self._engine.projects.find(self._actor, client_id=owner.id, name=name)
        return found or self._engine.projects.add(self._actor, owner.id, name=name)

    def _client(self, external_id: str) -> Client:
        clients = self._engine.clients
        found = clients.find(self._actor, external_id=external_id)
        return found or clients.add(self._actor, name=external_id, external_id=external_id)

    def _service(self, project: Project, plan: str | None, limit: int | None) -> None:
        service = self._first_service(project.id)
        if service is None:
            service = self._engine.subscriptions.add(
                self._actor, project.id, plan=plan, limit=limit, once=True
            )
        if plan is not None and self._plan_of(service) != plan:
            self._engine.subscriptions.change_plan(self._actor, service.id, plan=plan, over_limit="allow")
        if limit is not None and service.own_limit != limit:
            # A deployment must not fail because users came while the old limit stood: they stay.
            self._engine.subscriptions.change_limit(self._actor, service.id, limit=limit, over_limit="allow")

    def _first_service(self, project_id: str) -> Subscription | None:
        page = self._engine.subscriptions.list(self._actor, project_id=project_id)
        return next((one for one in page.items if one.mode == "live"), None)

    def _plan_of(self, service: Subscription) -> str | None:
        terms = self._engine.entitlements.fresh_terms(service.tenant, service.project, mode=service.mode)
        return next((one.plan for one in terms if one.subscription == service.id), None)


def _agreed(declare: Callable[[], T]) -> T:
    """What ``declare`` gives; another process that declares the same is in the way for a moment only."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return declare()
        except Conflict:
            continue
    return declare()
