"""Schemas of holds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from seatguard_flask.schemas.asking import AskedByUrl, AskedStrictly, Email, ServiceType, Username
from seatguard_flask.schemas.refusals import absent

Seconds = Annotated[
    int | None,
    Field(
        description="Whole seconds, 1 to 366 days. Left out: as the server is set up.",
        examples=[60],
        json_schema_extra={"minimum": 1, "maximum": 366 * 86_400},
    ),
]


AnotherUsername = Annotated[
    Username | None,
    Field(description="Whose seat it becomes, if not of the one it was held for: an accepted invitation."),
]


class TakeHold(AskedStrictly):
    """Hold a seat for a while."""

    username: Username
    email: Email = None
    expires_in: Seconds = None
    service_type: ServiceType = None


class ConfirmHold(AskedStrictly):
    """Turn a hold into a seat for good."""

    username: AnotherUsername = None
    email: Email = None


class RenewHold(AskedStrictly):
    """Let a hold end later, counted from now."""

    expires_in: Seconds = None


class ReleaseHold(AskedByUrl):
    """Free a held seat."""


class HeldSeat(BaseModel):
    """A hold, or the seat it has become."""

    id: str = Field(description="Of the hold.")
    user_id: int = Field(description="What `register-user` answers as `id`.")
    username: str
    service_id: int
    state: Literal["held", "assigned"]
    expires_at: str | None = Field(
        description="End of the hold; null for a seat for good.", json_schema_extra={"format": "date-time"}
    )
    limit: int | None = Field(description="Seats agreed; null is unlimited.")
    current: int = Field(description="Seats taken, holds included.")
    held: int = Field(description="How many of them are holds.")
    already_held: Literal[True] = absent("The user had this hold or seat before; nothing was changed.")


class Held(BaseModel):
    """The hold as it stands."""

    status: Literal["success"]
    message: str
    data: HeldSeat


class Release(BaseModel):
    """What became of the hold."""

    id: str
    released: bool = Field(description="False when it was free already.")


class HoldReleased(BaseModel):
    """The hold is no more."""

    status: Literal["success"]
    message: str
    data: Release
