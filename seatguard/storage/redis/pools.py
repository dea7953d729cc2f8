"""Pools in Redis: filled from the ledger, frozen while what was agreed changes, and thawed."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any, TypeAlias
from uuid import uuid4

from seatguard.clock import Clock
from seatguard.errors import NotFound, StorageUnavailable
from seatguard.journal.model import Draft
from seatguard.seats.model import Admission
from seatguard.storage.beside import Count, Home
from seatguard.storage.locking import Section
from seatguard.storage.ports import Work
from seatguard.storage.redis import lease_copies, wire
from seatguard.storage.redis.keys import SHARDS, keys_for, keys_of, shard_of
from seatguard.storage.redis.relay import Relay
from seatguard.storage.redis.server import Server

Answer: TypeAlias = list[Any]
"""What a script returned: its kind, then what belongs to it."""

_TRIES = 8
_AT_ONCE = 1000


class Pools:
    """Asks scripts about pools, and sees to it that the pools are there to be asked about.

    Args:
        clock: ``None`` takes the server's, so that all processes go by one.
        steady: likewise, for what leases are measured by.
    """

    def __init__(
        self, server: Server, home: Home, relay: Relay, clock: Clock | None, steady: Clock | None
    ) -> None:
        self._server = server
        self._home = home
        self._relay = relay
        self._clock = clock
        self._steady = steady
        # One thread of a process fills, the others wait for it; a few locks serve all subscriptions.
        self._filling = [threading.Lock() for _ in range(SHARDS)]

    def ask(self, script: str, tenant: str, subscription: str, *arguments: str) -> Answer:
        """A script's answer about a pool, which is filled first where the server does not know it.

        Raises:
            NotFound: no such subscription in the tenant.
            StorageUnavailable: no answer in time, from the gate or from the ledger it is filled from.
        """
        for _ in range(_TRIES):
            answer = self.once(script, tenant, subscription, *arguments)
            match answer[0]:
                case b"unknown":
                    self._fill(tenant, subscription)
                case b"foreign":
                    raise NotFound("subscription", subscription)
                case b"frozen" if script != "freeze":
                    self._settle(tenant, subscription)
                case _:
                    return answer
        raise StorageUnavailable("the gate is being filled anew; ask again")

    def once(self, script: str, tenant: str, subscription: str, *arguments: str) -> Answer:
        """A script's answer as it is."""
        now = "" if self._clock is None else wire.instant(self._clock())
        return self._server.run(script, keys_for(script, subscription), (tenant, now, *arguments))

    def freeze(self, tenant: str, subscription: str, token: str) -> Count | None:
        """See ``GateBeside.freeze``."""
        answer = self.once("freeze", tenant, subscription, token)
        if answer[0] == b"frozen":
            return Count(int(answer[1]), int(answer[2]))
        # Nobody is given a seat from a pool that is not there, and filling it waits for the caller's lock.
        if self._relay.may_have_entries_of(subscription):
            raise StorageUnavailable("the gate is being filled anew; ask again")
        return None

    def agree(self, tenant: str, subscription: str, admission: Admission, token: str) -> None:
        """See ``GateBeside.agree``."""
        self.once("agree", tenant, subscription, token, *wire.admission(admission))

    def refill(self, tenant: str, subscription: str, entry: Draft) -> None:
        """Fill a pool anew that contradicts itself, on record."""
        self._server.forget(keys_of(subscription)[1])
        self.ask("count", tenant, subscription)
        self._home.within(tenant, subscription, lambda section: section.append(entry))

    def _settle(self, tenant: str, subscription: str) -> None:
        """Wait for whoever changes the subscription, and go by what came of it."""

        def act(section: Section) -> None:
            self.agree(tenant, subscription, Admission.of(section.pool()), "")

        self._home.within(tenant, subscription, act)

    def _fill(self, tenant: str, subscription: str) -> None:
        """Fill a pool from the ledger, after the ledger has got all there is to get from here."""
        with self._filling[shard_of(subscription)]:
            before = self._server.field(keys_of(subscription)[1], "generation") or b""
            if self.once("count", tenant, subscription)[0] == b"unknown":
                self._relay.bring(subscription)
                self._home.within_unit(
                    tenant,
                    subscription,
                    lambda section, work: self._filled(section, work, tenant, before.decode()),
                )

    def _filled(self, section: Section, work: Work, tenant: str, before: str) -> None:
        pool, token = section.pool(), uuid4().hex

        def goes(step: str, *arguments: str) -> bool:
            answer = self.once("restore", tenant, pool.subscription, step, token, *arguments)
            return bool(answer[0] == b"go")

        after, going = 0, goes("begin", before)
        while going and (seats := section.seats(after=after, limit=_AT_ONCE)):
            going = goes("fill", _text([wire.restored(seat) for seat in seats]))
            after = seats[-1].number
        going = going and self._leases_filled(work, tenant, pool.subscription, token)
        if going:
            goes("end", *wire.admission(Admission.of(pool)))
        # Where it did not go on, somebody else came in between: the caller asks again, and finds out.

    def _leases_filled(self, work: Work, tenant: str, subscription: str, token: str) -> bool:
        now = "" if self._steady is None else wire.instant(self._steady())

        def goes(rows: str) -> bool:
            answer = self.once("leases/restore", tenant, subscription, now, subscription, token, rows)
            return bool(answer[0] == b"go")

        return goes("") and all(goes(_text(rows)) for rows in lease_copies.rows(work, subscription))


def _text(rows: Sequence[Sequence[str]]) -> str:
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
