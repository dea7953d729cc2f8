"""Schemas of project keys and management keys."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from seatguard.management import SCOPES
from seatguard_flask.schemas.admin.asking import Asked, Mode, Name

State = Literal["live", "ended", "revoked"]
Scope = Annotated[str, Field(max_length=64, examples=["admin:clients:read", "admin:seats:*"])]


class AddKey(Asked):
    """Make a key for a project."""

    mode: Mode = "live"


class RotateKey(Asked):
    """Make a new key in the place of an old one."""

    overlap: int = Field(
        default=86_400,
        description="Seconds for which the old key goes on.",
        json_schema_extra={"minimum": 0, "maximum": 604_800},
    )


class AddManagementKey(Asked):
    """Make a management key."""

    name: Name
    scopes: list[Scope] = Field(
        min_length=1,
        max_length=100,
        description=f"What it may do, within what you may do: {', '.join(f'`{one}`' for one in SCOPES)}.",
    )


class KeyBody(BaseModel):
    """A key, without its secret."""

    id: str
    project_id: str
    mode: Mode
    format: Literal["sg", "digits16"]
    prefix: str
    last4: str
    state: State
    created_at: str = Field(json_schema_extra={"format": "date-time"})
    expires_at: str | None = Field(json_schema_extra={"format": "date-time"})
    revoked_at: str | None = Field(json_schema_extra={"format": "date-time"})


class NewKeyBody(KeyBody):
    """A key at its birth."""

    api_key: str = Field(description="The secret. Shown once, here, and kept nowhere.")


class KeyList(BaseModel):
    """The project's keys in the order they were made."""

    items: list[KeyBody]


class ManagementKeyBody(BaseModel):
    """A management key, without its secret."""

    id: str
    line: str = Field(description="Id of the first key of which this one is a successor.")
    name: str
    scopes: list[str]
    prefix: str
    last4: str
    state: State
    created_at: str = Field(json_schema_extra={"format": "date-time"})
    expires_at: str | None = Field(json_schema_extra={"format": "date-time"})
    revoked_at: str | None = Field(json_schema_extra={"format": "date-time"})
    last_used_at: str | None = Field(description="To the minute.", json_schema_extra={"format": "date-time"})


class NewManagementKeyBody(ManagementKeyBody):
    """A management key at its birth."""

    api_key: str = Field(description="The secret. Shown once, here, and kept nowhere.")


class ManagementKeyPage(BaseModel):
    """Management keys in the order they were made."""

    items: list[ManagementKeyBody]
    next: str | None = Field(description="Cursor of the next page; null on the last one.")
