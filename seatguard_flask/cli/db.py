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
    """The database's schema: bring it up to date, tell its version, print its SQL; triggers for your own.

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


@db.command()
@click.option("--table", required=True, help="The users' table, such as users or app.users.")
@click.option("--project", help="Name or id of the project of all its rows.")
@click.option("--project-column", help="Instead: the column with the name or id of a row's project.")
@click.option("--active-column", help="The column that says whether a row needs a seat.  [default: all do]")
@click.option(
    "--dialect",
    type=click.Choice(["postgresql", "mariadb", "sqlite"]),
    help="For which kind of database.  [default: the storage's]",
)
@click.option("--alembic", is_flag=True, help="Print a migration for your own Alembic instead of SQL.")
@storage_option
@json_option
def triggers(
    table: str,
    project: str | None,
    project_column: str | None,
    active_column: str | None,
    dialect: str | None,
    alembic: bool,
    storage: str | None,
    as_json: bool,
) -> None:
    """Print triggers that hold a table of yours to the limit, below the ORM. No database is opened.

    They refuse rows beyond the seats; they give none. Put them among your own migrations.
    """
    with told(as_json):
        from seatguard.storage.sqlalchemy.triggers import UserTable, as_alembic, as_sql
        from seatguard.storage.sqlalchemy.triggers import triggers as made_for

        users = UserTable(
            table=table, project=project, project_column=project_column, active_column=active_column
        )
        kind = dialect or urlsplit(_database_url(storage)).scheme.partition("+")[0]
        made = made_for(users, kind)
        text = as_alembic(made) if alembic else as_sql(made, kind)
        _tell({"create": made.create, "drop": made.drop}, text.rstrip("\n"), as_json)


def _database_url(storage: str | None) -> str:
    url = storage_uri(settings_for(storage))
    if urlsplit(url).scheme.partition("+")[0] == "memory":
        raise Misconfigured("memory: has no schema; name a database, such as postgresql://user@host/db")
    return url


def _tell(facts: dict[str, object], text: str, json: bool) -> None:
    click.echo(as_json(facts) if json else text)
