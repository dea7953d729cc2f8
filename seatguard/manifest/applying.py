"""A manifest applied: what differs is changed through the engine's services, and nothing else."""

from __future__ import annotations

from functools import partial

from seatguard.actors import Actor
from seatguard.clients.model import Client, ClientState
from seatguard.engine import Seatguard
from seatguard.manifest.alone import alone
from seatguard.manifest.differing import differing
from seatguard.manifest.model import ClientSpec, Manifest, ProjectSpec
from seatguard.manifest.paging import whole
from seatguard.manifest.report import Change, NewSecret, Report
from seatguard.manifest.selling import Selling
from seatguard.manifest.services import Services
from seatguard.manifest.steps import Steps
from seatguard.projects.model import Project
from seatguard.projects.rules import is_live


def apply(
    engine: Seatguard,
    actor: Actor,
    manifest: Manifest,
    *,
    dry_run: bool = False,
    report: Report | None = None,
) -> Report:
    """Make the store as the manifest says; a second time changes nothing.

    Plans are known by slug, clients by external id (by name when the file gives none), projects by
    client and name, services by project, type and mode, users by username. What the manifest does
    not name stays. A refusal is reported and the rest goes on.

    Args:
        dry_run: report what would be done, do nothing.
        report: written to as the work goes on, so that after an error it tells what was done.

    Returns:
        Changes, refusals, what was kept, and the secrets of new keys, which can be shown only now.

    Raises:
        StorageUnavailable: the store did not answer; apply again to do the rest.

    >>> from seatguard.manifest import from_toml
    >>> engine = Seatguard.open("memory:")
    >>> me = engine.actor("cli", "example")
    >>> manifest = from_toml('plans = [{slug = "team", seats = 100}]')
    >>> [change.what for change in apply(engine, me, manifest).changes]
    ['plan.added']
    >>> apply(engine, me, manifest).changes
    []
    """
    report = report or Report()
    report.dry_run = dry_run
    steps = Steps(engine, actor, report)
    selling = Selling(steps, manifest)
    selling.catalog()
    application = _Application(steps, manifest, selling)
    for client in manifest.clients:
        application.client(client)
    selling.users()
    selling.close()
    return report


