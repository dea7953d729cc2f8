"""A Redis or Valkey server, or a cluster of them: scripts run, errors mapped, restarts noticed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from seatguard.errors import Misconfigured, StorageUnavailable
from seatguard.storage.breaker import Breaker
from seatguard.storage.redis.keys import SHARDS, generation_of
from seatguard.storage.redis.lines import Lines
from seatguard.storage.redis.scripts import scripts

T = TypeVar("T")

CONNECT_SECONDS, ANSWER_SECONDS = 1.0, 2.0
"""How long a caller waits for a connection, and for an answer."""

_WAIT_SECONDS = 1.0
_LOGIN = ("NOAUTH", "WRONGPASS", "NOPERM")
_NOT_NOW = (
    *("OOM", "READONLY", "MISCONF", "NOREPLICAS", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY"),
    *("UNKILLABLE", "EXECABORT"),
)


class Server:
    """Runs scripts.

    A server that does not know the scripts has restarted, or is a replica that took over: its data may be
    older than what was answered. So before it is given the scripts, all it holds is marked as unknown, and
    is filled from the ledger again where it is asked for.

    Args:
        client: of redis-py, for one server or a cluster.
        wait_replicas: how many replicas must have a write before it is answered; 0 waits for none.
        confirms: whether a write is answered only when the ledger has it.
    """

    def __init__(
        self, client: Any, *, clustered: bool, wait_replicas: int = 0, confirms: bool = False
    ) -> None:
        self.confirms = confirms
        self._client = client
        self._clustered = clustered
        self._lines = None if clustered else Lines(client.connection_pool)
        self._wait_replicas = wait_replicas
        self._breaker = Breaker(time.monotonic)

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes]) -> list[Any]:
        """Run a script on the server of its keys.

        Raises:
            StorageUnavailable: no answer in time; it may or may not have run.
            Misconfigured: the server may delete what it holds, or refuses the login.
        """
        digest = scripts()[script].digest
        return self.ask(lambda: self._evaluate(digest, keys, arguments))

    def ask(self, call: Callable[[], T]) -> T:
        """Make a call, with redis-py's errors turned into ours."""
        self._breaker.check()
        try:
            answer = call()
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            if _kind(error) in _LOGIN:
                raise _refused(error) from error
            self._breaker.failed()
            raise StorageUnavailable(f"the gate's server did not answer: {error}") from error
        except redis.RedisError as error:
            if _kind(error) in _LOGIN:
                raise _refused(error) from error
            if _kind(error) in _NOT_NOW or not isinstance(error, redis.ResponseError):
                raise StorageUnavailable(f"the gate's server takes nothing now: {error}") from error
            raise
        self._breaker.succeeded()
        return answer

    def entries(
        self, key: str, *, most: int, after: bytes | None = None
    ) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """The oldest entries of a stream, or those after one of them."""
        first = "-" if after is None else b"(" + after
        found: list[tuple[bytes, dict[bytes, bytes]]] = self.ask(
            lambda: self._client.xrange(key, min=first, count=most)
        )
        return found

    def lengths(self, keys: Sequence[str]) -> list[int]:
        """How many entries streams have."""

        return [int(one) for one in self._each("xlen", keys)]

    def fields(self, keys: Sequence[str], name: str) -> list[bytes | None]:
        """One field of each of several hashes."""
        return self._each("hget", keys, name)

    def _each(self, command: str, keys: Sequence[str], *arguments: str) -> list[Any]:
        """The answers to a command about each key, in one round trip where one server has them all."""

        def call() -> list[Any]:
            if self._clustered:
                return [getattr(self._client, command)(key, *arguments) for key in keys]
            with self._client.pipeline(transaction=False) as pipe:
                for key in keys:
                    getattr(pipe, command)(key, *arguments)
                return list(pipe.execute())

        return self.ask(call)

    def get(self, key: str) -> bytes | None:
        """A plain value."""
        value: bytes | None = self.ask(lambda: self._client.get(key))
        return value

    def field(self, key: str, name: str) -> bytes | None:
        """One field of a hash."""
        value: bytes | None = self.ask(lambda: self._client.hget(key, name))
        return value

    def forget(self, pool: str) -> None:
        """Let a pool be filled anew at its next use."""
        self.ask(lambda: self._client.hdel(pool, "generation"))

    def check(self) -> None:
        """See that the server answers and keeps what it is given.

        Raises:
            StorageUnavailable: it does not answer.
            Misconfigured: it may evict keys: seats would be given anew.
        """
        self.ask(self._check_policy)

    def durability(self) -> str:
        """What an answered take survives, in one sentence."""
        modes = set(self.ask(self._modes))
        if self.confirms:
            return "every answered take is in the ledger, and survives what the ledger survives"
        waits = f", {self._wait_replicas} replicas have it as well" if self._wait_replicas else ""
        if modes == {"always"}:
            return (
                "every answered take survives a crash of the gate's server (appendfsync always"
                f"{waits}); best effort at a failover or a flush until the ledger has it, a moment later"
            )
        mode = "appendfsync everysec" if "everysec" in modes else "no fsync of an append-only file"
        if "no" in modes:
            mode = "no append-only file that is flushed"
        return (
            "best effort: a crash, failover or flush of the gate's server loses what the ledger does not have"
            f" yet, a moment's takes ({mode}{waits})"
        )

    def close(self) -> None:
        """Let go of connections."""
        if self._lines is not None:
            self._lines.close()
        self._client.close()

    def _evaluate(self, digest: str, keys: Sequence[str], arguments: Sequence[str | bytes]) -> list[Any]:
        try:
            return self._once(digest, keys, arguments)
        except redis.exceptions.NoScriptError:
            self._prepare()
            return self._once(digest, keys, arguments)

    def _once(self, digest: str, keys: Sequence[str], arguments: Sequence[str | bytes]) -> list[Any]:
        answer: list[Any]
        if self._lines is None:
            answer = self._client.evalsha(digest, len(keys), *keys, *arguments)
            return answer
        run = ("EVALSHA", digest, len(keys), *keys, *arguments)
        if not self._wait_replicas:
            (answer,) = self._lines.ask(run)
            return answer
        answer, reached = self._lines.ask(run, ("WAIT", self._wait_replicas, int(_WAIT_SECONDS * 1000)))
        if reached < self._wait_replicas:
            raise StorageUnavailable(
                f"{reached} of {self._wait_replicas} replicas had the write in time; it may or may not stand"
            )
        return answer

    def _prepare(self) -> None:
        """Give a server the scripts that has none, after marking what it holds as unknown."""
        known = self._client.script_exists(*(script.digest for script in scripts().values()))
        if all(known):
            return  # somebody else has marked it and brought them meanwhile
        self._check_policy()
        generations = [generation_of(shard) for shard in range(SHARDS)]
        if self._clustered:
            for key in generations:
                self._client.delete(key)
            for script in scripts().values():
                self._client.script_load(script.source)
            return
        self._client.delete(*generations)
        with self._client.pipeline(transaction=False) as pipe:
            for script in scripts().values():
                pipe.execute_command("SCRIPT", "LOAD", script.source)
            pipe.execute()

    def _check_policy(self) -> None:
        for one in self._infos("memory"):
            policy = one["maxmemory_policy"]
            if policy != "noeviction":
                raise Misconfigured(
                    f"the gate's server has maxmemory-policy {policy!r} and may delete seats when its memory"
                    " is full: set `maxmemory-policy noeviction`"
                )

    def _modes(self) -> list[str]:
        """``always``, ``everysec`` or ``no`` of each server."""
        persisted = [one.get("aof_enabled") for one in self._infos("persistence")]
        if not all(persisted):
            return ["no"]
        try:
            if self._clustered:
                found = self._client.config_get("appendfsync", target_nodes="primaries")
                return [str(one["appendfsync"]) for one in found.values()]
            return [str(self._client.config_get("appendfsync")["appendfsync"])]
        except (redis.exceptions.NoPermissionError, redis.ResponseError):
            # Hosted servers often hide their settings; then the weaker promise is made.
            return ["everysec"]

    def _infos(self, section: str) -> list[dict[str, Any]]:
        if self._clustered:
            return list(self._client.info(section, target_nodes="primaries").values())
        return [self._client.info(section)]


