"""Windows, hits, and the outcomes of the gate's verbs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from seatguard.allowances import Rate
from seatguard.entitlements.model import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A request that wants to be counted.

    Attributes:
        window: id its window will have if it is the caller's first.
        caller: digest of who asks.
        cost: how much the request counts, at least 1.
    """

    window: str
    tenant: str
    subscription: str
    meter: str
    caller: str
    rate: Rate
    cost: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The requests of one caller a moment ago.

    Attributes:
        seconds: length of the window by which they are kept.
        counts: how much was admitted in each sixtieth of it, by the number of that sixtieth since 1970.
        ends_at: when none of it is within the window any more.
    """

    id: str
    tenant: str
    subscription: str
    meter: str
    caller: str
    seconds: int
    ends_at: dt.datetime
    counts: Mapping[str, int] = field(default_factory=dict)
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The numbers behind an answer.

    Attributes:
        limit: ``None`` is unlimited.
        used: admitted within the window, this request included if it was.
        resets_in: seconds until all of it has left the window; ``0`` when nothing is in it.
        retry_in: seconds until this request fits; ``0`` when it does, ``None`` when it never will.
    """

    limit: int | None
    used: int
    resets_in: float
    retry_in: float | None

    @property
    def remaining(self) -> int | None:
        """How much fits now; ``None`` is unlimited."""
        return None if self.limit is None else max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class Within:
    """The request is admitted; a hit was counted."""

    tally: Tally


@dataclass(frozen=True, slots=True)
class Exceeded:
    """The request is one too many; nothing was counted."""

    tally: Tally


HitOutcome: TypeAlias = Within | Exceeded


@dataclass(frozen=True, slots=True)
class RateFacts:
    """The numbers behind a decision about a rate.

    Attributes:
        terms: of the subscription the answer is about; ``None`` when there is none.
        tally: ``None`` when nothing is counted.
    """

    terms: Terms | None
    tally: Tally | None = None
