"""Clients: add, rename, suspend, resume, archive, list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from seatguard.actors import Actor
from seatguard.clients import rules
from seatguard.clients.model import Client, ClientState
from seatguard.clients.ports import Ledger
from seatguard.clock import Clock
from seatguard.errors import Conflict
from seatguard.idempotency.sealing import Seal, keep_with
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts
from seatguard.records import Page, expect_version, valid_name

_VERBS = {
    ClientState.ACTIVE: "client.resumed",
    ClientState.SUSPENDED: "client.suspended",
    ClientState.ARCHIVED: "client.archived",
}


class ClientService:
    """Knows the tenant's customers."""

    def __init__(
        self, ledger: Ledger, drafts: Drafts, clock: Clock, new_id: NewId, changed: Callable[[], None]
    ) -> None:
        self._ledger = ledger
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id
        self._changed = changed

    def add(
        self, actor: Actor, *, name: str, external_id: str | None = None, seal: Seal[Client] | None = None
    ) -> Client:
        """Keep a new client.

        Args:
            seal: makes the reply to keep under an idempotency key, in the same act.

        Raises:
            InvalidInput: the name or the external id cannot be used.
            Conflict: the external id is taken.
        """
        client = Client(
            id=self._new_id(),
            tenant=actor.tenant,
            name=valid_name(name),
            external_id=None if external_id is None else valid_name(external_id, field="external_id"),
            state=ClientState.ACTIVE,
            created_at=self._clock(),
        )
        with self._ledger.begin(actor.tenant) as work:
            if external_id is not None and work.clients.find(external_id=external_id):
                raise _taken(external_id)
            try:
                work.clients.add(client)
            except Conflict as conflict:
                raise _taken(external_id) from conflict
            work.journal.append(
                self._drafts.draft(
                    actor,
                    "client.added",
                    "client",
                    client.id,
                    data={"name": name, "external_id": external_id},
                )
            )
            keep_with(work, client, seal)
            work.commit()
        return client

    def rename(self, actor: Actor, client_id: str, *, name: str, version: int | None = None) -> Client:
        """Give a client another name; the same name changes nothing.

        Raises:
            NotFound: no such client in the tenant.
            Conflict: the client is no longer at ``version``.
        """
        with self._ledger.begin(actor.tenant) as work:
            client = work.clients.lock(client_id)
            expect_version(client, version)
            if client.name == name:
                return client
            renamed = replace(client, name=valid_name(name), version=client.version + 1)
            work.clients.replace(renamed)
            work.journal.append(
                self._drafts.draft(
                    actor, "client.renamed", "client", client.id, data={"before": client.name, "after": name}
                )
            )
            work.commit()
        return renamed

    def identify(
        self, actor: Actor, client_id: str, *, external_id: str | None, version: int | None = None
    ) -> Client:
        """Know a client by another external id, or by none; the same one changes nothing.

        Raises:
            InvalidInput: the external id cannot be used.
            NotFound: no such client in the tenant.
            Conflict: the external id is taken; or the client is no longer at ``version``.
        """
        wanted = None if external_id is None else valid_name(external_id, field="external_id")
        with self._ledger.begin(actor.tenant) as work:
            client = work.clients.lock(client_id)
            expect_version(client, version)
            if client.external_id == wanted:
                return client
            identified = replace(client, external_id=wanted, version=client.version + 1)
            try:
                work.clients.replace(identified)
            except Conflict as conflict:
                raise _taken(wanted) if conflict.code == "already_exists" else conflict from conflict
            ids = {"before": client.external_id, "after": wanted}
            work.journal.append(self._drafts.draft(actor, "client.identified", "client", client.id, data=ids))
            work.commit()
        return identified

    def suspend(self, actor: Actor, client_id: str) -> Client:
        """Stop honouring the client's keys. Seats stay as they are."""
        return self._become(actor, client_id, ClientState.SUSPENDED)

    def resume(self, actor: Actor, client_id: str) -> Client:
        """Honour the client's keys again."""
        return self._become(actor, client_id, ClientState.ACTIVE)

    def archive(self, actor: Actor, client_id: str) -> Client:
        """Stop honouring the client's keys and take it out of sight. Nothing is removed."""
        return self._become(actor, client_id, ClientState.ARCHIVED)

    def get(self, actor: Actor, client_id: str) -> Client:
        """One client.

        Raises:
            NotFound: no such client in the tenant.
        """
        with self._ledger.read(actor.tenant) as work:
            return work.clients.get(client_id)

    def find(self, actor: Actor, *, external_id: str) -> Client | None:
        """The client of that external id, if there is one."""
        with self._ledger.read(actor.tenant) as work:
            return work.clients.find(external_id=external_id)

    def list(
        self, actor: Actor, *, state: ClientState | None = None, limit: int = 50, after: str | None = None
    ) -> Page[Client]:
        """Clients in the order they were added."""
        criteria: dict[str, Any] = {} if state is None else {"state": state}
        with self._ledger.read(actor.tenant) as work:
            return work.clients.list(limit=limit, after=after, **criteria)

    def _become(self, actor: Actor, client_id: str, state: ClientState) -> Client:
        with self._ledger.begin(actor.tenant) as work:
            client = work.clients.lock(client_id)
            rules.may_become(client, state).require()
            if client.state is state:
                return client
            changed = replace(client, state=state, version=client.version + 1)
            work.clients.replace(changed)
            work.journal.append(
                self._drafts.draft(
                    actor, _VERBS[state], "client", client.id, data={"before": client.state.value}
                )
            )
            work.commit()
        self._changed()
        return changed


def _taken(external_id: str | None) -> Conflict:
    return Conflict(
        "external_id_taken",
        f"there is already a client with external id {external_id!r}: use another or edit that client",
        external_id=external_id,
    )
