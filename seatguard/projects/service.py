"""Projects: add, domains, keys, and finding out who calls."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from seatguard import keys
from seatguard.actors import Actor
from seatguard.clients.rules import is_honoured
from seatguard.clock import Clock
from seatguard.errors import AuthenticationFailed, Conflict, InvalidInput, NotFound
from seatguard.idempotency.sealing import Seal, keep_with
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts
from seatguard.keys import ApiKey
from seatguard.projects import domains, rules
from seatguard.projects.model import Access, Domain, KnownKey, NewKey, Project, ProjectKey
from seatguard.projects.ports import Ledger, Work
from seatguard.records import Page, every, expect_version, valid_name
from seatguard.snapshots import Snapshots

MODES = ("live", "test")


class ProjectService:
    """Knows the clients' applications and who may call for them."""

    def __init__(
        self,
        ledger: Ledger,
        drafts: Drafts,
        clock: Clock,
        new_id: NewId,
        entropy: Callable[[int], bytes],
        snapshots: Snapshots,
        find_key: Callable[[bytes], KnownKey | None],
        pepper: bytes | None,
    ) -> None:
        self._ledger = ledger
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id
        self._entropy = entropy
        self._snapshots = snapshots
        self._find_key = find_key
        self._pepper = pepper

    def add(
        self,
        actor: Actor,
        client_id: str,
        *,
        name: str,
        domains: tuple[str, ...] = (),
        allow_dev_domains: bool = False,
        allow_wildcards: bool = False,
        seal: Seal[Project] | None = None,
    ) -> Project:
        """Keep a new project of a client, with its domains.

        Args:
            seal: makes the reply to keep under an idempotency key, in the same act.

        Raises:
            InvalidInput: the name or a domain cannot be used.
            NotFound: no such client in the tenant.
            Conflict: the client has a project of that name.
        """
        project = Project(
            id=self._new_id(),
            tenant=actor.tenant,
            client=client_id,
            name=valid_name(name),
            allow_dev_domains=allow_dev_domains,
            allow_wildcards=allow_wildcards,
            created_at=self._clock(),
        )
        names = [_normalized(project, domain) for domain in domains]
        with self._ledger.begin(actor.tenant) as work:
            work.clients.get(client_id)
            try:
                work.projects.add(project)
            except Conflict as conflict:
                raise _name_taken(name) from conflict
            for domain in dict.fromkeys(names):
                work.domains.add(self._domain(project, domain))
            work.journal.append(
                self._drafts.draft(
                    actor,
                    "project.added",
                    "project",
                    project.id,
                    data={"name": name, "client": client_id, "domains": names},
                )
            )
            keep_with(work, project, seal)
            work.commit()
        self._snapshots.forget()
        return project

    def change(
        self,
        actor: Actor,
        project_id: str,
        *,
        name: str | None = None,
        allow_dev_domains: bool | None = None,
        allow_wildcards: bool | None = None,
        version: int | None = None,
    ) -> Project:
        """Rename a project, or turn kinds of domains on and off; what is ``None`` stays.

        Domains registered before stay registered.

        Raises:
            InvalidInput: the name cannot be used.
            NotFound: no such project in the tenant.
            Conflict: the project is no longer at ``version``; or the client has a project of that name.
        """
        with self._ledger.begin(actor.tenant) as work:
            before = work.projects.lock(project_id)
            expect_version(before, version)
            dev, wild = allow_dev_domains, allow_wildcards
            after = replace(
                before,
                name=before.name if name is None else valid_name(name),
                allow_dev_domains=before.allow_dev_domains if dev is None else dev,
                allow_wildcards=before.allow_wildcards if wild is None else wild,
            )
            if after == before:
                return before
            same = work.projects.find(client=before.client, name=after.name)
            if same is not None and same.id != project_id:
                raise _name_taken(after.name)
            after = replace(after, version=before.version + 1)
            try:
                work.projects.replace(after)
            except Conflict as conflict:
                raise _name_taken(after.name) if conflict.code == "already_exists" else conflict from conflict
            fields = ("name", "allow_dev_domains", "allow_wildcards")
            data = {
                field: {"before": getattr(before, field), "after": getattr(after, field)}
                for field in fields
                if getattr(before, field) != getattr(after, field)
            }
            work.journal.append(
                self._drafts.draft(actor, "project.changed", "project", project_id, data=data)
            )
            work.commit()
        self._snapshots.forget()
        return after

    def remove_domain(self, actor: Actor, project_id: str, name: str) -> None:
        """Let a host name go: no call from there is honoured any more. One that is not there is no error.

        Raises:
            InvalidInput: the name is no domain.
            NotFound: no such project in the tenant.
        """
        with self._ledger.begin(actor.tenant) as work:
            work.projects.lock(project_id)
            # What the project may register now says nothing about what it registered before.
            normalized = domains.normalize_pattern(name, allow_wildcard=True, allow_dev=True)
            known = work.domains.find(project=project_id, name=normalized)
            if known is None:
                return
            work.domains.remove(known.id)
            work.journal.append(
                self._drafts.draft(
                    actor,
                    "project.domain_removed",
                    "project",
                    project_id,
                    subject=known.id,
                    data={"domain": normalized},
                )
            )
            work.commit()
        self._snapshots.forget()

    def add_domain(self, actor: Actor, project_id: str, name: str) -> Domain:
        """Register a host name; one that is there already changes nothing.

        Raises:
            InvalidInput: the name is no domain, or of a kind the project did not turn on.
            NotFound: no such project in the tenant.
        """
        with self._ledger.begin(actor.tenant) as work:
            project = work.projects.lock(project_id)
            normalized = _normalized(project, name)
            known = work.domains.find(project=project_id, name=normalized)
            if known is not None:
                return known
            domain = self._domain(project, normalized)
            work.domains.add(domain)
            work.journal.append(
                self._drafts.draft(
                    actor,
                    "project.domain_added",
                    "project",
                    project_id,
                    subject=domain.id,
                    data={"domain": normalized},
                )
            )
            work.commit()
        self._snapshots.forget()
        return domain

    def add_key(self, actor: Actor, project_id: str, *, mode: str = "live", digits16: bool = False) -> NewKey:
        """Make a key. Its secret is in the answer and nowhere else, ever.

        Args:
            mode: ``"live"`` or ``"test"``.
            digits16: the weak 16-digit form of older callers; needs a pepper.

        Raises:
            Conflict: two live keys of that mode are there.
            Misconfigured: 16 digits without a pepper.
        """
        with self._ledger.begin(actor.tenant) as work:
            work.projects.lock(project_id)
            rules.check_room_for_key(every(work.project_keys, project=project_id), mode, self._clock())
            made = self._make_key(actor, work, project_id, mode, digits16, kind="key.added", data={})
            work.commit()
        self._snapshots.forget()
        return made

    def rotate_key(
        self, actor: Actor, key_id: str, *, overlap: dt.timedelta = rules.DEFAULT_OVERLAP
    ) -> NewKey:
        """Make a new key in the place of an old one, which stops after ``overlap``.

        During the overlap the old key counts as live: where there is another one, the old key has to
        stop at once (no overlap) or the other has to be revoked.

        Raises:
            InvalidInput: the overlap is not 0 to 7 days.
            NotFound: no such key in the tenant.
            Conflict: ``key_not_live``, or ``too_many_keys``.
        """
        rules.valid_overlap(overlap)
        with self._ledger.begin(actor.tenant) as work:
            work.projects.lock(work.project_keys.get(key_id).project)
            old = work.project_keys.lock(key_id)
            now = self._clock()
            if not rules.is_live(old, now):
                raise Conflict("key_not_live", f"key {old.prefix} no longer works: add a new key instead")
            ends = min(now + overlap, old.expires_at or now + overlap)
            ending = replace(old, expires_at=ends, version=old.version + 1)
            others = [key for key in every(work.project_keys, project=old.project) if key.id != key_id]
            rules.check_room_for_key([ending, *others], old.mode, now)
            work.project_keys.replace(ending)
            made = self._make_key(
                actor,
                work,
                old.project,
                old.mode,
                old.format == "digits16",
                kind="key.rotated",
                data={"old": old.prefix, "old_ends_at": ends.isoformat()},
            )
            work.commit()
        self._snapshots.forget()
        return made

    def revoke_key(self, actor: Actor, key_id: str) -> ProjectKey:
        """Stop a key at once; one that is revoked stays so.

        Other processes may honour it for as long as their snapshots live (at most a second by default).

        Raises:
            NotFound: no such key in the tenant.
        """
        with self._ledger.begin(actor.tenant) as work:
            work.projects.lock(work.project_keys.get(key_id).project)
            key = work.project_keys.lock(key_id)
            if key.revoked_at is not None:
                return key
            revoked = replace(key, revoked_at=self._clock(), version=key.version + 1)
            work.project_keys.replace(revoked)
            work.journal.append(
                self._drafts.draft(
                    actor, "key.revoked", "project", key.project, subject=key.id, data={"prefix": key.prefix}
                )
            )
            work.commit()
        self._snapshots.forget()
        return revoked

    def identify(self, presented: object, domain: str | Callable[[Access], str]) -> Access:
        """Whom the key and the domain identify.

        Args:
            presented: what the caller sent as a key; anything.
            domain: the normalised domain.

        Raises:
            AuthenticationFailed: for every cause alike.
        """
        access = self.identify_key(presented)
        if not rules.admits_domain(access, domain if isinstance(domain, str) else domain(access)):
            raise AuthenticationFailed
        return access

    def identify_key(self, presented: object) -> Access:
        """Whom the key alone identifies, from a snapshot where there is a fresh one.

        Raises:
            AuthenticationFailed: for every cause alike.
        """
        if not isinstance(presented, str) or not presented.isascii() or len(presented) > keys.LONGEST:
            raise AuthenticationFailed
        name = ("access", fingerprint(presented))
        access: Access | None
        kept = self._snapshots.peek(name)
        if kept is not None:
            access = kept.value
        else:
            key = keys.parse(presented)
            del presented  # from here on a traceback shows the wrapped key only
            if key is None:
                raise AuthenticationFailed
            access = self._snapshots.get(name, lambda: self._access(key)).value
        if access is None or not self._goes_on(access):
            raise AuthenticationFailed
        return access

    def recall(self, fingerprint: bytes, domain: str) -> Access | None:
        """What :meth:`identify` would answer, as far as a fresh snapshot knows; nothing is read.

        Args:
            fingerprint: of the key; see :func:`fingerprint`.
            domain: the normalised domain.
        """
        kept = self._snapshots.peek(("access", fingerprint))
        access: Access | None = None if kept is None else kept.value
        if access is None or not self._goes_on(access) or not rules.admits_domain(access, domain):
            return None
        return access

    def get(self, actor: Actor, project_id: str) -> Project:
        """One project.

        Raises:
            NotFound: no such project in the tenant.
        """
        with self._ledger.read(actor.tenant) as work:
            return work.projects.get(project_id)

    def find(self, actor: Actor, *, client_id: str, name: str) -> Project | None:
        """The client's project of that name, if there is one."""
        with self._ledger.read(actor.tenant) as work:
            return work.projects.find(client=client_id, name=name)

    def list(
        self, actor: Actor, *, client_id: str | None = None, limit: int = 50, after: str | None = None
    ) -> Page[Project]:
        """Projects in the order they were added."""
        criteria: dict[str, Any] = {} if client_id is None else {"client": client_id}
        with self._ledger.read(actor.tenant) as work:
            return work.projects.list(limit=limit, after=after, **criteria)

    def domains(self, actor: Actor, project_id: str) -> tuple[Domain, ...]:
        """The project's domains in the order they were added."""
        with self._ledger.read(actor.tenant) as work:
            return tuple(every(work.domains, project=project_id))

    def at_host(self, actor: Actor, host: str) -> tuple[str, ...]:
        """Ids of the projects that have registered a host name, by itself or by a wildcard.

        From a snapshot where there is a fresh one.

        Args:
            host: without a port, in any spelling; what is no host name is nobody's.
        """
        try:
            name = domains.normalize(host, allow_dev=True)
        except InvalidInput:
            return ()
        return self._snapshots.get(("host", actor.tenant, name), lambda: self._at_host(actor, name)).value

    def keys(self, actor: Actor, project_id: str) -> tuple[ProjectKey, ...]:
        """The project's keys, revoked and ended ones included."""
        with self._ledger.read(actor.tenant) as work:
            return tuple(every(work.project_keys, project=project_id))

    def find_key(self, actor: Actor, identifier: str) -> ProjectKey:
        """A key by its id or by the prefix that is shown of it.

        Raises:
            NotFound: none, or more than one with that prefix.
        """
        with self._ledger.read(actor.tenant) as work:
            found = tuple(work.project_keys.list(limit=2, prefix=identifier).items)
            if len(found) == 1:
                return found[0]
            if found:
                raise NotFound("key of one prefix only (use its id)", identifier)
            return work.project_keys.get(identifier)

    def _at_host(self, actor: Actor, name: str) -> tuple[str, ...]:
        labels = name.split(".")
        patterns = [name, *(f"*.{'.'.join(labels[at:])}" for at in range(1, len(labels)))]
        with self._ledger.read(actor.tenant) as work:
            found = [domain.project for pattern in patterns for domain in every(work.domains, name=pattern)]
        return tuple(dict.fromkeys(found))

    def _goes_on(self, access: Access) -> bool:
        return access.key_ends_at is None or self._clock() < access.key_ends_at

    def _access(self, presented: ApiKey) -> Access | None:
        for version, digest in keys.digests(presented, self._pepper):
            known = self._find_key(digest)
            if known is None:
                continue
            key, project = known.key, known.project
            if key.digest_version != version or not keys.matches(key.digest, digest):
                continue
            if not is_honoured(known.client) or not rules.is_live(key, self._clock()):
                return None
            return Access(
                tenant=key.tenant,
                client=project.client,
                project=project.id,
                project_name=project.name,
                mode=key.mode,
                key_prefix=key.prefix,
                key_ends_at=key.expires_at,
                allow_dev_domains=project.allow_dev_domains,
                domains=known.domains,
            )
        return None

    def _make_key(
        self,
        actor: Actor,
        work: Work,
        project_id: str,
        mode: str,
        digits16: bool,
        *,
        kind: str,
        data: dict[str, str],
    ) -> NewKey:
        if mode not in MODES:
            raise InvalidInput.single("mode", "invalid_mode", f"must be 'live' or 'test', not {mode!r}")
        if digits16 and mode != "live":
            raise InvalidInput.single(
                "mode", "invalid_mode", "must be 'live': a 16-digit key cannot say that it is a test key"
            )
        secret = keys.generate_digits16(self._entropy) if digits16 else keys.generate(mode, self._entropy)
        version, digest = keys.digest(secret, pepper=self._pepper)
        record = ProjectKey(
            id=self._new_id(),
            tenant=actor.tenant,
            project=project_id,
            mode=mode,
            format=secret.format,
            prefix=secret.prefix,
            last4=secret.last4,
            digest_version=version,
            digest=digest,
            created_at=self._clock(),
            expires_at=None,
            revoked_at=None,
        )
        work.project_keys.add(record)
        work.journal.append(
            self._drafts.draft(
                actor,
                kind,
                "project",
                project_id,
                subject=record.id,
                data={"prefix": record.prefix, "mode": mode, **data},
            )
        )
        return NewKey(record, secret)

    def _domain(self, project: Project, name: str) -> Domain:
        return Domain(
            id=self._new_id(),
            tenant=project.tenant,
            project=project.id,
            name=name,
            created_at=self._clock(),
        )


def fingerprint(presented: str) -> bytes:
    """Under which a presented key is remembered in this process, whether or not it is anybody's."""
    return hashlib.sha256(presented.encode()).digest()


def _name_taken(name: str) -> Conflict:
    return Conflict("project_exists", f"the client already has a project named {name!r}", name=name)


def _normalized(project: Project, name: object) -> str:
    return domains.normalize_pattern(
        name, allow_wildcard=project.allow_wildcards, allow_dev=project.allow_dev_domains
    )
