"""Schemas of what somebody who is signed in sees of himself."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, RootModel


class OfferedPlan(BaseModel):
    """A plan as customers see it."""

    id: str
    slug: str
    name: str
    displayOrder: int  # noqa: N815 - as documented
    quotas: dict[str, dict[str, Any]]
    rateLimits: dict[str, dict[str, Any]]  # noqa: N815
    permissions: list[str]


class OfferedPlans(RootModel[list[OfferedPlan]]):
    """The plans that take new users, by `displayOrder`."""


class EntitlementEntry(BaseModel):
    """What is granted under one name."""

    kind: str = Field(description="`boolean`, `static`, `metered`, `concurrent` or `rate`.")
    value: bool | int | str | None = Field(description="0 and false are none; null: nobody grants it.")
    source: str | None = Field(description="Which level says so: user, subscription, plan, tenant, feature.")


class Entitlements(BaseModel):
    """Everything that is granted."""

    features: dict[str, EntitlementEntry]
    permissions: list[str]
    capabilities: list[str]
