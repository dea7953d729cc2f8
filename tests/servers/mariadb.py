"""MariaDB from the system's packages (`apt-get install mariadb-server`), started by us on a data folder of
our own.

The service that the package brings is neither used nor needed.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

import psutil
import pymysql

from tests.servers import processes
from tests.servers.processes import RunAs, ServerUnavailable

TEST_USER = "seatguard"
TEST_PASSWORD = "seatguard"


def _binary(*names: str) -> str:
    for name in names:
        # /usr/sbin is not on every user's PATH.
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/libexec")
        if found:
            return found
    raise ServerUnavailable(
        "no MariaDB here: apt-get install mariadb-server, or set SEATGUARD_TEST_MARIADB to a server's URL"
    )


class MariaDBServer:
    """A MariaDB server of our own, or (`MariaDBServer.at(url)`) somebody else's.

    Own servers can be killed and restarted on the same data; with `durable=True` every commit reaches the
    disk.
    """

    def __init__(self, *, host: str, port: int, user: str = TEST_USER, password: str = TEST_PASSWORD) -> None:
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

        Without `durable` a commit reaches the kernel, not the disk.
        """
        daemon = _binary("mariadbd", "mysqld")
        installer = _binary("mariadb-install-db", "mysql_install_db")
        server = cls(host="127.0.0.1", port=processes.free_port())
        server._run_as = RunAs.when_root("mysql", "nobody")
        server._folder = Path(tempfile.mkdtemp(prefix="seatguard-mariadb-"))
        if server._run_as:
            server._run_as.own(server._folder)
        data = server._folder / "data"
        options = {
            "datadir": str(data),
            "tmpdir": str(server._folder),
            "socket": str(server._folder / "server.sock"),
            "pid-file": str(server._folder / "server.pid"),
            "bind-address": server.host,
            "port": str(server.port),
            "skip-networking": "0",
            "skip-name-resolve": "1",
            "character-set-server": "utf8mb4",
            "collation-server": "utf8mb4_general_ci",
            "max-connections": str(max_connections),
            "innodb-buffer-pool-size": "64M",
            "innodb-log-file-size": "48M",
            # 2: written to the kernel at commit, so a killed server loses nothing; only a killed machine
            # would.
            "innodb-flush-log-at-trx-commit": "1" if durable else "2",
            "sync-binlog": "0",
            "performance-schema": "0",
            **(settings or {}),
        }
        server._command = [daemon, "--no-defaults", *(f"--{name}={value}" for name, value in options.items())]
        try:
            processes.run(
                [
                    *(installer, "--no-defaults", f"--datadir={data}", f"--tmpdir={server._folder}"),
                    *(
                        "--skip-test-db",
                        "--auth-root-authentication-method=normal",
                        "--innodb-log-file-size=48M",
                    ),
                ],
                run_as=server._run_as,
            )
            server._launch(as_user="root", password="")
            server._create_test_user()
        except BaseException:
            server.stop()
            raise
        return server

    @classmethod
    def at(cls, url: str) -> Self:
        """Use a running server, named by a SQLAlchemy URL of a user who may create databases."""
        parts = urlsplit(url)
        return cls(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or 3306,
            user=unquote(parts.username or TEST_USER),
            password=unquote(parts.password or ""),
        )

    def _launch(self, *, as_user: str, password: str) -> None:
        self._process = processes.spawn(
            self._command, log=self.log, death_signal=signal.SIGKILL, run_as=self._run_as
        )

        def ready() -> bool:
            return self._answers(as_user, password)

        processes.wait_until(ready, process=self._process, log=self.log)

    def _create_test_user(self) -> None:
        # The root of a fresh server has no password and is taken away: what the tests may do, this user may
        # do.
        with self._connect("root", "") as connection, connection.cursor() as cursor:
            for host in ("127.0.0.1", "localhost"):
                cursor.execute(f"CREATE USER '{TEST_USER}'@'{host}' IDENTIFIED BY '{TEST_PASSWORD}'")
                cursor.execute(f"GRANT ALL PRIVILEGES ON *.* TO '{TEST_USER}'@'{host}' WITH GRANT OPTION")

    def _connect(self, user: str, password: str) -> pymysql.Connection:
        return pymysql.connect(
            host=self.host, port=self.port, user=user, password=password, autocommit=True, connect_timeout=5
        )

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
        login = f"{self._user}:{self._password}" if self._password else self._user
        return f"mysql+pymysql://{login}@{self.host}:{port or self.port}/{database}?charset=utf8mb4"

    def create_database(self, name: str) -> str:
        """Create an empty utf8mb4 database; returns its URL."""
        with self._connect(self._user, self._password) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database.

        Its connections are ended first: one that idles in a transaction would hold the drop back for good.
        """
        with self._connect(self._user, self._password) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", (name,))
            for (connection_id,) in cursor.fetchall():
                try:
                    cursor.execute(f"KILL {int(connection_id)}")
                except pymysql.err.OperationalError:
                    continue  # it ended by itself in between
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")

    def answers(self) -> bool:
        return self._answers(self._user, self._password)

    def _answers(self, user: str, password: str) -> bool:
        try:
            with self._connect(user, password) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                return cursor.fetchone() == (1,)
        except pymysql.err.Error:
            return False

    def kill(self) -> None:
        """SIGKILL for the server. Committed data must survive this."""
        assert self._process is not None, "a server that is not ours cannot be killed"
        processes.kill_tree(self._process)

    def restart(self) -> None:
        """Serve the same data on the same port again, after `kill()` or instead of it."""
        assert self._process is not None, "a server that is not ours cannot be restarted"
        processes.stop(self._process, signal.SIGTERM)
        self._launch(as_user=self._user, password=self._password)

    def stop(self) -> None:
        """End the server and remove its data.

        Calling it twice is harmless; a server that is not ours is left alone.
        """
        if self._process is not None:
            processes.kill_tree(
                self._process
            )  # the data goes as well, so nothing is gained by an orderly end
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
