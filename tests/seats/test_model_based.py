"""Random histories of seats against a small model: in whatever order, both agree after each step."""

from __future__ import annotations

import dataclasses
import datetime as dt
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from seatguard import Decision, Denied, NotFound, Reason, SeatFacts, open_store
from seatguard.seats.model import Usage
from seatguard.testing import FrozenClock
from tests.servers.availability import on_ci
from tests.worlds import World

NAMES = st.sampled_from(["ada", "Ada", "bob", "BOB", "eve", "kim"])
SECONDS = st.sampled_from([1, 30, 60])


@dataclasses.dataclass
class Place:
    """What the model knows of one seat: its id, and when it lapses if it is a hold."""

    seat: str
    lapses_at: dt.datetime | None


class SeatMachine(RuleBasedStateMachine):
    """The seats of one subscription. The model is a dictionary of holders."""

    url: ClassVar[str]
    holds = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="seatguard-model-"))
        self.clock = FrozenClock()
        store = open_store(self.url.format(folder=self.folder), clock=self.clock)
        self.world = World.on(store, self.clock)
        self.seats = self.world.engine.seats
        self.actor, self.where = self.world.actor, self.world.where
        self.places: dict[str, Place] = {}
        self.written: Counter[str] = Counter()
        self.open = True
        self.cap: int | None = 3
        self.over = False

    @initialize(limit=st.integers(0, 4))
    def subscribe(self, limit: int) -> None:
        """A subscription with a few seats."""
        self.subscription = self.world.service(limit).id
        self.cap = limit

    def living(self) -> dict[str, Place]:
        """The model's seats, without the holds that have lapsed."""
        return {
            key: place
            for key, place in self.places.items()
            if place.lapses_at is None or self.clock() < place.lapses_at
        }

    def place_of(self, seat: str) -> tuple[str, Place] | None:
        """Who sits on a seat now."""
        return next(((key, place) for key, place in self.living().items() if place.seat == seat), None)

    def expected(self, key: str, *, for_good: bool) -> Reason:
        """What the model answers to a claim."""
        place = self.living().get(key)
        if place is not None:
            confirms = for_good and place.lapses_at is not None
            return Reason.ALLOWED if confirms else Reason.ALREADY_HELD
        if not self.open:
            return Reason.SUSPENDED
        full = self.cap is not None and len(self.living()) >= self.cap
        return Reason.LIMIT_REACHED if full else Reason.ALLOWED

    def seated(self, decision: Decision[SeatFacts]) -> str:
        """The id of the seat in a decision."""
        assert decision.facts.seat is not None
        return decision.facts.seat.id

    @rule(name=NAMES)
    def take(self, name: str) -> None:
        """A claim for good."""
        key = name.casefold()
        expected = self.expected(key, for_good=True)
        decision = self.seats.take(self.actor, self.where, name)
        assert decision.reason is expected
        if expected is Reason.ALLOWED:
            own = self.living().get(key)
            assert own is None or own.seat == self.seated(decision)
            self.places[key] = Place(self.seated(decision), None)
            self.written["seat.taken"] += 1

    @rule(name=NAMES)
    def take_twice(self, name: str) -> None:
        """The same claim again, as after a lost answer: the same seat, and nothing written."""
        self.take(name)
        place = self.living().get(name.casefold())
        if place is not None:
            again = self.seats.take(self.actor, self.where, name)
            assert (again.reason, self.seated(again)) == (Reason.ALREADY_HELD, place.seat)

    @rule(target=holds, name=NAMES, seconds=SECONDS)
    def hold(self, name: str, seconds: int) -> object:
        """A claim for a while."""
        key = name.casefold()
        expected = self.expected(key, for_good=False)
        decision = self.seats.hold(self.actor, self.where, name, seconds=seconds)
        assert decision.reason is expected
        if expected is not Reason.ALLOWED:
            return multiple()
        seat = self.seated(decision)
        self.places[key] = Place(seat, self.clock() + dt.timedelta(seconds=seconds))
        self.written["seat.held"] += 1
        return seat

    @rule(name=NAMES)
    def hold_in_vain(self, name: str) -> None:
        """A hold that lapses at once and waits to be cleared away."""
        if self.expected(name.casefold(), for_good=False) is Reason.ALLOWED:
            self.seats.hold(self.actor, self.where, name, seconds=1).require()
            self.written["seat.held"] += 1
            self.clock.travel(seconds=1)

    @rule(seat=holds)
    def confirm(self, seat: str) -> None:
        """A hold becomes a seat, unless it is one, has lapsed, or is gone."""
        found = self.place_of(seat)
        try:
            reason = self.seats.confirm(self.actor, self.where, seat).reason
        except Denied as denied:
            reason = denied.decision.reason
        except NotFound:
            reason = Reason.NOT_HELD
        if found is None:
            assert reason in (Reason.HOLD_EXPIRED, Reason.NOT_HELD)
            return
        key, place = found
        if place.lapses_at is None:
            assert reason is Reason.ALREADY_HELD
            return
        assert reason is Reason.ALLOWED
        self.places[key] = Place(seat, None)
        self.written["seat.taken"] += 1

    @rule(seat=holds, seconds=SECONDS)
    def renew(self, seat: str, seconds: int) -> None:
        """A hold gets another end, unless it is a seat, has lapsed, or is gone."""
        found = self.place_of(seat)
        try:
            reason = self.seats.renew(self.actor, self.where, seat, seconds=seconds).reason
        except Denied as denied:
            reason = denied.decision.reason
        except NotFound:
            reason = Reason.NOT_HELD
        if found is None or found[1].lapses_at is None:
            assert reason in (Reason.HOLD_EXPIRED, Reason.NOT_HELD)
            return
        assert reason is Reason.ALLOWED
        end = self.clock() + dt.timedelta(seconds=seconds)
        self.written["hold.renewed"] += end != found[1].lapses_at
        self.places[found[0]] = Place(seat, end)

    @rule(name=NAMES)
    def release(self, name: str) -> None:
        """A holder leaves; somebody who has no seat changes nothing."""
        place = self.living().get(name.casefold())
        decision = self.seats.release(self.actor, self.where, name)
        if place is None:
            assert (decision.allowed, decision.reason) == (True, Reason.NOT_HELD)
            return
        assert (decision.reason, self.seated(decision)) == (Reason.ALLOWED, place.seat)
        self.written["seat.released" if place.lapses_at is None else "hold.released"] += 1
        del self.places[name.casefold()]

    @rule(seat=consumes(holds))
    def release_hold(self, seat: str) -> None:
        """A hold is let go of; a seat that it has become stays."""
        found = self.place_of(seat)
        before = self.kinds()["hold.released"]
        reason = self.seats.release_hold(self.actor, self.where, seat).reason
        if found is None:
            assert reason in (Reason.NOT_HELD, Reason.ALLOWED)
            self.written["hold.released"] += self.kinds()["hold.released"] - before
        elif found[1].lapses_at is None:
            assert reason is Reason.HOLD_CONFIRMED
        else:
            assert reason is Reason.ALLOWED
            self.written["hold.released"] += 1
            del self.places[found[0]]

    @rule(giver=NAMES, receiver=NAMES)
    def transfer(self, giver: str, receiver: str) -> None:
        """A seat moves to somebody who has none."""
        living = self.living()
        place = living.get(giver.casefold())
        decision = self.seats.transfer(self.actor, self.where, giver, to=receiver)
        if place is None or place.lapses_at is not None:
            assert (decision.allowed, decision.reason) == (False, Reason.NOT_HELD)
        elif giver.casefold() == receiver.casefold():
            assert decision.reason is Reason.ALREADY_HELD
        elif receiver.casefold() in living:
            assert (decision.allowed, decision.reason) == (False, Reason.HOLDER_SEATED)
        else:
            assert (decision.reason, self.seated(decision)) == (Reason.ALLOWED, place.seat)
            self.places[receiver.casefold()] = self.places.pop(giver.casefold())
            self.written["seat.transferred"] += 1

    @rule(limit=st.none() | st.integers(0, 5), over_limit=st.sampled_from(["refuse", "allow"]))
    def change_limit(self, limit: int | None, over_limit: str) -> None:
        """Another limit, or none; lowering below use only on request."""
        lowers = limit is not None and (self.cap is None or limit < self.cap)
        below = lowers and limit is not None and len(self.living()) > limit
        decision = self.world.engine.subscriptions.change_limit(
            self.actor, self.subscription, limit=limit, unlimited=limit is None, over_limit=over_limit
        )
        assert decision.facts.live == len(self.living())
        if below and over_limit == "refuse":
            assert decision.reason is Reason.LIMIT_BELOW_USAGE
            return
        assert decision.allowed
        self.written["subscription.limit_changed"] += limit != self.cap
        self.cap = limit
        self.over = self.over or below

    @precondition(lambda self: self.open)
    @rule()
    def suspend(self) -> None:
        """No new seats until resumed."""
        self.world.engine.subscriptions.suspend(self.actor, self.subscription)
        self.written["subscription.suspended"] += 1
        self.open = False

    @precondition(lambda self: not self.open)
    @rule()
    def resume(self) -> None:
        """Seats again."""
        self.world.engine.subscriptions.resume(self.actor, self.subscription)
        self.written["subscription.resumed"] += 1
        self.open = True

    @rule(seconds=st.sampled_from([0.999999, 1, 30, 60, 60]))
    def travel(self, seconds: float) -> None:
        """Time goes by."""
        self.clock.travel(seconds=seconds)

    @rule()
    def sweep(self) -> None:
        """Lapsed holds are cleared away, each on record; nobody sees a difference."""
        self.seats.sweep(self.actor)
        self.places = self.living()
        assert self.world.store.gate.lapsed(self.actor.tenant, limit=10) == ()

    @rule(name=NAMES)
    def erase(self, name: str) -> None:
        """A person who has no seat is erased; the seats of the others stay."""
        decision = self.world.engine.erase_person(self.actor, name)
        assert decision.allowed is (name.casefold() not in self.living())
        if decision.allowed:
            self.written["person.erased"] += decision.facts["entries"] > 0

    @invariant()
    def agrees_with_the_model(self) -> None:
        """Count, rows and model are one; the cap holds unless it was lowered below use on request."""
        living = self.living()
        held = sum(place.lapses_at is not None for place in living.values())
        assert self.seats.usage(self.actor, self.subscription) == Usage(len(living), held)
        listed = self.seats.list(self.actor, self.where).items
        assert {(seat.holder_key, seat.id, seat.lapses_at) for seat in listed} == {
            (key, place.seat, place.lapses_at) for key, place in living.items()
        }
        assert [seat.number for seat in listed] == sorted(seat.number for seat in listed)
        if self.cap is not None and len(living) > self.cap:
            assert self.over
        else:
            self.over = False
        assert list(self.world.engine.verify(self.actor)) == []

    def kinds(self) -> Counter[str]:
        """What is on record of the subscription."""
        return Counter(self.world.kinds(stream=self.subscription))

    def teardown(self) -> None:
        """Every change is on record once, and the journal verifies."""
        try:
            if hasattr(self, "subscription"):
                recorded = self.kinds()
                assert recorded.pop("subscription.added") == 1
                recorded.pop("hold.expired", None)
                recorded.pop("seat.denied", None)
                assert recorded == +self.written
                self.world.check()
        finally:
            self.world.engine.close()
            shutil.rmtree(self.folder, ignore_errors=True)


class MemorySeatMachine(SeatMachine):
    """In memory."""

    url = "memory:"


class SqliteSeatMachine(SeatMachine):
    """In a file of SQLite's."""

    url = "sqlite:///{folder}/seats.db"


def _thorough(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=on_ci(),
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


TestMemory = MemorySeatMachine.TestCase
TestMemory.settings = _thorough(200, 50)

TestSqlite = SqliteSeatMachine.TestCase
TestSqlite.settings = _thorough(12, 40)
