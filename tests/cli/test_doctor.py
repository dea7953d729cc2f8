"""`flask seatguard doctor`: it finds each planted problem, and nothing in a healthy application."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, abort
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import create_engine, text
from sqlalchemy.orm import DeclarativeBase
from werkzeug.middleware.proxy_fix import ProxyFix

from seatguard import Seatguard as Engine
from seatguard.testing import FrozenClock
from seatguard_flask import Seatguard
from seatguard_flask.doctor import CHECKS

HEALTHY = {
    "SECRET_KEY": "0f4cb9e0c1d27a55b3e1f6a8d9",
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "PREFERRED_URL_SCHEME": "https",
    "TRUSTED_HOSTS": [".acme.example"],
}

ENV_PY = "context.configure(connection=connection, target_metadata=metadata{})\n"


class Host:
    """An application as it should be, unless told otherwise."""

    def __init__(self, folder: Path, *, engine: Engine | None = None, **config: Any) -> None:
        url = f"sqlite:///{folder / 'shop.db'}"
        self.app = Flask("shop", instance_path=str(folder / "instance"))
        self.app.config |= HEALTHY | {"SEATGUARD_STORAGE_URI": url, "SQLALCHEMY_DATABASE_URI": url} | config
        (folder / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/migrations\n")
        (folder / "migrations").mkdir(exist_ok=True)
        self.env = folder / "migrations" / "env.py"
        self.env.write_text(ENV_PY.format(", include_name=include_name"))
        LoginManager(self.app)
        SQLAlchemy(self.app, model_class=type("Base", (DeclarativeBase,), {}))
        self.seats = Seatguard(self.app, engine=engine)
        self.app.wsgi_app = ProxyFix(self.app.wsgi_app, x_host=1)  # type: ignore[method-assign]

        @self.app.post("/users")
        @self.seats.consume()
        def users() -> str:
            return "made"

    def run(self, *arguments: str, **environ: str) -> Any:
        return self.app.test_cli_runner().invoke(
            args=["seatguard", "doctor", *arguments],
            env={"WEB_CONCURRENCY": None, "GUNICORN_CMD_ARGS": None, **environ},
        )

    def findings(self, *arguments: str, **environ: str) -> list[dict[str, Any]]:
        told = self.run("--json", *arguments, **environ)
        answer = json.loads(told.stdout)
        assert answer["ok"] == (not answer["findings"])
        assert told.exit_code == (1 if answer["findings"] else 0)
        found: list[dict[str, Any]] = answer["findings"]
        return found

    def found(self, *arguments: str, **environ: str) -> list[str]:
        return [one["check"] for one in self.findings(*arguments, **environ)]

    def close(self) -> None:
        with self.app.app_context():
            if self.app.config["SEATGUARD_STORAGE_URI"].startswith("sqlite"):
                self.seats.engine.close()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Host]]:
    """`host(SECRET_KEY="dev")`: the application, with some of its settings changed."""
    monkeypatch.chdir(tmp_path)
    made: list[Host] = []

    def make(**config: Any) -> Host:
        made.append(Host(tmp_path, **config))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_healthy_application_is_left_in_peace(host: Callable[..., Host]) -> None:
    """No finding, exit code 0, and it says how much was looked at."""
    healthy = host()
    assert healthy.findings(WEB_CONCURRENCY="8") == []
    assert healthy.run().output == f"Nothing was found by {len(CHECKS)} checks.\n"


@pytest.mark.parametrize(
    ("config", "check", "says"),
    [
        ({"SEATGUARD_STORAGE_URI": "memory:"}, "memory", "each process has its own"),
        ({"SEATGUARD_ENABLED": False}, "switches", "SEATGUARD_ENABLED"),
        ({"SEATGUARD_DRY_RUN": True}, "switches", "SEATGUARD_DRY_RUN"),
        ({"SECRET_KEY": "dev"}, "secret_key", "can be guessed"),
        ({"SECRET_KEY": "change-me-secret-key-1234"}, "secret_key", "can be guessed"),
        ({"SECRET_KEY": b"aaaaaaaaaaaaaaaaaaaaaaaa"}, "secret_key", "can be guessed"),
        ({"SESSION_COOKIE_SECURE": False}, "cookies", "plain HTTP"),
        ({"SESSION_COOKIE_SAMESITE": None}, "cookies", "another site"),
        (
            {"SEATGUARD_STORAGE_URI": "sqlite:///shop.db", "SQLALCHEMY_DATABASE_URI": "sqlite:///shop.db"},
            "sqlite_file",
            "do not commit together",
        ),
        ({"SEATGUARD_STORAGE_URI": "postgresql://u@127.0.0.1:1/none"}, "storage", "does not answer"),
    ],
)
def test_a_setting_that_harms_is_found(
    host: Callable[..., Host], config: dict[str, Any], check: str, says: str
) -> None:
    """Alone: the other checks stay silent about it."""
    (found,) = host(**config).findings()
    assert found["check"] == check
    assert found["instance"] == "seatguard"
    assert says in found["problem"]
    assert found["cure"]
    assert not found["fixed"]


def test_debugging_is_no_harm(host: Callable[..., Host]) -> None:
    """What is for real visitors only is not asked of an application under development."""
    config = {"SESSION_COOKIE_SECURE": False, "SEATGUARD_DRY_RUN": True, "SEATGUARD_STORAGE_URI": "memory:"}
    assert host(**config).found(FLASK_DEBUG="1") == []


@pytest.mark.parametrize(
    "environ",
    [
        {"WEB_CONCURRENCY": "4"},
        {"GUNICORN_CMD_ARGS": "--bind :80 --workers=4"},
        {"GUNICORN_CMD_ARGS": "-w 4"},
    ],
)
def test_memory_and_several_workers(host: Callable[..., Host], environ: dict[str, str]) -> None:
    """Each worker would give all the seats away, debugged or not."""
    (found,) = host(SEATGUARD_STORAGE_URI="memory:").findings(FLASK_DEBUG="1", **environ)
    assert "there are 4 workers" in found["problem"]


def test_workers_in_gunicorns_own_file(host: Callable[..., Host], tmp_path: Path) -> None:
    """`gunicorn.conf.py` in the current folder is read, and not run."""
    (tmp_path / "gunicorn.conf.py").write_text("workers = 3\nraise SystemExit\n")
    (found,) = host(SEATGUARD_STORAGE_URI="memory:").findings()
    assert "there are 3 workers" in found["problem"]


def test_an_alembic_that_would_drop_our_tables(host: Callable[..., Host], tmp_path: Path) -> None:
    """The file is named; Flask-Migrate's options and folder are known as well."""
    one = host()
    one.env.write_text(ENV_PY.format(""))
    (found,) = one.findings()
    assert (found["check"], str(one.env) in found["problem"]) == ("alembic", True)
    one.app.extensions["migrate"] = SimpleNamespace(directory="migrations", configure_args={})
    assert one.found() == ["alembic"]
    one.app.extensions["migrate"].configure_args["include_name"] = lambda *_: False
    assert one.found() == []
    del one.app.extensions["migrate"]
    elsewhere = host(SEATGUARD_STORAGE_URI=f"sqlite:///{tmp_path}/seats.db")
    elsewhere.env.write_text(ENV_PY.format(""))
    assert elsewhere.found() == []


