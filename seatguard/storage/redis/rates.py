"""Rates on Redis: one script a hit. Promises: see ``seatguard.rates.ports.RateGate``."""

from __future__ import annotations

from seatguard.clock import Clock
from seatguard.rates.model import Exceeded, Hit, HitOutcome, Tally, Within
from seatguard.rates.rules import PARTS
from seatguard.storage.redis import wire
from seatguard.storage.redis.keys import window_of
from seatguard.storage.redis.server import Server

_SECOND = 1_000_000


class RedisRates:
    """Windows as hashes that go by themselves.

    Args:
        steady: ``None`` goes by the server's clock.
    """

    def __init__(self, server: Server, steady: Clock | None) -> None:
        self._server = server
        self._steady = steady

    def hit(self, hit: Hit) -> HitOutcome:
        """See ``RateGate.hit``."""
        return self._asked(hit, hit.cost)

    def peek(self, hit: Hit) -> HitOutcome:
        """See ``RateGate.peek``."""
        return self._asked(hit, 0)

    def forget(self, tenant: str, subscription: str, meter: str, caller: str) -> None:
        """See ``RateGate.forget``."""
        self._server.run("rates/forget", [window_of(tenant, subscription, meter, caller)], ())

    def sweep(self, tenant: str) -> int:  # noqa: ARG002 - the server has removed them
        """See ``RateGate.sweep``."""
        return 0

    def _asked(self, hit: Hit, cost: int) -> HitOutcome:
        limit = hit.rate.limit
        kind, used, resets_in, retry_in = self._server.run(
            "rates/hit",
            [window_of(hit.tenant, hit.subscription, hit.meter, hit.caller)],
            (
                "" if self._steady is None else wire.instant(self._steady()),
                "" if limit is None else str(limit),
                str(hit.rate.window),
                str(PARTS),
                str(cost),
            ),
        )
        tally = Tally(
            limit=limit,
            used=int(used),
            resets_in=int(resets_in) / _SECOND,
            retry_in=None if int(retry_in) < 0 else int(retry_in) / _SECOND,
        )
        return Within(tally) if kind == b"within" else Exceeded(tally)
