"""The sign-up example: three doors, five seats, one sentence."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from tests.examples.running import ENVIRONMENT, EXAMPLES, Spawn, check, read_until, rows

FULL = "All 5 seats are taken. Remove a user, or ask for more seats."


@pytest.fixture
def signup(example: Any) -> Any:
    return example("flask_sqlalchemy_signup")


def sign_up(signup: Any, name: str) -> Any:
    return signup.app.test_client().post("/sign-up", data={"name": name, "password": "secret"})


def import_users(signup: Any, *names: str, options: tuple[str, ...] = ()) -> Any:
    Path("users.csv").write_text("name,password\n" + "".join(f"{name},secret\n" for name in names))
    return signup.app.test_cli_runner().invoke(args=["import-users", *options, "users.csv"])


def as_admin(signup: Any) -> FlaskClient:
    imported = import_users(signup, "root", options=("--admin",))
    assert imported.exit_code == 0, imported.output
    client: FlaskClient = signup.app.test_client()
    assert client.post("/log-in", data={"name": "root", "password": "secret"}).status_code == 302
    return client


def counted(signup: Any) -> int:
    return check(signup, signup.User.is_active)


def test_every_door_is_refused_with_the_same_sentence(signup: Any) -> None:
    """Sign-up, an admin's form, switching on and an import: at five none of them makes a sixth."""
    admin = as_admin(signup)
    assert admin.post("/users/new", data={"name": "ada", "password": "secret"}).status_code == 302
    assert import_users(signup, "bob", "cleo").output == "2 users were created.\n"
    assert admin.post("/users/2/off").status_code == 302
    assert [sign_up(signup, name).status_code for name in ("dora", "eve")] == [302, 302]
    assert counted(signup) == 5

    refused = [
        sign_up(signup, "late"),
        admin.post("/users/new", data={"name": "late", "password": "secret"}),
        admin.post("/users/2/on"),
    ]
    for answer in refused:
        assert answer.status_code == 402
        assert FULL in answer.text
    imported = import_users(signup, "late")
    assert (imported.exit_code, imported.output) == (1, f"Error: {FULL}\n")
    assert (counted(signup), rows(signup)) == (5, 6)


def test_a_seat_that_was_freed_is_given_again(signup: Any) -> None:
    """Deleting and switching off each make room for one, and only one."""
    admin = as_admin(signup)
    for name in ("ada", "bob", "cleo", "dora"):
        sign_up(signup, name)
    for number, action in enumerate(("delete", "off")):
        assert admin.post(f"/users/{number + 2}/{action}").status_code == 302
        assert sign_up(signup, f"new{number}").status_code == 302
        assert sign_up(signup, "late").status_code == 402
        assert counted(signup) == 5


def test_an_import_is_all_or_nothing(signup: Any) -> None:
    """Two seats are free and three users come: nobody is created, nobody sits."""
    import_users(signup, "ada", "bob", "cleo")
    refused = import_users(signup, "dora", "eve", "fay")
    assert FULL in refused.output
    assert counted(signup) == rows(signup) == 3


def test_a_taken_name_costs_no_seat(signup: Any) -> None:
    """The database refuses the row, and the transaction takes the seat with it."""
    sign_up(signup, "ada")
    answer = sign_up(signup, "ada")
    assert answer.status_code == 302
    assert "A name is taken." in import_users(signup, "bob", "ada").output
    assert counted(signup) == rows(signup) == 1


def test_members_of_a_full_team_still_log_in(signup: Any) -> None:
    """A full register hinders nobody who sits; who is switched off cannot come in."""
    admin = as_admin(signup)
    for name in ("ada", "bob", "cleo", "dora"):
        sign_up(signup, name)
    member = signup.app.test_client()
    assert member.post("/log-in", data={"name": "ada", "password": "secret"}).status_code == 302
    assert "dora" in member.get("/").text
    assert member.post("/users/3/delete").status_code == 403
    admin.post("/users/2/off")
    assert member.post("/log-in", data={"name": "ada", "password": "secret"}).status_code == 200


def test_thirty_sign_ups_at_once_against_a_real_server(spawn: Spawn, tmp_path: Path) -> None:
    """Five get in, twenty-five read the sentence, and an import beside the server is refused with it."""
    app = str(EXAMPLES / "flask_sqlalchemy_signup" / "app.py")
    server = spawn("flask", "--app", app, "run", "--port", "0", "--no-reload")
    url = read_until(server, r"Running on (http://\S+)")
    barrier = threading.Barrier(30)

    def attempt(number: int) -> tuple[int, str]:
        barrier.wait()
        answer = requests.post(
            f"{url}/sign-up", data={"name": f"user{number}", "password": "secret"}, timeout=60
        )
        return answer.status_code, answer.text

    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(attempt, range(30)))
    welcomed = [text for status, text in answers if status == 200]
    refused = [text for status, text in answers if status == 402]
    assert (len(welcomed), len(refused)) == (5, 25)
    assert all("<h1>Team</h1>" in text for text in welcomed)
    assert all(FULL in text for text in refused)

    def flask(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "flask", "--app", app, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=ENVIRONMENT,
            timeout=60,
        )

    imported = flask("import-users", str(Path(app).with_name("users.csv")))
    assert (imported.returncode, imported.stderr) == (1, f"Error: {FULL}\n")
    listed = flask("seatguard", "service", "list").stdout
    assert re.search(r"acme\S*\s+\S+\s+live\s+5\s+5\s+0", listed), listed
    assert flask("seatguard", "verify").returncode == 0
    assert flask("seatguard", "audit", "verify").returncode == 0
