"""Every "no" about rates, and the arithmetic of windows. Pure."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping

from seatguard.allowances import Rate
from seatguard.clock import from_micros, to_micros
from seatguard.decisions import Decision, Reason
from seatguard.entitlements.model import Terms
from seatguard.errors import InvalidInput
from seatguard.rates.model import Exceeded, HitOutcome, RateFacts, Tally, Window, Within

PARTS = 60
"""Into how many parts a window is divided: what is kept of a caller is at most that many numbers."""

LONGEST_CALLER = 1024
_SECOND = 1_000_000


def live_counts(window: Window | None, rate: Rate, now: dt.datetime) -> dict[int, int]:
    """What is still within the window, by the number of its part, the oldest first.

    A part counts as a whole as long as any of it is within. Counts that were kept for a window of
    another length are let go of, and so are counts more than a window ahead: a clock was set back.
    """
    if window is None or window.seconds != rate.window:
        return {}
    part, instant = _part(rate), to_micros(now)
    counts = ((int(number), count) for number, count in window.counts.items())
    return {
        number: count
        for number, count in sorted(counts)
        if _leaves_at(number, rate) > instant >= number * part - rate.window * _SECOND
    }


def weighed(counts: Mapping[int, int], rate: Rate, cost: int, now: dt.datetime) -> HitOutcome:
    """Whether a request fits: the one comparison of a gate. A hit that fits is in the tally.

    Args:
        counts: from :func:`live_counts`.
        cost: ``0`` only asks whether one more would fit.
    """
    used, instant = sum(counts.values()), to_micros(now)
    wanted = max(cost, 1)
    if rate.limit is None or used + wanted <= rate.limit:
        counted = {**counts, instant // _part(rate): 0} if cost else counts
        tally = Tally(
            limit=rate.limit, used=used + cost, resets_in=_until_empty(counted, rate, instant), retry_in=0.0
        )
        return Within(tally)
    tally = Tally(
        limit=rate.limit,
        used=used,
        resets_in=_until_empty(counts, rate, instant),
        retry_in=_until_room(counts, rate, wanted, instant),
    )
    return Exceeded(tally)


def counted(counts: Mapping[int, int], rate: Rate, cost: int, now: dt.datetime) -> dict[str, int]:
    """The counts with one more hit, as a window keeps them."""
    number = to_micros(now) // _part(rate)
    grown = {**counts, number: counts.get(number, 0) + cost}
    return {str(number): count for number, count in sorted(grown.items())}


def ends_at(rate: Rate, now: dt.datetime) -> dt.datetime:
    """When nothing of a window that is counted in now is within it any more."""
    return from_micros(_leaves_at(to_micros(now) // _part(rate), rate))


def judge(outcome: HitOutcome, terms: Terms) -> Decision[RateFacts]:
    """The verdict."""
    match outcome:
        case Within(tally):
            return Decision(True, Reason.ALLOWED, RateFacts(terms, tally))
        case Exceeded(tally):
            return Decision(False, Reason.RATE_LIMITED, RateFacts(terms, tally))


def digest_of(tenant: str, caller: object) -> str:
    """Under what a caller is kept: whoever reads the store finds no address and no name.

    Raises:
        InvalidInput: not text of 1 to 1024 characters.
    """
    if not isinstance(caller, str) or not 1 <= len(caller) <= LONGEST_CALLER:
        raise InvalidInput.single(
            "caller", "string_expected", f"must be text of 1 to {LONGEST_CALLER} characters"
        )
    return hashlib.sha256(f"{tenant}\0{caller}".encode(errors="surrogatepass")).hexdigest()


def _part(rate: Rate) -> int:
    """Length of a part in microseconds."""
    return rate.window * _SECOND // PARTS + 1


def _leaves_at(number: int, rate: Rate) -> int:
    """When all of a part has left the window."""
    return (number + 1) * _part(rate) + rate.window * _SECOND


def _until_empty(counts: Mapping[int, int], rate: Rate, instant: int) -> float:
    return max((_leaves_at(number, rate) - instant for number in counts), default=0) / _SECOND


def _until_room(counts: Mapping[int, int], rate: Rate, wanted: int, instant: int) -> float | None:
    left = sum(counts.values())
    for number, count in sorted(counts.items()):
        left -= count
        if rate.limit is not None and left + wanted <= rate.limit:
            return (_leaves_at(number, rate) - instant) / _SECOND
    return None
