"""What every gate of usage, rates and leases must do, as tests."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from seatguard.actors import Actor
from seatguard.allowances import Concurrency, Quota, Rate, Takeover
from seatguard.engine import EngineOptions, Seatguard
from seatguard.errors import NotFound
from seatguard.ids import NewId, Uuid7
from seatguard.journal.model import Draft
from seatguard.journal.ports import Search
from seatguard.leases import model as leased
from seatguard.leases.model import Lease, LeaseState
from seatguard.periods import Period
from seatguard.rates.model import Exceeded, Hit, HitOutcome, Within
from seatguard.storage import Store
from seatguard.storage.meters import Meters
from seatguard.subscriptions.model import Subscription
from seatguard.testing.clock import FrozenClock
from seatguard.usage import model as used
from seatguard.usage.model import Charge, ConsumeOutcome, Event

ANCHOR = dt.datetime(2027, 1, 31, tzinfo=dt.UTC)
CROWD = 16


@dataclass
class MeterBench:
    """The meters of a store with one subscription, and short words for what tests do with them."""

    engine: Seatguard
    meters: Meters
    clock: FrozenClock
    steady: FrozenClock
    actor: Actor
    subscription: Subscription
    new_id: NewId

    def entry(self, kind: str, subject: str) -> Draft:
        """A draft on the subscription's stream."""
        return Draft(
            id=self.new_id(),
            tenant=self.actor.tenant,
            aggregate="subscription",
            stream=self.subscription.id,
            at=self.clock(),
            actor=self.actor.label,
            kind=kind,
            subject=subject,
        )

    def kinds(self) -> Counter[str]:
        """How many entries of the meters' kinds the subscription's stream has."""
        self.engine.relay()
        found: Counter[str] = Counter()
        after = None
        while True:
            page = self.engine.journal.search(
                self.actor, Search(stream=self.subscription.id), limit=200, after=after
            )
            found.update(entry.kind for entry in page.items)
            if page.after is None:
                return Counter({kind: n for kind, n in found.items() if not kind.startswith("subscription.")})
            after = page.after

    def verified(self) -> None:
        """The journal verifies."""
        self.engine.relay()
        assert list(self.engine.journal.verify(self.actor)) == []


class _MeterContract:
    """What the contracts have in common. Give the fixture ``store`` in the subclass."""

    @pytest.fixture
    def clock(self) -> FrozenClock:
        """The clock the store must be opened with."""
        return FrozenClock()

    @pytest.fixture
    def steady(self) -> FrozenClock:
        """The steady clock the store must be opened with."""
        return FrozenClock()

    @pytest.fixture
    def store(self, clock: FrozenClock, steady: FrozenClock) -> Store:
        """The store under test, empty, telling the time by ``clock`` and ``steady``."""
        raise NotImplementedError("give a fixture `store` in the subclass")

    @pytest.fixture
    def bench(self, store: Store, clock: FrozenClock, steady: FrozenClock) -> MeterBench:
        """One subscription on the store."""
        assert store.meters is not None
        engine = Seatguard(store, clock=clock, options=EngineOptions(max_age=0))
        actor = engine.actor("test", "contract")
        client = engine.clients.add(actor, name="Client")
        project = engine.projects.add(actor, client.id, name="Project")
        subscription = engine.subscriptions.add(actor, project.id, limit=3, expiry="2028-12-31")
        return MeterBench(engine, store.meters, clock, steady, actor, subscription, Uuid7(clock))


