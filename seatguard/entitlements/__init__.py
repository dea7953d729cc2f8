"""What a subscription may do now: plan, subscription and overrides resolved to one value.

Words
    *terms*: that value. *source*: where its limit comes from.

Invariants
    Terms hold agreements, never a count of seats. Terms from a snapshot may be a second old; they
    can refuse nothing by themselves: a "no" from a snapshot is asked again on fresh terms, and a
    "yes" is decided by the gate.
"""

from seatguard.entitlements.model import Terms

__all__ = ["Terms"]
