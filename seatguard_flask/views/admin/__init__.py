"""Managing over the API: one module a slice. Every route names the scope it needs."""

from seatguard_flask.routes import Route
from seatguard_flask.views.admin import (
    clients,
    journal,
    keys,
    management_keys,
    plans,
    projects,
    seats,
    services,
    users,
)

ROUTES: tuple[Route, ...] = (
    *clients.ROUTES,
    *projects.ROUTES,
    *keys.ROUTES,
    *services.ROUTES,
    *plans.ROUTES,
    *users.ROUTES,
    *seats.ROUTES,
    *journal.ROUTES,
    *management_keys.ROUTES,
)
"""Every route that manages."""
