"""The extension on apps: one or several, declared at import time, opened late, closed at the end."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import seatguard
from seatguard.errors import InvalidInput, Misconfigured, NotFound
from seatguard_flask import Seatguard
from tests.flask.conftest import Api

REPOSITORY = Path(__file__).parents[2]


def make(uri: str = "memory:", name: str = "shop", **config: Any) -> Flask:
    app = Flask(name)
    app.config.update({"SEATGUARD_STORAGE_URI": uri, **config})
    return app


def caller(app: Flask, seats: Seatguard, project_id: str, domain: str, prefix: str = "/api/v1") -> Api:
    with app.app_context():
        key = seats.engine.projects.add_key(seats.engine.actor("cli", "tests"), project_id)
    return Api(app.test_client(), key.secret.reveal(), domain, prefix)


def test_a_host_in_a_few_lines() -> None:
    """Declare, take, be refused, release: without a request and without a context."""
    seats = Seatguard(make())
    seats.plan("duo", seats=2)
    seats.project("acme", plan="duo", domains=["acme.example"])
    assert [seats.take("acme", name).allowed for name in ("ada", "bob", "cleo")] == [True, True, False]
    assert seats.check("acme").reason.value == "limit_reached"
    assert seats.release("acme", "ada").allowed
    assert seats.check("acme").allowed
    assert seats.take("acme", "cleo", "cleo@example.com").facts.seat.email == "cleo@example.com"  # type: ignore[union-attr]


def test_the_host_is_on_record() -> None:
    """The journal tells which app took a seat."""
    app = make(name="shop")
    seats = Seatguard(app)
    seats.project("acme", limit=1)
    seats.take("acme", "ada")
    from seatguard.journal.ports import Search

    page = seats.engine.journal.search(seats.engine.actor("cli", "x"), Search(kind="seat.taken"), limit=1)
    assert page.items[0].actor == "host:shop"


def test_a_factory_has_its_engine_in_the_context() -> None:
    """One extension object, two apps: each has its own seats."""
    seats = Seatguard()
    first, second = make(), make()
    seats.init_app(first)
    seats.init_app(second)
    for app, limit in ((first, 1), (second, 2)):
        with app.app_context():
            seats.project("acme", limit=limit)
    with first.app_context():
        assert seats.engine is first.extensions["seatguard"]["seatguard"].engine
        assert [seats.take("acme", name).allowed for name in ("ada", "bob")] == [True, False]
    with second.test_request_context():
        assert [seats.take("acme", name).allowed for name in ("ada", "bob")] == [True, True]


@pytest.mark.parametrize(("apps", "says"), [(0, "call init_app"), (2, r"with app\.app_context\(\)")])
def test_without_a_context_there_must_be_one_app(apps: int, says: str) -> None:
    """The message tells what to do."""
    seats = Seatguard()
    kept = [make() for _ in range(apps)]
    for app in kept:
        seats.init_app(app)
    with pytest.raises(RuntimeError, match=says):
        seats.plan("duo", seats=2)


def test_an_app_without_the_extension() -> None:
    """Another app's context is not ours."""
    seats = Seatguard(make())
    with (
        Flask("other").app_context(),
        pytest.raises(RuntimeError, match="has no Seatguard named 'seatguard'"),
    ):
        seats.check("acme")


def test_a_second_init_app_is_a_mistake() -> None:
    """It would mount everything twice."""
    app = make()
    seats = Seatguard(app)
    for again in (seats, Seatguard()):
        with pytest.raises(Misconfigured, match="call init_app once"):
            again.init_app(app)


def test_two_instances_on_one_app() -> None:
    """Each with its own settings, paths and seats."""
    app = make(CRM_SEATGUARD_STORAGE_URI="memory:", CRM_SEATGUARD_URL_PREFIX="/crm/api/v1")
    shop, crm = Seatguard(app), Seatguard(app, name="crm")
    apis = []
    for seats, prefix, limit in ((shop, "/api/v1", 1), (crm, "/crm/api/v1", 2)):
        project = seats.project("acme", limit=limit, domains=["acme.example"])
        apis.append(caller(app, seats, project.id, "acme.example", prefix))
    assert [api.validate().get_json()["data"]["limit"] for api in apis] == [1, 2]
    assert apis[1].post("/register-user", username="ada", api_key=apis[0].key).status_code == 401
    assert "/crm/api/v1/holds" in crm.openapi()["paths"]
    assert len(app.cli.commands) == 1


