"""Schemas of register, deactivate, transfer and the list of users."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from seatguard_flask.schemas.asking import (
    AskedByUrl,
    AskedInBody,
    AskedStrictly,
    Email,
    ServiceType,
    Username,
    whole,
)
from seatguard_flask.schemas.refusals import absent


class RegisterUser(AskedInBody):
    """Take a seat for a user."""

    username: Username
    email: Email = None
    service_type: ServiceType = None


class DeactivateUser(AskedInBody):
    """Free a user's seat."""

    username: Username
    service_type: ServiceType = None


class DeactivateByUrl(AskedByUrl):
    """Free a user's seat."""


class TransferUser(AskedStrictly):
    """Give a user's seat to another user."""

    username: Username
    to_username: Username
    email: Email = None
    service_type: ServiceType = None


class ListUsers(AskedByUrl):
    """List the users who have a seat."""

    limit: Annotated[
        int, BeforeValidator(whole), Field(strict=True, ge=1, le=200, description="Most users to list.")
    ] = 50
    after: Annotated[str | None, Field(description="`next` of the page before.")] = None


class Registration(BaseModel):
    """The user's seat."""

    id: int
    username: str
    service_id: int
    new_count: int = Field(description="Seats taken now, holds included.")
    already_registered: Literal[True] = absent("The user had this seat before; nothing was changed.")


class Registered(BaseModel):
    """The user has a seat."""

    status: Literal["success"]
    message: str
    data: Registration


class Deactivation(BaseModel):
    """What was freed."""

    id: int = absent("Left out when the user had no seat.")
    username: str
    service_id: int
    new_count: int = Field(description="Seats taken now, holds included.")
    already_deactivated: Literal[True] = absent("The user had no seat; nothing was changed.")


class Deactivated(BaseModel):
    """The user has no seat."""

    status: Literal["success"]
    message: str
    data: Deactivation


class Transfer(BaseModel):
    """Who sits in the seat now."""

    id: int
    username: str
    from_username: str
    service_id: int
    current: int


class Transferred(BaseModel):
    """The seat has another user."""

    status: Literal["success"]
    message: str
    data: Transfer


class User(BaseModel):
    """Somebody who has a seat."""

    id: int
    username: str
    email: str | None
    service_id: int
    state: Literal["assigned", "held"]
    since: str = Field(json_schema_extra={"format": "date-time"})
    expires_at: str | None = Field(
        description="End of a hold; null for a seat for good.", json_schema_extra={"format": "date-time"}
    )
    hold_id: str | None = Field(description="Of a hold; null for a seat for good.")


class Users(BaseModel):
    """One page."""

    users: list[User]
    next: str | None = Field(description="Cursor of the next page; null on the last one.")


class UserPage(BaseModel):
    """The users who have a seat, in the order they took it."""

    status: Literal["success"]
    message: str
    data: Users
