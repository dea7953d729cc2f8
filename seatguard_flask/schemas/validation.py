"""Schemas of validate."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from seatguard_flask.schemas.asking import AskedInBody, ServiceType
from seatguard_flask.schemas.refusals import absent


class ValidateSubscription(AskedInBody):
    """Ask whether a user may be created."""

    service_type: ServiceType = None


class Room(BaseModel):
    """The service that has room."""

    service_id: int
    type: str
    limit: int | None = Field(description="Seats agreed; null is unlimited.")
    current: int = Field(description="Seats taken, holds included.")
    expiry: str | None = Field(
        description="Last day on which seats are given, included; null is never.",
        json_schema_extra={"format": "date"},
    )
    held: int = absent("How many of them are holds; left out when there are none.")


class CreationAllowed(BaseModel):
    """There is room. Advice: nothing was taken."""

    status: Literal["success"]
    allowed: Literal[True]
    message: str
    data: Room
