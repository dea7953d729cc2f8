"""Two application hosts and their stores on a third, each with a network of its own: cut off, slow, healed.

Networks are Linux network namespaces joined by virtual cables. They need root and the command `ip`, so a
laptop skips this.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import make_url

from seatguard import Seatguard
from seatguard.storage.sqlalchemy.database import VANISHED
from seatguard.worker import Worker
from tests.servers import PostgresServer, RedisServer, TcpProxy
from tests.storage.stores import migrate

pytestmark = [pytest.mark.crash, pytest.mark.postgresql]

REPOSITORY = Path(__file__).parents[2]
DOMAIN = "acme.example"
HOSTS = ("one", "two")
POLICIES = {"one": "deny", "two": "allow"}
FAULTS = ("cable", "silent", "slow", "slower than the deadline", "half closed", "answers are lost", "down")
GOOD = (("register", 200), ("sign up", 201))
SLOW = 0.05
DEADLINE = 3.5
"""Seconds: three that the documentation promises, and room for a busy machine."""

T = TypeVar("T")


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=30)


class Networks:
    """A network for the store and one for each host, with a cable between the store and each of them."""

    def __init__(self) -> None:
        self._mark = f"sg{os.getpid() % 10_000}"
        self.store = f"{self._mark}store"
        self._built: list[str] = []
        self._threads: dict[str, ThreadPoolExecutor] = {}

    def build(self) -> None:
        """Raises ``OSError`` or ``CalledProcessError`` where there can be no such network."""
        for name in (self.store, *map(self.of, HOSTS)):
            ip("netns", "add", name)
            self._built.append(name)

    def join(self) -> None:
        """Put the cables in."""
        for name in self._built:
            ip("-n", name, "link", "set", "lo", "up")
        for number, host in enumerate(HOSTS, start=1):
            here, there = f"{self._mark}s{number}", f"{self._mark}h{number}"
            ip("link", "add", here, "netns", self.store, "type", "veth", "peer", "name", there)
            ip("link", "set", there, "netns", self.of(host))
            for name, device, address in ((self.store, here, 1), (self.of(host), there, 2)):
                ip("-n", name, "address", "add", f"10.213.{number}.{address}/24", "dev", device)
                ip("-n", name, "link", "set", device, "up")

    def of(self, host: str) -> str:
        return f"{self._mark}{host}"

    def address_for(self, host: str) -> str:
        """Where that host finds the store."""
        return f"10.213.{HOSTS.index(host) + 1}.1"

    def cable(self, host: str, state: str) -> None:
        """Pull it out (``down``) or plug it in (``up``)."""
        ip("-n", self.store, "link", "set", f"{self._mark}s{HOSTS.index(host) + 1}", state)

    def within(self, network: str, act: Callable[[], T]) -> T:
        """Do it in that network, and in one thread: a server that it starts ends with the thread."""

        def enter() -> None:
            with Path(f"/run/netns/{network}").open() as there:
                if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), 0) != 0:
                    raise OSError(ctypes.get_errno(), "the network cannot be entered")

        if network not in self._threads:
            self._threads[network] = ThreadPoolExecutor(1, initializer=enter)
        return self._threads[network].submit(act).result()

    def remove(self) -> None:
        for thread in self._threads.values():
            thread.shutdown()
        for name in self._built:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True, timeout=30)


@pytest.fixture
def networks() -> Iterator[Networks]:
    """Three networks, or a skip where they cannot be had; what fails after that is an error."""
    made = Networks()
    try:
        try:
            made.build()
        except (OSError, subprocess.CalledProcessError) as missing:
            pytest.skip(f"no network namespaces here, they need root and the command ip: {missing}")
        made.join()
        yield made
    finally:
        made.remove()


class Host:
    """An application process in its network, and what it has told."""

    def __init__(self, networks: Networks, name: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [
                *("ip", "netns", "exec", networks.of(name)),
                *(sys.executable, "-m", "tests.journeys.host", *arguments),
            ],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.told: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.told.append(json.loads(line))

    def since(self, instant: float, what: str = "") -> list[dict[str, Any]]:
        """What was asked after that instant, and answered."""
        found = []
        for one in reversed(list(self.told)):
            if one["at"] < instant:
                break
            if one["at"] - one["took"] > instant and what in ("", one["what"]):
                found.append(one)
        return found[::-1]

    def answered(self, what: str, since: float, status: int, *, within: float) -> dict[str, Any]:
        """Wait until there is an answer of that status to a request made after that instant; the first."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            for one in self.since(since, what):
                if one["status"] == status:
                    return one
            threading.Event().wait(0.01)
        last = [one for one in self.told if one["what"] == what][-5:]
        raise AssertionError(f"no {status} to {what} within {within} s: {last}")

    def end(self) -> None:
        self.process.kill()
        self.process.wait(10)
        self._reader.join(10)


@dataclass
class Site:
    """Stores behind a proxy for each host, and the hosts."""

    networks: Networks
    ledger: PostgresServer
    url: str
    gate: RedisServer | None
    project: str
    hosts: dict[str, Host]
    proxies: dict[str, TcpProxy]
    """In front of what answers about seats: the gate, or the database where there is none."""

    def engine(self) -> Seatguard:
        """One beside the stores, with no proxy between."""
        return Seatguard.open(self.url, gate=self.gate.url() if self.gate else None)

    @contextmanager
    def fault(self, host: str, kind: str) -> Iterator[None]:
        """Something is wrong on the way from that host."""
        proxy = self.proxies[host]
        match kind:
            case "cable":
                self.networks.cable(host, "down")
            case "slow":
                proxy.latency(SLOW)
            case "slower than the deadline":
                proxy.latency(2 * DEADLINE)
            case "silent":
                proxy.hold()
            case "answers are lost":
                proxy.mute()
            case "half closed":
                proxy.half_close()
            case "down":
                proxy.cut()
        yield
        if kind == "cable":
            self.networks.cable(host, "up")
        else:
            self.networks.within(self.networks.store, proxy.heal)


