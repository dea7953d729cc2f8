"""The test servers keep the promises that the crash and outage tests are built on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from tests.servers import (
    MariaDBServer,
    PostgresServer,
    ServerFailed,
    ServerUnavailable,
    TcpProxy,
    start_or_skip,
)

Server = PostgresServer | MariaDBServer
REPOSITORY = Path(__file__).parents[2]


def connect(url: str, *, timeout: int = 3) -> sa.Connection:
    timeouts = {"connect_timeout": timeout}
    if url.startswith("mysql"):
        # PyMySQL's connect_timeout covers TCP's handshake alone: a server that then says nothing is a read.
        timeouts["read_timeout"] = timeout
    if url.startswith("sqlite"):
        timeouts = {}
    return sa.create_engine(url, poolclass=sa.NullPool, connect_args=timeouts).connect()


def through(proxy: TcpProxy, server: Server) -> str:
    """The URL of a database that every server has, by way of the proxy."""
    return server.url("postgres" if isinstance(server, PostgresServer) else "mysql", port=proxy.port)


@pytest.fixture(params=["postgresql", "mariadb"])
def own_server(
    request: pytest.FixtureRequest,
    start_postgres: Callable[..., PostgresServer],
    start_mariadb: Callable[..., MariaDBServer],
) -> Server:
    return start_postgres(durable=True) if request.param == "postgresql" else start_mariadb(durable=True)


@pytest.fixture(params=["postgresql", "mariadb"])
def shared_server(request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(
        "postgres_server" if request.param == "postgresql" else "mariadb_server"
    )
    return server


def test_a_database_is_fresh_and_takes_any_text(database_url: str) -> None:
    """Every test begins with an empty database that stores text of all scripts."""
    with connect(database_url) as connection:
        assert sa.inspect(connection).get_table_names() == []
        connection.execute(sa.text("CREATE TABLE guests (name VARCHAR(40))"))
        connection.execute(sa.text("INSERT INTO guests VALUES (:name)"), {"name": "Zoë 漢字 🪑"})
        connection.commit()
        assert connection.scalar(sa.text("SELECT name FROM guests")) == "Zoë 漢字 🪑"


def test_two_databases_of_one_test_are_apart(database: str, new_database: Callable[[str], str]) -> None:
    """A test may have two databases of one kind, as for a host's database beside ours."""
    first, second = new_database(database), new_database(database)
    with connect(first) as connection:
        connection.execute(sa.text("CREATE TABLE guests (name VARCHAR(40))"))
        connection.commit()
    with connect(second) as connection:
        assert sa.inspect(connection).get_table_names() == []


