"""Identifiers: UUIDv7 text that sorts by time, strictly increasing within a process."""

from __future__ import annotations

import datetime as dt
import os
import re
import threading
import weakref
from collections.abc import Callable
from typing import TypeAlias

from seatguard.clock import Clock, to_micros

NewId: TypeAlias = Callable[[], str]
"""Answers a new identifier, different from every other one."""

_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_RANDOM_BITS = (1 << 62) - 1


class Uuid7:
    """Makes UUIDv7 identifiers (RFC 9562) as canonical lower-case text.

    Conditions it keeps:

    - Each id of one maker is larger than the one before, also within one microsecond and also
      when the clock steps back: then the last stamp is counted on instead of read again.
    - Threads may share it. Processes may too: a forked child goes on from the same stamp, but the
      random 62 bits are drawn for every id, never kept.

    >>> from seatguard.clock import from_micros
    >>> new_id = Uuid7(clock=lambda: from_micros(1_700_000_000_000_000), entropy=bytes)
    >>> new_id(), new_id()
    ('018bcfe5-6800-7000-8000-000000000000', '018bcfe5-6800-7001-8000-000000000000')
    """

    __slots__ = ("__weakref__", "_clock", "_entropy", "_last", "_lock")

    def __init__(self, clock: Clock, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._entropy = entropy
        self._last = -1
        self._lock = threading.Lock()
        _makers.add(self)

    def __call__(self) -> str:
        """The next identifier."""
        stamp = _stamp(self._clock())
        with self._lock:
            stamp = self._last = max(stamp, self._last + 1)
        return _text(stamp, int.from_bytes(self._entropy(8), "big") & _RANDOM_BITS)

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()


_makers: weakref.WeakSet[Uuid7] = weakref.WeakSet()


def _renew_locks() -> None:
    for maker in _makers:
        maker._renew_lock()


if hasattr(os, "register_at_fork"):
    # Another thread of the parent may hold a maker's lock at the instant of the fork. That thread
    # does not exist in the child, so the child's copy of the lock would never be released.
    os.register_at_fork(after_in_child=_renew_locks)


def is_uuid(text: object) -> bool:
    """Whether ``text`` is a UUID in the one form Seatguard writes: lower-case hex with dashes.

    >>> is_uuid("018bcfe5-6800-7000-8000-000000000000"), is_uuid("../x"), is_uuid(7)
    (True, False, False)
    """
    return isinstance(text, str) and _CANONICAL.fullmatch(text) is not None


def floor(instant: dt.datetime) -> str:
    """The smallest UUIDv7 at ``instant``, for range scans by time.

    Ids made at or after the instant are not below it; ids made before it are, unless the maker had
    run ahead of its clock.

    >>> floor(dt.datetime(2023, 11, 14, 22, 13, 20, tzinfo=dt.UTC))
    '018bcfe5-6800-7000-8000-000000000000'
    """
    return _text(_stamp(instant), 0)


def _stamp(instant: dt.datetime) -> int:
    """Milliseconds in 48 bits, then the part of a millisecond in the 12 bits of ``rand_a``."""
    milliseconds, microseconds = divmod(to_micros(instant), 1000)
    # Before 1970 there are no UUIDv7, but a range scan may still begin there. The other end is the
    # year 10889, which a datetime does not reach.
    return max((milliseconds << 12) | (microseconds << 12) // 1000, 0)


def _text(stamp: int, random: int) -> str:
    value = (stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | random
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
