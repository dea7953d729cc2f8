"""What every gate must do, as tests. Observed through the port and the journal only."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest

from seatguard.actors import Actor
from seatguard.engine import EngineOptions, Seatguard
from seatguard.errors import NotFound
from seatguard.idempotency.model import Begun, Replied, Reply
from seatguard.ids import NewId, Uuid7
from seatguard.journal.model import Draft
from seatguard.journal.ports import Search
from seatguard.seats import holders
from seatguard.seats.model import (
    Admission,
    AlreadyHeld,
    Claim,
    Closed,
    Full,
    Lapsed,
    NotHeld,
    Outcome,
    Released,
    Renewed,
    Seat,
    SeatState,
    Taken,
    TakeOutcome,
    Transferred,
    Usage,
)
from seatguard.seats.ports import Gate, Seal
from seatguard.storage import Store
from seatguard.subscriptions.model import Subscription
from seatguard.testing.clock import FrozenClock


@dataclass
class Bench:
    """A gate with one subscription, and short words for what tests do with it."""

    engine: Seatguard
    gate: Gate
    clock: FrozenClock
    actor: Actor
    subscription: Subscription
    ids: NewId

    def claim(self, username: str, *, seconds: float | None = None) -> Claim:
        """A wish for a seat, or for a hold of ``seconds``."""
        return Claim(
            tenant=self.actor.tenant,
            subscription=self.subscription.id,
            seat=self.new_id(),
            holder=holders.normalize(username, fold_case=True),
            email=None,
            lapses_at=None if seconds is None else self.clock() + dt.timedelta(seconds=seconds),
            admission=Admission.of(self.engine.subscriptions.get(self.actor, self.subscription.id)),
        )

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

    def new_id(self) -> str:
        """A fresh UUIDv7."""
        return self.ids()

    def lapse(self, seat: Seat) -> Draft:
        """The entry of a hold cleared away."""
        return self.entry("hold.expired", seat.id)

    def take(self, username: str, *, seconds: float | None = None, seal: Seal | None = None) -> TakeOutcome:
        """Claim a seat."""
        claim = self.claim(username, seconds=seconds)
        kind = "seat.taken" if seconds is None else "seat.held"
        return self.gate.take(claim, self.entry(kind, claim.seat), self.lapse, seal)

    def seated(self, username: str, *, seconds: float | None = None) -> Seat:
        """Claim a seat that must be given."""
        outcome = self.take(username, seconds=seconds)
        assert isinstance(outcome, Taken), outcome
        return outcome.seat

    def release(self, seat: Seat, *, held_by: str | None = None) -> Outcome:
        """Free a seat."""
        entry = self.entry("seat.released", seat.id)
        return self.gate.release(seat.tenant, seat.id, entry, held_by=held_by)

    def confirm(self, seat: Seat, *, holder: str | None = None, email: str | None = None) -> Outcome:
        """Turn a hold into a seat, perhaps of somebody else."""
        entry = self.entry("seat.taken", seat.id)
        named = None if holder is None else holders.normalize(holder, fold_case=True)
        return self.gate.confirm(seat.tenant, seat.id, entry, self.lapse, holder=named, email=email)

    def transfer(self, seat: Seat, to: str, *, held_by: str | None = None) -> Outcome:
        """Give a seat to somebody else."""
        holder = holders.normalize(to, fold_case=True)
        entry = self.entry("seat.transferred", seat.id)
        return self.gate.transfer(seat.tenant, seat.id, holder, None, entry, self.lapse, held_by=held_by)

    def usage(self) -> Usage:
        """What the gate says is taken."""
        return self.gate.usage(self.actor.tenant, self.subscription.id)

    def names(self) -> list[str]:
        """Who sits or holds, in the order of seats."""
        page = self.gate.list(self.actor.tenant, [self.subscription.id], limit=200, after=0)
        return [seat.holder for seat in page.items]

    def kinds(self) -> Counter[str]:
        """How many entries of each kind the subscription's stream has."""
        self.engine.relay()
        found: Counter[str] = Counter()
        after = None
        while True:
            page = self.engine.journal.search(
                self.actor, Search(stream=self.subscription.id), limit=200, after=after
            )
            found.update(entry.kind for entry in page.items)
            if page.after is None:
                return found
            after = page.after

    def check(self) -> None:
        """Counter and rows agree, and the journal verifies."""
        self.engine.relay()
        assert list(self.engine.verify(self.actor)) == []
        assert list(self.engine.journal.verify(self.actor)) == []


