"""Management keys: add, rotate, revoke, list, and finding out who manages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from seatguard import keys
from seatguard.actors import Actor
from seatguard.clock import Clock
from seatguard.errors import AuthenticationFailed, Conflict, NotFound, StorageUnavailable
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts
from seatguard.keys import ApiKey
from seatguard.management import rules
from seatguard.management.model import ManagementKey, Manager, NewManagementKey
from seatguard.management.ports import Ledger, Work
from seatguard.projects.rules import DEFAULT_OVERLAP, is_live, valid_overlap
from seatguard.records import Page, every, valid_name


class ManagementService:
    """Knows which programs may manage a tenant, and what they may do."""

    def __init__(
        self,
        ledger: Ledger,
        drafts: Drafts,
        clock: Clock,
        new_id: NewId,
        entropy: Callable[[int], bytes],
        pepper: bytes | None,
    ) -> None:
        self._ledger = ledger
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id
        self._entropy = entropy
        self._pepper = pepper

    def add(
        self, actor: Actor, *, name: str, scopes: Iterable[object], within: Iterable[str] | None = None
    ) -> NewManagementKey:
        """Make a key. Its secret is in the answer and nowhere else, ever.

        Args:
            name: what it is for.
            scopes: what it may do; see ``seatguard.management.SCOPES``.
            within: the scopes of who asks, beyond which nothing is handed out; ``None`` for the operator.

        Raises:
            InvalidInput: the name cannot be used, or a scope is unknown.
            Denied: ``INSUFFICIENT_SCOPE``; a scope is not the asker's to give.
        """
        wanted = rules.valid_scopes(scopes)
        if within is not None:
            rules.may_do(within, wanted).require()
        with self._ledger.begin(actor.tenant) as work:
            made = self._make(actor, work, line=None, name=valid_name(name), scopes=wanted)
            self._record(actor, work, "management_key.added", made.record, {"scopes": list(wanted)})
            work.commit()
        return made

    def rotate(
        self,
        actor: Actor,
        key_id: str,
        *,
        overlap: dt.timedelta = DEFAULT_OVERLAP,
        within: Iterable[str] | None = None,
    ) -> NewManagementKey:
        """Make a new key in the place of an old one, with its name and scopes; the old one ends later.

        Args:
            overlap: how long the old key goes on, 0 to 7 days.
            within: as in :meth:`add`.

        Raises:
            InvalidInput: the overlap is out of range.
            NotFound: no such key in the tenant.
            Conflict: ``key_not_live``, or ``too_many_keys``: two of the line live on already.
            Denied: ``INSUFFICIENT_SCOPE``; the key may do more than who asks.
        """
        valid_overlap(overlap)
        with self._ledger.begin(actor.tenant) as work:
            # The first of the line stands for all of it: two rotations at once meet here.
            line = work.management_keys.lock(work.management_keys.get(key_id).line).id
            old = work.management_keys.lock(key_id)
            now = self._clock()
            if within is not None:
                rules.may_do(within, old.scopes).require()
            if not is_live(old, now):
                raise Conflict("key_not_live", f"key {old.prefix} no longer works: add a new key instead")
            ends = min(now + overlap, old.expires_at or now + overlap)
            ending = replace(old, expires_at=ends, version=old.version + 1)
            others = [key for key in every(work.management_keys, line=line) if key.id != key_id]
            rules.check_room_in_line([ending, *others], now)
            work.management_keys.replace(ending)
            made = self._make(actor, work, line=line, name=old.name, scopes=old.scopes)
            data = {"old": old.prefix, "old_ends_at": ends.isoformat()}
            self._record(actor, work, "management_key.rotated", made.record, data)
            work.commit()
        return made

    def revoke(self, actor: Actor, key_id: str) -> ManagementKey:
        """Stop a key at once, in every process; one that is revoked stays so.

        Raises:
            NotFound: no such key in the tenant.
        """
        with self._ledger.begin(actor.tenant) as work:
            key = work.management_keys.lock(key_id)
            if key.revoked_at is not None:
                return key
            revoked = replace(key, revoked_at=self._clock(), version=key.version + 1)
            work.management_keys.replace(revoked)
            self._record(actor, work, "management_key.revoked", revoked, {})
            work.commit()
        return revoked

    def get(self, actor: Actor, key_id: str) -> ManagementKey:
        """One key.

        Raises:
            NotFound: no such key in the tenant.
        """
        with self._ledger.read(actor.tenant) as work:
            return work.management_keys.get(key_id)

    def find(self, actor: Actor, identifier: str) -> ManagementKey:
        """A key by its id or by the prefix that is shown of it.

        Raises:
            NotFound: none, or more than one with that prefix.
        """
        with self._ledger.read(actor.tenant) as work:
            found = work.management_keys.list(limit=2, prefix=identifier).items
            if len(found) == 1:
                return found[0]
            if found:
                raise NotFound("management key of one prefix only (use its id)", identifier)
            return work.management_keys.get(identifier)

    def list(self, actor: Actor, *, limit: int = 50, after: str | None = None) -> Page[ManagementKey]:
        """Keys in the order they were made, revoked and ended ones included."""
        with self._ledger.read(actor.tenant) as work:
            return work.management_keys.list(limit=limit, after=after)

    def identify(self, presented: object, *, request_id: str | None = None) -> Manager:
        """Whom a key identifies. The store is asked every time, so a revoked key stops with its revocation.

        Args:
            presented: what the caller sent as a key; anything.

        Raises:
            AuthenticationFailed: for every cause alike.
        """
        key = keys.parse(presented)
        del presented  # from here on a traceback shows the wrapped key only
        found = None if key is None or key.mode != keys.MANAGEMENT else self._find(key)
        if found is None:
            raise AuthenticationFailed
        self._mark_used(found)
        actor = Actor(tenant=found.tenant, kind="key", name=found.prefix, request_id=request_id)
        return Manager(actor, found.scopes)

    def _find(self, presented: ApiKey) -> ManagementKey | None:
        with self._ledger.read_all() as work:
            for version, digest in keys.digests(presented, self._pepper):
                key = work.management_keys.find(digest=digest)
                if key is None or key.digest_version != version or not keys.matches(key.digest, digest):
                    continue
                return key if is_live(key, self._clock()) else None
        return None

    def _mark_used(self, key: ManagementKey) -> None:
        now = self._clock()
        if not rules.is_due_for_a_mark(key, now):
            return
        try:
            with self._ledger.begin(key.tenant) as work:
                work.management_keys.replace(replace(key, last_used_at=now, version=key.version + 1))
                work.commit()
        except (Conflict, StorageUnavailable):
            return  # another process has marked it, or will: a mark is worth no refusal

    def _make(
        self, actor: Actor, work: Work, *, line: str | None, name: str, scopes: tuple[str, ...]
    ) -> NewManagementKey:
        secret = keys.generate(keys.MANAGEMENT, self._entropy)
        version, digest = keys.digest(secret, pepper=self._pepper)
        identifier = self._new_id()
        record = ManagementKey(
            id=identifier,
            tenant=actor.tenant,
            line=line or identifier,
            name=name,
            scopes=scopes,
            prefix=secret.prefix,
            last4=secret.last4,
            digest_version=version,
            digest=digest,
            created_at=self._clock(),
            expires_at=None,
            revoked_at=None,
            last_used_at=None,
        )
        work.management_keys.add(record)
        return NewManagementKey(record, secret)

    def _record(
        self, actor: Actor, work: Work, kind: str, key: ManagementKey, data: Mapping[str, object]
    ) -> None:
        work.journal.append(
            self._drafts.draft(
                actor,
                kind,
                "tenant",
                actor.tenant,
                subject=key.id,
                data={"prefix": key.prefix, "name": key.name, **data},
            )
        )