def connect(url: str) -> Server:
    """A server by its URL. Nothing is sent yet.

    Args:
        url: ``redis://``, ``rediss://`` (TLS), ``valkey://``, ``valkeys://``; with ``+cluster`` in the scheme
            one node of a cluster. ``?wait_replicas=1`` waits for a replica at every write;
            ``?answer=ledger`` answers only when the ledger has the write.

    Raises:
        Misconfigured: the URL cannot be used.
    """
    parts = urlsplit(url)
    scheme, _, kind = parts.scheme.partition("+")
    scheme = {"valkey": "redis", "valkeys": "rediss"}.get(scheme, scheme)
    options = dict(parse_qsl(parts.query))
    wait = options.pop("wait_replicas", "0")
    if not wait.isdigit():
        raise Misconfigured(f"wait_replicas is {wait!r} in the gate's URL: write a whole number")
    answered = options.pop("answer", "gate")
    if answered not in ("gate", "ledger"):
        raise Misconfigured(
            f"answer is {answered!r} in the gate's URL: write ledger, to answer when the ledger has the seat,"
            " or gate"
        )
    confirms = answered == "ledger"
    plain = urlunsplit((scheme, parts.netloc, parts.path, urlencode(options), ""))
    settings: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": ANSWER_SECONDS,
        "protocol": 2,
    }
    try:
        if kind == "cluster":
            if wait != "0":
                raise Misconfigured("wait_replicas is for a single server with replicas, not for a cluster")
            return Server(_Cluster(plain, settings), clustered=True, confirms=confirms)
        client = redis.Redis.from_url(plain, retry=Retry(NoBackoff(), 0), **settings)
    except ValueError as error:
        raise Misconfigured(f"SEATGUARD_GATE_URI cannot be used: {error}") from error
    return Server(client, clustered=False, wait_replicas=int(wait), confirms=confirms)


class _Cluster:
    """A cluster's client, made at the first call: making it asks the nodes for their slots."""

    def __init__(self, url: str, settings: dict[str, Any]) -> None:
        self._url = url
        self._settings = settings
        self._client: Any = None

    def __getattr__(self, name: str) -> Any:
        if self._client is None:
            from redis.cluster import RedisCluster

            self._client = RedisCluster.from_url(self._url, retry=Retry(NoBackoff(), 3), **self._settings)
        return getattr(self._client, name)

    def close(self) -> None:
        """Let go of connections, if there are any."""
        if self._client is not None:
            self._client.close()


def _kind(error: Exception) -> str:
    """The first word of a server's error."""
    if isinstance(error, redis.AuthenticationError):
        return "NOAUTH"
    for kind, name in (
        (redis.exceptions.NoPermissionError, "NOPERM"),
        (redis.exceptions.OutOfMemoryError, "OOM"),
        (redis.ReadOnlyError, "READONLY"),
        (redis.BusyLoadingError, "LOADING"),
    ):
        if isinstance(error, kind):
            return name
    return str(error).partition(" ")[0].removeprefix("-")


def _refused(error: Exception) -> Misconfigured:
    return Misconfigured(f"the gate's server refuses the login or a command: {error}")