def test_two_instances_need_two_prefixes() -> None:
    """Else one of them would answer for both."""
    app = make(CRM_SEATGUARD_STORAGE_URI="memory:")
    Seatguard(app)
    with pytest.raises(Misconfigured, match="set CRM_SEATGUARD_URL_PREFIX"):
        Seatguard(app, name="crm")


@pytest.mark.parametrize("name", ["", "Shop", "a b", "1a", "a.b"])
def test_a_name_is_a_word(name: str) -> None:
    """It becomes part of blueprint names and settings."""
    with pytest.raises(Misconfigured, match="lower-case letters"):
        Seatguard(name=name)


def test_the_api_can_be_left_out() -> None:
    """A host that only takes seats itself mounts nothing."""
    app = make(SEATGUARD_API_ENABLED="no")
    seats = Seatguard(app)
    assert [rule.endpoint for rule in app.url_map.iter_rules()] == ["static"]
    assert seats.project("acme", limit=1)


def test_no_store_is_opened_before_it_is_used(tmp_path: Path) -> None:
    """An app starts while its database is still starting."""
    file = tmp_path / "seats.db"
    seats = Seatguard(make(f"sqlite:///{file}"))
    assert not file.exists()
    seats.plan("duo", seats=2)
    assert file.exists()


def test_an_unknown_store_is_told_when_it_is_used() -> None:
    """With the schemes there are."""
    seats = Seatguard(make("oracle://db"))
    with pytest.raises(Misconfigured, match="unknown store 'oracle'"):
        seats.plan("duo", seats=2)


def test_an_app_is_let_go() -> None:
    """The extension holds no app: a test suite may make thousands."""
    seats = Seatguard()
    app = make()
    seats.init_app(app)
    with app.app_context():
        seats.project("acme", limit=1)
    app.test_client().get("/api/v1/health")
    gone = weakref.ref(app)
    del app
    gc.collect()
    assert gone() is None


def test_an_engine_of_ones_own_is_used_and_left_open() -> None:
    """Tests and processes with several apps share one."""
    engine = seatguard.Seatguard.open("memory:")
    app = Flask("shop")
    seats = Seatguard(app, engine=engine)
    assert seats.engine is engine


def test_refusals_are_written_when_the_process_ends(tmp_path: Path) -> None:
    """What was summed is not lost on an orderly exit."""
    program = f"""
from flask import Flask
from seatguard_flask import Seatguard
app = Flask("shop")
app.config["SEATGUARD_STORAGE_URI"] = "sqlite:///{tmp_path}/seats.db"
seats = Seatguard(app)
seats.project("acme", limit=0)
seats.take("acme", "ada")
"""
    subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=True)
    engine = seatguard.Seatguard.open(f"sqlite:///{tmp_path}/seats.db")
    from seatguard.journal.ports import Search

    (entry,) = engine.journal.search(engine.actor("cli", "x"), Search(kind="seat.denied"), limit=5).items
    assert entry.data["reason"] == "limit_reached"
    engine.close()


# -- declarations --


def test_a_declaration_said_again_changes_nothing() -> None:
    """Every start says the same."""
    seats = Seatguard(make())
    for _ in range(3):
        seats.plan("duo", seats=2)
        seats.project("acme", plan="duo", domains=["acme.example"], client="c-1")
        seats.project("beta", limit=0)
    me = seats.engine.actor("cli", "x")
    assert seats.engine.catalog.current(me, "duo").number == 1
    assert len(seats.engine.projects.list(me).items) == 2
    assert len(seats.engine.subscriptions.list(me).items) == 2
    assert seats.engine.clients.find(me, external_id="c-1") is not None


def test_a_changed_declaration_is_followed() -> None:
    """A plan's number reaches its subscribers, a limit or plan the service; domains are added."""
    seats = Seatguard(make())
    seats.plan("duo", seats=2)
    seats.plan("trio", seats=3)
    project = seats.project("acme", plan="duo", domains=["a.example"])
    assert limit_of(seats) == 2
    seats.plan("duo", seats=5)
    assert limit_of(seats) == 5
    seats.project("acme", plan="trio", domains=["b.example"])
    assert limit_of(seats) == 3
    seats.project("acme", plan="trio", limit=9)
    assert limit_of(seats) == 9
    me = seats.engine.actor("cli", "x")
    assert [one.name for one in seats.engine.projects.domains(me, project.id)] == ["a.example", "b.example"]


def limit_of(seats: Seatguard) -> int | None:
    terms = seats.check("acme").facts.terms
    assert terms is not None
    return terms.limit


