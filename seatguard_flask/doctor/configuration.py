"""What can be read off an app's configuration and its files."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seatguard_flask.doctor.patient import Found, Patient

_WORKERS = re.compile(r"(?:--workers[= ]\s*|-w\s*)(\d+)")
_WORKERS_IN_FILE = re.compile(r"^workers\s*=\s*(\d+)", re.MULTILINE)
_SHORTEST_KEY = 16
_USUAL_KEYS = ("secret", "dev", "change", "example", "test", "password", "key")


def memory(patient: Patient) -> Iterator[Found]:
    """A register in memory is one for each process."""
    if patient.state.storage_kind != "memory":
        return
    workers = _workers(patient)
    if workers > 1:
        problem = f"seats are kept in memory, and there are {workers} workers: each gives all of them away"
    elif patient.is_live:
        problem = "seats are kept in memory: each process has its own, and they go when it ends"
    else:
        return
    yield Found(
        problem, 'set SEATGUARD_STORAGE_URI to a database, such as "sqlite:////var/lib/shop/seats.db"'
    )


def switches(patient: Patient) -> Iterator[Found]:
    """Guards that let everybody pass."""
    if not patient.is_live:
        return
    now = patient.state.switches
    if not now.enabled:
        yield Found("SEATGUARD_ENABLED is off: guards let everybody pass", "set it to True")
    elif now.dry_run:
        yield Found(
            "SEATGUARD_DRY_RUN is on: guards record what they would refuse and let it pass", "unset it"
        )


def secret_key(patient: Patient) -> Iterator[Found]:
    """A key that can be guessed signs sessions for anybody."""
    key = patient.app.secret_key
    if not key:
        return
    text = key if isinstance(key, str) else key.decode("utf-8", "replace")
    letters = re.sub(r"[\W_\d]+", "", text.lower())
    usual = bool(letters) and re.fullmatch(f"(?:{'|'.join(_USUAL_KEYS)}|me|this|my|the|to|a|in|d)+", letters)
    if len(text) < _SHORTEST_KEY or len(set(text)) < 6 or usual:
        yield Found(
            "SECRET_KEY can be guessed: whoever does signs a session as any of your users",
            "set one of `python -c 'import secrets; print(secrets.token_hex())'`, kept out of the code",
        )


def cookies(patient: Patient) -> Iterator[Found]:
    """Cookies of users who log in, over plain HTTP or in forms that other sites send."""
    if not (patient.is_live and _has_logins(patient)):
        return
    if not patient.config("SESSION_COOKIE_SECURE"):
        yield Found(
            "SESSION_COOKIE_SECURE is off: over plain HTTP the session of an administrator can be read",
            "serve the app by HTTPS and set SESSION_COOKIE_SECURE = True",
        )
    if "csrf" not in patient.app.extensions and patient.config("SESSION_COOKIE_SAMESITE") not in (
        "Lax",
        "Strict",
    ):
        yield Found(
            "another site can send forms in the name of your users, and so make and remove users",
            'set SESSION_COOKIE_SAMESITE = "Lax", or protect all forms with Flask-WTF\'s CSRFProtect(app)',
        )


def sqlite_file(patient: Patient) -> Iterator[Found]:
    """One relative path that means two files."""
    if patient.state.storage_kind != "sqlite":
        return
    from sqlalchemy.engine import make_url

    ours = Path(make_url(patient.uri).database or "").resolve()
    for engine in _engines_of_the_host(patient):
        named = engine.url.database if engine.url.get_backend_name() == "sqlite" else None
        theirs = Path(named).resolve() if named not in (None, "", ":memory:") else ours
        if theirs.name == ours.name and theirs != ours:
            yield Found(
                f"users are in {theirs} and seats in {ours}: Flask-SQLAlchemy begins a relative path at the"
                " instance folder, Seatguard at the current one, so they do not commit together",
                f'give both the absolute path: "sqlite:///{theirs}"',
            )


def alembic(patient: Patient) -> Iterator[Found]:
    """A host's ``autogenerate`` that takes our tables for tables that are no longer wanted."""
    if not patient.is_sql or not _shares_a_database(patient):
        return
    migrate = patient.app.extensions.get("migrate")
    options = getattr(migrate, "configure_args", None) or {}
    if "include_name" in options or "include_object" in options:
        return
    folders = [Path(patient.app.root_path).parent, Path(patient.app.root_path), Path.cwd()]
    scripts = {folder / directory for folder in folders if (directory := _scripts(folder, migrate))}
    for env in sorted({(one / "env.py").resolve() for one in scripts}):
        if env.is_file() and not re.search(r"\binclude_(?:name|object)\b", env.read_text("utf-8", "replace")):
            yield Found(
                f"{env} does not leave our tables out: `revision --autogenerate` proposes to drop them",
                "give context.configure(...) there include_name=include_name, with"
                " `from seatguard.storage.sqlalchemy.migrate import include_name`",
            )


def _has_logins(patient: Patient) -> bool:
    """Flask-Login, Flask-Security or Flask-Admin."""
    extensions = patient.app.extensions
    return hasattr(patient.app, "login_manager") or "security" in extensions or "admin" in extensions


def _workers(patient: Patient) -> int:
    found = [patient.environ.get("WEB_CONCURRENCY", "")]
    found += _WORKERS.findall(patient.environ.get("GUNICORN_CMD_ARGS", ""))
    file = Path("gunicorn.conf.py")
    if file.is_file():
        found += _WORKERS_IN_FILE.findall(file.read_text("utf-8", "replace"))
    return max((int(one) for one in found if one.isdigit()), default=1)


def _engines_of_the_host(patient: Patient) -> list[Any]:
    """Of Flask-SQLAlchemy and Flask-SQLAlchemy-Lite, by whichever is there."""
    extension = patient.app.extensions.get("sqlalchemy")
    engines = getattr(extension, "engines", None)
    return list(engines.values()) if engines else []


def _shares_a_database(patient: Patient) -> bool:
    """Whether the host's tables are beside ours; where nothing tells where they are, they may be."""
    from seatguard.storage.sqlalchemy import is_same_database

    engines = _engines_of_the_host(patient)
    return not engines or any(is_same_database(engine.url, patient.uri) for engine in engines)


def _scripts(folder: Path, migrate: Any) -> str | None:
    """Where Alembic's scripts are, seen from a folder: Flask-Migrate's own, or what ``alembic.ini`` says."""
    directory = getattr(migrate, "directory", None)
    if directory is not None:
        return str(directory)
    read = configparser.ConfigParser(interpolation=None)
    try:
        read.read(folder / "alembic.ini", encoding="utf-8")
    except configparser.Error:
        return None
    location = read.get("alembic", "script_location", fallback=None)
    return None if location is None else location.replace("%(here)s", str(folder))
