"""Schemas of leases."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from seatguard_flask.schemas.asking import AskedByUrl, AskedStrictly, ServiceType, Username
from seatguard_flask.schemas.refusals import absent


class CheckOut(AskedStrictly):
    """Take a place for as long as heartbeats keep it."""

    name: Annotated[
        str,
        Field(description="What the plan includes the places under.", examples=["maxConcurrentSessions"]),
    ]
    username: Username
    session: Annotated[
        str | None,
        Field(description="Which of the user's sessions. Left out: the user has one.", examples=["laptop"]),
    ] = None
    service_type: ServiceType = None


class Heartbeat(AskedStrictly):
    """Let a lease live on."""


class GiveBack(AskedByUrl):
    """Free a lease's place."""


class Leased(BaseModel):
    """A lease."""

    id: str | None = Field(description="Null for a user with a named seat, who needs no place.")
    username: str
    session: str | None
    service_id: int
    since: str | None = Field(json_schema_extra={"format": "date-time"})
    heartbeat_by: str | None = Field(
        description="Send the next heartbeat well before.", json_schema_extra={"format": "date-time"}
    )
    expires_at: str | None = Field(
        description="When the place is free without one.", json_schema_extra={"format": "date-time"}
    )
    limit: int | None = Field(description="Places; null is unlimited.")
    live: int = Field(description="Places taken.")
    already_held: Literal[True] = absent("The session had this lease before, or the user has a seat.")


class LeaseTaken(BaseModel):
    """The lease as it stands."""

    status: Literal["success"]
    message: str
    data: Leased


class Returned(BaseModel):
    """What became of the lease."""

    id: str
    returned: bool = Field(description="False when it had lapsed or been taken over before.")


class LeaseReturned(BaseModel):
    """The place is free."""

    status: Literal["success"]
    message: str
    data: Returned
