"""How values travel to the scripts and back: texts, instants in microseconds, an empty text for none."""

from __future__ import annotations

import base64
import datetime as dt
import json
import zlib
from collections.abc import Sequence
from typing import Any

from seatguard.clock import from_micros, to_micros
from seatguard.idempotency.model import Reply, ReplyState
from seatguard.journal.model import Draft
from seatguard.seats.holders import Holder
from seatguard.seats.model import Admission, Claim, Seat, SeatState

_NUMBERS = 64
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def instant(value: dt.datetime | None) -> str:
    """An instant, or an empty text."""
    return "" if value is None else str(to_micros(value))


def admission(value: Admission) -> tuple[str, ...]:
    """An admission as five arguments."""
    return (
        str(value.version),
        "" if value.cap is None else str(value.cap),
        "1" if value.open else "0",
        instant(value.opens_at),
        instant(value.closes_at),
    )


def numbered(subscription: str, raw: int) -> int:
    """The number of a seat.

    Scripts count each subscription's seats for themselves, in steps of 64 microseconds; the lowest bits keep
    the seats of two subscriptions apart that were given in the same step.
    """
    return raw * _NUMBERS + zlib.crc32(subscription.encode()) % _NUMBERS


def raw_after(subscription: str, number: int) -> int:
    """The count that seats of a subscription with a higher ``number`` are above of."""
    return (number - zlib.crc32(subscription.encode()) % _NUMBERS) // _NUMBERS


def seat(tenant: str, subscription: str, fields: Sequence[bytes | str]) -> Seat:
    """A seat from what ``packed`` of the scripts made of it."""
    identifier, raw, since, key, holder, email, lapses_at = (
        one.decode() if isinstance(one, bytes) else one for one in fields
    )
    return Seat(
        id=identifier,
        tenant=tenant,
        subscription=subscription,
        number=numbered(subscription, int(raw)),
        holder=holder,
        holder_key=key,
        email=email or None,
        state=SeatState.HELD if lapses_at else SeatState.ASSIGNED,
        since=from_micros(int(since)),
        lapses_at=from_micros(int(lapses_at)) if lapses_at else None,
    )


def sitting(holder: Holder, email: str | None) -> str:
    """Who sits, as ``take.lua`` puts it behind the first instant."""
    return _json([holder.key, holder.name, email or ""])[1:]


def seated(claim: Claim, raw: bytes, since: bytes) -> Seat:
    """The seat that a claim has got."""
    return Seat(
        id=claim.seat,
        tenant=claim.tenant,
        subscription=claim.subscription,
        number=numbered(claim.subscription, int(raw)),
        holder=claim.holder.name,
        holder_key=claim.holder.key,
        email=claim.email,
        state=SeatState.HELD if claim.lapses_at else SeatState.ASSIGNED,
        since=from_micros(int(since)),
        lapses_at=claim.lapses_at,
    )


def restored(one: Seat) -> tuple[str, ...]:
    """A seat of the ledger as ``restore.lua`` wants it."""
    return (
        one.id,
        str(one.number),
        instant(one.since),
        one.holder_key,
        one.holder,
        one.email or "",
        instant(one.lapses_at),
    )


def draft(value: Draft) -> str:
    """A draft as text."""
    return _json(
        [
            value.id,
            value.tenant,
            value.aggregate,
            value.stream,
            to_micros(value.at),
            value.actor,
            value.kind,
            value.subject,
            value.request_id,
            dict(value.data),
            None if value.erasable is None else dict(value.erasable),
            value.person,
            value.salt.hex(),
        ]
    )


def draft_from(text: bytes | str, *, subject: str | None = None) -> Draft:
    """The draft of such a text; about ``subject`` where the script found out about what."""
    (
        identifier,
        tenant,
        aggregate,
        stream,
        at,
        actor,
        kind,
        named,
        request_id,
        data,
        erasable,
        person,
        salt,
    ) = json.loads(text)
    return Draft(
        id=identifier,
        tenant=tenant,
        aggregate=aggregate,
        stream=stream,
        at=from_micros(at),
        actor=actor,
        kind=kind,
        subject=named if subject is None else subject,
        request_id=request_id,
        data=data,
        erasable=erasable,
        person=person,
        salt=bytes.fromhex(salt),
    )


def reply(value: Reply) -> str:
    """A reply as text."""
    return json.dumps(
        {
            "id": value.id,
            "tenant": value.tenant,
            "route": value.route,
            "key": value.key,
            "fingerprint": value.fingerprint,
            "state": value.state.value,
            "since": to_micros(value.since),
            "status": value.status,
            "body": base64.b64encode(value.body).decode(),
            "version": value.version,
        }
    )


def reply_from(text: bytes) -> Reply:
    """The reply of such a text."""
    fields: dict[str, Any] = json.loads(text)
    return Reply(
        **fields
        | {
            "state": ReplyState(fields["state"]),
            "since": from_micros(fields["since"]),
            "body": base64.b64decode(fields["body"]),
        }
    )
