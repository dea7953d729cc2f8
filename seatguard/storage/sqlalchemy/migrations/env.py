"""Where Alembic meets the database; called by ``seatguard.storage.sqlalchemy.migrate`` only."""

from alembic import context

from seatguard.storage.sqlalchemy.tables import metadata, schema_version

attributes = context.config.attributes
if "connection" in attributes:
    context.configure(
        connection=attributes["connection"], target_metadata=metadata, version_table=schema_version.name
    )
else:
    context.configure(
        url=attributes["url"], target_metadata=metadata, version_table=schema_version.name, literal_binds=True
    )
with context.begin_transaction():
    context.run_migrations()
