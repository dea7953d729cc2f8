"""Administrators: add, sign in, change password and role, switch off and on, list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from seatguard.actors import Actor
from seatguard.administrators import passwords, rules
from seatguard.administrators.model import Administrator, Role
from seatguard.administrators.ports import Ledger
from seatguard.clock import Clock
from seatguard.errors import Conflict, InvalidInput, NotFound
from seatguard.ids import NewId
from seatguard.journal.drafts import Drafts
from seatguard.records import Page


class AdministratorService:
    """Knows who operates the tenant's Seatguard."""

    def __init__(
        self,
        ledger: Ledger,
        drafts: Drafts,
        clock: Clock,
        new_id: NewId,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._ledger = ledger
        self._drafts = drafts
        self._clock = clock
        self._new_id = new_id
        self._entropy = entropy
        self._nobody: str | None = None

    def add(self, actor: Actor, *, name: object, password: object, role: str = Role.OWNER) -> Administrator:
        """Keep a new administrator.

        Raises:
            InvalidInput: the name, the password or the role cannot be used.
            Conflict: ``name_taken``.
        """
        made = Administrator(
            id=self._new_id(),
            tenant=actor.tenant,
            name=rules.valid_login(name),
            role=_valid_role(role),
            password=passwords.hashed(rules.valid_password(password), self._entropy),
            failures=0,
            locked_until=None,
            epoch=1,
            active=True,
            created_at=self._clock(),
        )
        with self._ledger.begin(actor.tenant) as work:
            try:
                work.administrators.add(made)
            except Conflict as conflict:
                raise Conflict(
                    "name_taken", f"there is already an administrator named {made.name!r}", name=made.name
                ) from conflict
            work.journal.append(
                self._draft(actor, made, "administrator.added", {"name": made.name, "role": made.role.value})
            )
            work.commit()
        return made

    def sign_in(self, tenant: str, *, name: object, password: object) -> Administrator | None:
        """The administrator whose name and password these are.

        Every attempt at a known name is put on record. The fifth wrong password in a row locks the name
        for 15 minutes; then no password is looked at.

        Returns:
            ``None`` for an unknown name, a wrong password, a locked or a switched-off administrator alike.
        """
        actor = Actor(tenant=tenant, kind="admin", name="sign-in")
        known = None
        login = name.strip().lower() if isinstance(name, str) and len(name) <= 100 else ""
        given = password if isinstance(password, str) and len(password) <= rules.MAX_PASSWORD else ""
        with self._ledger.read(tenant) as work:
            known = work.administrators.find(name=login)
        if known is None or not rules.may_try(known, self._clock()):
            passwords.matches(given, self._nobodys_password())
            return None
        right = passwords.matches(given, known.password)
        with self._ledger.begin(tenant) as work:
            # Read again under the lock: guesses that run side by side are counted one after the other.
            stored = work.administrators.lock(known.id)
            if stored.password != known.password or not rules.may_try(stored, self._clock()):
                return None
            after = rules.after_success(stored) if right else rules.after_failure(stored, self._clock())
            work.administrators.replace(after)
            kind = "administrator.signed_in" if right else "administrator.sign_in_refused"
            data = {"name": stored.name}
            if after.locked_until is not None:
                data["locked_until"] = after.locked_until.isoformat()
            work.journal.append(self._draft(actor, stored, kind, data))
            work.commit()
        return after if right else None

    def session(self, tenant: str, administrator_id: str, epoch: int) -> Administrator | None:
        """The administrator of a session, as long as it is not over."""
        with self._ledger.read(tenant) as work:
            found = work.administrators.find(id=administrator_id)
        return found if found is not None and found.active and found.epoch == epoch else None

    def set_password(self, actor: Actor, name: str, *, password: object) -> Administrator:
        """Give an administrator another password; sessions begun before are over.

        Raises:
            InvalidInput: the password is too short.
            NotFound: no such administrator in the tenant.
        """
        kept = passwords.hashed(rules.valid_password(password), self._entropy)
        return self._change(
            actor,
            name,
            "administrator.password_changed",
            lambda one: replace(one, password=kept, failures=0, locked_until=None, epoch=one.epoch + 1),
        )

    def set_role(self, actor: Actor, name: str, *, role: str) -> Administrator:
        """Give an administrator another role; it counts from the next request on.

        Raises:
            InvalidInput: no such role.
            NotFound: no such administrator in the tenant.
        """
        wanted = _valid_role(role)
        return self._change(actor, name, "administrator.role_changed", lambda one: replace(one, role=wanted))

    def deactivate(self, actor: Actor, name: str) -> Administrator:
        """Let an administrator sign in no more, and end the sessions."""
        return self._change(
            actor,
            name,
            "administrator.deactivated",
            lambda one: replace(one, active=False, epoch=one.epoch + (1 if one.active else 0)),
        )

    def reactivate(self, actor: Actor, name: str) -> Administrator:
        """Let an administrator sign in again."""
        return self._change(
            actor,
            name,
            "administrator.reactivated",
            lambda one: replace(one, active=True, failures=0, locked_until=None),
        )

    def list(self, actor: Actor, *, limit: int = 50, after: str | None = None) -> Page[Administrator]:
        """Administrators in the order they were added."""
        with self._ledger.read(actor.tenant) as work:
            return work.administrators.list(limit=limit, after=after)

    def _change(
        self, actor: Actor, name: str, kind: str, change: Callable[[Administrator], Administrator]
    ) -> Administrator:
        with self._ledger.begin(actor.tenant) as work:
            found = work.administrators.find(name=name.strip().lower())
            if found is None:
                raise NotFound("administrator", name)
            before = work.administrators.lock(found.id)
            after = change(before)
            if after == before:
                return before
            after = replace(after, version=before.version + 1)
            work.administrators.replace(after)
            data: dict[str, Any] = {"name": before.name}
            if before.role is not after.role:
                data |= {"before": before.role.value, "after": after.role.value}
            work.journal.append(self._draft(actor, before, kind, data))
            work.commit()
        return after

    def _draft(self, actor: Actor, one: Administrator, kind: str, data: dict[str, Any]) -> Any:
        return self._drafts.draft(actor, kind, "tenant", actor.tenant, subject=one.id, data=data)

    def _nobodys_password(self) -> str:
        """A hash that nothing matches, so that an unknown name takes as long as a known one."""
        if self._nobody is None:
            self._nobody = passwords.hashed(self._entropy(16).hex(), self._entropy)
        return self._nobody


def _valid_role(role: object) -> Role:
    try:
        return Role(str(role))
    except ValueError:
        raise InvalidInput.single(
            "role", "invalid_role", "must be one of " + ", ".join(one.value for one in Role)
        ) from None
