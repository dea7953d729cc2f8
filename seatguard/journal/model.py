"""Entries, their digests, checkpoints and what an audit finds."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seatguard.clock import to_micros

AGGREGATES = ("tenant", "client", "project", "plan", "subscription")
"""Kinds of record that own a stream."""


def canonical(value: object) -> bytes:
    """The one JSON text of a value: sorted members, no white space, UTF-8.

    >>> canonical({"b": 1, "a": "ü"}).decode()
    '{"a":"ü","b":1}'
    """
    return _encode(value).encode()


# `json.dumps` makes an encoder anew for every call that does not want the usual text.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A fact before it has its place in the chain.

    Attributes:
        aggregate: which kind of record owns the stream, one of ``AGGREGATES``.
        stream: id of that record.
        kind: what happened, in the past tense: ``subscription.limit_changed``.
        subject: id of the thing it happened to (a seat, a key, the aggregate itself).
        data: facts that stay for ever; no personal data.
        erasable: personal data; dropped when the person is erased.
        person: digest by which a person's entries are found; dropped with ``erasable``.
        salt: 16 random bytes when there is an erasable part, else empty.
    """

    id: str
    tenant: str
    aggregate: str
    stream: str
    at: dt.datetime
    actor: str
    kind: str
    subject: str
    request_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    erasable: Mapping[str, str] | None = None
    person: str | None = None
    salt: bytes = b""

    def erasable_digest(self) -> bytes | None:
        """The salted hash that stays in the chain when the erasable part is gone."""
        if self.erasable is None:
            return None
        return _erasable_digest(self.salt, self.erasable, self.person)

    def digest(self) -> bytes:
        """SHA-256 over everything in the chain's charge."""
        return self.digests()[0]

    def digests(self) -> tuple[bytes, bytes | None]:
        """:meth:`digest` and :meth:`erasable_digest`: the first is made with the second."""
        erasable = self.erasable_digest()
        return _digest(self, erasable), erasable


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A fact on record, at its place in the chain. Fields as in :class:`Draft`."""

    id: str
    tenant: str
    aggregate: str
    stream: str
    seq: int
    at: dt.datetime
    actor: str
    kind: str
    subject: str
    request_id: str | None
    data: Mapping[str, Any]
    erasable: Mapping[str, str] | None
    erasable_digest: bytes | None
    person: str | None
    salt: bytes
    link: bytes

    def digest(self) -> bytes:
        """SHA-256 over everything in the chain's charge, from what is stored now."""
        return _digest(self, self.erasable_digest)

    def erasable_fits(self) -> bool:
        """Whether the personal data is there as it was written, or gone with the digest and the salt."""
        if self.erasable is None:
            return self.person is None and self.salt == b""
        return _erasable_digest(self.salt, self.erasable, self.person) == self.erasable_digest


def _erasable_digest(salt: bytes, erasable: Mapping[str, str], person: str | None) -> bytes:
    """Binds the person's digest too: with another one, erasing the person would pass the entry over."""
    return hashlib.sha256(salt + canonical([dict(erasable), person])).digest()


def _digest(entry: Draft | Entry, erasable_digest: bytes | None) -> bytes:
    return hashlib.sha256(
        canonical(
            [
                entry.id,
                entry.tenant,
                entry.aggregate,
                entry.stream,
                to_micros(entry.at),
                entry.actor,
                entry.kind,
                entry.subject,
                entry.request_id,
                dict(entry.data),
                None if erasable_digest is None else erasable_digest.hex(),
            ]
        )
    ).digest()


@dataclass(frozen=True, slots=True)
class Head:
    """Where a stream ends: how many entries, and the last link."""

    aggregate: str
    stream: str
    seq: int
    link: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A signed list of heads. ``previous`` is the signature before, so none can be left out.

    Attributes:
        number: 1, 2, 3 ... within the tenant.
        heads: ``{stream: [aggregate, seq, link in hex]}`` of streams that moved since the last one.
        signature: HMAC-SHA256 with the journal key, over all other fields.
        key_id: first 8 hexadecimal digits of the key's SHA-256: tells which key signed.
    """

    id: str
    tenant: str
    number: int
    at: dt.datetime
    heads: Mapping[str, Any]
    previous: bytes
    signature: bytes
    key_id: str
    version: int = 1

    def message(self) -> bytes:
        """What is signed."""
        return canonical(
            [
                self.id,
                self.tenant,
                self.number,
                to_micros(self.at),
                dict(self.heads),
                self.previous.hex(),
                self.key_id,
            ]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A file that the older entries of a tenant were moved to.

    Attributes:
        before: entries of before that instant were moved.
        at: when the file was whole.
        entries: how many it holds, in so many ``stretches``.
        digest: SHA-256 over the stretches, in their order.
        finished: whether all of its entries have left the ledger.
    """

    id: str
    tenant: str
    before: dt.datetime
    at: dt.datetime
    entries: int
    stretches: int
    digest: bytes
    finished: bool
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Some entries of one stream that follow each other, which an archive holds and the ledger does not.

    Attributes:
        first: number of the first of them.
        last: number of the last of them.
        start: the link before the first.
        link: the link of the last; the ledger's part of the stream goes on from it.
    """

    id: str
    tenant: str
    archive: str
    aggregate: str
    stream: str
    first: int
    last: int
    start: bytes
    link: bytes
    version: int = 1

    def digest(self, before: bytes) -> bytes:
        """SHA-256 over the digest of the stretches before and what this one says."""
        said = [self.aggregate, self.stream, self.first, self.last, self.start.hex(), self.link.hex()]
        return hashlib.sha256(before + canonical(said)).digest()


@dataclass(frozen=True, slots=True)
class Finding:
    """Something an audit found wrong, at one place.

    Attributes:
        what: ``altered``, ``missing``, ``cut``, ``stream_removed``, ``unlike_checkpoint``,
            ``checkpoint_forged``, ``checkpoint_missing``, ``checkpoint_of_another_key``,
            ``archive_altered`` or ``archive_unknown``.
        aggregate: kind of record that owns the stream, empty for one about a checkpoint or an archive.
        stream: id of the record, of the checkpoint or of the archive.
        seq: the first bad place.
        entry: id of the bad entry where there is one.
    """

    what: str
    aggregate: str
    stream: str
    seq: int
    entry: str | None = None
