"""Where things lie in Redis.

All keys of one subscription have the tag of its shard, so a script may use them together in a cluster
too. A shard has one stream for the entries of all its subscriptions: the relay reads a few streams, not
one a subscription.
"""

from __future__ import annotations

import functools
import zlib

SHARDS = 16
"""Never to be changed: it tells where the keys of a subscription are."""


def shard_of(subscription: str) -> int:
    """The shard of a subscription.

    >>> 0 <= shard_of("0190a5ac-0000-7000-8000-000000000000") < SHARDS
    True
    """
    return zlib.crc32(subscription.encode()) % SHARDS


def generation_of(shard: int) -> str:
    """The key that tells which filling of a shard counts."""
    return f"seatguard:{{{shard}}}:generation"


def journal_of(shard: int) -> str:
    """The key of a shard's stream of entries."""
    return f"seatguard:{{{shard}}}:journal"


@functools.lru_cache(maxsize=10_000)
def keys_of(subscription: str) -> tuple[str, ...]:
    """The keys of a script about one subscription, in the order of ``lua/_prelude.lua``."""
    shard = shard_of(subscription)
    mine = f"seatguard:{{{shard}}}:{subscription}"
    parts = (f"{mine}:{part}" for part in ("pool", "seats", "holders", "holds", "order"))
    return (generation_of(shard), *parts, journal_of(shard))


_MORE = {
    "usage": ("book", "recent", "sieve"),
    "leases": ("leases", "ends", "ended", "marks", "rooms"),
}
"""Keys of a slice's own, by the folder of its scripts."""

_OF_SHARD = {"leases": ("leases", "leases-due")}
"""Keys that all subscriptions of a shard share, behind those."""


def keys_for(script: str, subscription: str) -> tuple[str, ...]:
    """The keys of a script by its name; a slice's own stand behind those of all.

    >>> [key.rpartition(":")[2] for key in keys_for("usage/consume", "s")[6:]]
    ['journal', 'book', 'recent', 'sieve']
    """
    return _with_more(script.rpartition("/")[0], subscription)


@functools.lru_cache(maxsize=10_000)
def _with_more(folder: str, subscription: str) -> tuple[str, ...]:
    mine = f"seatguard:{{{shard_of(subscription)}}}:{subscription}"
    own = (f"{mine}:{part}" for part in _MORE.get(folder, ()))
    return (*keys_of(subscription), *own, *_shared(folder, shard_of(subscription)))


def keys_of_shard(folder: str, shard: int) -> tuple[str, ...]:
    """As many keys as :func:`keys_for` has; only those that all subscriptions of a shard share are right."""
    shared = _shared(folder, shard)
    return (*(generation_of(shard) for _ in range(7 + len(_MORE[folder]))), *shared)


def _shared(folder: str, shard: int) -> tuple[str, ...]:
    return tuple(f"seatguard:{{{shard}}}:{part}" for part in _OF_SHARD.get(folder, ()))


def window_of(tenant: str, subscription: str, meter: str, caller: str) -> str:
    """The key of a caller's rate window."""
    return f"seatguard:{{{shard_of(subscription)}}}:{subscription}:rate:{tenant}:{meter}:{caller}"
