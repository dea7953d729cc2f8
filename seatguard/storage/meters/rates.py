"""Rates over units of work. Promises: see ``seatguard.rates.ports.RateGate``."""

from __future__ import annotations

from dataclasses import replace

from seatguard.rates import rules
from seatguard.rates.model import Hit, HitOutcome, Window, Within
from seatguard.storage.meters.units import Units, Work, again


class UnitRates:
    """Windows as records, each locked while a hit is weighed."""

    def __init__(self, units: Units) -> None:
        self._units = units

    def hit(self, hit: Hit) -> HitOutcome:
        """See ``RateGate.hit``."""

        def act(work: Work) -> HitOutcome:
            window = _window(work, hit)
            if window is not None:
                window = work.windows.lock(window.id)
            now = work.steady()
            counts = rules.live_counts(window, hit.rate, now)
            outcome = rules.weighed(counts, hit.rate, hit.cost, now)
            if not isinstance(outcome, Within):
                return outcome
            grown = rules.counted(counts, hit.rate, hit.cost, now)
            if window is None:
                work.windows.add(
                    Window(
                        id=hit.window,
                        tenant=hit.tenant,
                        subscription=hit.subscription,
                        meter=hit.meter,
                        caller=hit.caller,
                        seconds=hit.rate.window,
                        ends_at=rules.ends_at(hit.rate, now),
                        counts=grown,
                    )
                )
            else:
                work.windows.replace(
                    replace(
                        window,
                        seconds=hit.rate.window,
                        ends_at=rules.ends_at(hit.rate, now),
                        counts=grown,
                        version=window.version + 1,
                    )
                )
            return outcome

        return again(self._units, hit.tenant, act)

    def peek(self, hit: Hit) -> HitOutcome:
        """See ``RateGate.peek``."""

        def act(work: Work) -> HitOutcome:
            window, now = _window(work, hit), work.steady()
            return rules.weighed(rules.live_counts(window, hit.rate, now), hit.rate, 0, now)

        return self._units.look(hit.tenant, act)

    def forget(self, tenant: str, subscription: str, meter: str, caller: str) -> None:
        """See ``RateGate.forget``."""

        def act(work: Work) -> None:
            window = work.windows.find(subscription=subscription, meter=meter, caller=caller)
            if window is not None:
                work.windows.remove(window.id)

        again(self._units, tenant, act)

    def sweep(self, tenant: str) -> int:
        """See ``RateGate.sweep``."""
        return again(self._units, tenant, lambda work: work.forget_windows(work.steady()))


def _window(work: Work, hit: Hit) -> Window | None:
    return work.windows.find(subscription=hit.subscription, meter=hit.meter, caller=hit.caller)
