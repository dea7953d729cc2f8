"""Schemas of projects and their domains."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from seatguard_flask.schemas.admin.asking import Asked, Id, Name, Paged, Version
from seatguard_flask.schemas.refusals import absent

DomainName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=1024,
        description="Host name, without scheme, port or path.",
        examples=["shop.example.com"],
    ),
]


class AddProject(Asked):
    """Add a project."""

    client_id: Id
    name: Name
    domains: list[DomainName] = Field(default_factory=list, max_length=100)
    allow_dev_domains: bool = Field(default=False, description="Whether localhost and IP addresses count.")
    allow_wildcards: bool = Field(default=False, description="Whether `*.example.com` may be registered.")


class ChangeProject(Asked):
    """Change a project; what is left out stays."""

    name: Name | None = None
    allow_dev_domains: bool | None = None
    allow_wildcards: bool | None = None
    version: Version = None


class ListProjects(Paged):
    """List projects."""

    client_id: Id | None = None


class AddDomain(Asked):
    """Register a domain."""

    name: DomainName


class ProjectBody(BaseModel):
    """A client's application."""

    id: str
    client_id: str
    name: str
    allow_dev_domains: bool
    allow_wildcards: bool
    domains: list[str] = absent("Host names it calls from; left out in lists.")
    created_at: str = Field(json_schema_extra={"format": "date-time"})
    version: int


class ProjectPage(BaseModel):
    """Projects in the order they were added."""

    items: list[ProjectBody]
    next: str | None = Field(description="Cursor of the next page; null on the last one.")
