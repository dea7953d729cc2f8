"""Schemas of seats."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from seatguard_flask.schemas.admin.asking import After, Asked, Limit, Mode, Query
from seatguard_flask.schemas.asking import Email, ServiceType, Username
from seatguard_flask.schemas.refusals import absent


class GiveSeat(Asked):
    """Give a user a seat."""

    username: Username
    email: Email = None
    mode: Mode = "live"
    service_type: ServiceType = None


class OfServices(Query):
    """Which of the project's services are meant."""

    mode: Mode = "live"
    service_type: ServiceType = None


class ListSeats(OfServices):
    """List the seats of a project."""

    limit: Limit = 50
    after: After = None


class SeatBody(BaseModel):
    """A seat and who has it."""

    id: str
    user_id: int = Field(description="What `register-user` answers as `id`.")
    service: str = Field(description="Id of the service.")
    username: str
    email: str | None
    state: Literal["assigned", "held"]
    since: str = Field(json_schema_extra={"format": "date-time"})
    expires_at: str | None = Field(
        description="End of a hold; null for a seat for good.", json_schema_extra={"format": "date-time"}
    )
    already_held: Literal[True] = absent("The user had this seat before; nothing was changed.")


class SeatPage(BaseModel):
    """Seats in the order they were taken."""

    items: list[SeatBody]
    next: str | None = Field(description="Cursor of the next page; null on the last one.")
