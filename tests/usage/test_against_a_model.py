"""Any sequence of events, refunds and days, compared with a model of a few lines."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from seatguard import NotFound, Reason
from seatguard.allowances import Quota
from seatguard.errors import InvalidInput
from seatguard.periods import Period
from tests.worlds import World


@dataclasses.dataclass
class Model:
    """What should be: charges by key, and what was used of each day."""

    limit: int
    rollover: int
    soft: bool
    day: int = 0
    charges: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    used: defaultdict[int, int] = dataclasses.field(default_factory=lambda: defaultdict(int))
    carried: dict[int, int] = dataclasses.field(default_factory=dict)

    def allowed(self) -> int:
        """Units of the day: what rolled over was settled when the day's first unit was used."""
        if self.day in self.carried:
            return self.limit + self.carried[self.day]
        left = 0
        for day in range(self.day):
            left = min(self.rollover, max(0, self.limit + self.carried.get(day, left) - self.used[day]))
        return self.limit + left

    def record(self, key: str, amount: int) -> Reason:
        """Count an event."""
        if key in self.charges:
            return Reason.ALREADY_RECORDED
        allowed = self.allowed()
        if not self.soft and self.used[self.day] + amount > allowed:
            return Reason.QUOTA_EXHAUSTED
        self.carried.setdefault(self.day, allowed - self.limit)
        self.used[self.day] += amount
        self.charges[key] = [self.day, amount, 0]
        return Reason.ALLOWED

    def refund(self, key: str, total: int) -> Reason:
        """Give back."""
        day, _, refunded = self.charges[key]
        if total <= refunded:
            return Reason.ALREADY_RECORDED
        self.used[day] -= total - refunded
        self.charges[key][2] = total
        return Reason.ALLOWED


KEYS = st.sampled_from("abcdef")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("record"), KEYS, st.integers(1, 8)),
        st.tuples(st.just("refund"), KEYS, st.integers(1, 8)),
        st.tuples(st.just("days"), KEYS, st.integers(1, 3)),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, limit=st.integers(0, 10), rollover=st.integers(0, 12), soft=st.booleans())
def test_the_engine_does_what_the_model_does(
    steps: list[tuple[str, str, int]], limit: int, rollover: int, soft: bool
) -> None:
    """Answers, balances and the journal, after every step."""
    play(World.in_memory(), steps, limit, rollover, soft)


def play(
    world: World,
    steps: list[tuple[str, str, int]],
    limit: int,
    rollover: int,
    soft: bool,
    other: Callable[[str], object] = str,
) -> None:
    """Take steps on an empty world, and compare.

    Args:
        other: does what is asked of nobody here.
    """
    world.service()
    usage, quota = world.engine.usage, Quota(limit=limit, period=Period.DAY, rollover=rollover, soft=soft)
    model = Model(limit, rollover, soft)
    amounts: dict[str, int] = {}
    for act, key, number in steps:
        if act == "days":
            world.clock.travel(days=number)
            model.day += number
        elif act == "record":
            amount = amounts.get(
                key, number
            )  # another amount under a known key is a mistake, tested elsewhere
            decision = usage.record(world.actor, world.where, "calls", amount, key=key, quota=quota)
            assert decision.reason is model.record(key, amount)
            if decision.allowed:
                amounts[key] = amount
        elif act != "refund":
            other(act)
        else:
            try:
                told = usage.refund(world.actor, world.where, "calls", key=key, amount=number, quota=quota)
            except NotFound:
                assert key not in model.charges
            except InvalidInput:
                assert number > model.charges[key][1]
            else:
                assert told.reason is model.refund(key, number)
        balance = usage.balance(world.actor, world.where, "calls", quota=quota).facts.balance
        assert balance is not None
        assert (balance.used, balance.allowed) == (model.used[model.day], model.allowed())
    world.engine.relay()
    assert world.kinds(kind="usage.recorded") == ["usage.recorded"] * len(model.charges)
    world.check()
