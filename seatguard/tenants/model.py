"""The tenant record."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

DEFAULT_SLUG = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """An organisation. It is its own owner: ``tenant`` equals ``id``."""

    id: str
    tenant: str
    slug: str
    name: str
    created_at: dt.datetime
    version: int = 1
