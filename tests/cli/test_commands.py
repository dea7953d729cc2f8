"""Every command does what it says and prints it for people and for programs."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import Result

from seatguard import Seatguard
from seatguard_flask.cli import command_group

Run = Callable[..., Result]
Answer = Callable[..., Any]


def leaves(command: click.Command, *path: str) -> list[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        return [(path, command)]
    context = click.Context(command)
    found = []
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        found += leaves(inner, *path, name)
    return found


@pytest.mark.parametrize(("path", "command"), leaves(command_group()), ids=lambda value: str(value))
def test_every_command_takes_storage_and_json_and_explains_itself(
    path: tuple[str, ...], command: click.Command
) -> None:
    """The demo has its own folder instead of a storage; what looks into an app has the app."""
    options = {option for parameter in command.params for option in parameter.opts}
    assert "--json" in options
    if path not in (("reconcile",), ("doors",), ("doctor",)):
        assert ("--data" if path == ("demo",) else "--storage") in options
    assert command.help
    assert all(parameter.help for parameter in command.params if isinstance(parameter, click.Option))


def test_a_client_goes_through_its_states(answer: Answer, run: Run) -> None:
    """Added, suspended, resumed, archived, listed by state."""
    added = answer(["client", "add", "Acme Ltd", "--external-id", "crm-7"])
    assert added == {"id": added["id"], "name": "Acme Ltd", "external_id": "crm-7", "state": "active"}
    assert answer(["client", "suspend", "Acme Ltd"])["state"] == "suspended"
    assert answer(["client", "resume", "crm-7"])["state"] == "active"
    assert answer(["client", "archive", added["id"]])["state"] == "archived"
    assert answer("client list --state archived") == [{**added, "state": "archived"}]
    assert answer("client list --state active") == []
    assert run("client list").stdout.splitlines()[0].split() == ["name", "external", "id", "state", "id"]


def test_a_project_is_found_by_name_id_and_full_name(answer: Answer, run: Run, shop: int) -> None:
    """Where a name is not enough, the message names the choices."""
    project = answer("project list")[0]
    for named in ("Shop", "Acme/Shop", "crm-7/Shop", project["id"]):
        assert answer(["project", "domain-add", named, "www.example.com"])["domains"] == [
            "shop.example.com",
            "www.example.com",
        ]
    answer("client add Globex")
    answer("project add Globex Shop")
    ambiguous = run("key list Shop")
    assert ambiguous.exit_code == 2
    assert ambiguous.stderr.startswith("project: 'Shop' names 2 projects")
    assert "Acme/Shop, Globex/Shop" in ambiguous.stderr
    assert answer(["project", "list", "--client", "Globex"])[0]["project"] == "Globex/Shop"


def test_a_service_is_added_limited_renewed_and_suspended(answer: Answer, run: Run, shop: int) -> None:
    """And its plan's limit comes back when its own is taken away."""
    assert answer("plan set team --seats 5 --name Team")["version"] == 1
    service = answer(
        "service add Shop --plan team --limit 9 --type mobile --starts 2026-01-01 --timezone Asia/Tokyo"
    )
    assert (service["limit"], service["type"], service["expiry"], service["timezone"]) == (
        9,
        "mobile",
        None,
        "Asia/Tokyo",
    )
    number = str(service["service_id"])
    assert answer(["service", "limit", number, "unlimited"])["limit"] is None
    assert answer(["service", "limit", number, "7"])["limit"] == 7
    assert answer(["service", "limit", number, "--of-plan"])["limit"] == 5
    assert answer("plan set team --seats 6")["version"] == 2
    assert answer(["service", "renew", number, "2099-01-31"])["expiry"] == "2099-01-31"
    assert answer(["service", "renew", number, "never"])["expiry"] is None
    assert answer(["service", "suspend", number])["state"] == "suspended"
    assert answer(["service", "resume", service["id"]])["state"] == "active"
    assert [row["limit"] for row in answer("service list --project Shop")] == [2, 6]
    assert "unlimited" not in run("service list").stdout
    assert run(["service", "limit", number]).exit_code == 2
    assert run(["service", "limit", number, "5", "--of-plan"]).exit_code == 2


def test_a_plan_may_leave_its_present_subscribers_alone(answer: Answer, shop: int) -> None:
    """`--apply-to new` is for new services only."""
    answer("plan set team --seats 5")
    answer("service add Shop --plan team --type mobile")
    answer("plan set team --seats unlimited --apply-to new")
    assert answer("plan list") == [
        {"slug": "team", "name": "team", "seats": None, "version": 2, "active": True}
    ]
    assert answer("service list")[1]["limit"] == 5


