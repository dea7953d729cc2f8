"""``seatguard project``: the clients' applications."""

from __future__ import annotations

from functools import partial

import click

from seatguard.manifest.paging import whole
from seatguard.projects.model import Project
from seatguard_flask.cli.output import listing, show
from seatguard_flask.cli.session import Session, operation


@click.group()
def project() -> None:
    """Projects: add, list, register domains.

    A PROJECT is named by its id, by its name if no other has it, or as client/project.
    """


@project.command()
@click.argument("client")
@click.argument("name")
@click.option("--domain", "domains", multiple=True, help="A host the application runs on; may be repeated.")
@click.option("--allow-dev-domains", is_flag=True, help="Accept localhost and IP addresses.")
@click.option("--allow-wildcards", is_flag=True, help="Accept *.example.com.")
@operation
def add(
    session: Session,
    client: str,
    name: str,
    domains: tuple[str, ...],
    allow_dev_domains: bool,
    allow_wildcards: bool,
) -> None:
    """Keep a new project of a client. It has no key yet: see "seatguard key create"."""
    added = session.engine.projects.add(
        session.actor,
        session.client(client).id,
        name=name,
        domains=domains,
        allow_dev_domains=allow_dev_domains,
        allow_wildcards=allow_wildcards,
    )
    _show(session, added)


@project.command("list")
@click.option("--client", help="Only projects of this client.")
@operation
def list_(session: Session, client: str | None) -> None:
    """All projects with their domains."""
    owner = None if client is None else session.client(client).id
    found = whole(partial(session.engine.projects.list, session.actor, client_id=owner))
    rows = [_row(session, one) for one in found]
    listing(["project", "domains", "keys", "id"], rows, json=session.json, empty="no projects yet")


@project.command("domain-add")
@click.argument("project")
@click.argument("domain")
@operation
def domain_add(session: Session, project: str, domain: str) -> None:
    """Register a host the application runs on."""
    found = session.project(project)
    session.engine.projects.add_domain(session.actor, found.id, domain)
    _show(session, found)


def _show(session: Session, one: Project) -> None:
    show(_row(session, one), json=session.json)


def _row(session: Session, one: Project) -> dict[str, object]:
    from seatguard.projects.rules import is_live

    now = session.engine.clock()
    keys = session.engine.projects.keys(session.actor, one.id)
    return {
        "id": one.id,
        "project": session.full_name(one),
        "domains": [domain.name for domain in session.engine.projects.domains(session.actor, one.id)],
        "keys": sum(is_live(key, now) for key in keys),
    }
