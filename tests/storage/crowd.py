"""Many processes at one gate, released together by a barrier, every answer counted."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from typing import Any

from seatguard import EngineOptions, Reason, Seatguard
from seatguard.errors import NotFound
from tests.storage.stores import migrate

spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Arena:
    """A database with one subscription, as a value that other processes can be given.

    With ``gate`` the seats are kept there.
    """

    url: str
    tenant: str
    project: str
    subscription: str
    gate: str | None = None

    @classmethod
    def build(cls, url: str, *, limit: int, gate: str | None = None) -> Arena:
        """Migrate the database and put one subscription on it."""
        migrate(url)
        engine = Seatguard.open(url, gate=gate)
        actor = engine.actor("test", "arena")
        client = engine.clients.add(actor, name="Client")
        project = engine.projects.add(actor, client.id, name="Project", domains=("acme.example",))
        subscription = engine.subscriptions.add(actor, project.id, limit=limit)
        engine.close()
        return cls(url, actor.tenant, project.id, subscription.id, gate)

    def open(self) -> Seatguard:
        """An engine of this process's own."""
        return Seatguard.open(self.url, gate=self.gate, options=EngineOptions(max_age=1.0))

    def audit(self) -> dict[str, int]:
        """Seats by the counter, by the rows and by the journal; every checker must find nothing."""
        engine = self.open()
        actor = engine.actor("test", "audit", tenant=self.tenant)
        where = engine.where(self.project)
        engine.relay()
        assert list(engine.verify(actor)) == []
        assert list(engine.journal.verify(actor)) == []
        rows, after = 0, None
        while True:
            page = engine.seats.list(actor, where, limit=200, after=after)
            rows += len(page.items)
            after = page.after
            if after is None:
                break
        kinds: Counter[str] = Counter(entry.kind for entry in engine.journal.export(actor))
        usage = engine.seats.usage(actor, self.subscription)
        engine.close()
        return {"counter": usage.live, "rows": rows, **kinds}


def crowd(work: Callable[..., Any], processes: int, *arguments: object) -> list[Any]:
    """Run ``work(number, barrier, *arguments)`` in that many processes and gather what they return."""
    with spawn.Manager() as manager:
        barrier = manager.Barrier(processes)
        with spawn.Pool(processes) as pool:
            tasks = [pool.apply_async(work, (number, barrier, *arguments)) for number in range(processes)]
            return [task.get(timeout=240) for task in tasks]


def register_all(number: int, barrier: Barrier, arena: Arena, attempts: int) -> Counter[str]:
    """Claim a seat for that many holders of this process's own."""
    engine = arena.open()
    actor = engine.actor("test", f"process{number}", tenant=arena.tenant)
    where = engine.where(arena.project)
    answers: Counter[str] = Counter()
    barrier.wait()
    for attempt in range(attempts):
        answers[engine.seats.take(actor, where, f"user{number}-{attempt}").reason.value] += 1
    engine.close()
    return answers


def mix(number: int, barrier: Barrier, arena: Arena, attempts: int) -> tuple[Counter[str], int]:
    """Takes, duplicates, releases, holds that lapse, confirms and limit changes, seeded by the process.

    Returns:
        the answers, and the highest excess of live seats over the cap that this process ever saw.
    """
    engine = arena.open()
    actor = engine.actor("test", f"process{number}", tenant=arena.tenant)
    where = engine.where(arena.project)
    chance = random.Random(number)
    answers: Counter[str] = Counter()
    excess = 0
    barrier.wait()
    for attempt in range(attempts):
        username = f"user{chance.randrange(150)}"
        act = chance.random()
        if act < 0.45:
            decision = engine.seats.take(actor, where, username)
        elif act < 0.65:
            decision = engine.seats.release(actor, where, username)
        elif act < 0.85:
            decision = engine.seats.hold(actor, where, f"hold{number}-{attempt}", seconds=1)
            if decision.reason is Reason.ALLOWED and chance.random() < 0.3:
                assert decision.facts.seat is not None
                try:
                    decision = engine.seats.confirm(actor, where, decision.facts.seat.id)
                except NotFound:  # on a busy machine: it lapsed, and another taker has cleared it
                    answers["hold_lapsed"] += 1
                    continue
        elif act < 0.95:
            decision = engine.seats.transfer(actor, where, username, to=f"moved{number}-{attempt}")
        else:
            change = engine.subscriptions.change_limit(
                actor, arena.subscription, limit=chance.choice([80, 90, 100])
            )
            answers[f"limit:{change.reason.value}"] += 1
            continue
        answers[decision.reason.value] += 1
        subscription = engine.subscriptions.get(actor, arena.subscription)
        assert subscription.cap is not None
        excess = max(excess, engine.seats.usage(actor, arena.subscription).live - 100)
    engine.close()
    return answers, excess


