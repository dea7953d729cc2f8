"""Listings read to their end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from seatguard.records import MAX_PAGE, Page

R = TypeVar("R")


def whole(listing: Callable[..., Page[R]]) -> Iterator[R]:
    """Everything a service lists, page by page.

    >>> [*whole(lambda *, limit, after: Page(("a", "b")))]
    ['a', 'b']
    """
    after: str | None = None
    while True:
        page = listing(limit=MAX_PAGE, after=after)
        yield from page.items
        if page.after is None:
            return
        after = page.after
