"""The same request twice is one act with one answer.

Words
    *idempotency key*: the caller's name for one request. *fingerprint*: SHA-256 of what was
    asked. *reply*: the answer kept for the key, stored by the same atomic act as the change.

Invariants
    A key means one request of one tenant on one route for 24 hours: asked again the kept reply is
    given byte by byte; with another body it is refused; while the first still runs it is refused.
    Only answers to something that was done are kept: a refusal changed nothing and is asked anew.
"""

from seatguard.idempotency.model import Replied, Reply

__all__ = ["Replied", "Reply"]