@pytest.mark.parametrize("testing", [True, False])
def test_something_that_stands_before_the_api(host: Callable[..., Host], *, testing: bool) -> None:
    """A protection that does not know of keys refuses all callers, or breaks."""
    one = host(TESTING=testing)

    @one.app.before_request
    def demand_a_token() -> None:
        if testing:
            raise LookupError("no token")
        abort(400)

    (found,) = one.findings()
    assert found["check"] == "csrf"
    assert f"answered with {500 if testing else 400}" in found["problem"]
    assert one.app.config["PROPAGATE_EXCEPTIONS"] is None


def test_an_application_without_the_api_is_not_asked(host: Callable[..., Host]) -> None:
    """There is nothing that could be refused."""
    one = host(SEATGUARD_API_ENABLED=False)
    one.app.before_request(lambda: abort(400))
    assert one.found() == []


def test_hosts_that_anybody_may_claim(host: Callable[..., Host]) -> None:
    """A forwarded name is believed; a guard without a project asks nobody."""
    one = host(TRUSTED_HOSTS=None)
    assert [found["problem"].partition(" ")[0] for found in one.findings()] == ["X-Forwarded-Host", "the"]
    one.seats.project_resolver(lambda: "acme")
    assert one.found() == ["hosts"]
    one.app.wsgi_app = ProxyFix(Flask.wsgi_app.__get__(one.app), x_host=0)  # type: ignore[method-assign]
    assert one.found() == []


