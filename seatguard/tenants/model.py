"""The tenant record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DEFAULT_SLUG = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantOptions:
    """How a tenant sells.

    Attributes:
        one_plan_per_user: whether a user has at most one subscription; a second one then replaces it.
        scopes: the permissions that plans may grant; ``None`` is any that is well formed.
    """

    one_plan_per_user: bool = True
    scopes: tuple[str, ...] | None = None

    def to_data(self) -> dict[str, Any]:
        """As JSON can hold it; what is as by default is left out.

        >>> TenantOptions(one_plan_per_user=False).to_data()
        {'one_plan_per_user': False}
        """
        found: dict[str, Any] = {} if self.one_plan_per_user else {"one_plan_per_user": False}
        return found if self.scopes is None else found | {"scopes": list(self.scopes)}

    @classmethod
    def from_stored(cls, data: Mapping[str, Any]) -> TenantOptions:
        """The options that :meth:`to_data` wrote."""
        scopes = data.get("scopes")
        return cls(
            one_plan_per_user=data.get("one_plan_per_user", True),
            scopes=None if scopes is None else tuple(scopes),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """An organisation. It is its own owner: ``tenant`` equals ``id``."""

    id: str
    tenant: str
    slug: str
    name: str
    created_at: dt.datetime
    version: int = 1
    options: TenantOptions = field(default_factory=TenantOptions)
