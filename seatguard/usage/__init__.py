"""How much was used of what is allowed per period.

Words
    *meter*: the name under which something is counted: ``api_calls``. *charge*: an amount recorded
    under a key. *account*: what was used of one meter in one period. *balance*: an account beside
    what is allowed. *rollover*: unused units that the next period has in addition.

Invariants
    A key is charged once, however often and by however many it is sent. A charge, its account and
    its entry are written together or not at all; a "no" writes nothing. A hard quota is never
    passed; a soft one is, and the balance shows by how much. What a batch asks happens as a whole
    or not at all. A period begins where the calendar puts it, counted from the subscription's first
    day; a short month shortens no other. Used is never negative.
"""

from seatguard.usage.model import Account, Balance, Charge, Event, UsageFacts

__all__ = ["Account", "Balance", "Charge", "Event", "UsageFacts"]
