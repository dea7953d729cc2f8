"""Seatguard for Flask: ``Seatguard(app)`` mounts the API and gives the app its engine.

Importing this package loads no database toolkit, no driver and no pydantic; a store is opened when it
is first used.
"""

from seatguard_flask.extension import Seatguard
from seatguard_flask.settings import Settings

__all__ = ["Seatguard", "Settings"]
