"""Features: define, describe anew, list, drop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from seatguard.actors import Actor
from seatguard.catalog.features import Definition, Feature, FeatureKind
from seatguard.catalog.ports import Ledger
from seatguard.catalog.values import valid_feature_name
from seatguard.clock import Clock
from seatguard.errors import Conflict, InvalidInput, NotFound
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts
from seatguard.records import Page


class FeatureService:
    """Knows what limits and values mean."""

    def __init__(self, ledger: Ledger, drafts: Drafts, clock: Clock, new_id: NewId) -> None:
        self._ledger = ledger
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id

    def define(
        self,
        actor: Actor,
        name: str,
        *,
        kind: str,
        definition: Definition | Mapping[str, Any] | None = None,
    ) -> Feature:
        """Say what a name means, for the first time or anew; what is so already writes nothing.

        Args:
            name: ``sso``, or ``speech-service.minutes`` for a limit of a service.
            kind: ``boolean``, ``static``, ``metered``, ``concurrent`` or ``rate``; it stays for ever.
            definition: a value, or data for ``Definition.from_data``.

        Raises:
            InvalidInput: a value cannot be used.
            Conflict: ``feature_kind``; the feature is of another kind.
        """
        valid_feature_name(name)
        kinds = {one.value: one for one in FeatureKind}
        if kind not in kinds:
            raise InvalidInput.single(
                "kind", "invalid_choice", f"must be one of {', '.join(kinds)}, not {kind!r}"
            )
        data = definition.to_data() if isinstance(definition, Definition) else definition or {}
        wanted = Definition.from_data(kinds[kind], data)
        with self._ledger.begin(actor.tenant) as work:
            known = work.features.find(name=name)
            if known is not None:
                known = work.features.lock(known.id)
                if known.kind != kind:
                    raise Conflict(
                        "feature_kind", f"{name} is {known.kind} and stays so: use another name", name=name
                    )
                if known.definition == wanted:
                    return known
                feature = replace(known, definition=wanted, version=known.version + 1)
                work.features.replace(feature)
            else:
                feature = Feature(
                    id=self._new_id(),
                    tenant=actor.tenant,
                    name=name,
                    kind=kinds[kind],
                    definition=wanted,
                    created_at=self._clock(),
                )
                work.features.add(feature)
            verb = "feature.defined" if known is None else "feature.redefined"
            facts = {"name": name, "kind": kind, "definition": wanted.to_data()}
            work.journal.append(
                self._drafts.draft(actor, verb, "tenant", actor.tenant, subject=feature.id, data=facts)
            )
            work.advance()
            work.commit()
        return feature

    def get(self, actor: Actor, name: str) -> Feature:
        """The feature of that name.

        Raises:
            NotFound: there is none in the tenant.
        """
        with self._ledger.read(actor.tenant) as work:
            found = work.features.find(name=name)
        if found is None:
            raise NotFound("feature", name)
        return found

    def list(self, actor: Actor, *, limit: int = 50, after: str | None = None) -> Page[Feature]:
        """Features in the order they were defined."""
        with self._ledger.read(actor.tenant) as work:
            return work.features.list(limit=limit, after=after)
