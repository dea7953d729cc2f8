from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from seatguard.snapshots import Snapshot, Snapshots
from tests.worlds import Ticks


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def snapshots(ticks: Ticks) -> Snapshots:
    return Snapshots(max_age=1.0, monotonic=ticks)


class Loader:
    """Counts how often it was asked, and waits until it is told to go on."""

    def __init__(self, *, error: Exception | None = None) -> None:
        self.calls = 0
        self.began, self.go_on = Event(), Event()
        self._error = error

    def __call__(self) -> int:
        self.calls += 1
        self.began.set()
        assert self.go_on.wait(10)
        if self._error is not None:
            raise self._error
        return self.calls


def test_a_value_is_kept_and_tells_its_age(snapshots: Snapshots, ticks: Ticks) -> None:
    """Loaded once a second: until then it is the same value, older by the clock."""
    values = iter("ab")
    assert snapshots.get("name", lambda: next(values)) == Snapshot("a", 0.0)
    ticks.seconds += 0.75
    assert snapshots.get("name", lambda: next(values)) == Snapshot("a", 0.75)
    ticks.seconds += 0.25
    assert snapshots.get("name", lambda: next(values)) == Snapshot("b", 0.0)


def test_an_age_of_nought_reads_always(ticks: Ticks) -> None:
    """Who wants no snapshots has none."""
    snapshots = Snapshots(max_age=0, monotonic=ticks)
    values = iter("ab")
    assert snapshots.get("name", lambda: next(values)).value == "a"
    assert snapshots.get("name", lambda: next(values)).value == "b"


def test_the_age_counts_from_before_the_load(snapshots: Snapshots, ticks: Ticks) -> None:
    """What a slow load brings is as old as the question, not as its answer."""

    def slow() -> str:
        ticks.seconds += 0.5
        return "value"

    snapshots.get("name", slow)
    assert snapshots.get("name", slow).age == 0.5


def test_fifty_threads_load_once(snapshots: Snapshots) -> None:
    """All who ask while a load is under way get its value."""
    load = Loader()
    barrier = Barrier(51)

    def ask(_: int) -> int:
        barrier.wait()
        return snapshots.get("name", load).value

    with ThreadPoolExecutor(50) as pool:
        asking = [pool.submit(ask, number) for number in range(50)]
        barrier.wait()
        assert load.began.wait(10)
        load.go_on.set()
        assert [one.result() for one in asking] == [1] * 50
    assert load.calls == 1


def test_an_error_reaches_all_who_wait_and_is_not_kept(snapshots: Snapshots) -> None:
    """A dead store fails fast for everybody, and is asked again by the next."""
    load = Loader(error=RuntimeError("no answer"))
    waiting = [threading.Event() for _ in range(9)]

    def ask(number: int) -> str:
        if number:
            assert load.began.wait(10)
            waiting[number - 1].set()
        try:
            return str(snapshots.get("name", load).value)
        except RuntimeError as error:
            return str(error)

    with ThreadPoolExecutor(10) as pool:
        asking = [pool.submit(ask, number) for number in range(10)]
        for one in waiting:
            assert one.wait(10)
        load.go_on.set()
        assert {one.result() for one in asking} == {"no answer"}
    assert snapshots.get("name", lambda: "back").value == "back"


def test_forgetting_lets_go_of_everything(snapshots: Snapshots) -> None:
    """After a change nothing from before it is handed out."""
    snapshots.get("a", lambda: 1)
    snapshots.put("b", 2)
    snapshots.forget()
    assert snapshots.get("a", lambda: 10).value == 10
    assert snapshots.get("b", lambda: 20).value == 20


def test_a_load_from_before_a_change_is_not_kept(snapshots: Snapshots) -> None:
    """A load under way when an agreement changes answers its own caller and nobody else."""
    load = Loader()
    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(lambda: snapshots.get("name", load).value)
        assert load.began.wait(10)
        snapshots.forget()
        assert snapshots.get("name", lambda: "after").value == "after"
        load.go_on.set()
        assert early.result() == 1
    assert snapshots.get("name", lambda: "again").value == "after"


def test_what_was_seen_is_put(snapshots: Snapshots, ticks: Ticks) -> None:
    """A value seen in passing spares a load."""
    snapshots.put("name", 7)
    ticks.seconds += 0.5
    assert snapshots.get("name", lambda: 8) == Snapshot(7, 0.5)


def test_a_younger_value_can_be_asked_for(snapshots: Snapshots, ticks: Ticks) -> None:
    """The caller's age holds where it is the smaller one; an older value than usual is not to be had."""
    snapshots.put("name", 7)
    ticks.seconds += 0.5
    assert snapshots.get("name", lambda: 8, max_age=0.6).value == 7
    assert snapshots.get("name", lambda: 8, max_age=0.5).value == 8
    ticks.seconds += 1
    assert snapshots.get("name", lambda: 9, max_age=60).value == 9


def test_the_number_of_values_is_bounded(ticks: Ticks) -> None:
    """What was read the longest ago goes first."""
    snapshots = Snapshots(max_age=1.0, monotonic=ticks, size=2)
    for name in ("a", "b", "a", "c"):
        snapshots.get(name, lambda: "first")
    snapshots.put("b", "seen again")
    snapshots.put("d", "fourth")
    assert [snapshots.peek(name) is not None for name in "abcd"] == [False, True, False, True]
