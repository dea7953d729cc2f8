"""Values read a moment ago, kept for a bounded time: the cache that never decides a take."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[V]):
    """A value and its age when it was handed out, in seconds."""

    value: V
    age: float


class Snapshots:
    """A bounded cache with single flight, invalidated by this process's own writes.

    Other processes' writes are seen after ``max_age`` seconds at the latest. A load that was
    under way when :meth:`forget` was called is not kept.

    :meth:`peek` takes no lock: one look into a dict is one step of the interpreter, and validate makes
    three of them for each request.

    Args:
        max_age: seconds a value may be handed out for; ``0`` reads every time.
        monotonic: a clock that never steps back, in seconds.
        size: how many values to keep; a project in use has three.

    >>> ticks = iter([0.0, 0.5, 0.5])
    >>> snapshots = Snapshots(max_age=1.0, monotonic=lambda: next(ticks))
    >>> snapshots.get("answer", lambda: 42).value
    42
    """

    def __init__(self, *, max_age: float, monotonic: Callable[[], float], size: int = 30_000) -> None:
        self.max_age = max_age
        self._monotonic = monotonic
        self._size = size
        # In the order in which they were read: who goes first when there are too many is the oldest, too.
        self._kept: dict[Hashable, tuple[float, Any]] = {}
        self._loading: dict[Hashable, Future[Any]] = {}
        self._lock = threading.Lock()

    def get(
        self,
        name: Hashable,
        load: Callable[[], V],
        *,
        max_age: float | None = None,
        since: float = math.inf,
    ) -> Snapshot[V]:
        """The value under ``name``, loaded once however many threads ask for it together.

        Args:
            max_age: seconds, where the caller wants a younger value than usual.
            since: when the caller's question began: what was read later is never too old for it.

        An error of ``load`` reaches every waiting caller at once and is not kept.
        """
        now = self._monotonic()
        oldest = self.max_age if max_age is None else min(max_age, self.max_age)
        with self._lock:
            generation, loading = self._kept, self._loading
            kept = generation.get(name)
            if kept is not None and (now - kept[0] < oldest or kept[0] > since):
                return Snapshot(cast(V, kept[1]), max(0.0, now - kept[0]))
            mine: Future[Any] = Future()
            leader = loading.setdefault(name, mine)
        if leader is not mine:
            return Snapshot(cast(V, leader.result()), 0.0)
        try:
            value = load()
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            with self._lock:
                if generation is self._kept:
                    self._keep(name, now, value)
            mine.set_result(value)
            return Snapshot(value, 0.0)
        finally:
            with self._lock:
                loading.pop(name, None)

    def peek(self, name: Hashable, *, max_age: float | None = None) -> Snapshot[Any] | None:
        """The value under ``name`` if there is one that is young enough.

        Args:
            max_age: seconds, for a caller who finds out whether the value still holds; it may be more
                than usual. Where nothing is to be old at all, it is not.
        """
        kept = self._kept.get(name)
        if kept is None:
            return None
        age = self._monotonic() - kept[0]
        return Snapshot(kept[1], age) if age < (self.max_age and (max_age or self.max_age)) else None

    def put(self, name: Hashable, value: object) -> None:
        """Keep what this process has just seen the store hold."""
        now = self._monotonic()
        with self._lock:
            self._keep(name, now, value)

    def forget(self) -> None:
        """Let go of everything: an agreement has changed."""
        with self._lock:
            self._kept, self._loading = {}, {}

    def _keep(self, name: Hashable, now: float, value: object) -> None:
        self._kept.pop(name, None)
        if len(self._kept) >= self._size:
            del self._kept[next(iter(self._kept))]
        self._kept[name] = (now, value)
