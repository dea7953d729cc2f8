"""The example of plans works as its README says: the commands there, as they stand, against its server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.examples.running import ENVIRONMENT, EXAMPLES, Spawn, read_until

EXAMPLE = EXAMPLES / "plans"
LOCAL = "http://127.0.0.1:5000"


def blocks() -> list[str]:
    """The README's shell commands after those that install and start."""
    return re.findall(r"```shell\n(.*?)```", (EXAMPLE / "README.md").read_text(), re.DOTALL)[1:]


def answers(lines: str) -> list[dict[str, Any]]:
    """The JSON documents that commands have printed, one after the other."""
    found, rest = [], lines.strip()
    while rest:
        document, end = json.JSONDecoder().raw_decode(rest)
        found.append(document)
        rest = rest[end:].strip()
    return found


def test_the_commands_of_the_readme_do_what_it_says(spawn: Spawn, tmp_path: Path) -> None:
    """A plan and its user over HTTP; what the plan grants, the next request has."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    app = str(EXAMPLE / "app.py")
    url = read_until(spawn("flask", "--app", app, "run", "--port", "0", "--no-reload"), r"on (http://\S+)")
    bin_folder = Path(sys.executable).parent

    def shell(script: str) -> str:
        env = {**ENVIRONMENT, "FLASK_APP": app, "PATH": f"{bin_folder}:{ENVIRONMENT['PATH']}"}
        done = subprocess.run(
            ["sh", "-ec", script.replace(LOCAL, url)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
            env=env,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    making, planning, using, changing = blocks()
    key = shell(making + 'echo "$KEY"').strip()
    created, assigned = answers(shell(f"KEY={key}\n{planning}"))
    assert (created["slug"], assigned["plan"]["slug"]) == ("pro", "pro")
    signed_in, files, quotas, export = answers(shell(using))
    assert (signed_in, files) == ({"user": "ada"}, {"files": []})
    assert quotas["speech"]["maxConcurrentSessions"]["limit"] == 2
    assert (export["status"], export["code"]) == (402, "not_included")
    sign_in = f"curl -s -X POST {LOCAL}/signin/"
    second, third, bob = answers(shell(f"{sign_in}ada; {sign_in}ada; {sign_in}bob"))
    assert (second, third["code"], bob["code"]) == ({"user": "ada"}, "limit_reached", "not_included")
    (changed,) = answers(shell(f"KEY={key}\n{changing}"))
    assert changed["speech"]["maxConcurrentSessions"]["limit"] == 3
    assert answers(shell(f"{sign_in}ada")) == [{"user": "ada"}]
