"""The scopes there are, and what a scope covers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

SCOPES: Final = {
    "admin:clients:read": "see clients",
    "admin:clients:write": "add, rename, suspend, resume and archive clients",
    "admin:projects:read": "see projects and their domains",
    "admin:projects:write": "add and change projects and their domains",
    "admin:keys:read": "see what may be shown of project keys",
    "admin:keys:write": "make, rotate and revoke project keys",
    "admin:services:read": "see services and their numbers",
    "admin:services:write": "add services, change limit, plan and expiry, suspend, resume, cancel",
    "admin:seats:read": "see who has a seat",
    "admin:seats:write": "give and free seats",
    "admin:journal:read": "search the journal",
    "admin:journal:export": "export the journal, which is put on record",
    "admin:management-keys:read": "see what may be shown of management keys",
    "admin:management-keys:write": "make, rotate and revoke management keys within one's own scopes",
    "admin:subscriptions:plans:read": "see plans",
    "admin:subscriptions:plans:write": "add, change and deactivate plans",
    "admin:users:subscriptions:read": "see which plan a user is on",
    "admin:users:subscriptions:write": "put users on plans and take them off",
    "admin:users:quotas:read": "see a user's quotas",
    "admin:users:quotas:write": "override a user's quotas",
    "admin:users:rate-limits:read": "see a user's rate limits",
    "admin:users:rate-limits:write": "override a user's rate limits",
    "subscriptions:read": "see one's own plan, quotas and entitlements",
}
"""What can be allowed, and what that means."""


def covers(granted: str, needed: str) -> bool:
    """Whether one scope is enough for what another names.

    >>> covers("admin:clients:*", "admin:clients:read"), covers("admin:clients:read", "admin:clients:write")
    (True, False)
    >>> covers("admin:*", "admin:clients:*"), covers("admin:clients:*", "admin:*")
    (True, False)
    """
    return granted == needed or (granted.endswith(":*") and needed.startswith(granted[:-1]))


def lacking(granted: Iterable[str], needed: Iterable[str]) -> tuple[str, ...]:
    """What is needed and not covered.

    >>> lacking(["admin:clients:*"], ["admin:clients:read", "admin:seats:read"])
    ('admin:seats:read',)
    """
    own = tuple(granted)
    return tuple(scope for scope in needed if not any(covers(one, scope) for one in own))
