"""What a subscription and a user may do now: user, subscription, plan and tenant resolved to one value.

Words
    *terms*: what a subscription's seats are decided by. *grants*: everything somebody is granted, with
    the *sources* it comes from. *override*: what a user, a subscription or the whole tenant is granted
    whatever the plans say. *entitlement*: one feature of the grants, with its value and the *chain* of
    what every level says. *generation*: counts the changes that make grants others.

Invariants
    The first level that says anything about a feature decides it: user, subscription, plan, tenant, the
    feature's own default. ``0`` says something, ``None`` nothing. Permissions of all levels add up.
    A change is seen by the very next check in every process: the generation is read for each, and
    advances in the same act as the change.
    Terms hold agreements, never a count of seats. Terms from a snapshot may be a second old; they
    can refuse nothing by themselves: a "no" from a snapshot is asked again on fresh terms, and a
    "yes" is decided by the gate.
"""

from seatguard.entitlements.grants import Entitlement, Grants, Step, Subject
from seatguard.entitlements.model import Terms
from seatguard.entitlements.overrides import Level, Override

__all__ = ["Entitlement", "Grants", "Level", "Override", "Step", "Subject", "Terms"]
