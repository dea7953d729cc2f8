"""Any sequence of comings, heartbeats, goings and waits, compared with a model of a few lines."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from seatguard import Reason, Seatguard, open_store
from seatguard.allowances import Concurrency, Takeover
from seatguard.testing import FrozenClock

NAMES = ("ada", "bob", "eve")
STEPS = st.lists(
    st.tuples(st.sampled_from(["out", "beat", "back", "wait"]), st.sampled_from(NAMES), st.integers(1, 9)),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, limit=st.integers(1, 2), takeover=st.sampled_from([Takeover.REFUSE, Takeover.OLDEST]))
def test_the_engine_does_what_the_model_does(
    steps: list[tuple[str, str, int]], limit: int, takeover: Takeover
) -> None:
    """Who is in, after every step; the model keeps (user, end) in the order of their leases."""
    clock, steady = FrozenClock(), FrozenClock()
    engine = Seatguard(open_store("memory:", clock=clock, steady=steady), clock=clock)
    me = engine.actor("test", "model")
    project = engine.projects.add(me, engine.clients.add(me, name="Client").id, name="Project")
    subscription = engine.subscriptions.add(me, project.id, limit=0)
    where, floating = engine.where(project.id), Concurrency(limit=limit, lasts=10, takeover=takeover)
    inside: dict[str, int] = {}
    known: dict[str, str] = {}
    now = 0
    for act, name, number in steps:
        if act == "wait":
            now += number
            steady.travel(seconds=number)
        elif act == "out":
            decision = engine.leases.checkout(me, where, "floating", name, allowance=floating)
            alive = {user: end for user, end in inside.items() if end > now}
            if name in alive:
                assert decision.reason is Reason.ALREADY_HELD
            elif len(alive) < limit or takeover is Takeover.OLDEST:
                assert decision.allowed
            else:
                assert decision.reason is Reason.LIMIT_REACHED
            if decision.allowed:
                assert decision.facts.lease is not None
                known[name] = decision.facts.lease.id
        elif name in known:
            if act == "beat":
                engine.leases.heartbeat(me, where, known[name], allowance=floating)
            else:
                engine.leases.give_back(me, where, known[name])
        page = engine.leases.list(me, subscription.id, "floating")
        ends = {
            lease.holder: round((lease.lapses_at - steady()).total_seconds()) + now for lease in page.items
        }
        assert len(page.items) == len(ends) <= limit
        if act in ("wait", "back"):  # nobody comes in by waiting or by leaving
            gone = {user for user, end in inside.items() if end <= now} | ({name} if act == "back" else set())
            assert ends == {user: end for user, end in inside.items() if user not in gone}
        elif name in ends:
            assert ends[name] == now + 10
        inside = ends
        facts = engine.leases.live(me, where, "floating", allowance=floating).facts
        assert facts.live == len(inside)
    assert list(engine.journal.verify(me)) == []
