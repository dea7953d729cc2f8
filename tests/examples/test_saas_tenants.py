"""The SaaS example: one project a customer, resolved by the host name."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from seatguard import Denied
from tests.examples.running import check

ACME, BOLT = "acme.example.com", "bolt.example.com"


@pytest.fixture
def saas(example: Any) -> Any:
    module = example("saas_tenants")
    add_customer(module, "acme", ACME, 2)
    add_customer(module, "bolt", BOLT, 3)
    return module


def add_customer(saas: Any, name: str, host: str, seats: int) -> None:
    arguments = ["add-customer", name, host, "--seats", str(seats)]
    done = saas.app.test_cli_runner().invoke(args=arguments)
    assert done.output == f"{name} at {host}: {seats} seats.\n"


def create(saas: Any, host: str, name: str) -> Any:
    return saas.app.test_client().post("/users", json={"name": name}, base_url=f"http://{host}:5000")


def counted(saas: Any) -> dict[str, int]:
    return {
        name: check(
            saas,
            saas.User.customer_id
            == select(saas.Customer.id).where(saas.Customer.name == name).scalar_subquery(),
            project=name,
        )
        for name in ("acme", "bolt")
    }


def test_two_customers_do_not_disturb_each_other(saas: Any) -> None:
    """Each is refused at its own limit; the same name in both is two users."""
    names = ("ada", "bob", "cleo", "dora")
    assert [create(saas, ACME, name).status_code for name in names] == [201, 201, 402, 402]
    assert [create(saas, BOLT, name).status_code for name in names] == [201, 201, 201, 402]
    assert create(saas, ACME, "late").json == {"error": "limit_reached", "limit": 2}
    assert counted(saas) == {"acme": 2, "bolt": 3}
    listed = saas.app.test_client().get("/users", base_url=f"http://{BOLT}")
    assert listed.json == {"users": ["ada", "bob", "cleo"], "taken": 3, "limit": 3}


def test_a_seat_freed_at_one_customer_is_given_there_only(saas: Any) -> None:
    """Deleting acme's user makes room at acme and none at bolt."""
    for name in ("ada", "bob", "cleo"):
        create(saas, ACME, name)
        create(saas, BOLT, name)
    client = saas.app.test_client()
    assert client.delete("/users/ada", base_url=f"http://{ACME}").status_code == 204
    assert create(saas, BOLT, "late").status_code == 402
    assert create(saas, ACME, "late").status_code == 201
    assert create(saas, ACME, "later").status_code == 402
    assert counted(saas) == {"acme": 2, "bolt": 3}


def test_an_unknown_host_is_nobodys(saas: Any) -> None:
    """No customer has registered it: 404, and nothing is written."""
    assert create(saas, "elsewhere.example.com", "ada").status_code == 404
    assert counted(saas) == {"acme": 0, "bolt": 0}


def test_a_name_that_is_taken_costs_no_seat(saas: Any) -> None:
    """The row is refused by the database, the seat goes with it."""
    assert [create(saas, ACME, "ada").status_code for _ in range(2)] == [201, 409]
    assert counted(saas) == {"acme": 1, "bolt": 0}


def test_a_raised_limit_counts_at_once(saas: Any) -> None:
    """The command that adds a customer changes one too."""
    for name in ("ada", "bob"):
        create(saas, ACME, name)
    add_customer(saas, "acme", ACME, 3)
    assert create(saas, ACME, "cleo").status_code == 201
    assert counted(saas)["acme"] == 3


def test_a_user_who_moves_takes_the_seat_along(saas: Any) -> None:
    """By an object and by a statement on many rows; a full customer takes nobody in."""
    for name in ("ada", "bob"):
        create(saas, ACME, name)
    for name in ("cleo", "dora"):
        create(saas, BOLT, name)
    with saas.app.app_context():
        session, user = saas.db.session, saas.User
        ada = session.scalars(select(user).where(user.name == "ada")).one()
        ada.customer_id = 2
        session.commit()
        assert counted(saas) == {"acme": 1, "bolt": 3}
        with pytest.raises(Denied):
            session.execute(update(user).where(user.name == "bob").values(customer_id=2))
        session.rollback()
        session.execute(update(user).where(user.name == "ada").values(customer_id=1))
        session.commit()
    assert counted(saas) == {"acme": 2, "bolt": 2}
