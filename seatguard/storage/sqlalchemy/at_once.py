"""A take in one round trip: what PostgreSQL's and MariaDB's way have in common."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seatguard.clock import to_micros
from seatguard.journal.model import Draft, canonical
from seatguard.seats.model import Claim, Seat, SeatState

EDGE = dt.timedelta(seconds=10)
"""Longer than a statement may run: further from the closing instant no wait can pass it."""
_EDGE_MICROS = EDGE // dt.timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Given:
    """A seat that was given.

    Attributes:
        live: seats live with it.
        held: how many of them are holds.
        met: whether another change of the row came first.
    """

    seat: Seat
    live: int
    held: int
    met: bool


def values(claim: Claim, entry: Draft, now: dt.datetime, *, as_agreed: bool) -> dict[str, Any]:
    """What a statement is told of a claim, as the columns have it."""
    digest, erasable_digest = entry.digests()
    micros = to_micros(now)
    return {
        "seat": claim.seat,
        "tenant": claim.tenant,
        "subscription": claim.subscription,
        "holder": claim.holder.name,
        "holder_key": claim.holder.key,
        "email": claim.email,
        "state": _state(claim).value,
        "held": int(claim.lapses_at is not None),
        "version": claim.admission.version if as_agreed else None,
        "now": micros,
        "edge": micros + _EDGE_MICROS,
        "lapses_at": None if claim.lapses_at is None else to_micros(claim.lapses_at),
        "entry": entry.id,
        "aggregate": entry.aggregate,
        "at": to_micros(entry.at),
        "actor": entry.actor,
        "kind": entry.kind,
        "request_id": entry.request_id,
        "data": canonical(dict(entry.data)).decode() if entry.data else "{}",
        "erasable": None if entry.erasable is None else canonical(dict(entry.erasable)).decode(),
        "erasable_digest": erasable_digest,
        "person": entry.person,
        "salt": entry.salt,
        "digest": digest,
    }


def given(claim: Claim, now: dt.datetime, row: Sequence[Any]) -> Given:
    """The seat that was given.

    Args:
        row: the seat's number, how many are live and held with it, and whether another change came first.
    """
    number, live, held, met = row[:4]
    seat = Seat(
        id=claim.seat,
        tenant=claim.tenant,
        subscription=claim.subscription,
        number=number,
        holder=claim.holder.name,
        holder_key=claim.holder.key,
        email=claim.email,
        state=_state(claim),
        since=now,
        lapses_at=claim.lapses_at,
    )
    return Given(seat, live, held, bool(met))


def _state(claim: Claim) -> SeatState:
    return SeatState.ASSIGNED if claim.lapses_at is None else SeatState.HELD
