"""The line against a small model of it: any course of joins, leaves, claims, releases and lapses."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatguard import Where, open_store
from seatguard.testing import FrozenClock
from tests.worlds import World

OFFER = 100
USERS = st.sampled_from(["ada", "bob", "cleo", "dan", "eve", "fay"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("join"), USERS),
        st.tuples(st.just("leave"), USERS),
        st.tuples(st.just("take"), USERS),
        st.tuples(st.just("release"), USERS),
        st.tuples(st.just("limit"), st.integers(0, 4)),
        st.tuples(st.just("wait"), st.integers(1, 2)),
    ),
    max_size=40,
)


class Model:
    """What should be: a cap, who sits (and until when, if only offered), and who waits."""

    def __init__(self, cap: int) -> None:
        self.cap, self.now = cap, 0
        self.sits: dict[str, int | None] = {}
        self.line: list[str] = []

    def serve(self) -> None:
        self.sits = {user: end for user, end in self.sits.items() if end is None or end > self.now}
        while self.line and len(self.sits) < self.cap:
            self.sits[self.line.pop(0)] = self.now + OFFER

    def join(self, user: str) -> None:
        if user not in self.sits and user not in self.line:
            self.line.append(user)
        self.serve()

    def leave(self, user: str) -> None:
        self.line = [one for one in self.line if one != user]

    def take(self, user: str) -> None:
        self.serve()
        if user in self.sits or (not self.line and len(self.sits) < self.cap):
            self.sits[user] = None

    def release(self, user: str) -> None:
        self.sits.pop(user, None)
        self.serve()

    def limit(self, cap: int) -> None:
        self.cap = cap
        self.serve()

    def wait(self, halves: int) -> None:
        self.now += halves * OFFER // 2
        self.serve()


def do(world: World, service: str, act: str, value: str | int) -> None:
    """The same step with the engine; after time has passed, the sweep that should follow."""
    engine, actor, where = world.engine, world.actor, Where(project=world.project.id)
    match act, value:
        case "join", user:
            engine.waiting.join(actor, where, user)
        case "leave", user:
            engine.waiting.leave(actor, where, user)
        case "take", user:
            engine.seats.take(actor, where, user)
        case "release", user:
            engine.seats.release(actor, where, user)
        case "limit", int(cap):
            engine.subscriptions.change_limit(actor, service, limit=cap, over_limit="allow")
        case "wait", int(halves):
            world.clock.travel(seconds=halves * OFFER // 2)
            engine.seats.sweep(actor)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_a_line_does_as_its_model(steps: list[tuple[str, str | int]]) -> None:
    """After every step the same people sit and wait, in the same order, and the journal verifies."""
    clock = FrozenClock()
    world = World.on(open_store("memory:", clock=clock), clock, offer_seconds=OFFER)
    model, service = Model(2), world.service(2).id
    for act, value in steps:
        do(world, service, act, value)
        getattr(model, act)(value)
        line = world.engine.waiting.list(world.actor, world.where).items
        seats = world.engine.seats.list(world.actor, world.where).items
        assert [one.holder for one in line] == model.line
        assert {seat.holder: seat.lapses_at is not None for seat in seats} == {
            user: end is not None for user, end in model.sits.items()
        }
    world.check()