class UsageContract(_MeterContract):
    """The promises of ``seatguard.usage.ports.UsageGate``. Subclass it and give the fixture ``store``."""

    quota = Quota(limit=10, period=Period.MONTH)

    def consume(
        self, bench: MeterBench, *events: tuple[str, int], quota: Quota | None = None, meter: str = "calls"
    ) -> tuple[ConsumeOutcome, ...]:
        """Record (key, amount) pairs as one batch."""
        wishes = [
            used.Wish(
                charge=bench.new_id(),
                account=bench.new_id(),
                event=Event(meter=meter, key=key, amount=amount),
                quota=quota or self.quota,
                anchor=ANCHOR,
            )
            for key, amount in events
        ]
        entries = [bench.entry("usage.recorded", wish.charge) for wish in wishes]
        return bench.meters.usage.consume(bench.actor.tenant, bench.subscription.id, wishes, entries)

    def record(
        self, bench: MeterBench, key: str, amount: int = 1, *, quota: Quota | None = None
    ) -> ConsumeOutcome:
        """Record one event."""
        return self.consume(bench, (key, amount), quota=quota)[0]

    def charged(self, bench: MeterBench, key: str, amount: int, *, quota: Quota | None = None) -> Charge:
        """Record an event that must be recorded."""
        outcome = self.record(bench, key, amount, quota=quota)
        assert isinstance(outcome, used.Consumed), outcome
        return outcome.charge

    def charged_nothing(self, bench: MeterBench, key: str, *, quota: Quota | None = None) -> None:
        """Not one unit fits."""
        assert isinstance(self.record(bench, key, quota=quota), used.Exhausted)

    def balance(self, bench: MeterBench, *, quota: Quota | None = None) -> used.Balance:
        """What the gate says is used."""
        return bench.meters.usage.balance(
            bench.actor.tenant, bench.subscription.id, "calls", quota or self.quota, ANCHOR
        )

    def refund(self, bench: MeterBench, charge: Charge, total: int) -> used.RefundOutcome:
        """Give a charge back."""
        entry = bench.entry("usage.refunded", charge.id)
        return bench.meters.usage.refund(bench.actor.tenant, charge, total, self.quota, ANCHOR, entry)

    def test_recorded_amount_is_counted_and_on_record(self, bench: MeterBench) -> None:
        """One charge, one entry, and the balance of the same instant."""
        outcome = self.record(bench, "a", 4)
        assert isinstance(outcome, used.Consumed)
        assert (outcome.charge.key, outcome.charge.amount, outcome.charge.at) == ("a", 4, bench.clock())
        assert (outcome.balance.used, outcome.balance.remaining) == (4, 6)
        assert self.balance(bench) == outcome.balance
        assert bench.kinds() == {"usage.recorded": 1}
        bench.verified()

    def test_same_key_is_counted_once(self, bench: MeterBench) -> None:
        """The repetition is told the charge there is, also when nothing is left."""
        first = self.charged(bench, "a", 10)
        outcome = self.record(bench, "a", 10)
        assert isinstance(outcome, used.Replayed)
        assert outcome.charge == first
        assert (self.balance(bench).used, bench.kinds()["usage.recorded"]) == (10, 1)

    def test_same_key_with_another_amount_is_told_apart(self, bench: MeterBench) -> None:
        """Nothing is counted for it."""
        first = self.charged(bench, "a", 4)
        assert self.record(bench, "a", 5) == used.Reused(first)
        assert self.balance(bench).used == 4

    def test_hard_quota_is_never_passed(self, bench: MeterBench) -> None:
        """What does not fit is refused as a whole and writes nothing; what fits is still taken."""
        self.charged(bench, "a", 8)
        before = bench.kinds()
        outcome = self.record(bench, "b", 3)
        assert isinstance(outcome, used.Exhausted)
        assert (outcome.balance.used, outcome.balance.remaining) == (8, 2)
        assert bench.kinds() == before
        self.charged(bench, "c", 2)
        self.charged_nothing(bench, "d")

    def test_soft_quota_is_passed_and_says_by_how_much(self, bench: MeterBench) -> None:
        """A soft limit refuses nothing."""
        soft = replace(self.quota, soft=True)
        self.charged(bench, "a", 25, quota=soft)
        found = self.balance(bench, quota=soft)
        assert (found.used, found.remaining, found.over) == (25, 0, 15)

    def test_no_limit_and_none_at_all(self, bench: MeterBench) -> None:
        """None is unlimited, 0 is none."""
        self.charged_nothing(bench, "a", quota=Quota(limit=0))
        self.charged(bench, "a", 10**12, quota=Quota(limit=None))
        assert self.balance(bench, quota=Quota(limit=None)).remaining is None

    def test_batch_happens_as_a_whole(self, bench: MeterBench) -> None:
        """One event too many keeps the others out; each is told what it would have met."""
        refused = self.consume(bench, ("a", 4), ("b", 7), ("c", 6))
        assert [type(outcome) for outcome in refused] == [used.Consumed, used.Exhausted, used.Consumed]
        assert (self.balance(bench).used, bench.kinds()) == (0, {})
        done = self.consume(bench, ("a", 4), ("b", 5), ("a", 4))
        assert [type(outcome) for outcome in done] == [used.Consumed, used.Consumed, used.Replayed]
        assert (self.balance(bench).used, bench.kinds()) == (9, {"usage.recorded": 2})
        again = self.consume(bench, ("a", 4), ("b", 5), ("c", 1))
        assert [type(outcome) for outcome in again] == [used.Replayed, used.Replayed, used.Consumed]
        assert self.balance(bench).used == 10
        bench.verified()

    def test_meters_are_counted_apart(self, bench: MeterBench) -> None:
        """The same key of another meter is another event."""
        self.charged(bench, "a", 10)
        (outcome,) = self.consume(bench, ("a", 10), meter="tokens")
        assert isinstance(outcome, used.Consumed)

    def test_period_ends_by_the_calendar(self, bench: MeterBench) -> None:
        """The last instant is the old one's, the next the new one's; what was unused is gone."""
        bench.clock.set("2027-02-28T00:00:00+00:00")
        self.charged(bench, "a", 6)
        bench.clock.set("2027-03-30T23:59:59.999999+00:00")
        assert self.balance(bench).used == 6
        bench.clock.travel(microseconds=1)
        found = self.balance(bench)
        assert (found.used, found.carried) == (0, 0)
        assert found.starts_at == dt.datetime(2027, 3, 31, tzinfo=dt.UTC)
        assert found.resets_at == dt.datetime(2027, 4, 30, tzinfo=dt.UTC)
        self.charged(bench, "c", 10)
        assert isinstance(self.record(bench, "a", 6), used.Replayed)

    @pytest.mark.parametrize(
        ("rollover", "periods", "carried"),
        [(0, 1, 0), (5, 1, 4), (3, 1, 3), (None, 1, 4), (None, 3, 24), (15, 3, 15)],
    )
    def test_unused_units_roll_over(
        self, bench: MeterBench, rollover: int | None, periods: int, carried: int
    ) -> None:
        """Up to the rollover's bound; periods without any use leave all of theirs."""
        quota = Quota(limit=10, period=Period.DAY, rollover=rollover)
        opening = self.balance(bench, quota=quota).carried
        self.charged(bench, "a", 6 + opening, quota=quota)
        bench.clock.travel(days=periods)
        found = self.balance(bench, quota=quota)
        assert (found.carried, found.allowed) == (carried, 10 + carried)
        self.charged(bench, "b", 10 + carried, quota=quota)
        self.charged_nothing(bench, "c", quota=quota)

    def test_allowance_given_once_is_never_reset(self, bench: MeterBench) -> None:
        """However long it takes."""
        once = Quota(limit=10, period=Period.NEVER)
        self.charged(bench, "a", 10, quota=once)
        bench.clock.set("2028-11-01T00:00:00+00:00")
        self.charged_nothing(bench, "b", quota=once)
        assert self.balance(bench, quota=once).resets_at is None

    def test_clock_set_back_opens_no_period_twice(self, bench: MeterBench) -> None:
        """The account of the earlier period goes on where it was."""
        daily = Quota(limit=10, period=Period.DAY)
        self.charged(bench, "a", 10, quota=daily)
        bench.clock.travel(days=1)
        self.charged(bench, "b", 3, quota=daily)
        bench.clock.travel(days=-1)
        self.charged_nothing(bench, "c", quota=daily)

    def test_refund_gives_back_once(self, bench: MeterBench) -> None:
        """The same total again changes nothing; a larger one gives back the difference."""
        charge = self.charged(bench, "a", 8)
        first = self.refund(bench, charge, 3)
        assert isinstance(first, used.Refunded)
        assert (first.charge.refunded, first.balance.used) == (3, 5)
        assert isinstance(self.refund(bench, charge, 3), used.Replayed)
        assert isinstance(self.refund(bench, charge, 8), used.Refunded)
        assert (self.balance(bench).used, bench.kinds()["usage.refunded"]) == (0, 2)
        bench.verified()

    def test_refund_goes_to_the_period_of_the_charge(self, bench: MeterBench) -> None:
        """A late one leaves the running period alone, whose rollover was settled when it began."""
        charge = self.charged(bench, "a", 8)
        bench.clock.travel(days=31)
        self.charged(bench, "b", 2)
        outcome = self.refund(bench, charge, 8)
        assert isinstance(outcome, used.Refunded)
        assert outcome.balance.used == 2
        page = bench.meters.usage.accounts(
            bench.actor.tenant, bench.subscription.id, "calls", limit=10, after=None
        )
        assert [account.used for account in page.items] == [2, 0]

    def test_reset_begins_the_running_period_anew(self, bench: MeterBench) -> None:
        """Everything is there again, on record; keys stay known."""
        self.charged(bench, "a", 10)
        entry = bench.entry("usage.reset", bench.subscription.id)
        gate, tenant = bench.meters.usage, bench.actor.tenant
        found = gate.reset(tenant, bench.subscription.id, "calls", self.quota, ANCHOR, entry)
        assert (found.used, found.remaining) == (0, 10)
        assert isinstance(self.record(bench, "a", 10), used.Replayed)
        self.charged(bench, "b", 10)
        assert bench.kinds() == {"usage.recorded": 2, "usage.reset": 1}

    def test_charges_are_listed_newest_first(self, bench: MeterBench) -> None:
        """Page by page, without a gap."""
        for number in range(5):
            self.charged(bench, f"key{number}", 1)
        keys, after = [], None
        while True:
            page = bench.meters.usage.charges(
                bench.actor.tenant, bench.subscription.id, "calls", limit=2, after=after
            )
            keys += [charge.key for charge in page.items]
            after = page.after
            if after is None:
                break
        assert keys == ["key4", "key3", "key2", "key1", "key0"]

    def test_subscription_that_has_ended_records_nothing(self, bench: MeterBench) -> None:
        """The last instant is the last."""
        assert bench.subscription.closes_at is not None
        bench.clock.set(bench.subscription.closes_at)
        assert self.record(bench, "a") == used.Closed()
        bench.clock.travel(microseconds=-1)
        self.charged(bench, "a", 1)

    def test_foreign_subscription_is_not_found(self, bench: MeterBench) -> None:
        """Another tenant's is like one that never was."""
        stranger = bench.engine.tenants.ensure("stranger").id
        with pytest.raises(NotFound):
            bench.meters.usage.balance(stranger, bench.subscription.id, "calls", self.quota, ANCHOR)
        with pytest.raises(NotFound):
            bench.meters.usage.consume(stranger, bench.subscription.id, [], [])

    def test_crowd_with_one_key_is_counted_once(self, bench: MeterBench) -> None:
        """Of many threads one is told that it was first."""
        with ThreadPoolExecutor(CROWD) as pool:
            outcomes = list(pool.map(lambda _: self.record(bench, "a", 3), range(CROWD)))
        assert Counter(type(outcome) for outcome in outcomes) == {used.Consumed: 1, used.Replayed: CROWD - 1}
        assert self.balance(bench).used == 3

    def test_crowd_never_passes_the_quota(self, bench: MeterBench) -> None:
        """Each with a key of its own: exactly as many as fit."""
        with ThreadPoolExecutor(CROWD) as pool:
            outcomes = list(pool.map(lambda number: self.record(bench, f"key{number}"), range(CROWD)))
        assert Counter(type(outcome) for outcome in outcomes) == {
            used.Consumed: 10,
            used.Exhausted: CROWD - 10,
        }
        assert self.balance(bench).used == bench.kinds()["usage.recorded"] == 10
        bench.verified()


