"""People who operate Seatguard, where the host has no accounts of its own for them.

Words
    *administrator*: somebody with a name, a password and a role. *role*: ``viewer`` reads,
    ``support`` also sees and frees seats, ``operator`` changes everything that is sold, ``owner``
    also decides who operates. *locked*: refused for a while after too many wrong passwords.

Invariants
    A password is kept only as a salted scrypt hash. Names are unique within a tenant, whatever
    their case. A wrong name and a wrong password are refused alike and take alike long. A changed
    password or a switched-off administrator ends every session that was begun before.
"""

from seatguard.administrators.model import Administrator, Role

__all__ = ["Administrator", "Role"]
