"""``seatguard db``: the schema of a database server."""

from __future__ import annotations

from urllib.parse import urlsplit

import click

from seatguard import Misconfigured
from seatguard_flask.cli.exits import told
from seatguard_flask.cli.output import as_json
from seatguard_flask.cli.session import json_option, settings_for, storage_option, storage_uri


@click.group()
def db() -> None:
    """The database's schema: bring it up to date, tell its version, print its SQL.

    A SQLite file gets its tables by itself.
    """


@db.command()
@storage_option
@json_option
def upgrade(storage: str | None, as_json: bool) -> None:
    """Bring the schema to the newest version; one that is there already changes nothing."""
    with told(as_json):
        url = _database_url(storage)
        from seatguard.storage.sqlalchemy import Database, migrate

        database = Database(url)
        before = migrate.current(database)
        migrate.upgrade(database)
        after = migrate.current(database)
        database.close()
        _tell({"before": before, "version": after}, f"The schema is at {after}.", as_json)


@db.command()
@storage_option
@json_option
def current(storage: str | None, as_json: bool) -> None:
    """Tell which version the schema is at."""
    with told(as_json):
        url = _database_url(storage)
        from seatguard.storage.sqlalchemy import Database, migrate

        database = Database(url)
        version = migrate.current(database)
        database.close()
        text = f"The schema is at {version}." if version else "The database has no Seatguard tables yet."
        _tell({"version": version}, text, as_json)


@db.command()
@storage_option
@json_option
def sql(storage: str | None, as_json: bool) -> None:
    """Print the SQL of the whole schema, for a database administrator. The database is not opened."""
    with told(as_json):
        url = _database_url(storage)
        from seatguard.storage.sqlalchemy import migrate

        text = migrate.sql(url)
        _tell({"sql": text}, text.rstrip("\n"), as_json)


def _database_url(storage: str | None) -> str:
    url = storage_uri(settings_for(storage))
    if urlsplit(url).scheme.partition("+")[0] == "memory":
        raise Misconfigured("memory: has no schema; name a database, such as postgresql://user@host/db")
    return url


def _tell(facts: dict[str, object], text: str, json: bool) -> None:
    click.echo(as_json(facts) if json else text)
