"""What requests of the management routes have in common."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from seatguard.records import MAX_COUNT, MAX_NAME

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME, examples=["Acme Ltd"])]
Id = Annotated[str, Field(min_length=1, max_length=64, examples=["018bcfe5-6800-7000-8000-000000000000"])]
Slug = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        json_schema_extra={"pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"},
        description="Lower-case letters, digits and single hyphens.",
        examples=["pro-plan"],
    ),
]
Day = Annotated[
    str,
    Field(
        description="A calendar day.",
        json_schema_extra={"format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
        examples=["2027-12-31"],
    ),
]
Count = Annotated[int, Field(json_schema_extra={"minimum": 0, "maximum": MAX_COUNT}, examples=[100])]
Mode = Literal["live", "test"]
OverLimit = Annotated[
    Literal["refuse", "allow"],
    Field(
        description="When more seats are taken: `refuse`, or `allow` to keep all users and refuse new ones."
    ),
]
Version = Annotated[
    int | None,
    Field(
        description="`version` of the record the change was made on; with another one the answer is 409. "
        "Left out: whichever it is.",
        json_schema_extra={"minimum": 1},
    ),
]


def left_out(about: str | None = None) -> Any:
    """A field that may be left out and is never null: which of them were sent, the model knows."""
    return Field(default=None, description=about)


def without_nulls(schema: dict[str, Any]) -> None:
    """For a model with such fields: the schema names no default that would be refused."""
    for field in schema["properties"].values():
        if "type" in field and field.get("default", "") is None:
            del field["default"]


class Asked(BaseModel):
    """A body. Members that the schema does not name are refused, by name."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


class Nothing(Asked):
    """A body without members; it may be left out."""


class Query(BaseModel):
    """A query. Parameters that the schema does not name are refused, by name."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def whole(value: Any) -> Any:
    """Query parameters are text; only plain digits are a number."""
    if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit() and len(value) < 20:
        return int(value)
    return value


Limit = Annotated[
    int, BeforeValidator(whole), Field(strict=True, ge=1, le=200, description="Most to list on a page.")
]
After = Annotated[str | None, Field(description="`next` of the page before.")]


class Paged(Query):
    """One page of a list."""

    limit: Limit = 50
    after: After = None