@pytest.fixture(params=["database", "gate"])
def site(request: pytest.FixtureRequest, networks: Networks) -> Iterator[Site]:
    """PostgreSQL, or Valkey beside it. Where no answer comes, host one denies sign-ups, host two lets them
    pass."""
    with ExitStack() as ending:

        def build() -> Site:
            ledger = ending.enter_context(PostgresServer.start(durable=True))
            gate = ending.enter_context(RedisServer.start("valkey")) if request.param == "gate" else None
            url = ledger.create_database("hosts")
            migrate(url)
            engine = Seatguard.open(url, gate=gate.url() if gate else None)
            actor = engine.actor("test", "hosts")
            client = engine.clients.add(actor, name="Acme")
            project = engine.projects.add(actor, client.id, name="Shop", domains=(DOMAIN,))
            engine.subscriptions.add(actor, project.id, limit=1_000_000)
            key = engine.projects.add_key(actor, project.id).secret.reveal()
            engine.close()
            made = Site(networks, ledger, url, gate, project.id, {}, {})
            for host, policy in POLICIES.items():
                address = networks.address_for(host)
                way = TcpProxy(ledger.host, ledger.port, listen_on=address)
                ending.callback(way.close)
                store = make_url(url).set(host=address, port=way.port).render_as_string(hide_password=False)
                gate_url = ""
                if gate is not None:
                    way = TcpProxy(gate.host, gate.port, listen_on=address)
                    ending.callback(way.close)
                    gate_url = f"redis://{address}:{way.port}/0"
                made.proxies[host] = way
                made.hosts[host] = Host(
                    networks, host, store, gate_url, key, DOMAIN, project.id, host, policy
                )
                ending.callback(made.hosts[host].end)
            return made

        made = networks.within(networks.store, build)
        yield made


def test_a_host_with_a_bad_connection_says_so_and_the_other_goes_on(site: Site) -> None:
    """Cut, silent, slow, one-sided and healed, each in turn: 503 or the declared policy within the deadline,
    the host's own page as ever, seats again within two seconds of healing. No answered seat is lost, none is
    given twice, and nobody sits who was refused."""
    began = time.monotonic()
    for host in site.hosts.values():
        for what, status in (("register", 200), ("sign up", 201)):
            host.answered(what, began, status, within=60)
    with ExitStack() as ending:
        if site.gate is not None:
            site.networks.within(
                site.networks.store, lambda: ending.enter_context(Worker(site.engine()).running())
            )
        for number, kind in enumerate(FAULTS):
            near = HOSTS[number % 2]
            far = HOSTS[1 - number % 2]
            _bad_for_a_while(site, kind, site.hosts[near], near, site.hosts[far])
        for host in site.hosts.values():
            host.end()
    site.networks.within(site.networks.store, lambda: _audit(site))


def _bad_for_a_while(site: Site, kind: str, host: Host, name: str, other: Host) -> None:
    fails = kind != "slow"
    passes = POLICIES[name] == "allow"
    since = time.monotonic()
    with site.fault(name, kind):
        if fails:
            host.answered("register", since, 503, within=10)
            signed_up = host.answered("sign up", since, 201 if passes else 503, within=10)
            assert signed_up["unchecked"] is passes
        else:
            host.answered("register", since, 200, within=10)
        threading.Event().wait(0.5)
        # Where the host was in the middle of a transaction, its row is free when the server gives that up.
        other.answered("register", time.monotonic(), 200, within=VANISHED + 4)
        healing = time.monotonic()
    healed = time.monotonic()
    back = [host.answered(what, healing, status, within=10) for what, status in GOOD]
    again = max(one["at"] for one in back) - healed
    print(f"{kind} at host {name}: seats again {again:.2f} s after healing")
    assert again < 2.0
    during = [one for one in host.since(since) if one["at"] < healing]
    assert all(one["took"] < DEADLINE for one in during)
    assert {one["status"] for one in during if one["what"] == "register"} <= ({200, 503} if fails else {200})
    assert all(one["status"] == 200 and one["took"] < 1.0 for one in during if one["what"] == "own")
    beside = other.since(since)
    assert all(one["status"] == 200 and one["took"] < 1.0 for one in beside if one["what"] == "own")
    failed = [one for one in beside if one["status"] == 503 or one["unchecked"]]
    assert all(one["at"] < since + VANISHED + 4 and one["took"] < DEADLINE for one in failed)
    assert site.gate is None or not failed


def _audit(site: Site) -> None:
    engine = site.engine()
    engine.relay()
    actor = engine.actor("test", "hosts")
    assert list(engine.verify(actor)) == []
    assert list(engine.journal.verify(actor)) == []
    seated, after = [], None
    while True:
        page = engine.seats.list(actor, engine.where(site.project), limit=200, after=after)
        seated += [seat.holder for seat in page.items]
        after = page.after
        if after is None:
            break
    engine.close()
    told = [one for host in site.hosts.values() for one in host.told if one["what"] != "own"]
    answered = {one["user"] for one in told if one["status"] in (200, 201) and not one["unchecked"]}
    asked = {one["user"] for one in told}
    print(f"{len(answered)} answered with a seat, {len(asked) - len(answered)} not, {len(seated)} sit")
    assert answered <= set(seated)
    assert len(seated) == len(set(seated))
