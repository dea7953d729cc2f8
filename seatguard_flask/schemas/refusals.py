"""Bodies of refusals and errors."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

REQUEST_ID = "4f1d7c0a9b6e4d52a3c8e1f06b7d9a24"


def _never() -> Any:
    raise TypeError("answers are described by these models, not made from them")


def absent(about: str | None = None, **more: Any) -> Any:
    """A member that is left out where it says nothing; it is never null for that."""
    return Field(default_factory=_never, description=about, json_schema_extra=more or None)


class Numbers(BaseModel):
    """The numbers behind a refusal."""

    limit: int | None = Field(description="Seats agreed; null is unlimited.")
    current: int = Field(description="Seats taken, holds included.")
    expiry: str | None = Field(
        description="Last day on which seats are given, included; null is never.",
        json_schema_extra={"format": "date"},
    )
    held: int = absent("How many of them are holds; left out when there are none.")


class ValidationRefusal(BaseModel):
    """Every answer of the validation routes but a "yes"."""

    status: Literal["error"]
    allowed: Literal[False]
    message: str
    data: Numbers = absent("With refusals of a service: its numbers.")
    code: str = Field(description="Why; for programs. The message may change, the code does not.")
    retryable: bool = Field(description="Whether the same request may succeed later without a new agreement.")
    request_id: str = Field(description="Also in the header `X-Request-Id`.")


class FieldError(BaseModel):
    """What is wrong with one field."""

    pointer: str
    code: str
    detail: str


class ProblemDetails(BaseModel):
    """RFC 9457, with a code."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="Why; for programs. The detail may change, the code does not.")
    retryable: bool = Field(description="Whether the same request may succeed later without a new agreement.")
    request_id: str = Field(description="Also in the header `X-Request-Id`.")
    limit: int | None = absent("Seats agreed; null is unlimited.")
    current: int = absent("Seats taken, holds included.")
    expiry: str | None = absent("Last day on which seats are given; null is never.", format="date")
    held: int = absent("How many of them are holds; left out when there are none.")
    missing: list[str] = absent("The scopes that are needed and not there.")
    used: int = absent("Units used in this period.")
    remaining: int | None = absent("Units left of this period; null is unlimited.")
    resets_at: str | None = absent("When the next period begins; null is never.", format="date-time")
    live: int = absent("Leases that have a place.")
    frees_at: str | None = absent(
        "When the first place is free if its lease has no further heartbeat.", format="date-time"
    )
    events: list[dict[str, Any]] = absent("What each event of a batch met; none of them was recorded.")
    errors: list[FieldError] = absent("What is wrong with which field.")
