"""The schema's versions: the migrations lead to the tables that the code works with."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Column, Dialect, Integer, MetaData, Table, create_engine, inspect

from seatguard.storage import open_store
from seatguard.storage.sqlalchemy import migrate
from seatguard.storage.sqlalchemy.database import Database
from seatguard.storage.sqlalchemy.tables import SCHEMA_HEAD, metadata, schema_version


def is_for(dialect: Dialect, thing: object) -> bool:
    """Whether a database of that kind has it: some indexes are for one kind alone."""
    only = getattr(thing, "_ddl_if", None)
    return only is None or only.dialect == dialect.name


def differences(database: Database, tables: MetaData = metadata) -> list[object]:
    """What Alembic would change in our tables."""
    with database.connection(write=False) as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": schema_version.name,
                "include_name": lambda name, kind, _: kind != "table" or name in tables.tables,
                "include_object": lambda thing, *_: is_for(connection.dialect, thing),
            },
        )
        return list(compare_metadata(context, tables))


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based:UserWarning")
def test_migrated_schema_is_the_one_the_code_works_with(database_url: str) -> None:
    """Upgrading leads to the tables as they are declared; doing it again changes nothing."""
    database = Database(database_url)
    assert migrate.current(database) is None
    migrate.upgrade(database)
    assert migrate.current(database) == SCHEMA_HEAD
    assert differences(database) == []
    migrate.upgrade(database)
    assert migrate.current(database) == SCHEMA_HEAD
    open_store(database_url).ledger.ready()
    database.close()


def test_checks_have_the_names_of_the_tables(database_url: str) -> None:
    """Alembic compares no checks: those that hold the count are looked for by name."""
    database = Database(database_url)
    migrate.upgrade(database)
    table = metadata.tables["seatguard_subscription"]
    declared = {
        check.name for check in table.constraints if isinstance(check, CheckConstraint) and check.name
    }
    with database.connection(write=False) as connection:
        found = {check["name"] for check in inspect(connection).get_check_constraints(table.name)}
    database.close()
    assert declared == {"ck_seatguard_subscription_counts", "ck_seatguard_subscription_ceiling"}
    assert declared <= found


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based:UserWarning")
def test_statements_run_by_hand_make_the_schema(database: str, database_url: str) -> None:
    """An operator who runs what ``seatguard db sql`` prints has what ``seatguard db upgrade`` makes."""
    told = migrate.sql(database_url)
    made = Database(database_url)
    with made.engine.connect() as connection:
        for statement in told.split(";\n"):
            lines = [line for line in statement.splitlines() if not line.startswith("--")]
            bare = "\n".join(lines).strip().removesuffix(";")
            if bare and bare not in ("BEGIN", "COMMIT"):
                connection.exec_driver_sql(bare)
        connection.commit()
    assert migrate.current(made) == SCHEMA_HEAD
    assert differences(made) == []
    made.check_schema()
    made.close()


def test_head_is_the_newest_migration() -> None:
    """The version the code asks for is the last one in the folder."""
    folder = Path(migrate.__file__).parent / "migrations"
    assert ScriptDirectory(str(folder)).get_current_head() == SCHEMA_HEAD


@pytest.mark.parametrize("database", ["sqlite"])
def test_new_file_equals_a_migrated_one(database_url: str, tmp_path: Path) -> None:
    """A SQLite file that made itself has the columns, indexes, keys and checks that migrating gives."""
    open_store(database_url).ledger.close()
    migrated = Database(f"sqlite:///{tmp_path / 'migrated.db'}")
    migrate.upgrade(migrated)
    made = Database(database_url)
    assert migrate.current(made) == SCHEMA_HEAD
    seen = []
    for database in (made, migrated):
        with database.connection(write=False) as connection:
            catalog = inspect(connection)
            seen.append(
                {
                    table: (
                        [(c["name"], str(c["type"]), c["nullable"]) for c in catalog.get_columns(table)],
                        sorted((i["name"], tuple(i["column_names"])) for i in catalog.get_indexes(table)),
                        sorted(tuple(u["column_names"]) for u in catalog.get_unique_constraints(table)),
                        sorted((str(c["name"]), c["sqltext"]) for c in catalog.get_check_constraints(table)),
                        sorted((f["name"], f["referred_table"]) for f in catalog.get_foreign_keys(table)),
                        catalog.get_pk_constraint(table),
                    )
                    for table in catalog.get_table_names()
                    if table != schema_version.name
                }
            )
        database.close()
    assert seen[0] == seen[1]
    assert set(seen[0]) == set(metadata.tables)


def test_downgrade_leaves_nothing(database_url: str) -> None:
    """The first migration can be taken back."""
    database = Database(database_url)
    migrate.upgrade(database)
    with database.connection(write=True) as connection:
        command.downgrade(migrate.config_for(connection=connection), "base")
        connection.commit()
    with database.connection(write=False) as connection:
        left = set(inspect(connection).get_table_names()) & set(metadata.tables)
    database.close()
    assert left == set()


@pytest.mark.parametrize(
    "url", ["sqlite:///never.db", "postgresql://nobody@127.0.0.1/never", "mysql://nobody@127.0.0.1/never"]
)
def test_sql_is_told_without_a_database(url: str) -> None:
    """The statements name every table; nothing is opened."""
    told = migrate.sql(url)
    assert all(f"CREATE TABLE {table}" in told for table in metadata.tables)
    assert not Path("never.db").exists()


def test_host_migrations_leave_our_tables_alone(database_url: str) -> None:
    """A host's autogenerate that uses ``include_name`` proposes nothing about Seatguard."""
    database = Database(database_url)
    migrate.upgrade(database)
    database.close()
    host = MetaData()
    Table("users", host, Column("id", Integer, primary_key=True))
    engine = create_engine(database_url)
    host.create_all(engine)
    with engine.connect() as connection:
        bare = MigrationContext.configure(connection)
        assert compare_metadata(bare, host) != []
        careful = MigrationContext.configure(connection, opts={"include_name": migrate.include_name})
        assert compare_metadata(careful, host) == []
    engine.dispose()
