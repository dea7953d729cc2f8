"""The append-only record of every change: audit log and event stream at once.

Words
    *entry*: one fact in the past tense (``seat.taken``), written by the same atomic act as the
    change it tells of. *stream*: the entries of one aggregate (a client, a project, a plan, a
    subscription), numbered from 1. *link*: SHA-256 over the link before and the entry's digest;
    the last link is the stream's *head*. *checkpoint*: a signed list of heads. *erasable part*:
    the personal data of an entry, bound by a salted hash so that it can be dropped later.

Invariants
    Every state change has exactly one entry; a refusal changes nothing and is only counted.
    Sequence numbers of a stream have no gaps. A changed, removed, swapped or cut entry breaks
    the chain at that entry; a rewritten chain breaks the newest checkpoint.
    Erasing a person drops names and salts, adds an entry, and leaves every chain verifiable.
"""

from seatguard.journal.model import Checkpoint, Draft, Entry, Finding

__all__ = ["Checkpoint", "Draft", "Entry", "Finding"]