def test_https_without_a_word_about_the_proxy(host: Callable[..., Host]) -> None:
    """ProxyFix is looked for through other middlewares."""
    one = host()
    wrapped = one.app.wsgi_app
    one.app.wsgi_app = SimpleNamespace(app=SimpleNamespace(wsgi_app=wrapped))  # type: ignore[method-assign,assignment]
    assert "proxy" not in one.found("--ignore", "csrf")
    one.app.wsgi_app = Flask.wsgi_app.__get__(one.app)  # type: ignore[method-assign]
    assert one.found() == ["proxy"]


def test_a_schema_of_another_version(host: Callable[..., Host], tmp_path: Path) -> None:
    """The version and the command are named, and nothing else is asked of such a store."""
    one = host()
    assert one.found() == []
    one.close()
    database = create_engine(f"sqlite:///{tmp_path}/shop.db")
    with database.begin() as connection:
        connection.execute(text("UPDATE seatguard_schema_version SET version_num = '9999'"))
        connection.execute(text("UPDATE seatguard_subscription SET live = 7"))
    database.dispose()
    (found,) = one.findings()
    assert found["check"] == "storage"
    assert "9999" in found["problem"]


@pytest.mark.parametrize(
    ("scheme", "extra"), [("mysql+nodriver", "mysql"), ("postgresql+nodriver", "postgres")]
)
def test_a_driver_that_is_not_installed(host: Callable[..., Host], scheme: str, extra: str) -> None:
    """The line that installs it is told."""
    (found,) = host(SEATGUARD_STORAGE_URI=f"{scheme}://u@127.0.0.1/none").findings()
    assert found["check"] == "storage"
    assert f"pip install 'seatguard[{extra}]'" in found["problem"]


def test_a_database_with_another_clock(
    host: Callable[..., Host], new_database: Callable[[str], str], database: str
) -> None:
    """Further apart than two seconds, in either direction; each database is asked in its own words."""
    from tests.storage.stores import migrate

    url = new_database(database)
    migrate(url)
    one = host(SEATGUARD_STORAGE_URI=url)
    assert one.found() == []
    for instant in ("2020-01-01T00:00:00+00:00", "2120-01-01T00:00:00+00:00"):
        clock = FrozenClock(instant)
        with one.app.app_context():
            one.seats.engine.clock = clock
        (found,) = one.findings()
        assert found["check"] == "clock"
        assert "seconds apart" in found["problem"]
    with one.app.app_context():
        one.seats.engine.close()


def test_counters_and_holds_are_fixed_when_asked(host: Callable[..., Host], tmp_path: Path) -> None:
    """Told first, put right with --fix, gone after that."""
    one = host()
    with one.app.app_context():
        one.seats.project("acme", limit=5)
        one.seats.take("acme", "ada")
        url = one.app.config["SEATGUARD_STORAGE_URI"]
        with closing(Engine.open(url, clock=FrozenClock("2020-01-01T00:00:00+00:00"))) as past:
            past.seats.hold(one.seats.actor, one.seats.where("acme"), "bob", seconds=60)
        with create_engine(url).begin() as connection:
            connection.execute(text("UPDATE seatguard_subscription SET live = live + 2"))
    assert one.found() == ["drift", "holds"]
    assert one.found("--ignore", "drift") == ["holds"]
    assert [found["fixed"] for found in one.findings("--fix")] == [True, True]
    assert one.found() == []


def test_it_is_told_to_people_in_lines(host: Callable[..., Host]) -> None:
    """The check and what is wrong, then the cure."""
    told = host(SECRET_KEY="dev", SEATGUARD_ENABLED=False).run()
    assert told.exit_code == 1
    assert [line.partition(":")[0] for line in told.output.splitlines()[::2]] == ["switches", "secret_key"]
    assert "  set it to True" in told.output


def test_only_known_checks_can_be_left_out(host: Callable[..., Host]) -> None:
    """A typing mistake would silence nothing."""
    refused = host().run("--ignore", "secretkey")
    assert (refused.exit_code, "there are memory, " in refused.stderr) == (2, True)
