"""A customer of the tenant.

Words
    *client*: who bought; has projects. *external id*: the tenant's own name for the client.
    *suspended*: its keys identify nobody until it is resumed. *archived*: the same, and out of sight.

Invariants
    External ids are unique within a tenant. A client is never removed: its journal outlives it.
"""

from seatguard.clients.model import Client, ClientState

__all__ = ["Client", "ClientState"]