class _Application:
    """Clients and projects; what is sold, and services with their users, are told apart."""

    def __init__(self, steps: Steps, manifest: Manifest, selling: Selling) -> None:
        self._steps = steps
        self._engine = steps.engine
        self._actor = steps.actor
        self._services = Services(
            steps,
            selling,
            {plan.slug: plan.seats for plan in manifest.plans},
            {addon.slug: addon.seats or 0 for addon in manifest.addons},
        )
        self._nameless: dict[str, list[Client]] | None = None

    def client(self, spec: ClientSpec) -> None:
        """The client, its projects, and last its state."""
        clients, actor, do = self._engine.clients, self._actor, self._steps.do
        client = self._find_client(spec)
        subject = spec.name if spec.external_id is None else f"{spec.name} ({spec.external_id})"
        if client is None:
            client = do(Change("client.added", subject), lambda: self._made_client(spec))
            if client is None and not self._steps.report.dry_run:
                return
        elif client.name != spec.name:
            identifier = client.id
            do(
                Change("client.renamed", subject, client.name, spec.name),
                lambda: clients.rename(actor, identifier, name=spec.name),
            )
        for project in spec.projects:
            self._project(project, client, spec)
        state = client.state if client else ClientState.ACTIVE
        if spec.state is not None and spec.state != state:
            verb, what = {
                ClientState.ACTIVE.value: (clients.resume, "client.resumed"),
                ClientState.SUSPENDED.value: (clients.suspend, "client.suspended"),
                ClientState.ARCHIVED.value: (clients.archive, "client.archived"),
            }[spec.state]
            do(Change(what, subject), lambda: verb(actor, client.id if client else ""))

    def _project(self, spec: ProjectSpec, client: Client | None, owner: ClientSpec) -> None:
        projects, actor = self._engine.projects, self._actor
        subject = f"{owner.name} / {spec.name}"
        project = None if client is None else projects.find(actor, client_id=client.id, name=spec.name)
        if project is None:
            project = self._steps.do(
                Change("project.added", subject, after=", ".join(spec.domains) or None),
                lambda: self._made_project(spec, client.id if client else ""),
            )
            if project is None and not self._steps.report.dry_run:
                return
        else:
            self._flags(spec, project, subject)
            self._domains(spec, project, subject)
        self._keys(spec, project, subject)
        self._services.of(spec, project, subject)

    def _flags(self, spec: ProjectSpec, project: Project, subject: str) -> None:
        present = {
            "allow_dev_domains": project.allow_dev_domains,
            "allow_wildcards": project.allow_wildcards,
        }
        given = {name: getattr(spec, name) for name in present if getattr(spec, name) is not None}
        if present | given != present:
            self._steps.do(
                Change("project.changed", subject, *differing(present, present | given)),
                lambda: self._engine.projects.change(self._actor, project.id, **given),
            )

    def _domains(self, spec: ProjectSpec, project: Project, subject: str) -> None:
        known = [domain.name for domain in self._engine.projects.domains(self._actor, project.id)]
        for name in spec.domains:
            if name not in known:
                self._steps.do(
                    Change("project.domain_added", subject, after=name),
                    partial(self._engine.projects.add_domain, self._actor, project.id, name),
                )
        for name in known:
            if name not in spec.domains:
                self._steps.keep(subject, f"domain {name} is not in the file and stays")

    def _keys(self, spec: ProjectSpec, project: Project | None, subject: str) -> None:
        """As many live keys as wanted; one that ends soon, after a rotation, is not counted."""
        if project is None or self._steps.report.dry_run:
            missing = spec.keys - (self._lasting_keys(project) if project else 0)
            self._steps.report.changes += [Change("key.added", subject)] * missing
        elif self._lasting_keys(project) < spec.keys:
            with alone(self._engine, self._actor, deed="declare keys", of=project.id):
                for _ in range(spec.keys - self._lasting_keys(project)):
                    self._key(project, subject)

    def _key(self, project: Project, subject: str) -> None:
        change = Change("key.added", subject)
        new = self._steps.do(change, lambda: self._engine.projects.add_key(self._actor, project.id))
        if new is not None:
            self._steps.report.new_keys.append(NewSecret(subject, new.record.prefix, new.secret))

    def _lasting_keys(self, project: Project) -> int:
        now = self._engine.clock()
        return sum(
            key.mode == "live" and is_live(key, now) and not key.expires_at
            for key in self._engine.projects.keys(self._actor, project.id)
        )

    def _made_project(self, spec: ProjectSpec, client_id: str) -> Project:
        projects, actor = self._engine.projects, self._actor
        return self._steps.agreed(
            lambda: projects.add(
                actor,
                client_id,
                name=spec.name,
                domains=spec.domains,
                allow_dev_domains=spec.allow_dev_domains is True,
                allow_wildcards=spec.allow_wildcards is True,
            ),
            lambda: projects.find(actor, client_id=client_id, name=spec.name),
        )

    def _find_client(self, spec: ClientSpec) -> Client | None:
        """By external id, or among the clients without one by name."""
        if spec.external_id is not None:
            return self._engine.clients.find(self._actor, external_id=spec.external_id)
        if self._nameless is None:
            self._nameless = self._without_external_id()
        found = self._nameless.get(spec.name, [])
        if len(found) > 1:
            self._steps.keep(spec.name, f"is the name of {len(found)} clients; the first is meant")
        return found[0] if found else None

    def _made_client(self, spec: ClientSpec) -> Client:
        """The new client. Without an external id nothing keeps another process from making it too."""
        clients, actor = self._engine.clients, self._actor
        external_id = spec.external_id
        if external_id is not None:
            return self._steps.agreed(
                lambda: clients.add(actor, name=spec.name, external_id=external_id),
                lambda: clients.find(actor, external_id=external_id),
            )
        with alone(self._engine, actor, deed="declare client", of=actor.tenant):
            found = self._without_external_id().get(spec.name)
            return found[0] if found else clients.add(actor, name=spec.name)

    def _without_external_id(self) -> dict[str, list[Client]]:
        found: dict[str, list[Client]] = {}
        for client in whole(partial(self._engine.clients.list, self._actor)):
            if client.external_id is None:
                found.setdefault(client.name, []).append(client)
        return found
