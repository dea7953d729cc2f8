"""Who may still subscribe."""

from __future__ import annotations

from seatguard.catalog.model import Plan
from seatguard.decisions import Decision, Reason


def may_subscribe(plan: Plan) -> Decision[dict[str, str]]:
    """Whether a plan takes a new subscription."""
    facts = {"plan": plan.slug}
    if not plan.active:
        return Decision(False, Reason.PLAN_INACTIVE, facts)
    return Decision(True, Reason.ALLOWED, facts)
