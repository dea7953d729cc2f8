"""The operator's organisation: it owns everything else.

Words
    *tenant*: one organisation. Most installations have one, the *default tenant*, made on first use.

Invariants
    A unit of work sees one tenant. The id of a foreign record is answered like an unknown one.
"""

from seatguard.tenants.model import Tenant

__all__ = ["Tenant"]
