"""Writers of one SQLite file, committed together: one flush of the disk for all who wait.

SQLite has one writer at a time, and each waits for the disk. So who comes while another one writes hands
the work over; the next to have its turn does all that has come meanwhile in one transaction, each unit
behind a savepoint of its own, and nobody is answered before the commit. Alone, a unit is run as ever.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar, cast

from seatguard.errors import StorageUnavailable
from seatguard.storage.sqlalchemy.raw import RawRunner

T = TypeVar("T")

MOST = 64
"""Units in one transaction: who is among them waits for all of them."""


class Job:
    """One unit, and how it ended.

    Attributes:
        context: of the thread that wants it: its act may be run by another one.
        turn: whether its own thread is to write next.
    """

    __slots__ = ("act", "context", "error", "result", "turn", "woken")

    def __init__(self, act: Callable[[RawRunner], Any]) -> None:
        self.act = act
        self.context = contextvars.copy_context()
        self.woken = threading.Event()
        self.turn = False
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self, runner: RawRunner) -> None:
        """Do it; its own errors are its own."""
        self.result = self.context.run(self.act, runner)

    def fail(self, error: BaseException) -> None:
        """It did not happen, or nobody knows."""
        self.error = error


class Together:
    """Gathers units that come while one is being written.

    Args:
        write: runs units in one transaction and commits it; tells each job its result or error, or
            raises what befell all of them.
        patience: seconds to wait while nobody gets done.
        longest: seconds to wait in any case.
    """

    def __init__(self, write: Callable[[list[Job]], None], *, patience: float, longest: float) -> None:
        self._write = write
        self._patience = patience
        self._longest = longest
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._busy = False
        self._moved = 0.0

    def run(self, act: Callable[[RawRunner], T]) -> T:
        """Have the unit done, by this thread or by another one.

        Raises:
            StorageUnavailable: its turn did not come in time.
        """
        job = Job(act)
        with self._lock:
            self._waiting.append(job)
            job.turn = not self._busy
            self._busy = True
        if not job.turn:
            try:
                self._wait(job)
            except BaseException:
                self._leave(job)
                raise
        if job.turn:
            self._lead()
        if job.error is not None:
            raise job.error
        return cast(T, job.result)

    def _wait(self, job: Job) -> None:
        joined = time.monotonic()
        while not job.woken.wait(0.1):
            now = time.monotonic()
            if now - max(joined, self._moved) <= self._patience and now - joined <= self._longest:
                continue
            with self._lock:
                if job in self._waiting and not job.turn:
                    self._waiting.remove(job)
                    raise StorageUnavailable("the SQLite file is busy: too many writers wait for it")

    def _leave(self, job: Job) -> None:
        """Wait no longer, for whatever reason: what interrupts a thread must not stop all others."""
        with self._lock:
            if job in self._waiting:
                self._waiting.remove(job)
            if job.turn:
                self._pass_on()

    def _lead(self) -> None:
        with self._lock:
            jobs = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
        try:
            self._write(jobs)
        except BaseException as error:
            for job in jobs:
                job.fail(error)
            if not isinstance(error, Exception):
                raise
        finally:
            with self._lock:
                self._moved = time.monotonic()
                self._pass_on()
            for job in jobs:
                job.woken.set()

    def _pass_on(self) -> None:
        """Under the lock: let the next one write."""
        if self._waiting:
            self._waiting[0].turn = True
            self._waiting[0].woken.set()
        else:
            self._busy = False
