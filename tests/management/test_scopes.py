"""What a scope covers, and which ones there are."""

from __future__ import annotations

import pytest

from seatguard import InvalidInput, Reason
from seatguard.management import SCOPES
from seatguard.management.rules import may_do, valid_scopes
from seatguard.management.scopes import covers


@pytest.mark.parametrize(
    ("granted", "needed", "enough"),
    [
        ("admin:clients:read", "admin:clients:read", True),
        ("admin:clients:read", "admin:clients:write", False),
        ("admin:clients:read", "admin:clients:readable", False),
        ("admin:clients:*", "admin:clients:write", True),
        ("admin:clients:*", "admin:clients", False),
        ("admin:*", "admin:subscriptions:plans:read", True),
        ("admin:*", "admin:clients:*", True),
        ("admin:clients:*", "admin:*", False),
        ("admin:client*", "admin:clients:read", False),
        ("*", "admin:clients:read", False),
        ("admin:*", "subscriptions:read", False),
    ],
)
def test_a_scope_covers_itself_and_what_begins_like_it(granted: str, needed: str, enough: bool) -> None:
    """Only a star after a colon stands for more than itself."""
    assert covers(granted, needed) is enough


@pytest.mark.parametrize("scope", [*SCOPES, "admin:*", "admin:clients:*", "admin:subscriptions:*"])
def test_a_known_scope_is_taken(scope: str) -> None:
    """Those of the table, and stars that cover one of them."""
    assert valid_scopes([scope]) == (scope,)


@pytest.mark.parametrize(
    "scope",
    ["admin:client:read", "*", ":*", "admin*", "admin:*:read", "nothing:*", "Admin:clients:read", "", "a b"],
)
def test_an_unknown_scope_is_refused_by_name(scope: str) -> None:
    """A typing error must not become a key that silently may do nothing."""
    with pytest.raises(InvalidInput) as refused:
        valid_scopes(["admin:clients:read", scope])
    (problem,) = refused.value.problems
    assert (problem.field, problem.code) == ("scopes", "unknown_scope")
    assert repr(scope) in problem.message


@pytest.mark.parametrize(
    ("scopes", "code"), [([], "required"), ([1], "string_expected"), ([None], "string_expected")]
)
def test_scopes_are_a_list_of_words(scopes: list[object], code: str) -> None:
    """Nothing is no scope, and neither is a number."""
    with pytest.raises(InvalidInput) as refused:
        valid_scopes(scopes)
    assert refused.value.code == code


def test_a_close_name_is_proposed() -> None:
    """The cure stands in the message."""
    with pytest.raises(InvalidInput, match="did you mean 'admin:clients:read'"):
        valid_scopes(["admin:clients:raed"])


def test_a_refusal_names_what_is_missing() -> None:
    """So that whoever reads it knows what to ask for."""
    decision = may_do(["admin:clients:read"], ["admin:clients:read", "admin:seats:read"])
    assert (decision.allowed, decision.reason) == (False, Reason.INSUFFICIENT_SCOPE)
    assert decision.facts.missing == ("admin:seats:read",)
    assert may_do(["admin:*"], ["admin:clients:read", "admin:seats:read"]).allowed
