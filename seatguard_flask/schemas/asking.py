"""What every request says: with which key, from which domain."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

ApiKey = Annotated[
    SecretStr,
    Field(
        description="Key of the project. May be sent as `X-API-Key` or `Authorization: Bearer` instead.",
        examples=["YOUR_16_DIGIT_KEY"],
    ),
]
Domain = Annotated[
    str,
    Field(
        description="Host name registered for the project, without scheme, port or path. "
        "May be sent as `X-Seatguard-Domain` instead.",
        examples=["example.com"],
    ),
]
ServiceType = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=200,
        description="Ask only services of this type. Left out: all, the one that ends first first.",
        examples=["standard"],
    ),
]
Username = Annotated[
    str,
    Field(
        description="Your identifier of the user, 1 to 150 visible characters. One user is one seat, "
        "however often it is registered.",
        examples=["john_doe"],
    ),
]
Email = Annotated[str | None, Field(description="Kept with the seat.", examples=["john@example.com"])]


class AskedInBody(BaseModel):
    """A body. Members that the schema does not name are ignored, and named in a header."""

    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)

    api_key: ApiKey
    domain: Domain


def _headers_will_do(schema: dict[str, Any]) -> None:
    schema["required"] = [name for name in schema.get("required", ()) if name not in ("api_key", "domain")]
    if not schema["required"]:
        del schema["required"]


class AskedStrictly(AskedInBody):
    """A body of our own routes: members that the schema does not name are refused."""

    # At run time key and domain are required wherever they stand; a header will do.
    model_config = ConfigDict(extra="forbid", json_schema_extra=_headers_will_do)


class AskedByUrl(BaseModel):
    """A query. Parameters that the schema does not name are refused."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    domain: Domain
    service_type: ServiceType = None


def whole(value: Any) -> Any:
    """Query parameters are text; only plain digits are a number."""
    if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit() and len(value) < 20:
        return int(value)
    return value
