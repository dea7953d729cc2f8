"""What a take and an event of usage cost at a gate on Valkey: against one round trip there, and WATCH/MULTI.

    python -m benchmarks.redis [--fsync no everysec always]

4 processes of 4 threads on one service that all want, and on 1,000 services. Then how fast the relay brings
the entries into a ledger in a SQLite file.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import itertools
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import redis

from benchmarks.crowd import PROCESSES, THREADS, crowd
from benchmarks.measuring import RATE, Report, command, interleave, micros_each
from benchmarks.peers import GATE, GateTaker, Taker, Takers
from benchmarks.places import Arena
from seatguard import Actor, Seatguard, Where
from seatguard.allowances import Quota
from seatguard.clock import system_clock
from seatguard.ids import Uuid7
from seatguard.journal.drafts import Drafts
from seatguard.journal.model import Draft
from seatguard.seats import holders
from seatguard.seats.model import Admission, Claim, Seat, Taken
from seatguard.storage.redis.keys import keys_of
from seatguard.usage.model import Consumed, Event, Wish
from tests.servers import RedisServer, ServerUnavailable

VERB = "Seatguard, the gate's take alone"
SCRIPT = "Seatguard, the script alone"
USAGE = "Seatguard, engine.usage.record"
CONSUME = "Seatguard, the gate's consume alone"
ROUND_TRIP = "redis-py, one HMGET"
WATCH = "redis-py, WATCH, look, MULTI, EXEC"
ENDLESS = 1_000_000_000
METER, QUOTA, ANCHOR = "calls", Quota(limit=ENDLESS), dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
MANY = 1_000
FSYNC = ("no", "everysec", "always")


class VerbTaker:
    """The gate without the engine around it: a claim and an entry are made, and the script is run."""

    def __init__(self, arena: Arena) -> None:
        engine = arena.open()
        actor = arena.actor(engine)
        self._gate = engine.seats._gate
        self._tenant = arena.tenant
        self._services = [service.subscription for service in arena.services]
        self._admission = Admission.of(engine.subscriptions.get(actor, self._services[0]))
        self._drafts = Drafts(system_clock, Uuid7(system_clock), os.urandom)
        self._new_id = Uuid7(system_clock)
        self._actor = actor

    def take(self, service: int, holder: str) -> bool:
        """See ``Taker.take``."""
        claim = Claim(
            tenant=self._tenant,
            subscription=self._services[service],
            seat=self._new_id(),
            holder=holders.normalize(holder, fold_case=True),
            email=None,
            lapses_at=None,
            admission=self._admission,
        )
        entry = self._drafts.draft(
            self._actor,
            "seat.taken",
            "subscription",
            claim.subscription,
            subject=claim.seat,
            erasable={"holder": holder},
        )
        return isinstance(self._gate.take(claim, entry, _no_lapse), Taken)


class ScriptTaker:
    """The script without anything around it: what the server and the way there and back cost."""

    def __init__(self, arena: Arena) -> None:
        engine = arena.open()
        self._server = engine.seats._gate._server
        self._tenant = arena.tenant
        self._services = [service.subscription for service in arena.services]
        self._new_id = Uuid7(system_clock)
        self._entry = json.dumps(["x" * 32] * 12)

    def take(self, service: int, holder: str) -> bool:
        """See ``Taker.take``; the entries are none the relay could read."""
        seat = self._new_id()
        sitting = f'"{holder}","{holder}",""]'
        arguments = (self._tenant, "", "do", self._entry, "", seat, holder, sitting, "", "1", ",1,,,")
        answer = self._server.run("take", keys_of(self._services[service]), arguments)
        return bool(answer[0] == b"seated")


def _no_lapse(seat: Seat) -> Draft:
    raise RuntimeError(f"{seat} has lapsed, and nobody holds here")


class UsageTaker:
    """What a host calls to record an event: ``engine.usage.record``."""

    def __init__(self, arena: Arena) -> None:
        self.engine = arena.open()
        self._actor = arena.actor(self.engine)
        self._places = [arena.where(number) for number in range(len(arena.services))]

    def take(self, service: int, holder: str) -> bool:
        """See ``Taker.take``; the holder is the event's key."""
        where = self._places[service]
        return self.engine.usage.record(self._actor, where, METER, key=holder, quota=QUOTA).allowed


