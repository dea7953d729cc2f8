"""Chores that nobody waits for: relaying, sweeping, signing, and letting go of what is old."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from seatguard.actors import Actor
from seatguard.engine import Seatguard
from seatguard.errors import SeatguardError, StorageUnavailable

logger = logging.getLogger("seatguard.worker")

_LONGEST_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to be done again and again.

    Attributes:
        every: seconds between two times.
        do: does it and returns how much there was to do. It may be killed at any point.
        of_tenant: whether it is done once for each tenant.
    """

    name: str
    every: float
    do: Callable[[Seatguard, Actor], int]
    of_tenant: bool = True


def _relay(engine: Seatguard, _: Actor) -> int:
    return engine.relay()


def _refusals(engine: Seatguard, _: Actor) -> int:
    engine.flush()
    return 0


def _holds(engine: Seatguard, actor: Actor) -> int:
    swept = engine.seats.sweep(actor)
    engine.waiting.serve_all(actor)
    return swept


def _leases(engine: Seatguard, actor: Actor) -> int:
    return engine.leases.sweep(actor)


def _windows(engine: Seatguard, actor: Actor) -> int:
    return engine.rates.sweep(actor)


def _changes(engine: Seatguard, actor: Actor) -> int:
    return len(engine.changes.apply_due(actor))


def _checkpoint(engine: Seatguard, actor: Actor) -> int:
    if engine.options.journal_key is None:
        return 0
    return 0 if engine.journal.checkpoint(actor) is None else 1


def _replies(engine: Seatguard, actor: Actor) -> int:
    purged = 0
    while went := engine.idempotency.purge(actor):
        purged += went
    return purged


def _days(engine: Seatguard, actor: Actor) -> int:
    return engine.reports.count_days(actor)


CHORES = (
    Chore("relay", 0.05, _relay, of_tenant=False),
    Chore("refusals", 10, _refusals, of_tenant=False),
    Chore("holds", 15, _holds),
    Chore("leases", 60, _leases),
    Chore("windows", 600, _windows),
    Chore("changes", 15, _changes),
    Chore("checkpoints", 10, _checkpoint),
    Chore("replies", 3600, _replies),
    Chore("days", 1800, _days),
)
"""What :class:`Worker` does unless it is told something else."""


class Worker:
    """Does chores when they are due, until it is stopped.

    Any number of workers may run: each chore is safe beside itself.

    Args:
        monotonic: seconds that never step back.

    >>> engine = Seatguard.open("memory:")
    >>> Worker(engine).once()
    Counter()
    """

    def __init__(
        self,
        engine: Seatguard,
        chores: Sequence[Chore] = CHORES,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._chores = chores
        self._monotonic = monotonic
        self._due = dict.fromkeys((chore.name for chore in chores), monotonic())

    def once(self) -> Counter[str]:
        """Do what is due now. A chore that fails is logged and tried again at its next time.

        Returns:
            how much there was to do, by the names of chores.
        """
        done: Counter[str] = Counter()
        for chore in self._chores:
            if self._due[chore.name] > self._monotonic():
                continue
            try:
                for actor in self._actors(chore):
                    done[chore.name] += self._done(chore, actor)
            except StorageUnavailable as error:
                logger.warning("%s: the store does not answer: %s", chore.name, error)
            except SeatguardError:
                logger.exception("%s: failed and is tried again", chore.name)
            self._due[chore.name] = self._monotonic() + chore.every
        return +done

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; what is being done then is finished."""
        while not stop.is_set():
            self.once()
            pause = min(self._due.values(), default=_LONGEST_PAUSE) - self._monotonic()
            stop.wait(min(max(pause, 0), _LONGEST_PAUSE))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Work in a thread of this process while the ``with`` block runs."""
        stop = threading.Event()
        thread = threading.Thread(target=self.run, args=(stop,), name="seatguard-worker", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _done(self, chore: Chore, actor: Actor) -> int:
        try:
            return chore.do(self._engine, actor)
        except StorageUnavailable:
            raise  # the next tenant's would not be done either
        except SeatguardError:
            logger.exception("%s: failed for tenant %s and is tried again", chore.name, actor.tenant)
            return 0

    def _actors(self, chore: Chore) -> Iterator[Actor]:
        tenants = self._engine.tenants.ids() if chore.of_tenant else (self._engine.default_tenant(),)
        for tenant in tenants:
            yield Actor(tenant=tenant, kind="system", name="worker")
