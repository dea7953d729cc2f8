"""Which subscriptions several takers want at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STAYS = 1.0
"""Seconds after the last sign of it that a subscription counts as wanted."""

_MOST = 10_000


class Haste:
    """Signs of haste: two takers inside at once in this process, or a row that another one changed first.

    >>> haste = Haste(lambda: 0.0)
    >>> with haste.inside("a") as first, haste.inside("a") as second, haste.inside("b") as third:
    ...     first, second, third
    (False, True, False)
    >>> haste.met("b")
    >>> with haste.inside("b") as again: again
    True
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._inside: Counter[str] = Counter()
        self._until: dict[str, float] = {}

    @contextmanager
    def inside(self, name: str) -> Iterator[bool]:
        """Be counted as a taker; whether there is haste."""
        now = self._monotonic()
        with self._lock:
            self._inside[name] += 1
            if self._inside[name] > 1:
                self._note(name, now)
            hasty = self._until.get(name, now) > now
        try:
            yield hasty
        finally:
            with self._lock:
                self._inside[name] -= 1
                if not self._inside[name]:
                    del self._inside[name]

    def met(self, name: str) -> None:
        """Another taker came first, of whatever process."""
        now = self._monotonic()
        with self._lock:
            self._note(name, now)

    def _note(self, name: str, now: float) -> None:
        if len(self._until) >= _MOST:
            self._until.clear()
        self._until[name] = now + STAYS
