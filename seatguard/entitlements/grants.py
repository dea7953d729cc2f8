"""What is granted, resolved over the levels: user, subscription, plan, tenant. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from seatguard.allowances import Allowance
from seatguard.catalog.features import Definition, Feature, FeatureKind, allowance, assumed
from seatguard.catalog.offers import Offer
from seatguard.catalog.values import UNLIMITED, FeatureValue, Limits, limits_by_name
from seatguard.decisions import Decision, Reason
from seatguard.entitlements.overrides import Level
from seatguard.errors import InvalidInput

Table: TypeAlias = Literal["features", "quotas", "rate_limits"]
_TABLES: tuple[Table, ...] = ("features", "quotas", "rate_limits")
_TABLE_OF: dict[FeatureKind, Table] = {
    FeatureKind.BOOLEAN: "features",
    FeatureKind.STATIC: "features",
    FeatureKind.METERED: "quotas",
    FeatureKind.CONCURRENT: "quotas",
    FeatureKind.RATE: "rate_limits",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who asks: a user, a project, one of its subscriptions, or a user of any of them.

    Attributes:
        user: the host's user id; brings in the user's own subscriptions and overrides.
        project: brings in those of its subscriptions that are in force, in the order they are asked
            for a seat.
        subscription: brings in one subscription alone.
        mode: ``"live"``, or ``"test"`` for the subscriptions of test keys.

    >>> Subject(user="ada").project is None
    True
    """

    user: str | None = None
    project: str | None = None
    subscription: str | None = None
    mode: str = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One level of the chain, and what it grants.

    Attributes:
        of: which one: ``"pro v2"``, ``"service 7"``; empty where there is only one.
        own: whether it grants to one user alone: an override of his, a plan he is on himself.
    """

    level: Level
    of: str
    grants: Offer
    own: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What one level says of a feature; ``None`` is nothing: the next one is asked."""

    level: Level
    of: str
    value: FeatureValue | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
    """A feature with its value, and where that comes from.

    Attributes:
        value: of the first level that says anything; ``None`` when none does. ``0`` is none.
        source: that level.
        allowance: what the value allows, for a measured feature.
        chain: what every level says, the first asked first.
        used: how much of it was used, as the caller knew.
        quantity: how much more was asked for.
    """

    feature: str
    kind: FeatureKind
    value: FeatureValue | None
    source: Level | None
    allowance: Allowance | None
    chain: tuple[Step, ...]
    used: int = 0
    quantity: int = 1

    @property
    def limit(self) -> int | None:
        """The number that holds; ``None`` where there is none: unlimited, or nothing to count."""
        return self.value if isinstance(self.value, int) and not isinstance(self.value, bool) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """Everything somebody is granted now.

    Attributes:
        sources: the levels, the first to be asked first.
        features: by name, as the tenant has defined them.
    """

    sources: tuple[Source, ...]
    features: Mapping[str, Feature] = field(default_factory=dict)

    @property
    def permissions(self) -> tuple[str, ...]:
        """Those of all levels together, sorted."""
        return tuple(sorted({name for source in self.sources for name in source.grants.permissions}))

    @property
    def capabilities(self) -> tuple[str, ...]:
        """Those of all levels together, sorted."""
        return tuple(sorted({name for source in self.sources for name in source.grants.capabilities}))

    @property
    def names(self) -> tuple[str, ...]:
        """Every feature, quota and rate limit that is defined or granted, sorted."""
        granted = {
            name for source in self.sources for table in _TABLES for name in said_by(source.grants, table)
        }
        return tuple(sorted(granted | self.features.keys()))

    def entitlement(self, name: str) -> Entitlement:
        """What is granted under a name.

        Args:
            name: in full, ``speech-service.minutes``; its last part will do where only one service has it.

        Raises:
            InvalidInput: ``ambiguous``; several services have it.
        """
        full, table, kind, definition = self._meaning(name)
        chain = [
            Step(source.level, source.of, said_by(source.grants, table).get(full)) for source in self.sources
        ]
        if full in self.features:
            chain.append(Step(Level.FEATURE, "", self.features[full].definition.default))
        found = next((step for step in chain if step.value is not None), None)
        value = None if found is None else found.value
        measured = value is not None and not isinstance(value, bool) and kind not in _UNMEASURED
        amount = UNLIMITED if value == UNLIMITED else value if isinstance(value, int) else 0
        return Entitlement(
            feature=full,
            kind=kind,
            value=value,
            source=None if found is None else found.level,
            allowance=allowance(kind, definition, amount) if measured else None,
            chain=tuple(chain),
        )

    def limits(self, table: Literal["quotas", "rate_limits"]) -> Limits:
        """The quotas or the rate limits that hold, by service and name."""
        found: dict[str, dict[str, int | Literal["unlimited"]]] = {}
        for source in self.sources:
            for service, amounts in getattr(source.grants, table).items():
                for name, amount in amounts.items():
                    found.setdefault(service, {}).setdefault(name, amount)
        return found

    def _meaning(self, name: str) -> tuple[str, Table, FeatureKind, Definition]:
        full = self._full_name(name)
        feature = self.features.get(full)
        if feature is not None:
            return full, _TABLE_OF[feature.kind], feature.kind, feature.definition
        for table in _TABLES:
            said = [(said_by(source.grants, table).get(full), source) for source in self.sources]
            first, source = next((pair for pair in said if pair[0] is not None), (None, None))
            if first is not None and table == "features":
                kind = FeatureKind.BOOLEAN if isinstance(first, bool) else FeatureKind.STATIC
                return full, table, kind, Definition()
            if source is not None:
                return full, table, *assumed(table, full, own=source.own)
        return full, "features", FeatureKind.BOOLEAN, Definition()

    def _full_name(self, name: str) -> str:
        known = self.names
        if name in known or "." in name:
            return name
        fitting = [one for one in known if one.rpartition(".")[2] == name]
        if len(fitting) > 1:
            raise InvalidInput.single(
                "feature", "ambiguous", f"{name!r} is a limit of several services: use {' or '.join(fitting)}"
            )
        return fitting[0] if fitting else name


