"""Saved views: the filters of a list that an administrator comes back to."""

from __future__ import annotations

from seatguard.actors import Actor
from seatguard.administrators import rules
from seatguard.administrators.model import SavedView
from seatguard.administrators.ports import Ledger
from seatguard.clock import Clock
from seatguard.errors import Conflict, NotFound
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts


class ViewService:
    """Knows which filters an administrator has saved; each sees only their own."""

    def __init__(self, ledger: Ledger, drafts: Drafts, clock: Clock, new_id: NewId) -> None:
        self._ledger = ledger
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id

    def save(self, actor: Actor, *, page: object, name: object, query: object) -> SavedView:
        """Keep the filters of a list under a name.

        Raises:
            InvalidInput: no such list, or a name or filters that cannot be used.
            Conflict: ``view_exists``, or ``too_many_views``.
        """
        page, name, query = rules.valid_view(page, name, query)
        view = SavedView(
            id=self._new_id(),
            tenant=actor.tenant,
            owner=actor.label,
            page=page,
            name=name,
            query=query,
            created_at=self._clock(),
        )
        with self._ledger.begin(actor.tenant) as work:
            rules.may_save(work.saved_views.count(owner=actor.label, page=page))
            try:
                work.saved_views.add(view)
            except Conflict as conflict:
                raise Conflict(
                    "view_exists", f"you have a view named {name!r} already", name=name
                ) from conflict
            data = {"page": page, "name": name, "before": None, "after": query}
            work.journal.append(
                self._drafts.draft(actor, "view.saved", "tenant", actor.tenant, subject=view.id, data=data)
            )
            work.commit()
        return view

    def remove(self, actor: Actor, identifier: str) -> SavedView:
        """Forget a view.

        Raises:
            NotFound: the actor has none of that id.
        """
        with self._ledger.begin(actor.tenant) as work:
            view = work.saved_views.find(id=identifier, owner=actor.label)
            if view is None:
                raise NotFound("view", identifier)
            work.saved_views.remove(view.id)
            data = {"page": view.page, "name": view.name, "before": view.query, "after": None}
            work.journal.append(
                self._drafts.draft(actor, "view.removed", "tenant", actor.tenant, subject=view.id, data=data)
            )
            work.commit()
        return view

    def list(self, actor: Actor, page: str) -> list[SavedView]:
        """The actor's views of a list in the order they were saved."""
        with self._ledger.read(actor.tenant) as work:
            found = work.saved_views.list(limit=rules.MAX_VIEWS, owner=actor.label, page=page)
        return list(found.items)
