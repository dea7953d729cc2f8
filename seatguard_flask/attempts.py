"""Failed identifications, counted per client address or key prefix, so that keys cannot be tried out."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

WINDOW = 60.0
_MOST_ADDRESSES = 10_000


class FailedAttempts:
    """Counts the failures of the window that began with the first one, in this process only.

    It makes guessing slower; it is no promise. Other processes count for themselves, and the oldest
    name is forgotten when there are too many.

    Args:
        most: failures an address (or a beginning of a key) may have in a window; ``0`` is no limit.
        window: seconds.
        monotonic: seconds that never step back.

    >>> attempts = FailedAttempts(1, monotonic=lambda: 0.0)
    >>> attempts.note("192.0.2.1"); attempts.retry_after("192.0.2.1")
    60
    """

    def __init__(
        self, most: int, *, window: float = WINDOW, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._window = window
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._counted: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def note(self, address: str | None) -> None:
        """Count one failure of an address."""
        if self._most == 0:
            return
        name, now = _network(address), self._monotonic()
        with self._lock:
            since, count = self._counted.get(name, (now, 0))
            self._counted[name] = (now, 1) if now - since >= self._window else (since, count + 1)
            self._counted.move_to_end(name)
            if len(self._counted) > _MOST_ADDRESSES:
                self._counted.popitem(last=False)

    def retry_after(self, address: str | None) -> int | None:
        """Seconds until the address may try again; ``None`` when it may now."""
        if not self._counted:  # the usual case, at no cost
            return None
        with self._lock:
            since, count = self._counted.get(_network(address), (0.0, 0))
        left = self._window - (self._monotonic() - since)
        return None if count < self._most or left <= 0 else int(left) or 1


def _network(address: str | None) -> str:
    """The address, or for IPv6 the network of 64 bits that one customer has at least."""
    if address is None or ":" not in address:
        return address or ""
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address