_UNMEASURED = (FeatureKind.BOOLEAN, FeatureKind.STATIC)


def said_by(grants: Offer, table: Table) -> Mapping[str, FeatureValue]:
    """What one level says, by full name."""
    return grants.features if table == "features" else dict(limits_by_name(getattr(grants, table)))


def judge(entitlement: Entitlement) -> Decision[Entitlement]:
    """Whether an entitlement covers what was asked for.

    What no level grants, and what one grants as none, is ``NOT_INCLUDED``. A number is a bound for what was
    used and what is asked for together, an unlimited amount is none, and a text is always a "yes".
    """
    value = entitlement.value
    if value is None or value is False or value == 0:
        return Decision(False, Reason.NOT_INCLUDED, entitlement)
    limit = entitlement.limit
    if limit is not None and entitlement.used + entitlement.quantity > limit:
        return Decision(False, _TOO_MUCH[entitlement.kind], entitlement)
    return Decision(True, Reason.ALLOWED, entitlement)


_TOO_MUCH = {
    FeatureKind.BOOLEAN: Reason.NOT_INCLUDED,
    FeatureKind.STATIC: Reason.LIMIT_REACHED,
    FeatureKind.METERED: Reason.QUOTA_EXHAUSTED,
    FeatureKind.CONCURRENT: Reason.LIMIT_REACHED,
    FeatureKind.RATE: Reason.RATE_LIMITED,
}


def ordered(
    *,
    user: Offer | None,
    subscriptions: Sequence[tuple[Source | None, Source | None]],
    tenant: Offer | None,
) -> tuple[Source, ...]:
    """The chain: the user's override, then subscription by subscription its override and its plan, then
    the tenant's default. Levels that say nothing at all are left out.

    Args:
        subscriptions: override and plan of each, in the order they are asked.
    """
    found: list[Source] = []
    if user is not None:
        found.append(Source(level=Level.USER, of="", grants=user, own=True))
    found += [source for pair in subscriptions for source in pair if source is not None]
    if tenant is not None:
        found.append(Source(level=Level.TENANT, of="", grants=tenant))
    return tuple(found)