def test_a_key_is_shown_once(answer: Answer, run: Run, shop: int) -> None:
    """Created and rotated keys are printed; lists hold their beginning only."""
    created = answer("key create Shop")
    assert created["api_key"].startswith(created["prefix"])
    printed = run("key create Shop --mode test").stdout
    assert printed.startswith("sg_test_")
    assert "shown once" in printed
    rotated = answer(["key", "rotate", created["prefix"], "--overlap", "0"])
    assert rotated["api_key"] != created["api_key"]
    assert answer(["key", "revoke", rotated["id"]])["state"] == "revoked"
    listed = run("key list Shop --json").stdout
    assert created["api_key"] not in listed
    assert [key["state"] for key in json.loads(listed)] == ["ended", "live", "revoked"]


def test_a_third_live_key_is_refused(answer: Answer, run: Run, shop: int) -> None:
    """A conflict is a refusal: exit code 1 and its code."""
    answer("key create Shop")
    answer("key create Shop")
    refused = run("key create Shop")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("refused: too_many_keys: ")


def test_seats_are_taken_moved_and_freed(answer: Answer, run: Run, shop: int) -> None:
    """The same verbs as in the API, with the same reasons."""
    assert answer("seats take Shop ada --email ada@example.com")["reason"] == "allowed"
    assert answer("seats take Shop Ada")["reason"] == "already_held"
    assert run("seats take Shop bob").stdout == "bob takes a seat: 2 of 2 taken\n"
    full = run("seats take Shop cy --json")
    assert full.exit_code == 1
    assert json.loads(full.stdout) == {
        "allowed": False,
        "reason": "limit_reached",
        "service_id": shop,
        "limit": 2,
        "current": 2,
        "held": 0,
        "seat": None,
    }
    refused = run("seats take Shop cy")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("refused: limit_reached: no seat is free (2 of 2 taken")
    assert answer("seats transfer Shop bob cy")["seat"]["username"] == "cy"
    assert run("seats transfer Shop cy ada").exit_code == 1
    assert [seat["username"] for seat in answer("seats list Shop")] == ["ada", "cy"]
    assert answer("seats release Shop ada")["current"] == 1
    assert answer("seats release Shop ada")["reason"] == "not_held"
    assert answer("seats sweep") == {"swept": 0, "purged": 0}


def test_sweeping_lets_old_replies_go(answer: Answer, storage: str) -> None:
    """What was kept under an idempotency key goes after its day; what is younger stays."""
    now = dt.datetime.now(dt.UTC)
    for age, key in ((dt.timedelta(days=2), "old"), (dt.timedelta(hours=1), "young")):
        engine = Seatguard.open(storage, clock=lambda at=now - age: at)
        engine.idempotency.begin(engine.actor("test", "sweep"), route="take", key=key, body=b"")
        engine.close()
    assert answer("seats sweep") == {"swept": 0, "purged": 1}
    assert answer("seats sweep") == {"swept": 0, "purged": 0}


def test_a_limit_below_use_is_refused_with_both_numbers(answer: Answer, run: Run, shop: int) -> None:
    """Unless it is allowed explicitly; then the users stay."""
    for user in ("ada", "bob"):
        answer(["seats", "take", "Shop", user])
    refused = run(["service", "limit", str(shop), "1"])
    assert refused.exit_code == 1
    assert "refused: limit_below_usage" in refused.stderr
    assert "(2 taken, 1 allowed)" in refused.stderr
    lowered = answer(["service", "limit", str(shop), "1", "--over-limit", "allow"])
    assert (lowered["limit"], lowered["current"]) == (1, 2)


MANIFEST = """
[[clients]]
name = "Acme"
[[clients.projects]]
name = "Shop"
domains = ["shop.example.com"]
[[clients.projects.services]]
limit = 1
[[clients.projects.services.users]]
username = "ada"
"""


