"""Schemas of services."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from seatguard_flask.schemas.admin.asking import (
    Asked,
    Count,
    Day,
    Id,
    Mode,
    Name,
    OverLimit,
    Paged,
    Slug,
    Version,
)
from seatguard_flask.schemas.refusals import absent

State = Literal["trialing", "active", "past_due", "suspended", "canceled"]


class AddService(Asked):
    """Put a project on a plan, or give it a limit of its own, or both."""

    project_id: Id
    plan: Slug | None = Field(default=None, description="Slug of an active plan.")
    limit: Count | None = Field(default=None, description="Seats instead of the plan's; 0 is none.")
    unlimited: bool = Field(default=False, description="No limit at all.")
    type: Name = "web"
    mode: Mode = "live"
    overage: str = Field(
        default="hard",
        description="What happens beyond the limit: `hard`, `+5`, `+10%` or `unlimited`.",
        json_schema_extra={"pattern": "^(hard|unlimited|\\+[1-9][0-9]{0,5}%?)$"},
    )
    starts: Day | None = Field(default=None, description="First day; null is at once.")
    expiry: Day | None = Field(default=None, description="Last day, included; null is never.")
    timezone: str = Field(default="UTC", max_length=64, description="IANA zone in which days are counted.")
    grace_days: int = Field(
        default=0,
        description="Days after the expiry in which seats are still given.",
        json_schema_extra={"minimum": 0, "maximum": 366},
    )
    trial: bool = False


class ChangeLimit(Asked):
    """Give a service another limit of its own."""

    limit: Count | None = Field(description="0 is none; null goes back to the plan's.")
    unlimited: bool = Field(default=False, description="No limit at all, whatever the plan says.")
    over_limit: OverLimit = "refuse"
    version: Version = None


class ChangeServicePlan(Asked):
    """Move a service to another plan."""

    plan: Slug
    over_limit: OverLimit = "refuse"
    version: Version = None


class RenewService(Asked):
    """Give a service another last day."""

    expiry: Day | None = Field(description="Last day, included; null is never.")
    version: Version = None


class ListServices(Paged):
    """List services."""

    project_id: Id | None = None


class ServiceBody(BaseModel):
    """A project's agreement about seats."""

    id: str
    service_id: int = Field(description="As the validation API shows it.")
    client_id: str
    project_id: str
    type: str
    mode: Mode
    state: State
    plan: str | None = absent("Slug; null without a plan. Left out in lists.")
    limit: int | None = Field(description="Seats agreed; null is unlimited.")
    own_limit: int | None = Field(description="Instead of the plan's; null takes the plan's.")
    unlimited: bool
    overage: str
    cap: int | None = Field(description="Limit plus overage: what is enforced; null is unlimited.")
    current: int = absent("Seats taken, holds included. Left out in lists.")
    held: int = absent("How many of them are holds. Left out in lists.")
    starts: str | None = Field(json_schema_extra={"format": "date"})
    expiry: str | None = Field(json_schema_extra={"format": "date"})
    timezone: str
    grace_days: int
    created_at: str = Field(json_schema_extra={"format": "date-time"})
    version: int


class ServicePage(BaseModel):
    """Services in the order they were added."""

    items: list[ServiceBody]
    next: str | None = Field(description="Cursor of the next page; null on the last one.")
