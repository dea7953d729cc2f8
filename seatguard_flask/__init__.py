"""Seatguard for Flask: ``Seatguard(app)`` mounts the API and gives the app its engine.

Importing this package loads no database toolkit, no driver and no pydantic; a store is opened when it
is first used.
"""

from seatguard_flask.extension import Seatguard
from seatguard_flask.holding import SeatInHand, current_seat, current_seats
from seatguard_flask.refusals import (
    GrantRefused,
    GuardError,
    HoldExpired,
    KeyRefused,
    PaymentRequired,
    ProjectNotFound,
    ProjectSuspended,
    SeatLimitReached,
    SeatRefused,
    SeatsUnavailable,
    SessionOver,
    SessionRefused,
    SubjectInvalid,
    SubscriptionInactive,
)
from seatguard_flask.resolving import ProjectNotResolved
from seatguard_flask.settings import Settings

__all__ = [
    "Seatguard",
    "Settings",
    "SeatInHand",
    "current_seat",
    "current_seats",
    "GuardError",
    "SeatRefused",
    "SeatLimitReached",
    "SubscriptionInactive",
    "ProjectSuspended",
    "HoldExpired",
    "SeatsUnavailable",
    "SubjectInvalid",
    "KeyRefused",
    "ProjectNotFound",
    "ProjectNotResolved",
    "GrantRefused",
    "SessionRefused",
    "SessionOver",
    "PaymentRequired",
]