def test_a_file_is_applied_and_its_keys_are_printed_once(run: Run, tmp_path: Path) -> None:
    """The second time there is nothing to do and nothing to print."""
    file = tmp_path / "seats.toml"
    file.write_text(MANIFEST)
    planned = run(["apply", str(file), "--dry-run"])
    assert planned.stdout.endswith("5 changes would be made, 0 refused\n")
    assert "sg_live_" not in planned.stdout
    first = run(["apply", str(file)])
    assert first.exit_code == 0
    assert first.stdout.count("sg_live_") == 1
    assert first.stdout.endswith("5 changes made, 0 refused\n")
    again = run(["apply", str(file), "--json"])
    assert json.loads(again.stdout) == {
        "dry_run": False,
        "changes": [],
        "refusals": [],
        "kept": [],
        "new_keys": [],
    }


def test_a_refusal_in_a_file_ends_with_1_and_the_rest_is_done(
    run: Run, answer: Answer, tmp_path: Path
) -> None:
    """The refusal is printed with its reason; the user before it sits."""
    file = tmp_path / "seats.toml"
    file.write_text(MANIFEST + '[[clients.projects.services.users]]\nusername = "bob"\n')
    result = run(["apply", str(file)])
    assert result.exit_code == 1
    assert "refused  user.seated: Acme / Shop / web / bob: no seat is free" in result.stdout
    assert [seat["username"] for seat in answer("seats list Shop")] == ["ada"]


def test_an_export_is_applied_to_an_empty_store(run: Run, tmp_path: Path) -> None:
    """Through a pipe or a file, as TOML or JSON, it gives the same export."""
    file = tmp_path / "seats.toml"
    file.write_text(MANIFEST)
    run(["apply", str(file)])
    toml, as_json = run("export").stdout, run("export --format json").stdout
    assert run("export --json").stdout == as_json
    for index, text in enumerate((toml, as_json)):
        other = f"sqlite:///{tmp_path / f'other{index}.db'}"
        assert run("apply -", storage=other, input=text).exit_code == 0
        assert run("export", storage=other).stdout == toml


def test_bad_input_is_told_by_field_and_changes_nothing(run: Run, answer: Answer, tmp_path: Path) -> None:
    """`field: message`, one a line, exit code 2, no traceback."""
    file = tmp_path / "seats.toml"
    file.write_text('plans = [{slug = "Team", seat = 1}]')
    result = run(["apply", str(file)])
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "plans[0].slug: 'Team' is not a slug: use lower-case letters, digits and single hyphens, at most 64",
        "plans[0].seat: is no known key; did you mean 'seats'?",
    ]
    as_json = run(["apply", str(file), "--json"])
    assert json.loads(as_json.stderr)["problems"][0]["field"] == "plans[0].slug"
    assert answer("plan list") == []
    assert run("client suspend nobody").stderr == "no client 'nobody'\n"
    assert run("service renew 7 never").exit_code == 2
    assert run("service renew 7 tomorrow").exit_code == 2
    assert run("service limit 7 -- -1").exit_code == 2
    assert run(["seats", "take", "Shop", "ada "]).exit_code == 2


def test_a_management_key_is_made_rotated_and_revoked(run: Run, answer: Callable[..., Any]) -> None:
    """It is shown once, names its scopes, and is found by its beginning or its id."""
    made = answer("key create --management --scope admin:clients:read --scope admin:seats:* --name ci")
    assert made["api_key"].startswith(made["prefix"])
    assert made["prefix"].startswith("sg_mgmt_")
    assert made["scopes"] == ["admin:clients:read", "admin:seats:*"]
    new = answer(["key", "rotate", made["prefix"], "--overlap", "1h"])
    assert new["api_key"] != made["api_key"]
    assert answer(["key", "revoke", made["id"]])["state"] == "revoked"
    listed = answer("key list --management")
    assert [(one["id"], one["state"], one["name"]) for one in listed] == [
        (made["id"], "revoked", "ci"),
        (new["id"], "live", "ci"),
    ]
    assert made["api_key"] not in str(listed)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("key create", "name a project, or give --management"),
        ("key create Shop --management --scope admin:clients:read", "name a project, or give --management"),
        ("key create Shop --scope admin:clients:read", "go with --management"),
        ("key create --management", "must name at least one scope"),
        ("key create --management --scope admin:client:read", "did you mean"),
        ("key list", "name a project, or give --management"),
        ("key revoke sg_mgmt_none", "no key 'sg_mgmt_none'"),
        ("key revoke 018bcfe5-6800-7000-8000-000000000000", "no key '018bcfe5"),
    ],
)
def test_a_wrong_command_about_keys_says_what_is_wrong(run: Run, line: str, told: str) -> None:
    """And makes nothing."""
    result = run(line)
    assert result.exit_code == 2
    assert told in result.stderr
