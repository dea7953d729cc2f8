"""Lists: which page of them an address asks for, and the addresses of the pages beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from flask import request

from seatguard.errors import InvalidInput
from seatguard.reports.model import Listing
from seatguard_admin.desk import Desk
from seatguard_admin.shown import Shown

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paged(Generic[RowT]):
    """One page of a list for a template.

    Attributes:
        after: address of the next page, ``before`` of the one before.
        strayed: the address asked for a page that is none; this is the first one.
    """

    items: Sequence[RowT]
    after: str | None
    before: str | None
    strayed: bool


@dataclass(frozen=True, slots=True)
class Tab:
    """One of several views of a list."""

    label: str
    url: str
    current: bool
    count: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A reader's own views of a list.

    Attributes:
        save: address at which the present filters are kept; ``None`` when there are none, or they are.
        remove: address at which the view that is shown is forgotten.
    """

    tabs: Sequence[Tab]
    save: str | None
    remove: str | None


def paged(desk: Desk, read: Callable[[int, str | None, str | None], Listing[RowT]]) -> Paged[RowT]:
    """The page that the address asks for.

    Args:
        read: is given how many rows, and the cursor of the page after or before.
    """
    shown = Shown(desk)
    given = {name: request.args.get(name) for name in ("after", "before")}
    places = {name: desk.unsigned(_purpose(), text) for name, text in given.items()}
    strayed = any(given[name] and places[name] is None for name in given)
    rows = desk.preferences.rows
    try:
        listing = read(rows, places["after"], None if places["after"] else places["before"])
    except InvalidInput:
        listing, strayed = read(rows, None, None), True
    return Paged(
        items=listing.items,
        after=None if listing.after is None else shown.here(after=desk.signed(_purpose(), listing.after)),
        before=None if listing.before is None else shown.here(before=desk.signed(_purpose(), listing.before)),
        strayed=strayed,
    )


def _purpose() -> str:
    """A cursor belongs to its list and its order."""
    return f"cursor-{request.endpoint}-{request.args.get('sort', '')}"