OTHERS, PROJECTS = 1000, 100
"""How many subscriptions there are beside the hot one, and to how many projects they belong."""


def many_subscriptions(arena: Arena) -> list[str]:
    """Put a thousand subscriptions of one seat beside the arena's, ten to a project; the projects."""
    engine = arena.open()
    actor = engine.actor("test", "arena", tenant=arena.tenant)
    client = engine.clients.add(actor, name="Other client")
    projects = []
    for one in range(PROJECTS):
        projects.append(engine.projects.add(actor, client.id, name=f"Project {one}").id)
        for number in range(OTHERS // PROJECTS):
            engine.subscriptions.add(actor, projects[-1], limit=1, type=f"type{number}")
    engine.close()
    return projects


def mix_hot_and_many(
    number: int, barrier: Barrier, arena: Arena, projects: list[str], attempts: int
) -> tuple[Counter[str], dict[str, str]]:
    """Every second act on the hot subscription, the others on one after the other of the thousand, now and
    then on the neighbor's: takes, holds that are confirmed or not, releases.

    Returns:
        the answers, and of each user who has a seat at the end: in which project.
    """
    engine = arena.open()
    actor = engine.actor("test", f"process{number}", tenant=arena.tenant)
    chance = random.Random(number)
    answers: Counter[str] = Counter()
    seated: dict[str, str] = {}
    barrier.wait()
    for attempt in range(attempts):
        visitor = number ^ 1 if chance.random() < 0.2 else number
        one = (attempt // 2 * 8 + visitor) % OTHERS
        is_hot = attempt % 2 == 0
        project = arena.project if is_hot else projects[one % PROJECTS]
        where = engine.where(project, type="web" if is_hot else f"type{one // PROJECTS}")
        username, act = f"user{number}-{attempt}", chance.random()
        if act < 0.7:
            decision = engine.seats.take(actor, where, username)
        else:
            decision = engine.seats.hold(actor, where, username, seconds=3600)
            if decision.allowed and act < 0.85:
                assert decision.facts.seat is not None
                engine.seats.confirm(actor, where, decision.facts.seat.id).require()
                answers["confirmed"] += 1
        answers[("hot " if is_hot else "") + decision.reason.value] += 1
        if decision.allowed:
            seated[username] = project
            if chance.random() < 0.3:
                assert engine.seats.release(actor, where, username).allowed
                del seated[username]
    engine.close()
    return answers, seated


def check_hot_and_many(
    arena: Arena, projects: list[str], results: list[tuple[Counter[str], dict[str, str]]]
) -> Counter[str]:
    """Who sits where is what the processes were told; all checkers find nothing. Returns the answers."""
    engine = arena.open()
    actor = engine.actor("test", "check", tenant=arena.tenant)
    engine.relay()
    there = {}
    for project in (arena.project, *projects):
        after = None
        while True:
            page = engine.seats.list(actor, engine.where(project), limit=200, after=after)
            there |= {seat.holder: project for seat in page.items}
            after = page.after
            if after is None:
                break
    assert there == {user: project for _, seated in results for user, project in seated.items()}
    assert list(engine.verify(actor)) == []
    assert list(engine.journal.verify(actor)) == []
    hot = engine.seats.usage(actor, arena.subscription).live
    assert hot == sum(project == arena.project for project in there.values())
    answers = sum((answers for answers, _ in results), Counter())
    kinds: Counter[str] = Counter(entry.kind for entry in engine.journal.export(actor))
    allowed, confirmed = answers["hot allowed"] + answers["allowed"], answers.pop("confirmed")
    assert kinds["seat.taken"] + kinds["seat.held"] == allowed + confirmed
    assert kinds["seat.released"] + kinds["hold.released"] == allowed - len(there)
    engine.close()
    return answers


def rounds(few: int) -> int:
    """How many times somebody is killed: that few, or what SEATGUARD_TEST_CRASH_ROUNDS says."""
    return int(os.environ.get("SEATGUARD_TEST_CRASH_ROUNDS", few))


def measure(label: str, began: float, attempts: int) -> None:
    """Say how fast it went; nothing is asserted about time."""
    print(f"{label}: {attempts / (time.monotonic() - began):.0f} attempts/s")
