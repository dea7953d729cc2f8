"""What does not hold is found, named, and told by the exit code."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from seatguard import Seatguard
from seatguard.testing import FrozenClock

Run = Callable[..., Result]
Answer = Callable[..., Any]

KEY = {"SEATGUARD_JOURNAL_KEY": "0123456789abcdef0123456789abcdef"}


@pytest.fixture
def tamper(tmp_path: Path) -> Callable[[str], None]:
    """Change the database behind Seatguard's back."""

    def tamper(statement: str) -> None:
        with closing(sqlite3.connect(tmp_path / "seats.db")) as connection:
            assert connection.execute(statement).rowcount > 0
            connection.commit()

    return tamper


def test_a_whole_journal_verifies(run: Run, shop: int) -> None:
    """With code 0, and with a word about what was not checked."""
    result = run("audit verify")
    assert result.exit_code == 0
    assert "every chain is whole" in result.stdout
    assert "SEATGUARD_JOURNAL_KEY" in result.stdout
    assert json.loads(run("audit verify --json", env=KEY).stdout) == {
        "ok": True,
        "findings": [],
        "checkpoints_checked": True,
        "last_checkpoint": None,
    }


def test_an_altered_entry_is_named(
    run: Run, answer: Answer, shop: int, tamper: Callable[[str], None]
) -> None:
    """The first bad entry, in words and in JSON, with code 1."""
    answer("seats take Shop ada")
    answer("seats take Shop bob")
    taken = answer("audit search --kind seat.taken --oldest-first")
    tamper(f"UPDATE seatguard_entry SET kind = 'seat.given' WHERE id = '{taken[0]['id']}'")
    result = run("audit verify")
    assert result.exit_code == 1
    assert f"First bad: entry {taken[0]['id']} of subscription" in result.stdout
    found = json.loads(run("audit verify --json").stdout)
    assert found["ok"] is False
    assert found["findings"][0]["what"] == "altered"
    assert found["findings"][0]["entry"] == taken[0]["id"]


def test_a_checkpoint_is_signed_and_checked(run: Run, answer: Answer, shop: int) -> None:
    """With the key of the environment; another key is a finding, no key is a wrong set-up."""
    assert run("audit checkpoint").exit_code == 4
    assert "Checkpoint 1 signed" in run("audit checkpoint", env=KEY).stdout
    assert "Nothing has moved" in run("audit checkpoint", env=KEY).stdout
    assert "Last checkpoint: number 1" in run("audit verify", env=KEY).stdout
    other = run("audit verify --json", env={"SEATGUARD_JOURNAL_KEY": "f" * 32})
    assert other.exit_code == 1
    assert json.loads(other.stdout)["findings"][0]["what"] == "checkpoint_of_another_key"


def test_entries_are_searched_and_exported(run: Run, answer: Answer, shop: int, tmp_path: Path) -> None:
    """By kind, user, time; the export is JSON lines, and on record itself."""
    answer("seats take Shop ada")
    answer("seats take Shop bob")
    assert [entry["person"]["holder"] for entry in answer("audit search --user Ada")] == ["ada"]
    assert len(answer("audit search --kind seat. --limit 1")) == 1
    assert answer("audit search --until 2020-01-01") == []
    assert answer("audit search --since 2020-01-01T00:00:00Z --kind client.")[0]["kind"] == "client.added"
    assert run("audit search --since yesterday").exit_code == 2
    lines = run("audit export --kind seat.").stdout.splitlines()
    assert [json.loads(line)["person"]["holder"] for line in lines] == ["ada", "bob"]
    file = tmp_path / "journal.jsonl"
    assert "entries written" in run(["audit", "export", "--output", str(file)]).stdout
    assert "journal.exported" in file.read_text()
    assert run(["audit", "export", "--output", str(tmp_path / "no" / "folder")]).exit_code == 2


def test_a_person_is_erased_after_the_seat_is_free(run: Run, answer: Answer, shop: int) -> None:
    """Names go, the chain stays whole."""
    answer("seats take Shop grace.hopper")
    refused = run("audit erase grace.hopper")
    assert refused.exit_code == 1
    assert "still_seated" in refused.stderr
    answer("seats release Shop grace.hopper")
    assert answer("audit erase grace.hopper") == {
        "erased": True,
        "reason": "allowed",
        "seats": 0,
        "entries": 2,
    }
    assert "grace.hopper" not in run("audit search --json").stdout
    assert run("audit verify").exit_code == 0


def test_a_wrong_counter_is_found_and_repaired(
    run: Run, answer: Answer, shop: int, tamper: Callable[[str], None]
) -> None:
    """Code 1 for the finding, also when it was repaired; code 0 afterwards."""
    answer("seats take Shop ada")
    assert "agrees" in run("verify").stdout
    tamper("UPDATE seatguard_subscription SET live = 2")
    found = run("verify --json")
    assert found.exit_code == 1
    (row,) = json.loads(found.stdout)["findings"]
    assert (row["service_id"], row["project"], row["counter"], row["seats"]) == (shop, "Acme/Shop", 2, 1)
    repaired = run("verify --repair")
    assert repaired.exit_code == 1
    assert "yes" in repaired.stdout
    assert run("verify").exit_code == 0
    assert answer("seats take Shop bob")["current"] == 2
    assert run("audit verify").exit_code == 0


def test_archived_entries_are_read_and_verified_in_their_file(
    storage: str, run: Run, answer: Answer, shop: int, tmp_path: Path
) -> None:
    """Moved, verified alone and together, searched, exported, erased; and said where they are missing."""
    file = tmp_path / "journal.ndjson.gz"
    long_ago = FrozenClock(dt.datetime(2020, 6, 1, tzinfo=dt.UTC))
    engine = Seatguard.open(storage, clock=long_ago)
    me = engine.actor("test", "past")
    client = engine.clients.add(me, name="Elder")
    project = engine.projects.add(me, client.id, name="Elders", domains=("elders.example",))
    engine.subscriptions.add(me, project.id, limit=5)
    for user in ("ada", "bob"):
        engine.seats.take(me, engine.where(project.id), user).require()
    engine.seats.release(me, engine.where(project.id), "bob").require()
    engine.close()

    made = answer(f"journal archive --before 2021-01-01 --to {file}")
    assert made["entries"] == 3
    assert answer(f"journal archive --before 2021-01-01 --to {file}") == made
    assert "were not checked: add --archive FILE" in run("audit verify").stdout
    told = run(f"audit verify --archive {file}", env=KEY)
    assert told.exit_code == 0
    assert "not checked" not in told.stdout
    assert [one["kind"] for one in answer(f"audit search --kind seat. --from {file}")] == ["seat.taken"] * 2
    assert answer("audit search --kind seat.taken --user ada") == []
    assert "Entries before 2021-01-01 are archived" in run("audit search --kind seat.taken --user ada").stdout
    assert len(run(f"audit export --user ada --from {file}").stdout.splitlines()) == 1

    assert "Archives may name them still" in run("audit erase bob").stdout
    assert answer(f"audit erase bob --archive {file}")["archived"] == 1
    assert answer(f"audit search --user bob --from {file}") == []
    assert run(f"audit verify --archive {file}").exit_code == 0

    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    broken = run(f"audit verify --archive {file}")
    assert broken.exit_code == 2
    assert "is no archive of a journal, or not all of one" in broken.stderr
    late = run(f"journal archive --before {dt.date.today()} --to {tmp_path / 'new.gz'}")
    assert late.exit_code == 2
    assert "entries of the last 31 days are still needed" in late.stderr
