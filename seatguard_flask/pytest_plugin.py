"""A pytest plugin: an engine in memory whose time is moved by hand, full projects, what happened, guards off.

Loaded by pytest wherever Seatguard is installed, so it imports the engine only when a test asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from seatguard import Seatguard
    from seatguard.projects.model import Project
    from seatguard.testing import FrozenClock

_MARKER = (
    "seatguard(enabled=True, holds=False): enabled=False lets everybody pass the guards of every instance;"
    " holds=True allows seatguard_engine to have holds left at the end"
)
_SIGNALS = (
    "seat_held",
    "seat_taken",
    "seat_released",
    "seat_denied",
    "hold_expired",
    "usage_threshold",
    "subscription_changed",
    "reconcile_drift",
)


class Events(list[tuple[str, dict[str, Any]]]):
    """What was told by signals in the course of a test: name and facts, in order."""

    @property
    def names(self) -> list[str]:
        """The signals' names."""
        return [name for name, _ in self]

    def of(self, name: str) -> list[dict[str, Any]]:
        """The facts of every signal of that name."""
        return [facts for told, facts in self if told == name]


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture(autouse=True)
def _seatguard_switch(request: pytest.FixtureRequest) -> Iterator[None]:
    marker = request.node.get_closest_marker("seatguard")
    if marker is None or marker.kwargs.get("enabled", True):
        yield
        return
    from seatguard_flask.switches import EVERYBODY, disabled

    with disabled(EVERYBODY):
        yield


@pytest.fixture
def seatguard_clock() -> FrozenClock:
    """The time of ``seatguard_engine``: ``seatguard_clock.travel(days=1)``."""
    from seatguard.testing import FrozenClock

    return FrozenClock()


@pytest.fixture
def seatguard_engine(request: pytest.FixtureRequest, seatguard_clock: FrozenClock) -> Iterator[Seatguard]:
    """An engine in memory, empty: ``Seatguard(app, engine=seatguard_engine)``.

    A hold that is left at the end fails the test, for it is a seat that nobody has and nobody gets. Where it
    is meant, as with an invitation: ``@pytest.mark.seatguard(holds=True)``.
    """
    from seatguard import EngineOptions, Seatguard

    engine = Seatguard.open("memory:", clock=seatguard_clock, options=EngineOptions(max_age=0))
    yield engine
    marker = request.node.get_closest_marker("seatguard")
    left = [] if marker is not None and marker.kwargs.get("holds") else _holds(engine)
    engine.close()
    if left:
        pytest.fail(f"holds were left behind: {', '.join(left)}", pytrace=False)


@pytest.fixture
def seatguard_project(seatguard_engine: Seatguard) -> Callable[..., Project]:
    """Makes projects: ``seatguard_project("acme", limit=2, used=2)`` is full, of ``user1`` and ``user2``."""

    def make(name: str = "acme", *, limit: int | None = 2, used: int = 0, **agreed: Any) -> Project:
        engine = seatguard_engine
        me = engine.actor("test", "seatguard_project")
        client = engine.clients.find(me, external_id=name) or engine.clients.add(
            me, name=name, external_id=name
        )
        project = engine.projects.add(me, client.id, name=name, domains=agreed.pop("domains", ()))
        engine.subscriptions.add(me, project.id, limit=limit, unlimited=limit is None, **agreed)
        for number in range(1, used + 1):
            engine.seats.take(me, engine.where(project.id), f"user{number}").require()
        return project

    return make


@pytest.fixture
def seatguard_events() -> Iterator[Events]:
    """What any engine of this process tells by signals: ``seatguard_events.names``, ``.of("seat_taken")``."""
    from contextlib import ExitStack

    from seatguard import signals

    events = Events()

    def listener(name: str) -> Callable[..., None]:
        return lambda _sender, **facts: events.append((name, facts))

    with ExitStack() as stack:
        for name in _SIGNALS:
            stack.enter_context(getattr(signals, name).connected_to(listener(name)))
        yield events


def _holds(engine: Seatguard) -> list[str]:
    me = engine.actor("test", "seatguard_engine")
    names, after = [], None
    while True:
        page = engine.projects.list(me, limit=200, after=after)
        for project in page.items:
            for mode in ("live", "test"):
                holds = engine.seats.explain(me, engine.where(project.id, mode=mode)).holds
                names += [f"{hold.holder} in {project.name}" for hold in holds]
        after = page.after
        if after is None:
            return names
