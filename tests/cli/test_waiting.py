"""Invitations, and waiting for a seat, from the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
Answer = Callable[..., Any]


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch, shop: int, answer: Answer) -> int:
    """A shop whose two seats are taken, and which holds freed ones for those who wait."""
    monkeypatch.setenv("SEATGUARD_OFFER_TTL", "3600")
    for username in ("ada", "bob"):
        answer(f"seats take Shop {username}")
    return shop


@pytest.mark.usefixtures("line")
def test_a_line_from_its_beginning_to_its_end(answer: Answer, run: Run) -> None:
    """Join, look, leave; a released seat goes to the first in line."""
    assert answer("seats wait Shop cleo")["ahead"] == 0
    assert "dan waits, 1 ahead" in run("seats wait Shop dan").stdout
    assert answer("seats wait Shop dan")["reason"] == "already_waiting"
    assert [one["username"] for one in answer("seats waiting Shop")] == ["cleo", "dan"]
    assert answer("seats leave Shop cleo") == {"left": True}
    assert "does not wait" in run("seats leave Shop cleo").stdout
    run("seats release Shop ada")
    assert {one["username"]: one["state"] for one in answer("seats list Shop")} == {
        "bob": "assigned",
        "dan": "held",
    }
    assert "nobody waits" in run("seats waiting Shop").stdout
    assert "already_held" in run("seats wait Shop dan").stdout
    run("seats release Shop bob")
    assert "is offered a seat until" in run("seats wait Shop eve").stdout


def test_a_line_without_its_setting_is_none(shop: int, run: Run) -> None:
    """Exit code 4, and the setting's name."""
    result = run("seats wait Shop ada")
    assert result.exit_code == 4
    assert "SEATGUARD_OFFER_TTL" in result.stderr


@pytest.mark.usefixtures("shop")
def test_an_invitation_from_the_command_line(answer: Answer, run: Run) -> None:
    """Held for days, held again, listed, and accepted under another name."""
    first = answer("seats hold Shop ada@example.com --for 7d --email ada@example.com")
    again = answer("seats hold Shop ada@example.com --for 14d")
    assert (again["seat"]["id"], again["reason"]) == (first["seat"]["id"], "allowed")
    assert again["seat"]["until"] > first["seat"]["until"]
    (held,) = answer("seats holds Shop")
    assert (held["username"], held["email"]) == ("ada@example.com", "ada@example.com")
    assert "17 takes a seat: 1 of 2 taken" in run("seats confirm Shop ada@example.com --as 17").stdout
    assert "no seats are held" in run("seats holds Shop").stdout
    assert run("seats confirm Shop ada@example.com").exit_code == 2
