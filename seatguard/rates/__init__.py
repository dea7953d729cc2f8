"""How often something may be asked for.

Words
    *meter*: the name under which requests are counted. *caller*: who is counted alone: a user, an
    address, a key; kept as a digest. *window*: the requests of one caller a moment ago. *hit*: a
    request that counts. *peek*: a question that does not.

Invariants
    In no stretch of time as long as the window are more hits admitted than the limit, wherever it
    begins. A refused hit counts nothing: whoever is refused is admitted as soon as there is room, at
    most a sixtieth of the window late. The answer comes with its numbers, of the same instant.
    Setting a worker's clock admits nobody and refuses nobody.
"""

from seatguard.rates.model import Exceeded, RateFacts, Window, Within

__all__ = ["Exceeded", "RateFacts", "Window", "Within"]
