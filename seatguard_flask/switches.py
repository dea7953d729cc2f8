"""What may be turned while the app runs: guards off, or guards that only watch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from seatguard_flask.settings import Settings

EVERYBODY = object()
"""In the place of an instance: all of them."""

_off: ContextVar[tuple[object, ...]] = ContextVar("seatguard_off", default=())


class Switches:
    """Two flags of one app, read from its configuration at every call."""

    def __init__(self, config: Mapping[str, Any], prefix: str) -> None:
        self._config = config
        self._prefix = prefix

    @property
    def enabled(self) -> bool:
        """``SEATGUARD_ENABLED``."""
        return Settings.flag(self._config, f"{self._prefix}ENABLED", default=True)

    @property
    def dry_run(self) -> bool:
        """``SEATGUARD_DRY_RUN``."""
        return Settings.flag(self._config, f"{self._prefix}DRY_RUN", default=False)


@contextmanager
def disabled(instance: object) -> Iterator[None]:
    """Turn the guards of one instance off, for the calling thread or task and what it calls."""
    token = _off.set((*_off.get(), instance))
    try:
        yield
    finally:
        _off.reset(token)


def is_disabled(instance: object) -> bool:
    """Whether :func:`disabled` is in force here."""
    return any(one is instance or one is EVERYBODY for one in _off.get())
