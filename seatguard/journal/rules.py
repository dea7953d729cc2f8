"""How entries are chained and how a chain is judged. Pure functions."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Callable, Container, Iterable, Mapping, Sequence

from seatguard.decisions import Decision, Reason
from seatguard.errors import InvalidInput, Misconfigured
from seatguard.journal.model import Checkpoint, Draft, Entry, Finding, Head, Stretch
from seatguard.journal.ports import Search

GENESIS = bytes(32)
"""The link before the first entry of every stream."""

MIN_KEY_BYTES = 16

KEPT = dt.timedelta(days=31)
"""Entries of so many days stay in the ledger: checkpoints, repeated requests and operators look at them."""


def next_link(previous: bytes, digest: bytes) -> bytes:
    """The link of an entry: SHA-256 over the link before it and its own digest."""
    return hashlib.sha256(previous + digest).digest()


def placed(draft: Draft, *, seq: int, link: bytes) -> Entry:
    """The draft at its place in the chain."""
    return Entry(
        id=draft.id,
        tenant=draft.tenant,
        aggregate=draft.aggregate,
        stream=draft.stream,
        seq=seq,
        at=draft.at,
        actor=draft.actor,
        kind=draft.kind,
        subject=draft.subject,
        request_id=draft.request_id,
        data=draft.data,
        erasable=draft.erasable,
        erasable_digest=draft.erasable_digest(),
        person=draft.person,
        salt=draft.salt,
        link=link,
    )


def audit_stream(
    head: Head,
    entries: Iterable[Entry],
    trusted: Mapping[int, str],
    *,
    start: tuple[int, bytes] = (0, GENESIS),
    now: Callable[[], Head] | None = None,
) -> Finding | None:
    """The first bad place of one stream, ``None`` when all of it holds.

    Args:
        head: where the owner's row says the stream ends, read before the entries.
        entries: the stream as stored, in order of ``seq``.
        trusted: links that signed checkpoints vouch for, ``{seq: link in hex}``.
        start: number and link of the last entry that was archived.
        now: reads the owner's row again, for a stream that grew while its entries were read.
    """
    seq, link = start
    if trusted.get(seq, link.hex()) != link.hex():
        return Finding("unlike_checkpoint", head.aggregate, head.stream, seq)
    beyond: list[str] = []
    for entry in entries:
        if entry.seq != seq + 1:
            foreign = entry.seq <= seq
            what, place = ("altered", entry.seq) if foreign else ("missing", seq + 1)
            return Finding(what, head.aggregate, head.stream, place, entry.id if foreign else None)
        seq += 1
        link = next_link(link, entry.digest())
        ends_otherwise = seq == head.seq and link != head.link
        if entry.link != link or not entry.erasable_fits() or ends_otherwise:
            return Finding("altered", head.aggregate, head.stream, seq, entry.id)
        if seq in trusted and trusted[seq] != link.hex():
            return Finding("unlike_checkpoint", head.aggregate, head.stream, seq, entry.id)
        if seq > head.seq:
            beyond.append(entry.id)
    if seq < max([head.seq, *trusted]):
        return Finding("cut", head.aggregate, head.stream, seq + 1)
    if seq == start[0] and head.link != link:
        return Finding("altered", head.aggregate, head.stream, seq)
    end = now() if beyond and now is not None else head
    if seq > end.seq:
        return Finding("altered", head.aggregate, head.stream, end.seq + 1, beyond[end.seq - seq])
    return None


def audit_stretch(stretch: Stretch, entries: Iterable[Entry], trusted: Mapping[int, str]) -> Finding | None:
    """The first bad place of what an archive holds of one stream, ``None`` when all of it holds.

    Args:
        trusted: as for :func:`audit_stream`.
    """
    head = Head(stretch.aggregate, stretch.stream, stretch.last, stretch.link)
    within = {seq: link for seq, link in trusted.items() if stretch.first - 1 <= seq <= stretch.last}
    return audit_stream(head, entries, within, start=(stretch.first - 1, stretch.start))


def audit_stretches(stretches: Sequence[Stretch], archives: Container[str]) -> Finding | None:
    """The first of a stream's archived stretches that does not follow the one before, or is in none of these
    archives."""
    seq, link = 0, GENESIS
    for one in stretches:
        follows = (one.first, one.start) == (seq + 1, link) and one.last >= one.first
        if not follows or one.archive not in archives:
            return Finding("archive_altered", one.aggregate, one.stream, seq + 1)
        seq, link = one.last, one.link
    return None


def archivable(entries: Sequence[Entry], head: Head, before: dt.datetime) -> Sequence[Entry]:
    """Those at the beginning that are old enough; the newest entry of a stream always stays.

    What stays is without gaps, so an old entry behind a younger one stays, too.
    """
    count = 0
    for entry in entries:
        if entry.at >= before or entry.seq >= head.seq:
            break
        count += 1
    return entries[:count]


def may_archive(before: dt.datetime, now: dt.datetime) -> None:
    """Whether entries of before that instant may leave the ledger.

    Raises:
        InvalidInput: it is less than 31 days ago, or has no time zone.
    """
    if before.tzinfo is None:
        raise InvalidInput.single("before", "invalid_date", "must have a time zone")
    if before > now - KEPT:
        raise InvalidInput.single(
            "before",
            "too_recent",
            f"entries of the last {KEPT.days} days are still needed: "
            f"give {(now - KEPT).date()} or an earlier day",
        )


def matches(search: Search, entry: Entry) -> bool:
    """Whether a search finds an entry; what databases are asked for by :class:`Search`."""
    if search.kind is not None:
        fits = entry.kind.startswith(search.kind) if search.kind.endswith(".") else entry.kind == search.kind
        if not fits:
            return False
    if search.actor is not None:
        told = entry.actor
        if not (told.startswith(search.actor) if search.actor.endswith(":") else told == search.actor):
            return False
    exact = ("id", "aggregate", "stream", "subject", "request_id", "person")
    return (
        all(getattr(search, name) in (None, getattr(entry, name)) for name in exact)
        and (search.since is None or entry.at >= search.since)
        and (search.until is None or entry.at < search.until)
    )


def key_id(key: bytes) -> str:
    """A short public name of a journal key."""
    return hashlib.sha256(key).hexdigest()[:8]


def usable_key(key: bytes) -> bytes:
    """The journal key, refused when it is too short to mean anything.

    Raises:
        Misconfigured: fewer than 16 bytes.
    """
    if len(key) < MIN_KEY_BYTES:
        raise Misconfigured(
            f"the journal key has {len(key)} bytes: use at least {MIN_KEY_BYTES} random ones, "
            "for example from `python -c 'import secrets; print(secrets.token_hex(32))'`"
        )
    return key


def sign(checkpoint: Checkpoint, key: bytes) -> bytes:
    """HMAC-SHA256 over the checkpoint's message (RFC 2104)."""
    return hmac.new(key, checkpoint.message(), hashlib.sha256).digest()


def audit_checkpoints(checkpoints: Sequence[Checkpoint], key: bytes) -> Finding | None:
    """The first checkpoint that was forged or left out, ``None`` when all of them hold."""
    previous = GENESIS
    for number, checkpoint in enumerate(checkpoints, start=1):
        if checkpoint.number != number or checkpoint.previous != previous:
            return Finding("checkpoint_missing", "", checkpoint.id, number)
        if checkpoint.key_id != key_id(key):
            return Finding("checkpoint_of_another_key", "", checkpoint.id, number)
        if not hmac.compare_digest(checkpoint.signature, sign(checkpoint, key)):
            return Finding("checkpoint_forged", "", checkpoint.id, number)
        previous = checkpoint.signature
    return None


def may_erase(seats_held: int) -> Decision[dict[str, int]]:
    """Whether a person may be erased: not while the person still sits on a seat."""
    if seats_held:
        return Decision(False, Reason.STILL_SEATED, {"seats": seats_held})
    return Decision(True, Reason.ALLOWED, {"seats": 0})