class ConsumeTaker:
    """The gate of usage without the engine around it."""

    def __init__(self, arena: Arena) -> None:
        engine = arena.open()
        self._gate = engine.usage._gate
        self._tenant = arena.tenant
        self._services = [service.subscription for service in arena.services]
        self._drafts = Drafts(system_clock, Uuid7(system_clock), os.urandom)
        self._new_id = Uuid7(system_clock)
        self._actor = arena.actor(engine)

    def take(self, service: int, holder: str) -> bool:
        """See ``Taker.take``; the holder is the event's key."""
        event = Event(meter=METER, key=holder)
        wish = Wish(charge=self._new_id(), account=self._new_id(), event=event, quota=QUOTA, anchor=ANCHOR)
        subscription = self._services[service]
        entry = self._drafts.draft(
            self._actor,
            "usage.recorded",
            "subscription",
            subscription,
            subject=wish.charge,
            data={"meter": METER, "amount": 1},
        )
        return isinstance(self._gate.consume(self._tenant, subscription, [wish], [entry])[0], Consumed)


class RoundTripTaker:
    """The least that can be asked of the server: nothing is taken."""

    def __init__(self, arena: Arena) -> None:
        assert arena.gate is not None
        self._client = redis.Redis.from_url(arena.gate.partition("?")[0], protocol=2)

    def take(self, service: int, holder: str) -> bool:
        """See ``Taker.take``."""
        self._client.hmget(f"peer:{service}", ["cap", "live", "closes_at"])
        return bool(holder)


class WatchTaker:
    """Optimistic locking: look, then write if nobody else did; else again. One service is one hash."""

    def __init__(self, arena: Arena) -> None:
        assert arena.gate is not None
        self._client = redis.Redis.from_url(arena.gate.partition("?")[0], protocol=2)

    def take(self, service: int, holder: str) -> bool:
        """See ``Taker.take``."""
        key = f"peer:{{{service}}}"
        with self._client.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(f"{key}:holders")
                    if pipe.hexists(f"{key}:holders", holder):
                        return False
                    if int(pipe.hlen(f"{key}:holders")) >= ENDLESS:
                        return False
                    pipe.multi()
                    pipe.hset(f"{key}:holders", holder, json.dumps({"since": time.time()}))
                    pipe.xadd(f"{key}:journal", {"holder": holder, "kind": "taken"})
                    pipe.execute()
                except redis.WatchError:
                    continue
                return True


class RedisTakers(Takers):
    """The contenders of this benchmark."""

    makers = {  # noqa: RUF012
        GATE: GateTaker,
        VERB: VerbTaker,
        SCRIPT: ScriptTaker,
        USAGE: UsageTaker,
        CONSUME: ConsumeTaker,
        ROUND_TRIP: RoundTripTaker,
        WATCH: WatchTaker,
    }


def run(report: Report, options: argparse.Namespace) -> None:
    """Measure and print."""
    report.section("redis")
    for fsync in options.fsync:
        try:
            server = RedisServer.start("valkey", appendfsync=None if fsync == "no" else fsync)
        except ServerUnavailable as missing:
            report.remark(f"Valkey: not measured, {missing}")
            return
        with server, tempfile.TemporaryDirectory(prefix="seatguard-benchmark-") as folder:
            _measure(report, server, Path(folder), fsync)


def _measure(report: Report, server: RedisServer, folder: Path, fsync: str) -> None:
    plain = Arena.build(
        f"sqlite:///{folder / 'ledger.db'}", services=20 if report.quick else MANY, limit=ENDLESS
    )
    arena = dataclasses.replace(plain, gate=server.url())
    where = f"Valkey, appendfsync {fsync}"
    for first in (VerbTaker(arena), ConsumeTaker(arena)):
        for service in range(len(arena.services)):
            first.take(service, "first")
    _alone(report, arena, where)
    _crowded(report, arena, where)
    _relayed(report, server, arena, where)


def _alone(report: Report, arena: Arena, where: str) -> None:
    numbers = itertools.count()

    def contender(way: str) -> Callable[[], float]:
        taker = RedisTakers(arena).of(way, 0)

        def take() -> None:
            if not taker.take(0, f"one-{next(numbers)}"):
                raise RuntimeError(f"{way} refused a seat there is")

        return micros_each(take, 20 if report.quick else 300)

    ways = {way: contender(way) for way in RedisTakers.makers} | {"control": contender(ROUND_TRIP)}
    samples = interleave(ways, report.rounds(15))
    title = f"take, one client, {where}"
    report.compare(title, samples, SCRIPT, ROUND_TRIP, unit="µs", control="control")
    report.compare(title, samples, VERB, ROUND_TRIP, unit="µs")
    report.compare(title, samples, GATE, ROUND_TRIP, unit="µs")
    title = f"event of usage, one client, {where}"
    report.compare(title, samples, CONSUME, ROUND_TRIP, unit="µs")
    report.compare(title, samples, USAGE, ROUND_TRIP, unit="µs")


