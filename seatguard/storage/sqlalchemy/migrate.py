"""The schema's versions: up to the newest, which one it is, and the SQL of it.

The migrations ship inside the package with a version table of their own, so that a host's Alembic
and ours do not meet.
"""

from __future__ import annotations

import io
from typing import Any

from alembic import command
from alembic.config import Config

from seatguard.storage.sqlalchemy.database import Database


def upgrade(database: Database) -> None:
    """Bring the database's schema to the newest version; one that is there already changes nothing."""
    with database.unhurried() as connection:
        command.upgrade(config_for(connection=connection), "head")
        connection.commit()


def current(database: Database) -> str | None:
    """The version the schema is at, ``None`` for a database without our tables."""
    with database.connection(write=False) as connection:
        return database.schema_version(connection)


def sql(url: str) -> str:
    """The statements that make the whole schema, for a database reached by ``url`` (it is not opened)."""
    written = io.StringIO()
    config = config_for(url=Database(url).url.render_as_string(hide_password=False))
    config.output_buffer = written
    command.upgrade(config, "head", sql=True)
    return written.getvalue()


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """For a host's own Alembic environment: leave our tables out of its ``autogenerate``.

    >>> include_name("users", "table", {}), include_name("seatguard_seat", "table", {})
    (True, False)
    """
    return not (kind == "table" and name is not None and name.startswith("seatguard_"))


def config_for(**attributes: Any) -> Config:
    """Alembic's configuration for our migrations, with a ``connection`` or a ``url``."""
    config = Config()
    config.set_main_option("script_location", "seatguard.storage.sqlalchemy:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes.update(attributes)
    return config