@pytest.mark.parametrize("ci", ["", "true"])
def test_a_missing_server_skips_on_a_laptop_and_fails_on_ci(ci: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", ci)

    def nowhere() -> Server:
        raise ServerUnavailable("apt-get install it")

    with pytest.raises(pytest.fail.Exception if ci else pytest.skip.Exception, match="apt-get install it"):
        start_or_skip(nowhere)


def test_a_server_that_does_not_work_is_an_error_everywhere(start_postgres: Callable[..., Server]) -> None:
    """Skipping it would turn a broken test machine green."""
    with pytest.raises(ServerFailed, match="no_such_setting"):
        start_postgres(settings={"no_such_setting": "1"})


def test_a_server_of_somebody_else_is_used_and_left_alone(shared_server: Server) -> None:
    """The URL in the environment is enough to create databases there, and `stop` does not stop it."""
    name = "postgres" if isinstance(shared_server, PostgresServer) else "mysql"
    theirs = type(shared_server).at(shared_server.url(name))
    with connect(theirs.create_database("seatguard_elsewhere")) as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1
    theirs.drop_database("seatguard_elsewhere")
    assert not theirs.owned
    theirs.stop()
    assert theirs.answers()


@pytest.mark.crash
def test_committed_data_survives_a_kill(own_server: Server) -> None:
    """After SIGKILL and a restart the committed row is there, the open transaction is not, and the URL is
    the same."""
    url = own_server.create_database("orders")
    with connect(url) as connection, connect(url) as unfinished:
        connection.execute(sa.text("CREATE TABLE guests (name VARCHAR(40))"))
        connection.execute(sa.text("INSERT INTO guests VALUES ('committed')"))
        connection.commit()
        unfinished.execute(sa.text("INSERT INTO guests VALUES ('open')"))

        own_server.kill()

        assert not own_server.answers()
        with pytest.raises(sa.exc.DBAPIError):
            unfinished.execute(sa.text("SELECT 1"))
        unfinished.invalidate()
        connection.invalidate()

    own_server.restart()

    with connect(url) as connection:
        assert connection.scalars(sa.text("SELECT name FROM guests")).all() == ["committed"]


@pytest.mark.crash
def test_kill_leaves_no_process_of_the_server(own_server: Server) -> None:
    """Workers of a killed server would still write; none may be left."""
    own_server.create_database("orders")
    process = own_server._process
    assert process is not None
    family = [process, *process.children(recursive=True)]
    own_server.kill()
    assert [
        member for member in family if member.is_running() and member.status() != psutil.STATUS_ZOMBIE
    ] == []


@pytest.mark.crash
def test_a_server_ends_with_the_process_that_started_it(shared_server: Server) -> None:
    """A test run that is killed leaves no server behind."""
    if not shared_server.owned:
        pytest.skip("the servers come from the environment here, none is started")
    kind = type(shared_server).__name__
    program = textwrap.dedent(f"""
        import sys, time
        from tests.servers import {kind}
        server = {kind}.start()
        print(server._process.pid, server._folder, flush=True)
        time.sleep(60)
    """)
    starter = subprocess.Popen(
        [sys.executable, "-c", program], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    pid, folder = starter.stdout.readline().split()
    server = psutil.Process(int(pid))
    os.kill(starter.pid, signal.SIGKILL)
    starter.wait()
    starter.stdout.close()
    gone, _ = psutil.wait_procs([server], timeout=10)
    subprocess.run(["rm", "-rf", folder], check=True)
    assert gone == [server]


def test_a_cut_connection_is_refused_until_healed(
    shared_server: Server, proxied: Callable[[Server], TcpProxy]
) -> None:
    """`cut` ends running connections and refuses new ones at once; `heal` brings the same address back."""
    proxy = proxied(shared_server)
    url = through(proxy, shared_server)
    with connect(url) as running:
        assert running.scalar(sa.text("SELECT 1")) == 1
        assert proxy.connections == 1
        proxy.cut()
        with pytest.raises(sa.exc.DBAPIError):
            running.execute(sa.text("SELECT 1"))
        running.invalidate()

    began = time.monotonic()
    with pytest.raises(sa.exc.OperationalError):
        connect(url)
    assert time.monotonic() - began < 1

    proxy.heal()
    with connect(url) as again:
        assert again.scalar(sa.text("SELECT 1")) == 1


def test_a_held_connection_is_silent_not_refused(
    shared_server: Server, proxied: Callable[[Server], TcpProxy]
) -> None:
    """`hold` accepts and says nothing, as a machine that vanished: only the client's own time-out ends the
    wait."""
    proxy = proxied(shared_server)
    url = through(proxy, shared_server)
    proxy.hold()
    began = time.monotonic()
    with pytest.raises(sa.exc.OperationalError):
        connect(url, timeout=2)  # two seconds is the shortest that libpq waits
    assert time.monotonic() - began >= 1.5

    proxy.heal()
    with connect(url) as again:
        assert again.scalar(sa.text("SELECT 1")) == 1


def test_latency_is_added_to_every_answer(
    shared_server: Server, proxied: Callable[[Server], TcpProxy]
) -> None:
    proxy = proxied(shared_server)
    url = through(proxy, shared_server)
    with connect(url) as connection:
        proxy.latency(0.1)
        began = time.monotonic()
        assert connection.scalar(sa.text("SELECT 1")) == 1
        assert time.monotonic() - began >= 0.2
        proxy.heal()


def test_a_reset_ends_connections_and_new_ones_work(
    shared_server: Server, proxied: Callable[[Server], TcpProxy]
) -> None:
    proxy = proxied(shared_server)
    url = through(proxy, shared_server)
    with connect(url) as running:
        running.execute(sa.text("SELECT 1"))
        proxy.reset()
        with pytest.raises(sa.exc.DBAPIError):
            running.execute(sa.text("SELECT 1"))
        running.invalidate()
    with connect(url) as again:
        assert again.scalar(sa.text("SELECT 1")) == 1


def test_a_muted_server_does_what_it_is_asked_and_nobody_hears(
    shared_server: Server, proxied: Callable[[Server], TcpProxy], new_database: Callable[[str], str]
) -> None:
    """The commit takes place, its answer is lost; after `heal` new connections work."""
    url = new_database("postgresql" if isinstance(shared_server, PostgresServer) else "mariadb")
    proxy = proxied(shared_server)
    with connect(url) as direct:
        direct.execute(sa.text("CREATE TABLE guests (name VARCHAR(40))"))
        direct.commit()
        with connect(sa.make_url(url).set(port=proxy.port).render_as_string(False)) as running:
            running.execute(sa.text("INSERT INTO guests VALUES ('in doubt')"))
            proxy.mute()
            with ThreadPoolExecutor(1) as pool:
                answer = pool.submit(running.commit)
                until = time.monotonic() + 10
                while direct.scalar(sa.text("SELECT count(*) FROM guests")) != 1:
                    assert time.monotonic() < until
                    direct.rollback()
                proxy.heal()
                assert isinstance(answer.exception(10), sa.exc.DBAPIError)
            running.invalidate()
    with connect(through(proxy, shared_server)) as again:
        assert again.scalar(sa.text("SELECT 1")) == 1


def test_a_half_closed_connection_is_at_its_end(
    shared_server: Server, proxied: Callable[[Server], TcpProxy]
) -> None:
    """Running connections and new ones read the end at once; after `heal` new ones work."""
    proxy = proxied(shared_server)
    url = through(proxy, shared_server)
    with connect(url) as running:
        running.execute(sa.text("SELECT 1"))
        proxy.half_close()
        began = time.monotonic()
        with pytest.raises(sa.exc.DBAPIError):
            running.execute(sa.text("SELECT 1"))
        running.invalidate()
        with pytest.raises(sa.exc.DBAPIError):
            connect(url)
        assert time.monotonic() - began < 2
    proxy.heal()
    with connect(url) as again:
        assert again.scalar(sa.text("SELECT 1")) == 1
