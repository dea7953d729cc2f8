"""The demo and the server: real processes on real ports."""

from __future__ import annotations

import json
import re
import signal
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import Result

from seatguard_flask.cli import serving

Run = Callable[..., Result]
Start = Callable[..., "subprocess.Popen[str]"]

PLAIN = (
    "from seatguard_flask.cli import main, serving\n"
    "serving.has_gunicorn = lambda: False  # as if the extra were not installed\n"
    "main()"
)
WITH_GUNICORN = "from seatguard_flask.cli import main; main()"


def first_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"ended with {process.wait()}"
    facts: dict[str, Any] = json.loads(line)
    return facts


def post(facts: dict[str, Any], route: str, **more: str) -> tuple[int, dict[str, Any]]:
    response = requests.post(
        f"{facts['url']}/api/v1/{route}",
        json={"api_key": facts["api_key"], "domain": facts["domain"], **more},
        timeout=10,
    )
    return response.status_code, response.json()


@pytest.mark.parametrize("code", [WITH_GUNICORN, PLAIN], ids=["gunicorn", "werkzeug"])
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_demo_serves_what_its_first_line_says(
    start: Start, tmp_path: Path, code: str, end: signal.Signals
) -> None:
    """One line of JSON, then the documented answers, then a clean end."""
    demo = start("demo", "--port", "0", "--data", str(tmp_path / "demo"), "--json", code=code)
    facts = first_line(demo)
    assert (facts["domain"], facts["limit"], facts["current"]) == ("yourdomain.com", 100, 45)
    status, body = post(facts, "validate-subscription")
    assert status == 200
    assert body["data"]["service_id"] == facts["service_id"]
    assert (body["data"]["type"], body["data"]["limit"], body["data"]["current"]) == ("standard", 100, 45)
    status, body = post(facts, "register-user", username="john_doe", email="john@example.com")
    assert (status, body["data"]["new_count"]) == (200, 46)
    demo.send_signal(end)
    assert demo.wait(20) == 0


def test_the_demo_lets_its_administrator_in(start: Start, tmp_path: Path) -> None:
    """The printed name and password open the admin pages; the password is made at random."""
    facts = first_line(start("demo", "--port", "0", "--data", str(tmp_path / "demo"), "--json"))
    browser = requests.Session()
    form = browser.get(facts["admin_url"], timeout=10)
    assert form.url.endswith("/seatguard/sign-in")
    token = re.search(r'name="csrf_token" value="([^"]+)"', form.text)
    assert token is not None
    fields = {"csrf_token": token[1], "name": facts["admin_user"], "password": facts["admin_password"]}
    page = browser.post(form.url, data=fields, timeout=10)
    assert page.url == facts["admin_url"]
    assert "Dashboard Overview" in page.text
    assert len(facts["admin_password"]) >= 20


def test_serving_the_pages_wants_a_strong_secret(start: Start, storage: str) -> None:
    """Without the variable, or with a short one, nothing listens; with it the address is told."""
    start("client", "list", "--storage", storage).wait(20)
    for secret in ("", "short"):
        refused = start("serve", "--admin", "--port", "0", "--storage", storage, SECRET_KEY=secret)
        assert refused.wait(20) == 4
    secret = "0123456789abcdef" * 4
    arguments = ("serve", "--admin", "--port", "0", "--storage", storage, "--json")
    facts = first_line(start(*arguments, SECRET_KEY=secret))
    assert requests.get(facts["admin_url"], timeout=10).status_code == 200


