"""Terms, add-ons, what-if and changes agreed on for later, from the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from click.testing import Result

Run = Callable[..., Result]
Answer = Callable[..., Any]


def test_terms_of_a_service_change(answer: Answer, run: Run, shop: int) -> None:
    """What is left out stays; what cannot be used is told with exit code 2."""
    changed = answer(f"service terms {shop} --overage +1 --timezone Asia/Tokyo")
    assert (changed["cap"], changed["timezone"]) == (changed["limit"] + 1, "Asia/Tokyo")
    assert answer(f"service terms {shop} --starts 2027-01-01")["cap"] == changed["cap"]
    assert run(f"service terms {shop} --overage 5").exit_code == 2


def test_an_addon_adds_its_seats(answer: Answer, run: Run, shop: int) -> None:
    """So many of it, and none again; what is not sold is refused."""
    assert run("apply -", input='addons = [{slug = "pack", seats = 5}]').exit_code == 0
    before = answer("service list")[0]["limit"]
    assert answer(f"service addon {shop} pack 2")["limit"] == before + 10
    assert answer(f"service addon {shop} pack 0")["limit"] == before
    assert run(f"service addon {shop} other 1").exit_code != 0


def test_what_another_limit_would_mean(answer: Answer, run: Run, shop: int) -> None:
    """The numbers, for programs and for people."""
    answer("seats take Shop ada")
    told = answer(f"service what-if {shop} --limit 0")
    assert (told["live"], told["over"], told["refused"], told["given"]) == (1, 1, 1, 1)
    assert sum(told["refused_by_month"].values()) == 1
    assert "refused" in run(f"service what-if {shop} --expiry never").stdout


def test_a_change_is_scheduled_listed_and_called_off(answer: Answer, run: Run, shop: int) -> None:
    """It waits for its instant; called off it is not made."""
    made = answer(f"change schedule {shop} limit 7 --at 2099-01-01 --policy block")
    assert (made["value"], made["policy"], made["state"]) == (7, "block", "pending")
    assert answer("change apply-due") == []
    assert answer(f"change list --service {shop} --state pending") == [made]
    assert answer(["change", "cancel", made["id"]])["state"] == "canceled"
    assert answer("change list --state pending") == []
    for wrong in ("limit many --at 2099-01-01", "limit 5 --at 2001-01-01", "expiry soon --at 2099-01-01"):
        assert run(f"change schedule {shop} {wrong}").exit_code == 2
    assert "nothing is due" in run("change apply-due").stdout
