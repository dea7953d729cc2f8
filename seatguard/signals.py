"""Signals: what has happened, told to whoever in this process wants to know. Sent when it is committed.

Receivers are plain functions, called in the thread that did it, after the store has committed. They get
the engine as sender and the facts as keywords. A receiver that raises is logged and disturbs nobody.
Signals stay in the process: whoever must not miss anything reads the journal.

>>> import seatguard
>>> engine = seatguard.Seatguard.open("memory:")
>>> me = engine.actor("cli", "example")
>>> project = engine.projects.add(me, engine.clients.add(me, name="Acme").id, name="Shop")
>>> service = engine.subscriptions.add(me, project.id, limit=1)
>>> def greet(sender, *, seat, **facts):
...     print(seat.holder, "sits on service", facts["service"])
>>> with seat_taken.connected_to(greet, sender=engine):
...     _ = engine.seats.take(me, engine.where(project.id), "ada")
ada sits on service 1
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from blinker import NamedSignal, Namespace

logger = logging.getLogger("seatguard.signals")

_names = Namespace()

seat_held = _names.signal("seat-held", doc="A seat is taken for a while. Also: ``seat``, ``usage``.")
seat_offered = _names.signal(
    "seat-offered",
    doc="A seat is held for the first in line. Also: ``seat``, ``usage``, and ``since``, when they came.",
)
seat_taken = _names.signal(
    "seat-taken", doc="A seat is taken for good, at once or from a hold. Also: ``seat``, ``usage``."
)
seat_released = _names.signal(
    "seat-released", doc="A seat or a hold is given back; its state tells which. Also: ``seat``, ``usage``."
)
seat_denied = _names.signal(
    "seat-denied",
    doc="A claim was refused; advice is none. Also: ``reason``, ``usage``, and ``holder``, the name.",
)
hold_expired = _names.signal(
    "hold-expired", doc="A hold past its end was cleared away, by whoever came next. Also: ``seat``."
)
usage_threshold = _names.signal(
    "usage-threshold",
    doc="The seats taken for good just reached 80, 90 or 100 % of the limit. Also: ``percent``, ``usage``.",
)
quota_threshold = _names.signal(
    "quota-threshold",
    doc="What was used of a meter just reached 80, 90 or 100 % of what the period allows. "
    "Also: ``meter``, ``percent``, ``balance``.",
)
subscription_changed = _names.signal(
    "subscription-changed",
    doc="An agreement was made or changed. Also: ``change``, as the journal calls it, and ``record``.",
)
reconcile_drift = _names.signal(
    "reconcile-drift",
    doc="A check found counters that differ from their seats, or seats that differ from the host's users."
    " Also: ``findings``, all of them, and ``repair``, whether they were to be put right.",
)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something to be told once it is committed.

    Attributes:
        data: what receivers get as keywords. Always: ``actor`` as the journal has it, ``tenant``,
            ``project``, ``subscription``; mostly ``service``, its number, and ``limit``.
    """

    signal: NamedSignal
    data: Mapping[str, Any]


Tell: TypeAlias = Callable[[Iterable[Fact]], object]
"""Takes facts: sends them at once, or keeps them until a transaction of the host's has committed."""


def send(sender: object, facts: Iterable[Fact]) -> None:
    """Tell every receiver every fact, in order. Raises nothing that a receiver raises."""
    for fact in facts:
        if fact.signal.is_muted:
            continue
        for receiver in list(fact.signal.receivers_for(sender)):
            _call(receiver, sender, fact)


def _call(receiver: Callable[..., Any], sender: object, fact: Fact) -> None:
    if inspect.iscoroutinefunction(receiver):
        logger.error("%r is a coroutine function: connect a plain one to %s", receiver, fact.signal.name)
        return
    try:
        receiver(sender, **fact.data)
    except Exception:
        logger.exception("a receiver of %s failed: %r", fact.signal.name, receiver)
