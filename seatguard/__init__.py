"""Seatguard: a seat is never sold twice.

The framework-free engine. Importing it loads no web framework, no database toolkit, no driver.
"""

from seatguard.actors import Actor
from seatguard.decisions import Decision, Reason
from seatguard.engine import EngineOptions, Seatguard
from seatguard.entitlements.model import Where
from seatguard.errors import (
    AuthenticationFailed,
    Conflict,
    Denied,
    InvalidInput,
    Misconfigured,
    NotFound,
    Problem,
    SeatguardError,
    StorageUnavailable,
)
from seatguard.seats.model import Seat, SeatFacts, SeatState, Usage
from seatguard.storage import Store, open_store

__all__ = [
    "Actor",
    "AuthenticationFailed",
    "Conflict",
    "Decision",
    "Denied",
    "EngineOptions",
    "InvalidInput",
    "Misconfigured",
    "NotFound",
    "Problem",
    "Reason",
    "Seat",
    "SeatFacts",
    "SeatState",
    "Seatguard",
    "SeatguardError",
    "StorageUnavailable",
    "Store",
    "Usage",
    "Where",
    "open_store",
]
