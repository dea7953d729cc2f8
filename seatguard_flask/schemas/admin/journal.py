"""Schemas of the journal."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, RootModel

from seatguard_flask.schemas.admin.asking import After, Limit, Query

Text = Annotated[str, Field(min_length=1, max_length=200)]
When = Annotated[
    str,
    Field(
        description="An instant such as 2027-12-31T23:59:59Z; a day is its beginning in UTC.",
        json_schema_extra={
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}"
            "(T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?$"
        },
        examples=["2027-12-31T23:59:59Z"],
    ),
]


class Filters(Query):
    """Which entries are meant; left out is any."""

    kind: Text | None = Field(default=None, description="Such as `seat.taken`; `seat.` is all that begin so.")
    actor: Text | None = Field(default=None, description="Such as `key:sg_mgmt_AbCd`.")
    stream: Text | None = Field(default=None, description="Id of one client, project, plan or service.")
    subject: Text | None = Field(default=None, description="Id of what it was done to.")
    request_id: Text | None = None
    user: Text | None = Field(default=None, description="Entries that name this user.")
    since: When | None = Field(default=None, description="First instant included.")
    until: When | None = Field(default=None, description="First instant no longer included.")


class SearchJournal(Filters):
    """Search the journal."""

    order: Literal["newest", "oldest"] = Field(default="newest", description="What comes first.")
    limit: Limit = 50
    after: After = None


class EntryBody(BaseModel):
    """Something that happened."""

    id: str
    at: str = Field(json_schema_extra={"format": "date-time"})
    actor: str
    kind: str
    aggregate: str = Field(description="Kind of record in whose stream it is.")
    stream: str
    seq: int
    subject: str
    request_id: str | None
    data: dict[str, Any]
    person: dict[str, str] | None = Field(description="Personal data; null when there was none or it went.")
    link: str = Field(description="Where the chain stands after it, in hexadecimal digits.")


class EntryPage(BaseModel):
    """Entries in the order of time."""

    items: list[EntryBody]
    next: str | None = Field(description="Cursor of the next page; null on the last one.")


class EntryLines(RootModel[str]):
    """Entries as JSON, one a line."""
