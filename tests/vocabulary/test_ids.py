from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatguard.clock import from_micros, system_clock
from seatguard.ids import Uuid7, floor, is_uuid

NOON = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)

instants = st.datetimes(
    min_value=dt.datetime(1970, 1, 1), max_value=dt.datetime(9999, 12, 31), timezones=st.just(dt.UTC)
)

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")


def test_an_id_is_a_uuid_of_version_7():
    """An id is canonical text of RFC 9562's version 7 and variant, with the clock's milliseconds in front."""
    made = Uuid7(lambda: NOON)()
    parsed = uuid.UUID(made)
    assert str(parsed) == made
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert parsed.int >> 80 == int(NOON.timestamp() * 1000)


def test_the_random_part_is_the_entropy_given():
    """All 62 random bits come from the entropy; the version and variant are never touched by it."""
    made = Uuid7(lambda: NOON, entropy=lambda size: b"\xff" * size)()
    assert made.endswith("-7000-bfff-ffffffffffff")


def test_ids_of_one_instant_increase():
    """Ten thousand ids of a clock that stands still are strictly increasing."""
    new_id = Uuid7(lambda: NOON)
    made = [new_id() for _ in range(10_000)]
    assert made == sorted(set(made))


@given(st.lists(instants, min_size=1, max_size=30))
def test_ids_increase_whatever_the_clock_does(readings):
    """Ids of one maker are strictly increasing also when the clock steps back or jumps."""
    clock = iter(readings)
    new_id = Uuid7(lambda: next(clock))
    made = [new_id() for _ in readings]
    assert made == sorted(set(made))
    assert all(is_uuid(text) for text in made)


def test_threads_share_a_maker():
    """Threads that share a maker never get the same id, and each sees its own ids increase."""
    new_id = Uuid7(lambda: NOON, entropy=bytes)
    start = threading.Barrier(4)

    def make(_: int) -> list[str]:
        start.wait()
        return [new_id() for _ in range(2_000)]

    with ThreadPoolExecutor(4) as pool:
        batches = list(pool.map(make, range(4)))
    assert len({text for batch in batches for text in batch}) == 8_000
    assert all(batch == sorted(batch) for batch in batches)


@needs_fork
def test_a_forked_child_makes_other_ids():
    """Parent and child of a fork count on from the same stamp and still never make the same id."""
    new_id = Uuid7(lambda: NOON)
    new_id()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, "\n".join(new_id() for _ in range(500)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        theirs = pipe.read().split("\n")
    os.waitpid(child, 0)
    ours = [new_id() for _ in range(500)]
    assert len(set(ours) | set(theirs)) == 1_000


# Three threads that hand over the interpreter this often have the lock taken at nearly every fork.
FORKS_BESIDE_BUSY_THREADS = """
import os, signal, sys, threading
from seatguard.clock import from_micros
from seatguard.ids import Uuid7

new_id = Uuid7(lambda: from_micros(0), entropy=bytes)

def keep_busy():
    while True:
        new_id()

sys.setswitchinterval(1e-6)
for _ in range(3):
    threading.Thread(target=keep_busy, daemon=True).start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        new_id()
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        os._exit(1)
os._exit(0)
"""


@needs_fork
def test_a_fork_beside_busy_threads_leaves_no_lock_behind():
    """A child forked while other threads are making ids can make ids itself."""
    # In a process of its own and unmeasured: a coverage tracer has a lock too, and a forked child finds
    # that one taken for ever.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS_BESIDE_BUSY_THREADS],
        env=environment,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("018bcfe5-6800-7000-8000-000000000000", True),
        ("6fa459ea-ee8a-4ca4-894e-db77e160355e", True),
        ("018BCFE5-6800-7000-8000-000000000000", False),
        ("018bcfe568007000800000000000000", False),
        ("{018bcfe5-6800-7000-8000-000000000000}", False),
        ("018bcfe5-6800-7000-8000-000000000000\n", False),
        ("018bcfe5-6800-7000-8000-00000000000\u0660", False),
        ("27259631130333357867708448768", False),
        ("../x", False),
        ("", False),
        (None, False),
        (7, False),
        (uuid.UUID("6fa459ea-ee8a-4ca4-894e-db77e160355e"), False),
    ],
)
def test_is_uuid_knows_one_spelling(text, expected):
    """Only the spelling that is stored counts as an id; anything else cannot be found anyway."""
    assert is_uuid(text) is expected


@given(instants)
def test_floor_is_the_smallest_id_of_its_instant(instant):
    """No id made at an instant is below its floor, and an id with no random bits equals it."""
    assert floor(instant) == Uuid7(lambda: instant, entropy=bytes)()
    assert floor(instant) <= Uuid7(lambda: instant)()


@given(st.integers(1, 10**15))
def test_floor_parts_the_ids_before_from_the_ids_after(micros):
    """An id made a microsecond earlier is below the floor, so half-open ranges by time are exact."""
    before = Uuid7(lambda: from_micros(micros - 1), entropy=lambda size: b"\xff" * size)()
    assert before < floor(from_micros(micros))


def test_floor_before_the_epoch_is_the_smallest_id_of_all():
    """A range scan may begin before 1970."""
    assert floor(dt.datetime(1900, 1, 1, tzinfo=dt.UTC)) == "00000000-0000-7000-8000-000000000000"


def test_ids_sort_like_the_system_clock():
    """An id of the present lies between the floors around it."""
    earlier = floor(system_clock() - dt.timedelta(minutes=1))
    later = floor(system_clock() + dt.timedelta(minutes=1))
    assert earlier < Uuid7(system_clock)() < later