class RateContract(_MeterContract):
    """The promises of ``seatguard.rates.ports.RateGate``. Subclass it and give the fixture ``store``."""

    rate = Rate(limit=5, window=60)

    def asked(self, bench: MeterBench, caller: str, cost: int, rate: Rate | None) -> Hit:
        """A request."""
        return Hit(
            window=bench.new_id(),
            tenant=bench.actor.tenant,
            subscription=bench.subscription.id,
            meter="login",
            caller=caller,
            rate=rate or self.rate,
            cost=cost,
        )

    def hit(
        self, bench: MeterBench, caller: str = "ada", *, cost: int = 1, rate: Rate | None = None
    ) -> HitOutcome:
        """Count a request."""
        return bench.meters.rates.hit(self.asked(bench, caller, cost, rate))

    def peek(self, bench: MeterBench, caller: str = "ada", *, rate: Rate | None = None) -> HitOutcome:
        """Ask about a request."""
        return bench.meters.rates.peek(self.asked(bench, caller, 1, rate))

    def admitted(self, bench: MeterBench, hits: int, **options: Any) -> int:
        """How many of so many hits were admitted."""
        return sum(isinstance(self.hit(bench, **options), Within) for _ in range(hits))

    def test_as_many_as_the_limit_are_admitted(self, bench: MeterBench) -> None:
        """Each is told how much is left; the next one, when there is room."""
        left = [self.hit(bench).tally.remaining for _ in range(5)]
        assert left == [4, 3, 2, 1, 0]
        outcome = self.hit(bench)
        assert isinstance(outcome, Exceeded)
        assert outcome.tally.retry_in is not None
        assert 60 <= outcome.tally.retry_in <= 61.1
        assert (outcome.tally.used, outcome.tally.remaining) == (5, 0)

    def test_refused_hits_count_nothing(self, bench: MeterBench) -> None:
        """Whoever goes on asking is admitted when they said, as if they had waited."""
        self.admitted(bench, 5)
        for _ in range(30):
            assert isinstance(self.hit(bench), Exceeded)
            bench.steady.travel(seconds=1)
        outcome = self.hit(bench)
        assert outcome.tally.retry_in is not None
        bench.steady.travel(seconds=outcome.tally.retry_in)
        assert self.admitted(bench, 6) == 5

    def test_told_time_is_exact(self, bench: MeterBench) -> None:
        """A microsecond earlier there is no room yet."""
        self.admitted(bench, 5)
        retry_in = self.hit(bench).tally.retry_in
        assert retry_in is not None
        bench.steady.travel(seconds=retry_in, microseconds=-1)
        assert isinstance(self.hit(bench), Exceeded)
        bench.steady.travel(microseconds=1)
        assert isinstance(self.hit(bench), Within)

    def test_peeking_counts_nothing(self, bench: MeterBench) -> None:
        """And answers what a hit would be answered."""
        for used_up in range(5):
            outcome = self.peek(bench)
            assert isinstance(outcome, Within)
            assert outcome.tally.used == used_up
            self.hit(bench)
        assert isinstance(self.peek(bench), Exceeded)

    def test_callers_are_counted_apart(self, bench: MeterBench) -> None:
        """One who asks too often keeps nobody else out."""
        self.admitted(bench, 6)
        assert self.admitted(bench, 6, caller="bob") == 5

    def test_costs_are_weighed_as_a_whole(self, bench: MeterBench) -> None:
        """What does not fit counts nothing; what never fits is told so."""
        assert isinstance(self.hit(bench, cost=4), Within)
        assert isinstance(self.hit(bench, cost=2), Exceeded)
        assert isinstance(self.hit(bench, cost=1), Within)
        assert self.hit(bench, cost=6).tally.retry_in is None

    def test_no_limit_and_none_at_all(self, bench: MeterBench) -> None:
        """None is unlimited, 0 is none."""
        assert self.admitted(bench, 20, rate=Rate(limit=None)) == 20
        assert self.admitted(bench, 3, caller="bob", rate=Rate(limit=0)) == 0

    def test_window_of_another_length_begins_anew(self, bench: MeterBench) -> None:
        """Counts of one length say nothing about another."""
        self.admitted(bench, 5)
        assert self.admitted(bench, 6, rate=Rate(limit=5, window=10)) == 5

    def test_lowered_limit_holds_at_once(self, bench: MeterBench) -> None:
        """What was admitted under the higher one counts."""
        self.admitted(bench, 5)
        assert isinstance(self.hit(bench, rate=Rate(limit=3, window=60)), Exceeded)
        assert isinstance(self.hit(bench, rate=Rate(limit=6, window=60)), Within)

    def test_setting_the_wall_clock_changes_nothing(self, bench: MeterBench) -> None:
        """An hour forward admits nobody, an hour back refuses nobody."""
        self.admitted(bench, 5)
        bench.clock.travel(hours=1)
        assert isinstance(self.hit(bench), Exceeded)
        bench.clock.travel(hours=-2)
        bench.steady.travel(seconds=62)
        assert self.admitted(bench, 6) == 5

    def test_forgotten_caller_begins_anew(self, bench: MeterBench) -> None:
        """And only that one."""
        self.admitted(bench, 5)
        self.admitted(bench, 5, caller="bob")
        bench.meters.rates.forget(bench.actor.tenant, bench.subscription.id, "login", "ada")
        assert self.admitted(bench, 6) == 5
        assert isinstance(self.hit(bench, caller="bob"), Exceeded)

    def test_sweep_removes_what_is_over(self, bench: MeterBench) -> None:
        """A window is kept as long as anything of it counts."""
        self.hit(bench)
        bench.steady.travel(seconds=30)
        self.hit(bench, caller="bob")
        bench.steady.travel(seconds=32)
        bench.meters.rates.sweep(bench.actor.tenant)
        assert self.peek(bench).tally.used == 0
        assert self.peek(bench, caller="bob").tally.used == 1

    def test_crowd_never_passes_the_limit(self, bench: MeterBench) -> None:
        """Exactly as many as fit."""
        with ThreadPoolExecutor(CROWD) as pool:
            outcomes = list(pool.map(lambda _: self.hit(bench), range(CROWD)))
        assert Counter(type(outcome) for outcome in outcomes) == {Within: 5, Exceeded: CROWD - 5}
        assert self.peek(bench).tally.used == 5


