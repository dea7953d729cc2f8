"""Who may do what, which passwords will do, and when an administrator is locked out."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

from seatguard.administrators.model import Administrator, Role
from seatguard.errors import Conflict, InvalidInput
from seatguard.records import valid_name

MAX_FAILURES = 5
LOCKED_FOR = dt.timedelta(minutes=15)
MIN_PASSWORD = 12
MAX_PASSWORD = 1024
PAGES = ("services", "clients", "activity")
"""Lists with saved views."""
_KNOWN = ", ".join(PAGES)
MAX_VIEWS = 10
MAX_VIEW_NAME = 60
MAX_QUERY = 500

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}")

_VIEWER = frozenset(
    {
        "clients.read",
        "projects.read",
        "services.read",
        "plans.read",
        "reports.read",
        "journal.read",
    }
)
_SUPPORT = _VIEWER | {"seats.read_pii", "seats.release", "journal.export"}
_OPERATOR = _SUPPORT | {
    "clients.write",
    "clients.archive",
    "projects.write",
    "services.write",
    "keys.write",
    "plans.write",
}
_OWNER = _OPERATOR | {"administrators.write"}

ALLOWED = {Role.VIEWER: _VIEWER, Role.SUPPORT: _SUPPORT, Role.OPERATOR: _OPERATOR, Role.OWNER: _OWNER}
"""What each role may do."""

ACTIONS = frozenset(_OWNER)
"""Everything that can be asked for."""


def can(role: Role, action: str) -> bool:
    """Whether a role may do something.

    >>> can(Role.VIEWER, "services.read"), can(Role.VIEWER, "services.write")
    (True, False)
    """
    return action in ALLOWED[role]


def valid_login(text: object) -> str:
    """A name to sign in with, in the one spelling that is kept.

    >>> valid_login("Ada.Lovelace@Example.com")
    'ada.lovelace@example.com'
    """
    name = text.strip().lower() if isinstance(text, str) else ""
    if not _NAME.fullmatch(name):
        raise InvalidInput.single(
            "name",
            "invalid_name",
            "use 1 to 100 letters, digits and . _ @ + -, beginning with a letter or digit",
        )
    return name


def valid_password(text: object) -> str:
    """A password that is long enough; nothing else is asked of it.

    Raises:
        InvalidInput: shorter than 12 characters, or longer than 1024; the message shows none of it.
    """
    if not isinstance(text, str) or not MIN_PASSWORD <= len(text) <= MAX_PASSWORD:
        raise InvalidInput.single(
            "password", "weak_password", f"must have {MIN_PASSWORD} to {MAX_PASSWORD} characters"
        )
    return text


def valid_view(page: object, name: object, query: object) -> tuple[str, str, str]:
    """A list, a name of at most 60 characters and the filters of an address, fit to be kept.

    >>> valid_view("services", "Nearly full", "?view=high")
    ('services', 'Nearly full', 'view=high')
    """
    if page not in PAGES:
        raise InvalidInput.single("page", "invalid_choice", f"must be one of {_KNOWN}, not {page!r}")
    named = valid_name(name)
    if len(named) > MAX_VIEW_NAME:
        raise InvalidInput.single(
            "name", "too_long", f"must be at most {MAX_VIEW_NAME} characters, not {len(named)}"
        )
    text = query.removeprefix("?") if isinstance(query, str) else ""
    if not text or len(text) > MAX_QUERY or not text.isascii() or not text.isprintable():
        raise InvalidInput.single("query", "invalid_query", f"must be 1 to {MAX_QUERY} ASCII characters")
    return str(page), named, text


def may_save(present: int) -> None:
    """Refuse one more view than there is room for beside a list.

    Raises:
        Conflict: ``too_many_views``.
    """
    if present >= MAX_VIEWS:
        raise Conflict("too_many_views", f"there are {present} saved views of this list: remove one first")


def may_try(administrator: Administrator, now: dt.datetime) -> bool:
    """Whether a password is looked at now."""
    return administrator.active and (administrator.locked_until is None or now >= administrator.locked_until)


def after_failure(administrator: Administrator, now: dt.datetime) -> Administrator:
    """The administrator after a wrong password; the fifth in a row locks for a quarter of an hour."""
    failures = administrator.failures + 1
    locked = now + LOCKED_FOR if failures >= MAX_FAILURES else None
    return replace(
        administrator,
        failures=0 if locked else failures,
        locked_until=locked,
        version=administrator.version + 1,
    )


def after_success(administrator: Administrator) -> Administrator:
    """The administrator after the right password."""
    return replace(administrator, failures=0, locked_until=None, version=administrator.version + 1)
