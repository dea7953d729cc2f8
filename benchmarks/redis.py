"""What a take costs at a gate on Valkey: against one round trip to the same server, and against WATCH/MULTI.

    python -m benchmarks.redis [--fsync no everysec always]

4 processes of 4 threads on one service that all want, and on 1,000 services. Then how fast the relay brings
the entries into a ledger in a SQLite file.
"""

from __future__ import annotations

import argparse
import dataclasses
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
from benchmarks.peers import GATE, GateTaker, Takers
from benchmarks.places import Arena
from seatguard.clock import system_clock
from seatguard.ids import Uuid7
from seatguard.journal.drafts import Drafts
from seatguard.journal.model import Draft
from seatguard.seats import holders
from seatguard.seats.model import Admission, Claim, Seat, Taken
from tests.servers import RedisServer, ServerUnavailable

VERB = "Seatguard, the gate's take alone"
ROUND_TRIP = "redis-py, one HMGET"
WATCH = "redis-py, WATCH, look, MULTI, EXEC"
ENDLESS = 1_000_000_000
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


def _no_lapse(seat: Seat) -> Draft:
    raise RuntimeError(f"{seat} has lapsed, and nobody holds here")


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

    makers = {GATE: GateTaker, VERB: VerbTaker, ROUND_TRIP: RoundTripTaker, WATCH: WatchTaker}  # noqa: RUF012


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
    first = VerbTaker(arena)
    for service in range(len(arena.services)):
        first.take(service, "first")
    _alone(report, arena, where)
    _crowded(report, arena, where)
    _relayed(report, arena, where)


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
    report.compare(title, samples, VERB, ROUND_TRIP, unit="µs", control="control")
    report.compare(title, samples, GATE, ROUND_TRIP, unit="µs")


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
        report.compare(title, here, VERB, ROUND_TRIP, unit="/s", better=RATE, control=control)
        report.compare(title, here, GATE, ROUND_TRIP, unit="/s", better=RATE)
        report.compare(title, here, VERB, WATCH, unit="/s", better=RATE)
        report.compare(title, here, GATE, WATCH, unit="/s", better=RATE)


def _relayed(report: Report, arena: Arena, where: str) -> None:
    engine = arena.open()
    subscription = arena.services[0].subscription
    began = time.monotonic()
    moved = engine.relay()
    took = time.monotonic() - began
    live = engine.seats.usage(arena.actor(engine), subscription).live
    engine.close()
    copy = dataclasses.replace(arena, gate=None).open()
    copied = copy.seats.usage(arena.actor(copy), subscription).live
    copy.close()
    report.remark(
        f"{where}: {moved:,} entries relayed into a SQLite file, {moved / took:,.0f} a second; the one"
        f" service has {live:,} seats at the gate and {copied:,} in the ledger's copy"
    )


FLAGS = (
    "--fsync",
    {"nargs": "+", "choices": FSYNC, "default": FSYNC, "help": "how the server keeps its file"},
)

if __name__ == "__main__":
    command("What a take costs at a gate on Valkey.", run, FLAGS)