class LeaseContract(_MeterContract):
    """The promises of ``seatguard.leases.ports.LeaseGate``. Subclass it and give the fixture ``store``."""

    floating = Concurrency(limit=2, lasts=60, grace=10)

    def enter(self, bench: MeterBench) -> Callable[[str, Lease], Draft]:
        """Drafts entries."""
        return lambda kind, lease: bench.entry(kind, lease.id)

    def wish(
        self,
        bench: MeterBench,
        holder: str,
        session: str = "",
        allowance: Concurrency | None = None,
    ) -> leased.Wish:
        """A wish for a place."""
        return leased.Wish(
            lease=bench.new_id(),
            pool=bench.new_id(),
            tenant=bench.actor.tenant,
            subscription=bench.subscription.id,
            name="floating",
            holder=holder,
            holder_key=holder.casefold(),
            session=session,
            allowance=allowance or self.floating,
        )

    def checkout(
        self, bench: MeterBench, holder: str, session: str = "", allowance: Concurrency | None = None
    ) -> leased.CheckoutOutcome:
        """Ask for a place."""
        wish = self.wish(bench, holder, session, allowance)
        return bench.meters.leases.checkout(wish, self.enter(bench))

    def given(
        self, bench: MeterBench, holder: str, session: str = "", allowance: Concurrency | None = None
    ) -> Lease:
        """Get a place that must be given."""
        outcome = self.checkout(bench, holder, session, allowance)
        assert isinstance(outcome, leased.Granted), outcome
        return outcome.lease

    def beat(
        self, bench: MeterBench, lease: Lease, allowance: Concurrency | None = None
    ) -> leased.BeatOutcome:
        """Send a heartbeat."""
        return bench.meters.leases.heartbeat(
            bench.actor.tenant,
            lease.id,
            allowance or self.floating,
            self.enter(bench),
        )

    def back(self, bench: MeterBench, lease: Lease) -> leased.ReturnOutcome:
        """Give a place back."""
        return bench.meters.leases.give_back(bench.actor.tenant, lease.id, self.enter(bench))

    def live(self, bench: MeterBench, holder_key: str = "") -> int:
        """How many places are taken."""
        return bench.meters.leases.live(bench.actor.tenant, bench.subscription.id, "floating", holder_key)

    def test_place_is_given_counted_and_on_record(self, bench: MeterBench) -> None:
        """With its end: the heartbeat's time, and the grace after it."""
        outcome = self.checkout(bench, "Ada")
        assert isinstance(outcome, leased.Granted)
        lease, now = outcome.lease, bench.steady()
        assert (lease.holder, lease.state, lease.since) == ("Ada", LeaseState.LIVE, now)
        assert lease.late_at == now + dt.timedelta(seconds=60)
        assert lease.lapses_at == now + dt.timedelta(seconds=70)
        assert outcome.live == self.live(bench) == 1
        assert bench.meters.leases.lease(bench.actor.tenant, lease.id) == lease
        assert bench.kinds() == {"lease.taken": 1}
        bench.verified()

    def test_full_pool_refuses_and_writes_nothing(self, bench: MeterBench) -> None:
        """And says when the first place frees itself."""
        first = self.given(bench, "ada")
        bench.steady.travel(seconds=1)
        self.given(bench, "bob")
        before = bench.kinds()
        assert self.checkout(bench, "eve") == leased.Full(2, first.lapses_at)
        assert (bench.kinds(), self.live(bench)) == (before, 2)

    def test_session_has_one_place(self, bench: MeterBench) -> None:
        """Asked again it is the same one, beaten; another session of the holder takes another."""
        lease = self.given(bench, "ada")
        bench.steady.travel(seconds=30)
        again = self.checkout(bench, "ADA")
        assert isinstance(again, leased.Kept)
        assert (again.lease.id, again.lease.late_at) == (lease.id, bench.steady() + dt.timedelta(seconds=60))
        self.given(bench, "ada", "laptop")
        assert (self.live(bench), bench.kinds()) == (2, {"lease.taken": 2})

    def test_same_wish_again_answers_granted(self, bench: MeterBench) -> None:
        """A wish repeated after a lost answer is told that the place is its own."""
        wish = self.wish(bench, "ada")
        first = bench.meters.leases.checkout(wish, self.enter(bench))
        again = bench.meters.leases.checkout(wish, self.enter(bench))
        assert isinstance(first, leased.Granted)
        assert isinstance(again, leased.Granted)
        assert again.lease.id == first.lease.id
        assert bench.kinds() == {"lease.taken": 1}

    def test_place_is_free_at_its_end_and_not_before(self, bench: MeterBench) -> None:
        """A microsecond before, it is still kept."""
        full = replace(self.floating, limit=1)
        lease = self.given(bench, "ada", allowance=full)
        bench.steady.set(lease.lapses_at)
        bench.steady.travel(microseconds=-1)
        assert isinstance(self.checkout(bench, "bob", allowance=full), leased.Full)
        assert self.live(bench) == 1
        bench.steady.travel(microseconds=1)
        assert self.live(bench) == 0
        self.given(bench, "bob", allowance=full)
        assert bench.kinds() == {"lease.taken": 2, "lease.lapsed": 1}
        bench.verified()

    def test_heartbeats_keep_the_place_and_write_no_entry(self, bench: MeterBench) -> None:
        """However long it goes on; also in the grace."""
        lease = self.given(bench, "ada")
        for _ in range(10):
            bench.steady.travel(seconds=65)
            outcome = self.beat(bench, lease)
            assert isinstance(outcome, leased.Kept)
            assert outcome.lease.lapses_at == bench.steady() + dt.timedelta(seconds=70)
        assert bench.kinds() == {"lease.taken": 1}

    def test_late_heartbeat_gets_its_place_back(self, bench: MeterBench) -> None:
        """Nobody wanted it meanwhile."""
        lease = self.given(bench, "ada")
        bench.steady.travel(seconds=1000)
        assert self.live(bench) == 0
        outcome = self.beat(bench, lease)
        assert isinstance(outcome, leased.Kept)
        assert self.live(bench) == 1

    def test_late_heartbeat_waits_for_room(self, bench: MeterBench) -> None:
        """Its place is somebody else's; it comes back under its own id when one is free."""
        full = replace(self.floating, limit=1)
        lease = self.given(bench, "ada", allowance=full)
        bench.steady.travel(seconds=70)
        other = self.given(bench, "bob", allowance=full)
        assert self.beat(bench, lease, full) == leased.Full(1, other.lapses_at)
        self.back(bench, other)
        outcome = self.beat(bench, lease, full)
        assert isinstance(outcome, leased.Granted)
        assert (outcome.lease.id, outcome.lease.state, self.live(bench)) == (lease.id, LeaseState.LIVE, 1)
        assert bench.kinds()["lease.resumed"] == 1
        assert isinstance(self.checkout(bench, "eve", allowance=full), leased.Full)
        bench.verified()

    def test_returned_place_is_free_at_once(self, bench: MeterBench) -> None:
        """Returning twice is returning once; a heartbeat does not bring it back."""
        lease = self.given(bench, "ada")
        for _ in range(2):
            outcome = self.back(bench, lease)
            assert isinstance(outcome, leased.Ended)
            assert outcome.lease.state is LeaseState.RETURNED
        assert (self.live(bench), bench.kinds()["lease.returned"]) == (0, 1)
        assert isinstance(self.beat(bench, lease), leased.Ended)
        assert self.live(bench) == 0

    def test_oldest_makes_room_where_that_is_agreed(self, bench: MeterBench) -> None:
        """Its heartbeat is told that it was taken over."""
        policy = replace(self.floating, takeover=Takeover.OLDEST)
        first = self.given(bench, "ada", allowance=policy)
        self.given(bench, "bob", allowance=policy)
        outcome = self.checkout(bench, "eve", allowance=policy)
        assert isinstance(outcome, leased.Granted)
        assert [lease.id for lease in outcome.evicted] == [first.id]
        assert outcome.live == self.live(bench) == 2
        told = self.beat(bench, first, policy)
        assert isinstance(told, leased.Ended)
        assert told.lease.state is LeaseState.TAKEN_OVER
        assert bench.kinds() == {"lease.taken": 3, "lease.taken_over": 1}
        bench.verified()

    def test_own_session_makes_room_where_that_is_agreed(self, bench: MeterBench) -> None:
        """Nobody else's does."""
        policy = replace(self.floating, takeover=Takeover.OWN)
        self.given(bench, "ada", allowance=policy)
        own = self.given(bench, "bob", "desktop", policy)
        assert isinstance(self.checkout(bench, "eve", allowance=policy), leased.Full)
        outcome = self.checkout(bench, "bob", "laptop", policy)
        assert isinstance(outcome, leased.Granted)
        assert [lease.id for lease in outcome.evicted] == [own.id]

    def test_each_holder_has_places_of_their_own(self, bench: MeterBench) -> None:
        """A cap on sessions: the holder's third waits for the holder's others."""
        sessions = replace(self.floating, per_holder=True)
        for holder in ("ada", "bob"):
            for session in ("one", "two"):
                self.given(bench, holder, session, sessions)
            assert isinstance(self.checkout(bench, holder, "three", sessions), leased.Full)
        assert (self.live(bench, "ada"), self.live(bench, "bob"), self.live(bench)) == (2, 2, 0)

    def test_no_limit_and_none_at_all(self, bench: MeterBench) -> None:
        """None is unlimited, 0 is none."""
        assert self.checkout(bench, "ada", allowance=Concurrency(limit=0)) == leased.Full(0, None)
        none = Concurrency(limit=0, takeover=Takeover.OLDEST)
        assert self.checkout(bench, "ada", allowance=none) == leased.Full(0, None)
        for number in range(5):
            self.given(bench, f"user{number}", allowance=Concurrency(limit=None))

    def test_lowered_limit_ends_nobodys_lease(self, bench: MeterBench) -> None:
        """Who is in stays in; newcomers wait until there is room below the new limit."""
        leases = [self.given(bench, name) for name in ("ada", "bob")]
        fewer = replace(self.floating, limit=1)
        assert all(isinstance(self.beat(bench, lease, fewer), leased.Kept) for lease in leases)
        self.back(bench, leases[0])
        assert isinstance(self.checkout(bench, "eve", allowance=fewer), leased.Full)
        self.back(bench, leases[1])
        self.given(bench, "eve", allowance=fewer)

    def test_setting_the_wall_clock_changes_nothing(self, bench: MeterBench) -> None:
        """An hour forward ends no lease, an hour back prolongs none."""
        full = replace(self.floating, limit=1)
        lease = self.given(bench, "ada", allowance=full)
        for hours in (1, -2):
            bench.clock.travel(hours=hours)
            assert isinstance(self.checkout(bench, "bob", allowance=full), leased.Full)
            assert isinstance(self.beat(bench, lease, full), leased.Kept)
        bench.steady.travel(seconds=70)
        self.given(bench, "bob", allowance=full)

    def test_sweep_clears_away_and_forgets(self, bench: MeterBench) -> None:
        """Lapsed leases are ended on record; a day later nothing is known of them."""
        lapsed, kept = self.given(bench, "ada"), self.given(bench, "bob")
        bench.steady.travel(seconds=60)
        self.beat(bench, kept)
        bench.steady.travel(seconds=10)

        def sweep() -> int:
            return bench.meters.leases.sweep(bench.actor.tenant, self.enter(bench))

        assert (sweep(), sweep(), self.live(bench)) == (1, 0, 1)
        assert bench.kinds()["lease.lapsed"] == 1
        ended = bench.meters.leases.lease(bench.actor.tenant, lapsed.id)
        assert ended is not None
        assert (ended.state, ended.lapses_at) == (LeaseState.LAPSED, lapsed.lapses_at)
        bench.steady.travel(days=1)
        self.beat(bench, kept)
        sweep()
        assert bench.meters.leases.lease(bench.actor.tenant, lapsed.id) is None
        assert isinstance(self.beat(bench, lapsed), leased.NoLease)
        assert self.live(bench) == 1

    def test_leases_are_listed_in_order(self, bench: MeterBench) -> None:
        """Page by page; those that have lapsed are left out."""
        many = Concurrency(limit=None, lasts=60)
        for number in range(5):
            self.given(bench, f"user{number}", allowance=many)
            bench.steady.travel(seconds=1)
        bench.steady.travel(seconds=56)
        names, after = [], None
        while True:
            page = bench.meters.leases.leases(
                bench.actor.tenant, bench.subscription.id, "floating", limit=2, after=after
            )
            names += [lease.holder for lease in page.items]
            after = page.after
            if after is None:
                break
        assert names == ["user2", "user3", "user4"]

    def test_subscription_that_has_ended_gives_no_place(self, bench: MeterBench) -> None:
        """The last instant is the last."""
        assert bench.subscription.closes_at is not None
        bench.clock.set(bench.subscription.closes_at)
        assert self.checkout(bench, "ada") == leased.Closed()
        bench.clock.travel(microseconds=-1)
        self.given(bench, "ada")

    def test_foreign_lease_is_no_lease(self, bench: MeterBench) -> None:
        """Another tenant's is like one that never was."""
        lease = self.given(bench, "ada")
        stranger = bench.engine.tenants.ensure("stranger").id
        gate = bench.meters.leases
        assert gate.lease(stranger, lease.id) is None
        outcome = gate.heartbeat(stranger, lease.id, self.floating, self.enter(bench))
        assert outcome == leased.NoLease()
        with pytest.raises(NotFound):
            gate.live(stranger, bench.subscription.id, "floating", "")

    def test_crowd_never_passes_the_limit(self, bench: MeterBench) -> None:
        """Exactly as many as fit."""
        with ThreadPoolExecutor(CROWD) as pool:
            outcomes = list(pool.map(lambda number: self.checkout(bench, f"user{number}"), range(CROWD)))
        assert Counter(type(outcome) for outcome in outcomes) == {leased.Granted: 2, leased.Full: CROWD - 2}
        assert (self.live(bench), bench.kinds()) == (2, {"lease.taken": 2})
        bench.verified()
