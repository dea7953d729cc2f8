"""Schemas of usage."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from seatguard.allowances import LONGEST_METER, MAX_AMOUNT
from seatguard_flask.schemas.asking import AskedByUrl, AskedStrictly, ServiceType, whole
from seatguard_flask.schemas.refusals import absent

Meter = Annotated[
    str,
    Field(
        description=f"What is counted, as the plan names it; 1 to {LONGEST_METER} characters.",
        examples=["api.calls"],
    ),
]
Key = Annotated[
    str,
    Field(
        description="Your own name for what happened; a second event of the same key is the first one. "
        "1 to 255 printable ASCII characters.",
        examples=["job-4711"],
    ),
]
Amount = Annotated[int, Field(ge=1, le=MAX_AMOUNT, description="Units of the meter.", examples=[1])]


class RecordUsage(AskedStrictly):
    """Count what was used."""

    meter: Meter
    key: Key
    amount: Amount = 1
    service_type: ServiceType = None


class UsageEvent(BaseModel):
    """Something that was used."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    meter: Meter
    key: Key
    amount: Amount = 1


class RecordUsageBatch(AskedStrictly):
    """Count several things as a whole or not at all."""

    events: Annotated[list[UsageEvent], Field(description="1 to 100 events.")]
    service_type: ServiceType = None


class RefundUsage(AskedStrictly):
    """Give a charge back."""

    meter: Meter
    key: Key
    amount: Annotated[
        int | None,
        Field(ge=1, le=MAX_AMOUNT, description="How much is given back in all. Left out: everything."),
    ] = None
    service_type: ServiceType = None


class AskUsage(AskedByUrl):
    """What was used of a meter."""

    meter: Meter


class ListUsage(AskUsage):
    """The periods of a meter."""

    limit: Annotated[
        int, BeforeValidator(whole), Field(strict=True, ge=1, le=200, description="Most periods to list.")
    ] = 50
    after: Annotated[str | None, Field(description="`next` of the page before.")] = None


class Balance(BaseModel):
    """What was used in the running period, beside what is allowed."""

    meter: str
    service_id: int
    limit: int | None = Field(description="Units per period; null is unlimited.")
    used: int
    remaining: int | None = Field(description="Units left; null is unlimited.")
    carried: int = Field(description="Unused units of earlier periods that are allowed in addition.")
    over: int = Field(description="Units used beyond what is allowed, where that is let pass.")
    period_start: str = Field(json_schema_extra={"format": "date-time"})
    resets_at: str | None = Field(
        description="When the next period begins; null is never.", json_schema_extra={"format": "date-time"}
    )


class Recorded(Balance):
    """A charge and the balance after it."""

    key: str
    amount: int
    refunded: int = Field(description="How much of the amount was given back.")
    already_recorded: Literal[True] = absent("The key was charged before; nothing was changed.")


class UsageBalance(BaseModel):
    """The balance of a meter."""

    status: Literal["success"]
    message: str
    data: Balance


class UsageRecorded(BaseModel):
    """The event is on record."""

    status: Literal["success"]
    message: str
    data: Recorded


class Batch(BaseModel):
    """The charges of a batch, in the order of its events."""

    events: list[Recorded]


class UsageBatchRecorded(BaseModel):
    """All events are on record."""

    status: Literal["success"]
    message: str
    data: Batch


class PeriodOfUse(BaseModel):
    """What was used in one period."""

    used: int
    limit: int | None = Field(description="When it was last charged; null is unlimited.")
    carried: int
    period_start: str = Field(json_schema_extra={"format": "date-time"})
    period_end: str | None = Field(json_schema_extra={"format": "date-time"})


class Periods(BaseModel):
    """Periods in which something was used, the newest first."""

    meter: str
    periods: list[PeriodOfUse]
    next: str | None = Field(description="Send it as `after` for the next page; null on the last one.")


class UsageHistory(BaseModel):
    """The periods of a meter."""

    status: Literal["success"]
    message: str
    data: Periods
