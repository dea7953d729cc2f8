"""Examples as processes, as in their READMEs, and examples as modules, to look inside."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("SEATGUARD_", "FLASK_"))},
    "PYTHONPATH": str(ROOT),
    "PYTHONUNBUFFERED": "1",
}

Spawn = Callable[..., "subprocess.Popen[str]"]


def read_until(process: subprocess.Popen[str], pattern: str) -> str:
    """What the pattern's group matches in the first line it is found in."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        found = re.search(pattern, line)
        if found:
            return found[1]
    raise AssertionError(f"the server ended without saying {pattern}:\n{seen}")


def load(example: str) -> Any:
    """The module `app.py` of an example; its database lies in the current folder."""
    name = f"example_{example}_{uuid.uuid4().hex}"
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / example / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # Flask looks there for the folder of the templates
    spec.loader.exec_module(module)
    module.app.testing = True
    return module


def seated(example: Any, project: str = "acme") -> list[str]:
    """Whom the register has in a project."""
    with example.app.app_context():
        page = example.seats.engine.seats.list(example.seats.actor, example.seats.where(project), limit=200)
        return [seat.holder for seat in page.items]


def check(example: Any, *counting: Any, project: str = "acme") -> int:
    """The number of users that count, after it agreed with the register, and the register with itself."""
    with example.app.app_context():
        users = example.db.session.scalars(select(example.User.id).where(*counting)).all()
        assert sorted(seated(example, project)) == sorted(str(user) for user in users)
        assert example.seats.check(project).facts.usage.live == len(users)
        assert list(example.seats.engine.verify(example.seats.actor)) == []
        assert list(example.seats.engine.journal.verify(example.seats.actor)) == []
        return len(users)


def rows(example: Any) -> int:
    """How many users the example's own table has, counting or not."""
    with example.app.app_context():
        return example.db.session.scalar(select(func.count()).select_from(example.User)) or 0
