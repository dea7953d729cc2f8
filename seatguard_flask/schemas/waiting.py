"""Schemas of the line."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from seatguard_flask.schemas.asking import AskedByUrl, AskedStrictly, Email, ServiceType, Username


class JoinLine(AskedStrictly):
    """Wait for a seat."""

    username: Username
    email: Email = None
    service_type: ServiceType = None


class LeaveLine(AskedByUrl):
    """Wait no longer."""


class Place(BaseModel):
    """Where a user stands."""

    username: str
    waiting: bool = Field(description="False for a user who has a seat, or was offered one just now.")
    ahead: int | None = Field(description="How many are served before; null for who does not wait.")
    hold_id: str | None = Field(description="Of the seat or hold the user has; null for who waits.")
    expires_at: str | None = Field(
        description="End of that hold; null for a seat for good.", json_schema_extra={"format": "date-time"}
    )


class Waiting(BaseModel):
    """The place as it stands."""

    status: Literal["success"]
    message: str
    data: Place


class Leave(BaseModel):
    """What became of the place."""

    username: str
    left: bool = Field(description="False for a user who did not wait.")


class Left(BaseModel):
    """The user does not wait."""

    status: Literal["success"]
    message: str
    data: Leave