def _crowded(report: Report, arena: Arena, where: str) -> None:
    seconds = 0.3 if report.quick else 1.5
    places = {"one service": range(1), f"{len(arena.services):,} services": range(len(arena.services))}
    with crowd(arena, takers=RedisTakers) as people:

        def contender(way: str, services: range) -> Callable[[], float]:
            return lambda: people.run(way, services, seconds).rate

        ways = {
            f"{way}, {place}": contender(way, services)
            for way in RedisTakers.makers
            for place, services in places.items()
        }
        ways["control"] = contender(ROUND_TRIP, range(1))
        samples = interleave(ways, report.rounds(7))
    for place in places:
        here = {way: samples[f"{way}, {place}"] for way in RedisTakers.makers} | {
            "control": samples["control"]
        }
        title = f"takes, {PROCESSES} processes x {THREADS} threads, {place}, {where}"
        control = "control" if place == "one service" else None
        report.compare(title, here, SCRIPT, ROUND_TRIP, unit="/s", better=RATE, control=control)
        report.compare(title, here, VERB, ROUND_TRIP, unit="/s", better=RATE)
        report.compare(title, here, GATE, ROUND_TRIP, unit="/s", better=RATE)
        report.compare(title, here, SCRIPT, WATCH, unit="/s", better=RATE)
        report.compare(title, here, VERB, WATCH, unit="/s", better=RATE)
        report.compare(title, here, GATE, WATCH, unit="/s", better=RATE)
        title = f"events of usage, {PROCESSES} processes x {THREADS} threads, {place}, {where}"
        report.compare(title, here, CONSUME, ROUND_TRIP, unit="/s", better=RATE)
        report.compare(title, here, USAGE, ROUND_TRIP, unit="/s", better=RATE)


def _relayed(report: Report, server: RedisServer, arena: Arena, where: str) -> None:
    """Entries of real acts, on an empty server: those of the script alone are none."""
    server.flush()
    engine, copy = arena.open(), dataclasses.replace(arena, gate=None).open()
    actor = arena.actor(engine)
    names = [service.subscription for service in arena.services]
    places = [arena.where(number) for number in range(len(names))]
    seats, seats_rate = _rate(report, engine, VerbTaker(arena), len(names))
    live = sum(engine.seats.usage(actor, name).live for name in names)
    copied = sum(copy.seats.usage(actor, name).live for name in names)
    before = sum(_used(copy, actor, place) for place in places)
    events, events_rate = _rate(report, engine, UsageTaker(arena), len(names))
    used = sum(_used(engine, actor, place) for place in places) - before
    charged = sum(_used(copy, actor, place) for place in places) - before
    engine.close()
    copy.close()
    report.remark(
        f"{where}: {seats:,} entries of {len(names):,} services relayed into a SQLite file,"
        f" {seats_rate:,.0f} a second; {live:,} seats at the gate, {copied:,} in the ledger's copy; then"
        f" {events:,} events, {events_rate:,.0f} a second; {used:,} units at the gate,"
        f" {charged:,} in the ledger"
    )


def _rate(report: Report, engine: Seatguard, taker: Taker, services: int) -> tuple[int, float]:
    """Relay what a taker takes: how many entries, and how many of them a second."""
    for number in range(500 if report.quick else 10_000):
        taker.take(number % services, f"relayed-{number}")
    began = time.monotonic()
    moved = engine.relay()
    return moved, moved / (time.monotonic() - began)


def _used(engine: Seatguard, actor: Actor, place: Where) -> int:
    balance = engine.usage.balance(actor, place, METER, quota=QUOTA).facts.balance
    return 0 if balance is None else balance.used


FLAGS = (
    "--fsync",
    {"nargs": "+", "choices": FSYNC, "default": FSYNC, "help": "how the server keeps its file"},
)

if __name__ == "__main__":
    command("What a take costs at a gate on Valkey.", run, FLAGS)
