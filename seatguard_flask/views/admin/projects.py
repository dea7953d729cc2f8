"""Projects and their domains."""

from __future__ import annotations

from typing import Any

from seatguard.engine import Seatguard as Engine
from seatguard.management.model import Manager
from seatguard.projects.model import Project
from seatguard_flask import reading, replies
from seatguard_flask.exchange import Exchange
from seatguard_flask.idempotency import made_once
from seatguard_flask.problems import problem_shape
from seatguard_flask.replies import Answer
from seatguard_flask.routes import Reply, Route
from seatguard_flask.schemas.admin.projects import (
    AddDomain,
    AddProject,
    ChangeProject,
    ListProjects,
    ProjectBody,
    ProjectPage,
)
from seatguard_flask.views.admin import answering
from seatguard_flask.views.admin.answering import ID, SINCE

READ, WRITE = "admin:projects:read", "admin:projects:write"


def list_projects(exchange: Exchange, manager: Manager) -> Answer:
    """One page of projects."""
    asked = reading.parameters(exchange, ListProjects)
    found = exchange.engine.projects.list(
        manager.actor, client_id=asked.client_id, limit=asked.limit, after=asked.after
    )
    return answering.page(found, told)


def add(exchange: Exchange, manager: Manager) -> Answer:
    """Add a project of a client, with its domains."""
    asked = reading.members(exchange, AddProject)
    return made_once(
        exchange,
        manager.actor,
        "POST /admin/projects",
        asked.model_dump(),
        lambda seal: exchange.engine.projects.add(
            manager.actor,
            asked.client_id,
            name=asked.name,
            domains=tuple(asked.domains),
            allow_dev_domains=asked.allow_dev_domains,
            allow_wildcards=asked.allow_wildcards,
            seal=seal,
        ),
        lambda project: (201, replies.encode(told(project))),
    )


def get(exchange: Exchange, manager: Manager, project_id: str) -> Answer:
    """One project with its domains."""
    return _with_domains(exchange.engine, manager, exchange.engine.projects.get(manager.actor, project_id))


def change(exchange: Exchange, manager: Manager, project_id: str) -> Answer:
    """Rename a project, or turn kinds of domains on and off."""
    asked = reading.members(exchange, ChangeProject)
    changed = exchange.engine.projects.change(
        manager.actor,
        project_id,
        name=asked.name,
        allow_dev_domains=asked.allow_dev_domains,
        allow_wildcards=asked.allow_wildcards,
        version=asked.version,
    )
    return _with_domains(exchange.engine, manager, changed)


def add_domain(exchange: Exchange, manager: Manager, project_id: str) -> Answer:
    """Register a domain."""
    asked = reading.members(exchange, AddDomain)
    exchange.engine.projects.add_domain(manager.actor, project_id, asked.name)
    return get(exchange, manager, project_id)


def remove_domain(exchange: Exchange, manager: Manager, project_id: str, name: str) -> Answer:
    """Let a domain go."""
    exchange.engine.projects.remove_domain(manager.actor, project_id, name)
    return answering.nothing()


def told(project: Project) -> dict[str, Any]:
    """A project as it is answered in lists."""
    return {
        "id": project.id,
        "client_id": project.client,
        "name": project.name,
        "allow_dev_domains": project.allow_dev_domains,
        "allow_wildcards": project.allow_wildcards,
        "created_at": replies.instant(project.created_at),
        "version": project.version,
    }


def _with_domains(engine: Engine, manager: Manager, project: Project) -> Answer:
    names = [domain.name for domain in engine.projects.domains(manager.actor, project.id)]
    return answering.one({**told(project), "domains": names})


_EXAMPLE = {
    "id": ID,
    "client_id": ID,
    "name": "Shop",
    "allow_dev_domains": False,
    "allow_wildcards": False,
    "created_at": SINCE,
    "version": 1,
}
_ONE = Reply(
    status=200,
    description="The project.",
    model=ProjectBody,
    examples={"project": {**_EXAMPLE, "domains": ["shop.example.com"]}},
)

_DOMAIN = ("domain_not_url", "domain_has_port", "domain_not_allowed", "invalid_domain")

ROUTES = (
    Route(
        tag="admin_projects",
        method="GET",
        rule="/admin/projects",
        name="list_projects",
        handler=list_projects,
        shape=problem_shape,
        summary="List projects.",
        query=ListProjects,
        answers=(Reply(status=200, description="One page.", model=ProjectPage),),
        keyed=False,
        scope=READ,
    ),
    Route(
        tag="admin_projects",
        method="POST",
        rule="/admin/projects",
        name="add_project",
        handler=add,
        shape=problem_shape,
        summary="Add a project of a client.",
        body=AddProject,
        example={"client_id": ID, "name": "Shop", "domains": ["shop.example.com"]},
        answers=(
            Reply(
                status=201,
                description="The project is there.",
                model=ProjectBody,
                examples={"project": _EXAMPLE},
                links={
                    "get_project": {"project_id": "$response.body#/id"},
                    "change_project": {"project_id": "$response.body#/id"},
                    "add_project_key": {"project_id": "$response.body#/id"},
                    "list_project_seats": {"project_id": "$response.body#/id"},
                },
            ),
        ),
        codes=("not_found", "project_exists", *_DOMAIN),
        keyed=False,
        scope=WRITE,
        once=True,
    ),
    Route(
        tag="admin_projects",
        method="GET",
        rule="/admin/projects/<path:project_id>",
        name="get_project",
        handler=get,
        shape=problem_shape,
        summary="One project with its domains.",
        answers=(_ONE,),
        keyed=False,
        scope=READ,
    ),
    Route(
        tag="admin_projects",
        method="PATCH",
        rule="/admin/projects/<path:project_id>",
        name="change_project",
        handler=change,
        shape=problem_shape,
        summary="Change a project.",
        description="What is left out, or null, stays. Domains registered before stay registered.",
        body=ChangeProject,
        example={"name": "Web shop", "version": 1},
        answers=(_ONE,),
        codes=("version_conflict", "project_exists"),
        keyed=False,
        scope=WRITE,
    ),
    Route(
        tag="admin_projects",
        method="POST",
        rule="/admin/projects/<path:project_id>/domains",
        name="add_domain",
        handler=add_domain,
        shape=problem_shape,
        summary="Register a domain.",
        description="One that is registered already changes nothing.",
        body=AddDomain,
        example={"name": "shop.example.com"},
        answers=(_ONE,),
        codes=_DOMAIN,
        keyed=False,
        scope=WRITE,
    ),
    Route(
        tag="admin_projects",
        method="DELETE",
        rule="/admin/projects/<path:project_id>/domains/<path:name>",
        name="remove_domain",
        handler=remove_domain,
        shape=problem_shape,
        summary="Let a domain go.",
        description="No call from there is honoured any more. One that is not registered is no error.",
        answers=(Reply(status=204, description="The domain is not registered.", model=None),),
        codes=(*_DOMAIN, "required"),
        keyed=False,
        scope=WRITE,
    ),
)
