"""Being the only one who makes something that no unique key protects."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from seatguard.actors import Actor
from seatguard.engine import Seatguard
from seatguard.errors import StorageUnavailable
from seatguard.idempotency.model import Begun

PATIENCE = 10.0
"""Seconds to wait for another process that makes the same."""


@contextmanager
def alone(engine: Seatguard, actor: Actor, *, deed: str, of: str) -> Iterator[None]:
    """Keep others out who do the same deed to the same thing, in every process of the store.

    Two services made at once would be twice the seats. What is unique in every store is a request in
    flight: so one is begun under the thing's name, and abandoned at the end.

    Args:
        deed: such as ``"declare service"``.
        of: to what: an id.

    Raises:
        StorageUnavailable: somebody else is still at it.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        start = engine.idempotency.begin(actor, route=deed, key=of, body=b"")
        if isinstance(start, Begun):
            break
        if time.monotonic() > deadline:
            raise StorageUnavailable(f"another process is still at it: {deed} of {of}")
        time.sleep(0.02)
    try:
        yield
    finally:
        engine.idempotency.abandon(actor, start.reply)
