"""Who may manage: keys with scopes, for programs that run an installation over the API.

Words
    *management key*: made for a program of the operator's; belongs to a tenant, not to a project.
    *scope*: what its bearer may do, such as ``admin:clients:read``; ``admin:clients:*`` and
    ``admin:*`` cover what begins so. *line*: a key and those that took its place by rotation.
    *manager*: who a key, or a token of the operator's own issuer, turned out to be.

Invariants
    A key's secret is shown once; its digest is stored. A line has at most two live keys. Nobody
    hands out more than the scopes they have. Every change of a key is on record in the tenant's
    stream, and every change made with it names it.
"""

from seatguard.management.model import ManagementKey, Manager, NewManagementKey
from seatguard.management.scopes import SCOPES

__all__ = ["Manager", "ManagementKey", "NewManagementKey", "SCOPES"]
