"""Claims from several threads, each answer noted, while a test does something to the servers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from seatguard import Actor, Seatguard, StorageUnavailable, Where
from tests.storage.crowd import Arena


@dataclass
class Load:
    """What was answered.

    Attributes:
        seated: users whose claim was answered with a seat, and when.
        refused: how many claims were refused.
        unavailable: how long each claim took that was answered with an outage, and when it ended.
    """

    engine: Seatguard
    arena: Arena
    name: str = "user"
    seated: dict[str, float] = field(default_factory=dict)
    refused: int = 0
    unavailable: list[tuple[float, float]] = field(default_factory=list)
    most: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self, threads: int = 8) -> Iterator[None]:
        """Claim from that many threads while the block runs."""
        workers = [threading.Thread(target=self._claim, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        try:
            yield
        finally:
            self.stop.set()
            for worker in workers:
                worker.join()

    def until(self, seats: int, *, seconds: float = 60) -> None:
        """Wait until so many claims were answered with a seat."""
        self._until(lambda: len(self.seated) >= seats, seconds)

    def until_outage(self, *, seconds: float = 60) -> None:
        """Wait until a claim was answered with an outage."""
        self._until(lambda: bool(self.unavailable), seconds)

    def until_refused(self, *, seconds: float = 60) -> None:
        """Wait until a claim was refused."""
        self._until(lambda: self.refused > 0, seconds)

    def _until(self, done: object, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not done():  # type: ignore[operator]
            assert time.monotonic() < deadline, (len(self.seated), self.refused, len(self.unavailable))
            threading.Event().wait(0.005)

    def _claim(self, number: int) -> None:
        actor = self.engine.actor("test", f"thread{number}", tenant=self.arena.tenant)
        where = self.engine.where(self.arena.project)
        attempt = 0
        while not self.stop.is_set():
            attempt += 1
            username = f"{self.name}{number}-{attempt}"
            began = time.monotonic()
            try:
                allowed, live = self.ask(actor, where, username)
            except StorageUnavailable:
                self.unavailable.append((time.monotonic() - began, time.monotonic()))
                threading.Event().wait(0.01)
                continue
            if allowed:
                self.seated[username] = time.monotonic()
                self.most = max(self.most, live)
            else:
                self.refused += 1

    def ask(self, actor: Actor, where: Where, name: str) -> tuple[bool, int]:
        """Claim once: whether it was allowed, and how many there are then."""
        decision = self.engine.seats.take(actor, where, name)
        return decision.allowed, decision.facts.usage.live


def seated(engine: Seatguard, arena: Arena) -> set[str]:
    """Who sits at the gate."""
    actor = engine.actor("test", "seated", tenant=arena.tenant)
    names, after = set(), None
    while True:
        page = engine.seats.list(actor, engine.where(arena.project), limit=200, after=after)
        names |= {seat.holder for seat in page.items}
        after = page.after
        if after is None:
            return names
