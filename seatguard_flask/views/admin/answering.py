"""How the management routes answer: a record as it is, or a page of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from seatguard.records import Page
from seatguard_flask import replies
from seatguard_flask.replies import Answer

R = TypeVar("R")

ID = "018bcfe5-6800-7000-8000-000000000000"
"""An id as examples show it."""
SINCE = "2026-01-31T09:30:00Z"
"""An instant as examples show it."""


def one(told: Mapping[str, Any], *, status: int = 200) -> Answer:
    """One record."""
    return replies.answer(status, replies.encode(dict(told)))


def page(found: Page[R], told: Callable[[R], Mapping[str, Any]]) -> Answer:
    """One page of records, and where the next one begins."""
    items = [told(record) for record in found.items]
    return replies.answer(200, replies.encode({"items": items, "next": found.after}))


def nothing() -> Answer:
    """It is done, and there is nothing to say about it."""
    return replies.answer(204, b"")
