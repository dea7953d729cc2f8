"""Schemas of plans, named as documented: ``displayOrder``, ``rateLimits``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel

from seatguard_flask.schemas.admin.asking import (
    Asked,
    Count,
    Name,
    Query,
    Slug,
    Version,
    left_out,
    whole,
    without_nulls,
)
from seatguard_flask.schemas.refusals import absent

_NAMES = "^[A-Za-z0-9]([A-Za-z0-9_-]{0,62}[A-Za-z0-9])?$"
_AMOUNT: dict[str, Any] = {
    "anyOf": [
        {"type": "integer", "minimum": -1, "maximum": 2**53 - 1},
        {"type": "null"},
        {"const": "unlimited"},
        {
            "type": "object",
            "properties": {"limit": {"type": "null"}, "unlimited": {"const": True}},
            "required": ["limit", "unlimited"],
            "additionalProperties": False,
        },
    ]
}
LIMITS: dict[str, Any] = {
    "type": "object",
    "maxProperties": 50,
    "propertyNames": {"pattern": _NAMES},
    "additionalProperties": {
        "anyOf": [
            {
                "type": "object",
                "maxProperties": 100,
                "propertyNames": {"pattern": "^[A-Za-z]([A-Za-z0-9_-]{0,62}[A-Za-z0-9])?$"},
                "additionalProperties": _AMOUNT,
            },
            {"type": "null"},
        ]
    },
}


def limits(about: str) -> Any:
    """A field of limits: what they may hold is checked by the catalog, and said here."""
    return Field(
        default=None,
        description=f"{about} By service and name. 0 is none; null, or left out, is inherited from the "
        'tenant\'s defaults; -1 or `"unlimited"` is no limit, and is answered as '
        '`{"limit": null, "unlimited": true}`.',
        examples=[{"speech-service": {"maxConcurrentSessions": 5}}],
        json_schema_extra=_only_limits,
    )


def _only_limits(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [LIMITS, {"type": "null"}]


Permissions = Annotated[
    list[str] | None,
    Field(description="Scopes granted, added to what the user has anyway.", examples=[["speech:files:read"]]),
]
Order = Annotated[
    int,
    Field(
        description="Where it stands among the plans that are shown.",
        json_schema_extra={"minimum": 1 - 2**31, "maximum": 2**31 - 1},
    ),
]


class CreateSubscriptionPlanRequest(Asked):
    """Create a plan."""

    slug: Slug
    name: Name
    active: bool = Field(default=True, description="Whether new users can subscribe.")
    displayOrder: Order = 0  # noqa: N815 - as documented
    quotas: Any = limits("Amounts.")
    rateLimits: Any = limits("Requests.")  # noqa: N815
    permissions: Permissions = None
    seats: Count | None = Field(default=None, description="Seats of a service on this plan; null: unlimited.")


class UpdateSubscriptionPlanRequest(Asked):
    """Update a plan; what is left out stays."""

    model_config = ConfigDict(json_schema_extra=without_nulls)

    name: Name = left_out()
    active: bool = left_out("Whether new users can subscribe.")
    displayOrder: Order = left_out()  # noqa: N815
    quotas: Any = limits("Replaces all quotas there are.")
    rateLimits: Any = limits("Replaces all rate limits there are.")  # noqa: N815
    permissions: Permissions = None
    seats: Count | None = Field(default=None, description="Seats of a service on this plan; null: unlimited.")
    applyTo: Literal["all", "new"] = Field(  # noqa: N815
        default="all", description="`new` leaves those who subscribe already on what they have."
    )
    version: Version = None


PageNumber = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=0, le=2**31 - 1)]
PageSize = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=1, le=100)]


class ListSubscriptionPlans(Query):
    """List plans: all of them, or one page."""

    page: PageNumber | None = Field(
        default=None, description="0 is the first. Left out, and without `size`: all plans."
    )
    size: PageSize | None = Field(default=None, description="Plans on a page, 20 unless told otherwise.")
    sort: Annotated[
        str,
        Field(
            description="A field, and `asc` or `desc`.",
            pattern="^(name|slug|displayOrder|createdAt)(,(asc|desc))?$",
        ),
    ] = "displayOrder,asc"


class SubscriptionPlanResponse(BaseModel):
    """A plan."""

    id: str
    slug: str
    name: str
    active: bool = Field(description="Whether new users can subscribe.")
    displayOrder: int  # noqa: N815
    quotas: dict[str, dict[str, Any]]
    rateLimits: dict[str, dict[str, Any]]  # noqa: N815
    permissions: list[str]
    createdAt: str = Field(json_schema_extra={"format": "date-time"})  # noqa: N815
    updatedAt: str = Field(json_schema_extra={"format": "date-time"})  # noqa: N815
    version: int = Field(description="For `version` in an update.")
    subscriberCount: int = Field(description="Services and users on it.")  # noqa: N815
    seats: int | None = Field(description="Seats of a service on this plan; null is unlimited.")
    overLimit: list[str] = absent(  # noqa: N815
        "After an update: ids of the services with more seats taken than they have now. Nobody is evicted."
    )


class SubscriptionPlans(RootModel[list[SubscriptionPlanResponse]]):
    """Plans, inactive ones included."""