def test_a_second_demo_goes_on_where_the_first_ended(start: Start, tmp_path: Path) -> None:
    """Same key, same seats; the secrets are files of the user alone."""
    folder = tmp_path / "demo"
    arguments = ("demo", "--port", "0", "--data", str(folder), "--json")
    first = start(*arguments)
    facts = first_line(first)
    post(facts, "register-user", username="john_doe")
    first.terminate()
    assert first.wait(20) == 0
    again = first_line(start(*arguments))
    assert again == {**facts, "url": again["url"], "admin_url": again["admin_url"], "current": 46}
    for name in ("api-key", "journal-key", "admin-password", "secret-key"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_a_demo_whose_key_is_lost_makes_another(start: Start, tmp_path: Path) -> None:
    """A store cannot show a key again, so a new one is made, as often as it takes."""
    folder = tmp_path / "demo"
    keys = set()
    for _ in range(3):
        demo = start("demo", "--port", "0", "--data", str(folder), "--json")
        facts = first_line(demo)
        keys.add(facts["api_key"])
        assert post(facts, "validate-subscription")[0] == 200
        demo.terminate()
        demo.wait(20)
        (folder / "api-key").unlink()
    assert len(keys) == 3


def test_a_demo_leaves_other_data_alone(run: Run, tmp_path: Path, shop: int) -> None:
    """A folder with somebody's own store is refused, not filled with samples."""
    result = run(["demo", "--data", str(tmp_path)], storage=None)
    assert result.exit_code == 2
    assert "data: the folder holds other data" in result.stderr


def test_a_demo_for_people_tells_what_to_try(start: Start, tmp_path: Path) -> None:
    """The page holds both calls, the numbers and the folder."""
    folder = tmp_path / "demo"
    demo = start("demo", "--port", "0", "--data", str(folder))
    assert demo.stdout is not None
    page = ""
    while "openapi.json" not in page:
        line = demo.stdout.readline()
        assert line, "the page ended early"
        page += line
    for piece in ("45 of the 100 seats", "validate-subscription", "register-user", str(folder), "sg_live_"):
        assert piece in page


@pytest.mark.parametrize("data", ["file", "file/inside", "what?"])
def test_a_folder_that_is_none_is_told(run: Run, tmp_path: Path, data: str) -> None:
    """Code 2, by field."""
    (tmp_path / "file").touch()
    result = run(["demo", "--data", str(tmp_path / data)], storage=None)
    assert result.exit_code == 2
    assert result.stderr.startswith("data: ")


def test_serve_serves_the_storage(start: Start, storage: str, answer: Callable[..., Any], shop: int) -> None:
    """Two processes on one file, and the settings of the environment."""
    key = answer("key create Shop")["api_key"]
    server = start("serve", "--storage", storage, "--port", "0", "--json", SEATGUARD_URL_PREFIX="/seats")
    facts = first_line(server)
    assert facts["workers"] == 2
    response = requests.post(
        f"{facts['url']}/seats/register-user",
        json={"api_key": key, "domain": "shop.example.com", "username": "ada"},
        timeout=10,
    )
    assert (response.status_code, response.json()["data"]["new_count"]) == (200, 1)
    server.terminate()
    assert server.wait(20) == 0


def test_a_taken_port_is_told(run: Run, storage: str) -> None:
    """Before anything is served, by field."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        result = run(["serve", "--port", str(listener.getsockname()[1])])
    assert result.exit_code == 2
    assert result.stderr.startswith("port: 127.0.0.1:")


@pytest.mark.parametrize(
    ("storage", "more", "code"),
    [
        ("memory:", [], 4),
        ("postgresql://nobody@127.0.0.1:1/none", [], 3),
        (None, [], 4),
        ("sqlite:///x.db", ["--gate", "postgresql://localhost/x"], 4),
        ("sqlite:///x.db", ["--gate", "redis://127.0.0.1:1"], 3),
    ],
)
def test_a_server_that_could_not_work_does_not_start(
    run: Run, storage: str | None, more: list[str], code: int
) -> None:
    """Several processes on memory would sell a seat several times; a dead store is told at once."""
    assert run(["serve", "--port", "0", *more], storage=storage).exit_code == code


def test_serve_without_gunicorn_tells_the_line_to_type(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence."""
    monkeypatch.setattr(serving, "has_gunicorn", lambda: False)
    result = run("serve")
    assert result.exit_code == 4
    assert result.stderr == "serve needs gunicorn: run pip install 'seatguard[server]'\n"
