"""Connections for scripts: kept by us, since most of a call's time is the way there and back."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import redis

_FRESH = 0.5
"""Seconds: a line that was used so recently is taken to be open."""


class Lines:
    """Connections to one server, each used by one thread at a time.

    The pool of redis-py makes them; it also asks the kernel before every call whether the server has hung
    up. Here only a line that has been idle is asked: one that broke a moment ago fails at its next call.
    """

    def __init__(self, pool: redis.ConnectionPool) -> None:
        self._pool = pool
        self._idle: deque[tuple[Any, float]] = deque()
        self._process = os.getpid()

    def ask(self, *commands: Sequence[str | bytes | int]) -> list[Any]:
        """Send commands together and return their answers, of which the first error is raised."""
        line = self._take()
        try:
            line.send_packed_command(line.pack_commands(commands))
            answers = [self._answer(line) for _ in commands]
        except BaseException:
            line.disconnect()
            raise
        self._idle.append((line, time.monotonic()))
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def close(self) -> None:
        """Hang up."""
        while self._idle:
            line, _ = self._idle.pop()
            line.disconnect()

    def _answer(self, line: Any) -> Any:
        try:
            return line.read_response()
        except redis.ResponseError as error:
            return error

    def _take(self) -> Any:
        if self._process != os.getpid():
            # A line of the process before the fork is that process's.
            self._idle, self._process = deque(), os.getpid()
        while self._idle:
            try:
                line, used = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if time.monotonic() - used < _FRESH or not self._is_stale(line):
                return line
            line.disconnect()
        # Not `make_connection`: the pool counts what it makes and never learns of one that broke. After a
        # hundred lost lines it would make no more.
        made: Any = self._pool.connection_class(**self._pool.connection_kwargs)
        made.connect()
        return made

    def _is_stale(self, line: Any) -> bool:
        try:
            return bool(line.can_read())  # nothing is due: what can be read is the server's goodbye
        except (redis.ConnectionError, redis.TimeoutError, OSError):
            return True
