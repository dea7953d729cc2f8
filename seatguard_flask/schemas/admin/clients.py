"""Schemas of clients."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from seatguard_flask.schemas.admin.asking import Asked, Name, Paged, Version

State = Literal["active", "suspended", "archived"]


class AddClient(Asked):
    """Add a client."""

    name: Name
    external_id: Name | None = Field(default=None, description="Your own name for the client; unique.")


class ChangeClient(Asked):
    """Rename a client."""

    name: Name
    version: Version = None


class ListClients(Paged):
    """List clients."""

    state: State | None = None


class ClientBody(BaseModel):
    """A customer of yours."""

    id: str
    name: str
    external_id: str | None
    state: State
    created_at: str = Field(json_schema_extra={"format": "date-time"})
    version: int


class ClientPage(BaseModel):
    """Clients in the order they were added."""

    items: list[ClientBody]
    next: str | None = Field(description="Cursor of the next page; null on the last one.")
