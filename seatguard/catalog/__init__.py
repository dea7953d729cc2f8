"""What is sold: plans and what they promise.

Words
    *plan*: something a client subscribes to, known by its slug. *plan version*: what a plan
    promises from a moment on; the newest is *current*. *offer*: all that it promises beside its seats.
    *active*: takes new subscriptions.

Invariants
    A published version never changes: another limit is another version. A slug is never reused.
    Deactivating a plan keeps its subscribers and takes no new ones, also in a race with one.
"""

from seatguard.catalog.model import Plan, PlanChange, PlanVersion
from seatguard.catalog.offers import Offer, Price

__all__ = ["Offer", "Plan", "PlanChange", "PlanVersion", "Price"]
