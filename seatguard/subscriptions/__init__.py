"""A client's project on a plan; the validation API calls it *service*.

Words
    *number*: the integer the validation API shows as ``service_id``. *type*: free text by which a
    caller picks one of several. *own limit*: the subscription's instead of the plan's. *overage*:
    how far beyond the limit seats are still given. *cap*: limit plus overage, what is enforced.
    *grace*: days after the expiry date in which seats are still given.

Invariants
    The expiry date is included: it ends with that day in the subscription's zone.
    Lowering a limit below use is refused with both numbers, or, when asked for, is a visible state:
    holders stay, new ones are refused. Nobody is ever evicted by a change of limit.
    What the gate enforces (cap, opening and closing instants, open or not) is stored with the
    subscription and changes in the same act as what it was derived from.
"""

from seatguard.subscriptions.model import Overage, Subscription, SubscriptionState

__all__ = ["Overage", "Subscription", "SubscriptionState"]