def test_a_lowered_limit_lets_users_stay() -> None:
    """A deployment does not fail because users came meanwhile."""
    seats = Seatguard(make())
    seats.project("acme", limit=2)
    for name in ("ada", "bob"):
        seats.take("acme", name)
    seats.project("acme", limit=1)
    decision = seats.check("acme")
    assert (decision.allowed, decision.facts.usage.live, limit_of(seats)) == (False, 2, 1)
    assert seats.take("acme", "ada").allowed


@pytest.mark.parametrize(
    ("declare", "error"),
    [
        (lambda seats: seats.project("acme"), InvalidInput),
        (lambda seats: seats.project("acme", plan="nope"), NotFound),
        (lambda seats: seats.project("acme", limit=-1), InvalidInput),
        (lambda seats: seats.project("acme", limit=1, domains=["https://x.y"]), InvalidInput),
        (lambda seats: seats.plan("Duo Plan", seats=1), InvalidInput),
        (lambda seats: seats.plan("duo", seats=True), InvalidInput),
        (lambda seats: seats.take("nope", "ada"), NotFound),
        (lambda seats: seats.check("nope"), NotFound),
    ],
)
def test_a_declaration_that_cannot_be_used(declare: Any, error: type[Exception]) -> None:
    """It is told at start, not at the first user."""
    seats = Seatguard(make())
    with pytest.raises(error):
        declare(seats)


def test_a_project_is_found_by_name_or_id() -> None:
    """A name of two clients' projects is ambiguous, and the message says so."""
    seats = Seatguard(make())
    one = seats.project("acme", limit=1, client="one")
    assert seats.check(one.id).allowed
    engine = seats.engine
    me = engine.actor("cli", "x")
    for client in ("two", "three"):
        project = engine.projects.add(me, engine.clients.add(me, name=client).id, name="shared")
        engine.subscriptions.add(me, project.id, limit=1)
    with pytest.raises(InvalidInput, match="the name of 2 projects"):
        seats.check("shared")


def test_threads_that_declare_at_once_make_one_service(tmp_path: Path) -> None:
    """Several workers start together: one client, one project, one service, one plan version."""
    uri = f"sqlite:///{tmp_path}/seats.db"
    Seatguard(make(uri)).plan("warm", seats=1)
    # Not in the threads: CPython 3.11 and 3.12 count the depth of all threads' `ast.parse` together, which
    # werkzeug calls for every route, and now and then raise SystemError for two at once.
    apps = [make(uri) for _ in range(8)]
    barrier, failed = threading.Barrier(len(apps)), []

    def start(seats: Seatguard) -> None:
        try:
            barrier.wait(60)
            seats.plan("duo", seats=2)
            seats.project("acme", plan="duo", domains=["acme.example"])
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=start, args=(Seatguard(app),), daemon=True) for app in apps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    assert failed == []
    engine = seatguard.Seatguard.open(uri)
    me = engine.actor("cli", "x")
    assert len(engine.clients.list(me).items) == 1
    assert len(engine.projects.list(me).items) == 1
    assert len(engine.subscriptions.list(me).items) == 1
    assert engine.catalog.current(me, "duo").number == 1
    engine.close()


def test_a_limit_for_the_time_of_a_block() -> None:
    """The plan's limit, an own one and none at all come back, after an error too; users stay."""
    app = Flask("shop")
    app.config["SEATGUARD_STORAGE_URI"] = "memory:"
    seats = Seatguard(app)
    seats.plan("team", seats=3)
    seats.project("planned", plan="team")
    own = seats.project("own", limit=2)
    services = seats.engine.subscriptions
    (service,) = services.list(seats.actor, project_id=own.id).items
    for project, limit in (("planned", 3), ("own", 2)):
        seats.take(project, "ada")
        with seats.override(project, limit=0):
            assert seats.check(project).facts.terms.limit == 0  # type: ignore[union-attr]
            assert not seats.take(project, "bob").allowed
        with pytest.raises(LookupError), seats.override(project, limit=0):
            raise LookupError
        assert seats.check(project).facts.terms.limit == limit  # type: ignore[union-attr]
        assert seats.check(project).facts.usage.live == 1
    services.change_limit(seats.actor, service.id, limit=None, unlimited=True)
    with seats.override("own", limit=1):
        assert not seats.take("own", "bob").allowed
    assert seats.check("own").facts.terms.limit is None  # type: ignore[union-attr]
    with pytest.raises(NotFound), seats.override("nobody", limit=1):
        pass
