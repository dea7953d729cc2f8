"""One module a slice: it reads, asks the engine, and encodes. Decisions are made in the engine."""

from seatguard_flask.routes import Route
from seatguard_flask.views import (
    admin,
    holds,
    leases,
    operations,
    own,
    registration,
    usage,
    validation,
    waiting,
)

ROUTES: tuple[Route, ...] = (
    *validation.ROUTES,
    *registration.ROUTES,
    *holds.ROUTES,
    *waiting.ROUTES,
    *admin.ROUTES,
    *own.ROUTES,
    *usage.ROUTES,
    *leases.ROUTES,
    *operations.ROUTES,
)
"""Every route of the API."""
