"""The journal: search and export."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from typing import Any

from seatguard.errors import InvalidInput
from seatguard.journal.model import Entry
from seatguard.journal.ports import Search
from seatguard.management.model import Manager
from seatguard_flask import reading, replies
from seatguard_flask.exchange import Exchange
from seatguard_flask.problems import problem_shape
from seatguard_flask.replies import Answer
from seatguard_flask.routes import Reply, Route
from seatguard_flask.schemas.admin.journal import EntryLines, EntryPage, Filters, SearchJournal
from seatguard_flask.views.admin import answering
from seatguard_flask.views.admin.answering import ID, SINCE

LINES = "application/x-ndjson"


def search(exchange: Exchange, manager: Manager) -> Answer:
    """One page of entries."""
    asked = reading.parameters(exchange, SearchJournal)
    found = exchange.engine.journal.search(
        manager.actor,
        _search(exchange, manager, asked),
        limit=asked.limit,
        after=asked.after,
        newest_first=asked.order == "newest",
    )
    return answering.page(found, told)


def export(exchange: Exchange, manager: Manager) -> Answer:
    """All matching entries, a line each, written while they are read. The export is put on record."""
    wanted = _search(exchange, manager, reading.parameters(exchange, Filters))
    entries = exchange.engine.journal.export(manager.actor, wanted)
    # The first one is read here: what goes wrong until then still has a status to say so.
    first = list(itertools.islice(entries, 1))

    def lines() -> Iterator[bytes]:
        for entry in itertools.chain(first, entries):
            yield replies.encode(told(entry)) + b"\n"

    return Answer(lines(), 200, [("Content-Type", LINES)])


def told(entry: Entry) -> dict[str, Any]:
    """An entry as it is answered."""
    return {
        "id": entry.id,
        "at": replies.instant(entry.at),
        "actor": entry.actor,
        "kind": entry.kind,
        "aggregate": entry.aggregate,
        "stream": entry.stream,
        "seq": entry.seq,
        "subject": entry.subject,
        "request_id": entry.request_id,
        "data": dict(entry.data),
        "person": None if entry.erasable is None else dict(entry.erasable),
        "link": entry.link.hex(),
    }


def _search(exchange: Exchange, manager: Manager, asked: Filters) -> Search:
    user = asked.user
    return Search(
        kind=asked.kind,
        actor=asked.actor,
        stream=asked.stream,
        subject=asked.subject,
        request_id=asked.request_id,
        person=None if user is None else exchange.engine.person(manager.actor, user),
        since=instant(asked.since, "since"),
        until=instant(asked.until, "until"),
    )


def instant(text: str | None, field: str) -> dt.datetime | None:
    """The instant that a text names; a day is its beginning in UTC.

    Raises:
        InvalidInput: it names none.
    """
    if text is None:
        return None
    try:
        # In a query a plus sign that was not encoded is a space.
        read = dt.datetime.fromisoformat(text.replace(" ", "+"))
        return read.replace(tzinfo=read.tzinfo or dt.UTC).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise InvalidInput.single(
            field, "invalid_date", "is no instant: write 2027-12-31 or 2027-12-31T23:59:59Z"
        ) from None


_EXAMPLE = {
    "id": ID,
    "at": SINCE,
    "actor": "key:sg_mgmt_AbCd",
    "kind": "client.added",
    "aggregate": "client",
    "stream": ID,
    "seq": 1,
    "subject": ID,
    "request_id": "4f1d7c0a9b6e4d52a3c8e1f06b7d9a24",
    "data": {"name": "Acme Ltd", "external_id": "crm-17"},
    "person": None,
    "link": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}

ROUTES = (
    Route(
        tag="admin_journal",
        method="GET",
        rule="/admin/journal",
        name="search_journal",
        handler=search,
        shape=problem_shape,
        summary="Search the journal.",
        query=SearchJournal,
        answers=(
            Reply(
                status=200,
                description="One page.",
                model=EntryPage,
                examples={"page": {"items": [_EXAMPLE], "next": None}},
            ),
        ),
        codes=("invalid_date", "invalid_characters", "required", "too_long"),
        keyed=False,
        scope="admin:journal:read",
    ),
    Route(
        tag="admin_journal",
        method="GET",
        rule="/admin/journal/export",
        name="export_journal",
        handler=export,
        shape=problem_shape,
        summary="All matching entries, oldest first.",
        description="One JSON object a line, sent while it is read. The export itself is put on record.",
        query=Filters,
        answers=(
            Reply(
                status=200,
                description="Lines of JSON; each is an entry as the search answers it.",
                model=EntryLines,
                media_type=LINES,
            ),
        ),
        codes=("invalid_date", "invalid_characters", "required", "too_long"),
        keyed=False,
        scope="admin:journal:export",
    ),
)
