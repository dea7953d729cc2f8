"""Mixed traffic that keeps a diary of what it was answered, for tests that kill somebody meanwhile.

A line of a diary names a fact and what is known of it: `?` before the question, the answer after it. A line
is one write to the file, so a killed process leaves all lines that it wrote.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import TypeVar

from seatguard import Decision, NotFound, Reason, Seatguard, StorageUnavailable
from seatguard.allowances import Concurrency, Quota
from seatguard.records import Page
from seatguard.seats.model import SeatState
from tests.storage.crowd import Arena

HOT, TIGHT = "web", "tight"
SERVICES = (HOT, TIGHT, *(f"type{number}" for number in range(20)))
SEATS, PLACES, AMOUNT = 40, 20, 3
"""Seats of the tight service, floating places, and units of a call."""

_FLOATING, _CALLS = Concurrency(limit=PLACES, lasts=86_400), Quota(limit=1_000_000_000)
_PATIENCE = 60.0

UNKNOWN, LOST, NONE = "?", "lost", "none"
"""A question that is not answered yet; an answered fact that is not there any more; nothing is there."""

T = TypeVar("T")
Facts = dict[str, str]


def many_services(url: str) -> Arena:
    """One that everybody wants, one with few seats, and twenty others."""
    arena = Arena.build(url, limit=1_000_000)
    engine = arena.open()
    actor = engine.actor("test", "traffic", tenant=arena.tenant)
    for name in SERVICES[1:]:
        limit = SEATS if name == TIGHT else 1_000_000
        engine.subscriptions.add(actor, arena.project, limit=limit, type=name)
    engine.close()
    return arena


def read(folder: Path) -> tuple[Facts, int]:
    """What all diaries of a folder say in the end, and how many answers they tell of."""
    facts, answers = Facts(), 0
    for diary in sorted(folder.iterdir()):
        for line in diary.read_text().splitlines():
            fact, state = line.split(" ")
            if facts.get(fact) != LOST:
                facts[fact] = state
            answers += state != UNKNOWN
    return facts, answers


def length(folder: Path) -> int:
    """How much has been written so far, in bytes."""
    return sum(diary.stat().st_size for diary in folder.iterdir())


def found(arena: Arena) -> Facts:
    """The same facts as the store has them, after every checker found nothing.

    Counters, rows and entries agree, the chains verify, and no limit is passed.
    """
    engine = arena.open()
    actor = engine.actor("test", "found", tenant=arena.tenant)
    assert list(engine.verify(actor)) == []
    assert list(engine.journal.verify(actor)) == []
    facts, seats = Facts(), set[str]()
    for service in engine.subscriptions.list(actor, project_id=arena.project, limit=200).items:
        rows = 0
        for seat in _all(partial(engine.seats.list_of, actor, service.id, limit=200)):
            facts[f"{service.type}/{seat.holder}"] = "held" if seat.state is SeatState.HELD else "seated"
            seats.add(seat.id)
            rows += 1
        assert service.cap is not None
        assert engine.seats.usage(actor, service.id).live == rows <= service.cap
    where = engine.where(arena.project, type=HOT)
    hot = arena.subscription
    leases = list(_all(partial(engine.leases.list, actor, hot, "floating", limit=200)))
    facts |= {f"place/{lease.holder}": "taken" for lease in leases}
    live = engine.leases.live(actor, where, "floating", allowance=_FLOATING).facts.live
    assert live == len(leases) <= PLACES
    charges = list(_all(partial(engine.usage.charges, actor, hot, "calls", limit=200)))
    facts |= {f"call/{charge.key}": "counted" for charge in charges}
    balance = engine.usage.balance(actor, where, "calls", quota=_CALLS).facts.balance
    assert (balance.used if balance else 0) == AMOUNT * len(charges)
    kinds, by_entries = Counter[str](), set[str]()
    for entry in engine.journal.export(actor):
        kinds[entry.kind] += 1
        if entry.kind in ("seat.taken", "seat.held"):
            by_entries.add(entry.subject)
        elif entry.kind in ("seat.released", "hold.released"):
            by_entries.remove(entry.subject)
    engine.close()
    assert by_entries == seats
    assert kinds["lease.taken"] == len(leases) + kinds["lease.returned"]
    assert kinds["usage.recorded"] == len(charges)
    return facts


def traffic(number: int, arena: Arena, folder: Path, threads: int, stop: Event) -> None:
    """Customers of one process, until they are stopped or killed.

    A process that follows a killed one first asks again what was not answered.
    """
    engine = arena.open()
    names = [f"p{number}t{thread}" for thread in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        for ended in [pool.submit(Customer(engine, arena, folder, name).run, stop) for name in names]:
            ended.result()
    engine.close()


class Customer:
    """Takes, holds, confirms, releases, records and leases; asks again until there is an answer."""

    def __init__(self, engine: Seatguard, arena: Arena, folder: Path, name: str) -> None:
        self._engine = engine
        self._actor = engine.actor("test", name, tenant=arena.tenant)
        self._where = {service: engine.where(arena.project, type=service) for service in SERVICES}
        self._name = name
        path = folder / name
        known = _own(path)
        self._number = len(known)
        self._chance = random.Random(f"{name} {self._number}")
        self._diary = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._again = [fact for fact, state in known.items() if state == UNKNOWN]
        self._mine = [fact for fact, state in known.items() if fact.startswith(TIGHT) and _is_seat(state)]
        self._leased = [fact for fact, state in known.items() if state == "taken"]
        self._leases: dict[str, str] = {}

    def run(self, stop: Event) -> None:
        """Until it is stopped or killed."""
        for fact in self._again:
            self._ask_anew(fact)
        for fact in self._leased:
            self._find_lease(fact)
        while not stop.is_set():
            act = self._chance.random()
            if act < 0.45:
                self._take(self._new(HOT))
            elif act < 0.60:
                self._take(self._new(self._chance.choice(SERVICES[2:])))
            elif act < 0.82:
                self._come_and_go()
            elif act < 0.92:
                self._call(self._new("call"))
            else:
                self._lease()
        os.close(self._diary)

    def _new(self, kind: str) -> str:
        self._number += 1
        return f"{kind}/{self._name}-{self._number}"

    def _write(self, fact: str, state: str) -> None:
        os.write(self._diary, f"{fact} {state}\n".encode())

    def _asked(self, fact: str, ask: Callable[[], T]) -> tuple[T, bool]:
        """The answer, and whether the question had to be repeated."""
        self._write(fact, UNKNOWN)
        began, first = time.monotonic(), True
        while True:
            try:
                return ask(), not first
            except StorageUnavailable:
                assert time.monotonic() - began < _PATIENCE, f"no answer for {_PATIENCE:.0f} s"
                first = False
                threading.Event().wait(0.02)

    def _take(self, fact: str) -> None:
        service, user = fact.split("/")
        seats, where = self._engine.seats, self._where[service]
        decision, _ = self._asked(fact, lambda: seats.take(self._actor, where, user))
        self._write(fact, "seated" if decision.allowed else NONE)
        if decision.allowed and service == TIGHT:
            self._mine.append(fact)

    def _come_and_go(self) -> None:
        act = self._chance.random()
        if self._mine and act < 0.5:
            self._release(self._mine.pop(0))
        elif act < 0.75:
            self._take(self._new(TIGHT))
        else:
            self._hold(self._new(TIGHT))

    def _release(self, fact: str) -> None:
        where, user = self._where[TIGHT], fact.split("/")[1]
        seats = self._engine.seats
        decision, again = self._asked(fact, lambda: seats.release(self._actor, where, user))
        self._write(fact, NONE if decision.reason is Reason.ALLOWED or again else LOST)

    def _hold(self, fact: str) -> None:
        where, user = self._where[TIGHT], fact.split("/")[1]
        seats = self._engine.seats
        decision, _ = self._asked(fact, lambda: seats.hold(self._actor, where, user, seconds=86_400))
        self._write(fact, "held" if decision.allowed else NONE)
        if not decision.allowed:
            return
        seat = decision.facts.seat
        assert seat is not None
        if self._chance.random() < 0.5:
            try:
                self._asked(fact, lambda: seats.confirm(self._actor, where, seat.id))
            except NotFound:
                self._write(fact, LOST)
                return
            self._write(fact, "seated")
        self._mine.append(fact)

    def _call(self, fact: str) -> None:
        decision = self._record(fact)
        self._write(fact, "counted" if decision.allowed else NONE)
        if self._chance.random() < 0.3:  # sent twice, as by a client that did not wait
            self._write(fact, "counted" if self._record(fact).reason is Reason.ALREADY_RECORDED else LOST)

    def _record(self, fact: str) -> Decision[object]:
        key, where = fact.split("/")[1], self._where[HOT]
        usage = self._engine.usage
        decision, _ = self._asked(
            fact, lambda: usage.record(self._actor, where, "calls", AMOUNT, key=key, quota=_CALLS)
        )
        return decision  # type: ignore[return-value]

    def _lease(self) -> None:
        if not self._leases or self._chance.random() < 0.5:
            self._check_out(self._new("place"))
            return
        fact, lease = self._leases.popitem()
        leases, where = self._engine.leases, self._where[HOT]
        decision, again = self._asked(fact, lambda: leases.give_back(self._actor, where, lease))
        self._write(fact, NONE if decision.reason is Reason.ALLOWED or again else LOST)

    def _check_out(self, fact: str) -> Reason:
        user, where = fact.split("/")[1], self._where[HOT]
        leases = self._engine.leases
        decision, _ = self._asked(
            fact, lambda: leases.checkout(self._actor, where, "floating", user, allowance=_FLOATING)
        )
        self._write(fact, "taken" if decision.allowed else NONE)
        if decision.allowed:
            assert decision.facts.lease is not None
            self._leases[fact] = decision.facts.lease.id
        return decision.reason

    def _find_lease(self, fact: str) -> None:
        """Its id died with the process that had it; the same session is given the same place."""
        if self._check_out(fact) is not Reason.ALREADY_HELD:
            self._write(fact, LOST)

    def _ask_anew(self, fact: str) -> None:
        match fact.split("/", maxsplit=1)[0]:
            case "call":
                self._call(fact)
            case "place":
                self._check_out(fact)
            case _:
                self._take(fact)


def _own(path: Path) -> Facts:
    if not path.exists():
        return {}
    return dict(line.split(" ") for line in path.read_text().splitlines())  # type: ignore[misc]


def _is_seat(state: str) -> bool:
    return state in ("seated", "held")


def _all(page: Callable[..., Page[T]]) -> Iterator[T]:
    after = None
    while True:
        one = page(after=after)
        yield from one.items
        after = one.after
        if after is None:
            return
