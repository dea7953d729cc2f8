"""`seatguard admin`: letting somebody in from the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.cli.conftest import Run


def test_a_made_password_is_shown_once(answer: Callable[..., Any], run: Run) -> None:
    """It is in the answer to `create` and in no list."""
    made = answer("admin create ada --role viewer")
    assert (made["name"], made["role"], made["active"]) == ("ada", "viewer", True)
    assert len(made["password"]) >= 20
    (listed,) = answer("admin list")
    assert "password" not in listed
    assert made["password"] not in run("audit search").output


def test_a_password_is_read_from_standard_input(run: Run) -> None:
    """It is not shown; a short one is refused with the code for bad input."""
    done = run("admin create ada --password-stdin", input="a long enough password\n")
    assert done.exit_code == 0
    assert "password" not in done.output
    refused = run("admin password ada --password-stdin", input="short\n")
    assert refused.exit_code == 2
    assert "password: must have 12" in refused.output


def test_roles_and_switching_off(answer: Callable[..., Any], run: Run) -> None:
    """Each answers with the administrator as it is now; an unknown name is bad input."""
    answer("admin create ada")
    assert answer("admin role ada support")["role"] == "support"
    assert answer("admin deactivate ada")["active"] is False
    assert answer("admin reactivate ada")["active"] is True
    assert answer("admin password ada")["password"]
    assert run("admin role nobody viewer").exit_code == 2
    assert run("admin create ADA").exit_code == 1
