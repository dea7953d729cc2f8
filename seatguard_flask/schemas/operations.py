"""Schemas of health."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field, RootModel


class StorageHealth(BaseModel):
    """Where agreements and seats are kept."""

    kind: str
    reachable: bool


class GateHealth(BaseModel):
    """Who keeps the count."""

    durability: str | None = Field(description="What an answered take survives.")


class Health(BaseModel):
    """How we are."""

    status: Literal["ok", "unavailable"]
    live: Literal[True]
    ready: bool
    storage: StorageHealth
    gate: GateHealth
    version: str


class OpenApiDocument(RootModel[dict[str, Any]]):
    """This document."""