class GateContract:
    """The promises of ``seatguard.seats.ports.Gate``. Subclass it and give the fixture ``store``."""

    limit = 3
    many = 520
    """More holds than one act of a locking gate clears away at once."""

    @pytest.fixture
    def clock(self) -> FrozenClock:
        """The clock the store must be opened with."""
        return FrozenClock()

    @pytest.fixture
    def store(self, clock: FrozenClock) -> Store:
        """The store under test, empty, telling the time by ``clock``."""
        raise NotImplementedError("give a fixture `store` in the subclass")

    @pytest.fixture
    def bench(self, store: Store, clock: FrozenClock) -> Bench:
        """One subscription of ``limit`` seats on the store."""
        engine = Seatguard(store, clock=clock, options=EngineOptions(max_age=0))
        actor = engine.actor("test", "contract")
        client = engine.clients.add(actor, name="Client")
        project = engine.projects.add(actor, client.id, name="Project")
        subscription = engine.subscriptions.add(actor, project.id, limit=self.limit)
        return Bench(engine, store.gate, clock, actor, subscription, Uuid7(clock))

    def test_taken_seat_is_counted_and_on_record(self, bench: Bench) -> None:
        """A take gives a numbered seat, counts it and writes one entry."""
        outcome = bench.take("ada")
        assert isinstance(outcome, Taken)
        assert (outcome.seat.holder, outcome.seat.state) == ("ada", SeatState.ASSIGNED)
        assert outcome.seat.number > 0
        assert outcome.usage == Usage(1, 0) == bench.usage()
        assert bench.kinds()["seat.taken"] == 1
        bench.check()

    def test_full_pool_refuses_and_writes_nothing(self, bench: Bench) -> None:
        """The claim after the last seat is Full: no seat, no entry."""
        for number in range(self.limit):
            bench.seated(f"user{number}")
        before = bench.kinds()
        assert bench.take("late") == Full(Usage(self.limit, 0))
        assert bench.kinds() == before
        bench.check()

    def test_same_holder_has_one_seat(self, bench: Bench) -> None:
        """A second claim of a holder answers with the seat there is, also when the pool is full."""
        seat = bench.seated("ada")
        for number in range(self.limit - 1):
            bench.seated(f"user{number}")
        outcome = bench.take("Ada")
        assert isinstance(outcome, AlreadyHeld)
        assert outcome.seat == seat
        assert bench.kinds()["seat.taken"] == self.limit
        bench.check()

    def test_same_claim_again_answers_taken(self, bench: Bench) -> None:
        """A claim repeated after a lost answer is told that the seat is its own."""
        claim = bench.claim("ada")
        first = bench.gate.take(claim, bench.entry("seat.taken", claim.seat), bench.lapse)
        again = bench.gate.take(claim, bench.entry("seat.taken", claim.seat), bench.lapse)
        assert isinstance(first, Taken)
        assert again == first
        assert bench.kinds()["seat.taken"] == 1

    def test_seat_numbers_are_never_given_twice(self, bench: Bench) -> None:
        """A released seat's number does not come back."""
        first = bench.seated("ada")
        bench.release(first)
        assert bench.seated("bob").number > first.number

    def test_hold_counts_until_it_lapses(self, bench: Bench) -> None:
        """A hold takes room up to its last instant, and not a second longer."""
        for number in range(self.limit):
            bench.seated(f"user{number}", seconds=60)
        bench.clock.travel(seconds=59.999999)
        assert bench.take("late") == Full(Usage(self.limit, self.limit))
        bench.clock.travel(seconds=0.000001)
        assert bench.usage() == Usage(0, 0)
        assert bench.names() == []
        assert isinstance(bench.take("late"), Taken)
        assert bench.kinds()["hold.expired"] == self.limit
        bench.check()

    def test_confirming_needs_no_free_seat(self, bench: Bench) -> None:
        """A hold in a full pool becomes a seat; confirming it again changes nothing."""
        hold = bench.seated("ada", seconds=60)
        for number in range(self.limit - 1):
            bench.seated(f"user{number}")
        outcome = bench.confirm(hold)
        assert isinstance(outcome, Taken)
        assert (outcome.seat.state, outcome.seat.lapses_at) == (SeatState.ASSIGNED, None)
        assert outcome.usage == Usage(self.limit, 0)
        assert isinstance(bench.confirm(hold), AlreadyHeld)
        assert bench.kinds()["seat.taken"] == self.limit
        bench.check()

    def test_claim_for_good_confirms_ones_own_hold(self, bench: Bench) -> None:
        """Who holds a seat and claims one for good gets that very seat, full or not."""
        hold = bench.seated("ada", seconds=60)
        for number in range(self.limit - 1):
            bench.seated(f"user{number}")
        outcome = bench.take("ada")
        assert isinstance(outcome, Taken)
        assert outcome.seat.id == hold.id
        assert bench.usage() == Usage(self.limit, 0)
        bench.check()

    def test_holding_twice_is_one_hold(self, bench: Bench) -> None:
        """A second hold of the same holder answers with the first; so does one on a seat."""
        hold = bench.seated("ada", seconds=60)
        again = bench.take("ada", seconds=600)
        assert again == AlreadyHeld(hold, Usage(1, 1))
        bench.confirm(hold)
        assert isinstance(bench.take("ada", seconds=60), AlreadyHeld)
        assert bench.usage() == Usage(1, 0)

    def test_lapsed_hold_cannot_be_confirmed(self, bench: Bench) -> None:
        """A hold past its end is cleared away, on record, and is gone afterwards."""
        hold = bench.seated("ada", seconds=60)
        bench.clock.travel(seconds=60)
        assert bench.confirm(hold) == Lapsed(hold)
        assert bench.confirm(hold) == NotHeld()
        assert bench.kinds()["hold.expired"] == 1
        bench.check()

    def test_holder_of_a_lapsed_hold_starts_anew(self, bench: Bench) -> None:
        """A claim after one's own hold has lapsed is a new seat."""
        hold = bench.seated("ada", seconds=60)
        bench.clock.travel(seconds=61)
        assert bench.seated("ada").id != hold.id
        assert bench.usage() == Usage(1, 0)
        bench.check()

    def test_hold_is_confirmed_for_somebody_else(self, bench: Bench) -> None:
        """A hold taken before its user had a name becomes that user's seat, in a full pool too; once."""
        hold = bench.seated("nobody", seconds=60)
        for number in range(self.limit - 1):
            bench.seated(f"user{number}")
        outcome = bench.confirm(hold, holder="Ada", email="ada@example.com")
        assert isinstance(outcome, Taken)
        assert (outcome.seat.id, outcome.seat.holder, outcome.seat.holder_key) == (hold.id, "Ada", "ada")
        assert (outcome.seat.state, outcome.seat.email) == (SeatState.ASSIGNED, "ada@example.com")
        assert outcome.usage == Usage(self.limit, 0)
        assert isinstance(bench.confirm(hold, holder="ada"), AlreadyHeld)
        assert bench.confirm(hold, holder="eve") == NotHeld()
        assert isinstance(bench.take("ada"), AlreadyHeld)
        assert min(bench.names()) == "Ada"
        assert bench.kinds()["seat.taken"] == self.limit
        bench.check()

    def test_confirming_for_somebody_seated_gives_no_second_seat(self, bench: Bench) -> None:
        """The answer is the seat there is, and the hold stays; a lapsed hold of theirs is no seat."""
        seat, hold = bench.seated("ada"), bench.seated("nobody", seconds=90)
        assert bench.confirm(hold, holder="ada") == AlreadyHeld(seat, Usage(2, 1))
        bench.seated("bob", seconds=60)
        bench.clock.travel(seconds=60)
        assert isinstance(bench.confirm(hold, holder="bob"), Taken)
        assert sorted(bench.names()) == ["ada", "bob"]
        assert bench.kinds()["hold.expired"] == 1
        bench.check()

    def test_lapsed_hold_is_confirmed_for_nobody(self, bench: Bench) -> None:
        """Another name does not make a hold last longer."""
        hold = bench.seated("nobody", seconds=60)
        bench.clock.travel(seconds=60)
        assert bench.confirm(hold, holder="ada") == Lapsed(hold)
        assert bench.usage() == Usage(0, 0)
        bench.check()

    def test_holds_are_listed_by_their_end(self, bench: Bench) -> None:
        """The first to lapse first; assigned seats, lapsed holds and other tenants' are left out."""
        bench.seated("ada")
        later, sooner = bench.seated("bob", seconds=90), bench.seated("cleo", seconds=60)

        def holds(limit: int = 10, tenant: str | None = None) -> tuple[Seat, ...]:
            names = [bench.subscription.id]
            return bench.gate.holds(tenant or bench.actor.tenant, names, limit=limit)

        assert holds() == (sooner, later)
        assert holds(limit=1) == (sooner,)
        assert holds(tenant=bench.new_id()) == ()
        assert bench.gate.holds(bench.actor.tenant, [], limit=10) == ()
        bench.clock.travel(seconds=60)
        assert holds() == (later,)

    def test_renewed_hold_lasts_longer(self, bench: Bench) -> None:
        """A renewal moves the end; seats and lapsed holds are not renewed."""
        hold = bench.seated("ada", seconds=60)
        later = bench.clock() + dt.timedelta(seconds=600)

        def renew() -> Outcome:
            entry = bench.entry("hold.renewed", hold.id)
            return bench.gate.renew(hold.tenant, hold.id, later, entry, bench.lapse)

        renewed = renew()
        assert renewed == Renewed(replace(hold, lapses_at=later), Usage(1, 1))
        assert renew() == renewed
        assert bench.kinds()["hold.renewed"] == 1
        bench.clock.travel(seconds=599)
        assert bench.usage() == Usage(1, 1)
        bench.clock.travel(seconds=1)
        assert isinstance(renew(), Lapsed)
        assert renew() == NotHeld()
        seat = bench.seated("bob")
        entry = bench.entry("hold.renewed", seat.id)
        assert bench.gate.renew(seat.tenant, seat.id, later, entry, bench.lapse) == NotHeld()
        bench.check()

    def test_release_frees_exactly_one(self, bench: Bench) -> None:
        """A seat is freed once; the second release and an unknown seat are NotHeld."""
        seats = [bench.seated(f"user{number}") for number in range(self.limit)]
        assert bench.release(seats[0]) == Released(seats[0], Usage(self.limit - 1, 0))
        assert bench.release(seats[0]) == NotHeld()
        assert bench.release(replace(seats[1], id=bench.new_id())) == NotHeld()
        assert isinstance(bench.take("late"), Taken)
        assert isinstance(bench.take("later"), Full)
        assert bench.kinds()["seat.released"] == 1
        bench.check()

    def test_release_of_a_hold_spares_a_seat(self, bench: Bench) -> None:
        """Asked to free a hold only, the gate leaves a confirmed seat alone."""
        hold, other = bench.seated("ada", seconds=60), bench.seated("bob", seconds=60)
        bench.confirm(hold)

        def release(seat: Seat) -> Outcome:
            entry = bench.entry("hold.released", seat.id)
            return bench.gate.release(seat.tenant, seat.id, entry, only_hold=True)

        spared = release(hold)
        assert isinstance(spared, AlreadyHeld)
        assert spared.seat.state is SeatState.ASSIGNED
        assert release(other) == Released(other, Usage(1, 0))
        assert bench.names() == ["ada"]
        bench.check()

    def test_transfer_moves_the_seat_in_one_step(self, bench: Bench) -> None:
        """The seat keeps its id and number and has another holder; the first may claim anew."""
        seat = bench.seated("ada")
        moved = bench.transfer(seat, "bob")
        assert isinstance(moved, Transferred)
        assert (moved.seat.id, moved.seat.number, moved.seat.holder) == (seat.id, seat.number, "bob")
        assert bench.names() == ["bob"]
        assert isinstance(bench.take("ada"), Taken)
        assert bench.usage() == Usage(2, 0)
        bench.check()

    def test_transfer_to_somebody_seated_is_refused(self, bench: Bench) -> None:
        """Nobody gets a second seat by transfer; holds are not transferred."""
        ada, bob = bench.seated("ada"), bench.seated("bob")
        assert bench.transfer(ada, "bob") == AlreadyHeld(bob, Usage(2, 0))
        hold = bench.seated("eve", seconds=60)
        assert bench.transfer(hold, "mallory") == NotHeld()
        assert bench.kinds()["seat.transferred"] == 0
        bench.check()

    def test_same_transfer_again_answers_transferred(self, bench: Bench) -> None:
        """A transfer repeated after a lost answer is told that it is done, and writes nothing."""
        seat = bench.seated("ada")
        first = bench.transfer(seat, "bob", held_by="ada")
        assert isinstance(first, Transferred)
        assert bench.transfer(seat, "bob", held_by="ada") == first
        assert bench.kinds()["seat.transferred"] == 1
        bench.check()

    def test_lapsed_hold_of_the_receiver_is_no_seat(self, bench: Bench) -> None:
        """A transfer to somebody whose hold has lapsed clears that hold away."""
        ada = bench.seated("ada")
        bench.seated("bob", seconds=60)
        bench.clock.travel(seconds=60)
        assert isinstance(bench.transfer(ada, "bob"), Transferred)
        assert bench.names() == ["bob"]
        assert bench.usage() == Usage(1, 0)
        assert bench.kinds()["hold.expired"] == 1
        bench.check()

    def test_seat_that_has_moved_on_is_not_taken_from_the_next(self, bench: Bench) -> None:
        """Who frees or transfers the seat of one holder does not take it from the holder after."""
        seat = bench.seated("ada")
        bench.transfer(seat, "bob", held_by="ada")
        assert bench.release(seat, held_by="ada") == NotHeld()
        assert bench.transfer(seat, "eve", held_by="ada") == NotHeld()
        assert bench.names() == ["bob"]
        assert isinstance(bench.release(seat, held_by="bob"), Released)
        bench.check()

    def test_many_lapsed_holds_do_not_count(self, bench: Bench) -> None:
        """However many holds have lapsed together, none of them counts or stands in the way."""
        change = bench.engine.subscriptions.change_limit
        change(bench.actor, bench.subscription.id, limit=self.many)
        for number in range(self.many):
            bench.seated(f"user{number}", seconds=60)
        bench.clock.travel(seconds=60)
        assert bench.usage() == Usage(0, 0)
        assert change(bench.actor, bench.subscription.id, limit=1).allowed
        last = f"user{self.many - 1}"
        taken = bench.take(last)
        assert isinstance(taken, Taken)
        assert (taken.seat.lapses_at, taken.usage) == (None, Usage(1, 0))
        assert bench.take("late") == Full(Usage(1, 0))
        assert bench.names() == [last]
        assert bench.kinds()["hold.expired"] == self.many
        bench.check()

    def test_suspended_subscription_is_closed(self, bench: Bench) -> None:
        """A suspended subscription gives no seat, and still answers its holders."""
        bench.seated("ada")
        bench.engine.subscriptions.suspend(bench.actor, bench.subscription.id)
        assert bench.take("bob") == Closed(Usage(1, 0))
        assert isinstance(bench.take("ada"), AlreadyHeld)
        bench.engine.subscriptions.resume(bench.actor, bench.subscription.id)
        assert isinstance(bench.take("bob"), Taken)

    @pytest.mark.parametrize(
        ("zone", "last", "first_after"),
        [
            ("UTC", "2027-12-31T23:59:59.999999+00:00", "2028-01-01T00:00:00+00:00"),
            ("America/Los_Angeles", "2028-01-01T07:59:59.999999+00:00", "2028-01-01T08:00:00+00:00"),
            ("Pacific/Kiritimati", "2027-12-31T09:59:59.999999+00:00", "2027-12-31T10:00:00+00:00"),
        ],
    )
    def test_last_day_is_included(self, bench: Bench, zone: str, last: str, first_after: str) -> None:
        """Seats are given through the last second of the day in the subscription's zone."""
        project = bench.subscription.project
        bench.subscription = bench.engine.subscriptions.add(
            bench.actor, project, limit=5, expiry="2027-12-31", timezone=zone
        )
        bench.clock.set(last)
        assert isinstance(bench.take("ada"), Taken)
        bench.clock.set(first_after)
        assert bench.take("bob") == Closed(Usage(1, 0))

    def test_future_subscription_is_closed(self, bench: Bench) -> None:
        """No seat is given before the first day."""
        bench.subscription = bench.engine.subscriptions.add(
            bench.actor, bench.subscription.project, limit=5, starts="2027-06-16"
        )
        assert isinstance(bench.take("ada"), Closed)
        bench.clock.set("2027-06-16T00:00:00+00:00")
        assert isinstance(bench.take("ada"), Taken)

    def test_lowered_limit_keeps_holders_and_refuses_new_ones(self, bench: Bench) -> None:
        """Below use, on request: everybody stays, and room comes only below the new cap."""
        seats = [bench.seated(f"user{number}") for number in range(3)]
        change = bench.engine.subscriptions.change_limit
        refused = change(bench.actor, bench.subscription.id, limit=2)
        assert (refused.allowed, refused.facts.live) == (False, 3)
        assert change(bench.actor, bench.subscription.id, limit=2, over_limit="allow").allowed
        assert bench.usage() == Usage(3, 0)
        assert isinstance(bench.take("late"), Full)
        bench.release(seats[0])
        assert isinstance(bench.take("late"), Full)
        bench.release(seats[1])
        assert isinstance(bench.take("late"), Taken)
        bench.check()

    def test_claim_on_older_terms_meets_the_newer_ones(self, bench: Bench) -> None:
        """Who has not heard of a lowered limit or of a suspension gets no seat by what was agreed before."""
        bench.seated("ada")
        late, later = bench.claim("bob"), bench.claim("cleo")
        subscriptions = bench.engine.subscriptions
        subscriptions.change_limit(bench.actor, bench.subscription.id, limit=1)
        assert bench.gate.take(late, bench.entry("seat.taken", late.seat), bench.lapse) == Full(Usage(1, 0))
        subscriptions.change_limit(bench.actor, bench.subscription.id, limit=5)
        subscriptions.suspend(bench.actor, bench.subscription.id)
        assert bench.gate.take(later, bench.entry("seat.taken", later.seat), bench.lapse) == Closed(
            Usage(1, 0)
        )
        bench.check()

    def test_no_limit_and_no_seats(self, bench: Bench) -> None:
        """``None`` is unlimited, ``0`` is none."""
        change = bench.engine.subscriptions.change_limit
        change(bench.actor, bench.subscription.id, limit=0)
        assert bench.take("ada") == Full(Usage(0, 0))
        change(bench.actor, bench.subscription.id, limit=None, unlimited=True)
        for number in range(self.limit + 5):
            bench.seated(f"user{number}")
        bench.check()

    def test_reply_is_kept_by_the_same_act(self, bench: Bench) -> None:
        """The sealed reply is there when the seat is, and is given again."""
        reply = self._begun(bench)
        outcome = bench.take("ada", seal=lambda _: reply.done(200, b"seated"))
        assert isinstance(outcome, Taken)
        again = bench.engine.idempotency.begin(bench.actor, route="take", key="k", body=b"ada")
        assert again == Replied(200, b"seated")

    def test_failing_seal_leaves_nothing(self, bench: Bench) -> None:
        """A reply that cannot be made undoes seat, count and entry."""

        def broken(_: Outcome) -> Reply | None:
            raise RuntimeError("cannot render")

        before = bench.kinds()
        with pytest.raises(RuntimeError, match="cannot render"):
            bench.take("ada", seal=broken)
        assert bench.usage() == Usage(0, 0)
        assert bench.names() == []
        assert bench.kinds() == before
        bench.check()

    def test_holder_is_found_within_ones_own_tenant_only(self, bench: Bench) -> None:
        """Seats, counts and listings of one tenant are nothing to another."""
        seat = bench.seated("ada")
        other = bench.engine.tenants.ensure("other").id
        mine = [bench.subscription.id]
        assert bench.gate.seats_of(bench.actor.tenant, mine, "ada") == (seat,)
        assert bench.gate.seats_named(bench.actor.tenant, "ada") == 1
        assert bench.gate.seats_of(other, mine, "ada") == ()
        assert bench.gate.seats_named(other, "ada") == 0
        assert bench.gate.seat(bench.actor.tenant, mine, seat.id) == seat
        assert bench.gate.seat(other, mine, seat.id) is None
        assert bench.gate.seat(bench.actor.tenant, [], seat.id) is None
        assert bench.gate.list(other, mine, limit=10, after=0).items == ()
        with pytest.raises(NotFound):
            bench.gate.usage(other, bench.subscription.id)
        foreign = replace(bench.claim("bob"), tenant=other)
        with pytest.raises(NotFound):
            bench.gate.take(foreign, bench.entry("seat.taken", foreign.seat), bench.lapse)
        assert bench.gate.release(other, seat.id, bench.entry("seat.released", seat.id)) == NotHeld()

    def test_unknown_ids_are_not_found(self, bench: Bench) -> None:
        """Ids that are none of ours, or no ids at all, are answered without an error of the store."""
        for nonsense in (bench.new_id(), "../x", "27259631130333357867708448768", ""):
            assert bench.gate.seat(bench.actor.tenant, [bench.subscription.id], nonsense) is None
            with pytest.raises(NotFound):
                bench.gate.usage(bench.actor.tenant, nonsense)

    def test_listing_goes_page_by_page(self, bench: Bench) -> None:
        """Pages follow each other by seat number; lapsed holds are left out."""
        bench.engine.subscriptions.change_limit(bench.actor, bench.subscription.id, limit=20)
        for number in range(7):
            bench.seated(f"user{number}", seconds=60 if number == 3 else None)
        bench.clock.travel(seconds=61)
        seen: list[str] = []
        after = 0
        while True:
            page = bench.gate.list(bench.actor.tenant, [bench.subscription.id], limit=2, after=after)
            seen += [seat.holder for seat in page.items]
            if page.after is None:
                break
            after = int(page.after)
        assert seen == [f"user{number}" for number in (0, 1, 2, 4, 5, 6)]

    def test_sweep_clears_lapsed_holds(self, bench: Bench) -> None:
        """Sweeping finds the subscription and clears its lapsed holds, each on record."""
        bench.seated("ada", seconds=60)
        bench.seated("bob")
        assert bench.gate.lapsed(bench.actor.tenant, limit=10) == ()
        bench.clock.travel(seconds=60)
        assert bench.gate.lapsed(bench.actor.tenant, limit=10) == (bench.subscription.id,)
        assert bench.gate.sweep(bench.actor.tenant, bench.subscription.id, bench.lapse) == 1
        assert bench.gate.sweep(bench.actor.tenant, bench.subscription.id, bench.lapse) == 0
        assert bench.names() == ["bob"]
        assert bench.kinds()["hold.expired"] == 1
        bench.check()

    def test_threads_never_oversell(self, bench: Bench) -> None:
        """16 threads, 20 different holders each, 50 seats: exactly 50 are taken."""
        bench.engine.subscriptions.change_limit(bench.actor, bench.subscription.id, limit=50)
        barrier = threading.Barrier(16)

        def attempts(thread: int) -> list[TakeOutcome]:
            barrier.wait()
            return [bench.take(f"user{thread}-{number}") for number in range(20)]

        with ThreadPoolExecutor(16) as pool:
            outcomes = Counter(type(one) for many in pool.map(attempts, range(16)) for one in many)
        assert outcomes == {Taken: 50, Full: 270}
        assert bench.usage() == Usage(50, 0)
        assert bench.kinds()["seat.taken"] == 50
        bench.check()

    def test_one_holder_racing_itself_has_one_seat(self, bench: Bench) -> None:
        """16 threads claim for the same holder: one seat, one entry, the same answer for all."""
        barrier = threading.Barrier(16)

        def attempt(_: int) -> TakeOutcome:
            barrier.wait()
            return bench.take("ada")

        with ThreadPoolExecutor(16) as pool:
            outcomes = list(pool.map(attempt, range(16)))
        assert Counter(type(one) for one in outcomes) == {Taken: 1, AlreadyHeld: 15}
        assert len({one.seat.id for one in outcomes if isinstance(one, Taken | AlreadyHeld)}) == 1
        assert bench.kinds()["seat.taken"] == 1
        bench.check()

    def test_one_seat_released_by_many_is_freed_once(self, bench: Bench) -> None:
        """16 threads release the same seat: one frees it."""
        seat = bench.seated("ada")
        barrier = threading.Barrier(16)

        def attempt(_: int) -> Outcome:
            barrier.wait()
            return bench.release(seat)

        with ThreadPoolExecutor(16) as pool:
            outcomes = Counter(type(one) for one in pool.map(attempt, range(16)))
        assert outcomes == {Released: 1, NotHeld: 15}
        assert bench.usage() == Usage(0, 0)
        bench.check()

    def _begun(self, bench: Bench) -> Reply:
        start = bench.engine.idempotency.begin(bench.actor, route="take", key="k", body=b"ada")
        assert isinstance(start, Begun)
        return start.reply
