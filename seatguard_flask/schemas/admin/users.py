"""Schemas of users' own plans, quotas and rate limits, named as documented."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from seatguard_flask.schemas.admin.asking import Asked
from seatguard_flask.schemas.admin.journal import When
from seatguard_flask.schemas.admin.plans import LIMITS
from seatguard_flask.schemas.refusals import absent


class AssignSubscription(Asked):
    """Put a user on a plan."""

    planId: Annotated[  # noqa: N815 - as documented
        str, Field(min_length=1, max_length=64, description="Id or slug of an active plan.")
    ]
    currentPeriodEnd: When | None = Field(  # noqa: N815
        default=None, description="First instant at which it grants nothing any more; null is never."
    )


def _only_limits(schema: dict[str, Any]) -> None:
    schema.pop("additionalProperties", None)
    schema.update(LIMITS)


class ChangeLimits(RootModel[dict[str, Any]]):
    """Limits by service and name, merged in: null takes one back. 0 is none, -1 is no limit."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True, json_schema_extra=_only_limits)


class PlanOfSubscription(BaseModel):
    """The plan, in short."""

    id: str
    slug: str
    name: str


class SubscriptionResponse(BaseModel):
    """A user's subscription."""

    id: str
    userUuid: str = Field(description="The user's id, as your application names it.")  # noqa: N815
    plan: PlanOfSubscription
    status: Literal["active"]
    currentPeriodStart: str = Field(json_schema_extra={"format": "date-time"})  # noqa: N815
    currentPeriodEnd: str | None = Field(json_schema_extra={"format": "date-time"})  # noqa: N815
    createdAt: str = Field(json_schema_extra={"format": "date-time"})  # noqa: N815
    updatedAt: str = Field(json_schema_extra={"format": "date-time"})  # noqa: N815


class QuotaEntry(BaseModel):
    """One quota."""

    limit: int | None = Field(description="0 is none; null comes with `unlimited`.")
    used: int | None = Field(description="Null where nothing counts a user's use.")
    available: int | None = Field(description="Null where nothing counts it, or without a limit.")
    unlimited: Literal[True] = absent("There is no limit.")


class QuotaResponse(RootModel[dict[str, dict[str, QuotaEntry]]]):
    """What holds for the user, by service and name."""


class RateLimitEntry(BaseModel):
    """One rate limit."""

    limit: int | None = Field(description="0 is none; null comes with `unlimited`.")
    unlimited: Literal[True] = absent("There is no limit.")


class RateLimitResponse(RootModel[dict[str, dict[str, RateLimitEntry]]]):
    """What holds for the user, by service and name."""
