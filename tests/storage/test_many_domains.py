"""A project's domains are read as one list, with all else that a key leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import create_engine

from seatguard import Seatguard
from tests.storage.stores import migrate

SHORT = 1024
"""Characters of a list, on MySQL and where an operator of MariaDB says so."""


@pytest.fixture
def url(new_database: Callable[[str], str]) -> Iterator[str]:
    """A server that cuts lists unless it is asked not to."""
    found = new_database("mariadb")
    owner = create_engine(found, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        before = connection.exec_driver_sql("SELECT @@GLOBAL.group_concat_max_len").scalar()
        connection.exec_driver_sql(f"SET GLOBAL group_concat_max_len={SHORT}")
        yield found
        connection.exec_driver_sql(f"SET GLOBAL group_concat_max_len={before}")
    owner.dispose()


def test_no_domain_is_cut_off(url: str) -> None:
    """Each of a hundred domains identifies its project."""
    migrate(url)
    engine = Seatguard.open(url)
    actor = engine.actor("test", "domains")
    names = [f"shop-{number:03}.acme.example" for number in range(100)]
    assert len(" ".join(names)) > SHORT
    client = engine.clients.add(actor, name="Acme")
    project = engine.projects.add(actor, client.id, name="Shops", domains=tuple(names))
    key = engine.projects.add_key(actor, project.id).secret.reveal()
    assert {engine.projects.identify(key, name).project for name in names} == {project.id}
    engine.close()
