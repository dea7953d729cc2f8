"""After several lost connections in a row, stop knocking for a moment."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from seatguard.errors import StorageUnavailable

FAILURES, WITHIN, PAUSE = 5, 10.0, 1.0
"""So many failures within so many seconds, and for so many seconds callers are told at once."""


class Breaker:
    """Answers for a server that is known to be away, so that callers do not queue up for it.

    After a pause one caller is let through to find out whether it is back.

    >>> breaker = Breaker(lambda: 0.0)
    >>> for _ in range(FAILURES): breaker.failed()
    >>> breaker.is_open()
    True
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failures: deque[float] = deque(maxlen=FAILURES)
        self._closed_until: float | None = None

    def is_open(self) -> bool:
        """Whether callers are told at once."""
        return self._closed_until is not None

    def check(self) -> None:
        """Let the caller through, or not.

        Raises:
            StorageUnavailable: the server was away a moment ago.
        """
        if not self.is_open():
            return
        with self._lock:
            now = self._monotonic()
            if self._closed_until is not None and now < self._closed_until:
                raise StorageUnavailable("the store was out of reach a moment ago", retry_after=1)
            self._closed_until = now + PAUSE  # this caller finds out; the others go on being told

    def failed(self) -> None:
        """A connection could not be made, or was lost."""
        with self._lock:
            now = self._monotonic()
            self._failures.append(now)
            if len(self._failures) == FAILURES and now - self._failures[0] <= WITHIN:
                self._closed_until = now + PAUSE

    def succeeded(self) -> None:
        """The server answered."""
        if self._failures or self._closed_until is not None:
            with self._lock:
                self._failures.clear()
                self._closed_until = None
