"""Who is at the pages, and what they may do: one protocol, four ways to answer it."""

from __future__ import annotations

from collections.abc import Callable as Function
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from flask import Request, session

from seatguard.administrators import Administrator, Role
from seatguard.administrators.rules import can
from seatguard.engine import Seatguard as Engine
from seatguard.errors import Misconfigured

_SESSION = "_seatguard_admin"


@dataclass(frozen=True, slots=True, init=False)
class Identity:
    """Somebody at the pages.

    Attributes:
        name: put on record with every change, and shown.
        role: ``"viewer"``, ``"support"``, ``"operator"`` or ``"owner"``.
        tenant: id of the tenant whose data they see; ``None`` is the default tenant.

    >>> Identity(name="ada", role="viewer").role
    <Role.VIEWER: 'viewer'>
    """

    name: str
    role: Role
    tenant: str | None = None

    def __init__(self, *, name: str, role: Role | str, tenant: str | None = None) -> None:
        object.__setattr__(self, "name", _one_line(name))
        object.__setattr__(self, "role", _role(role))
        object.__setattr__(self, "tenant", tenant)


class Authorizer(Protocol):
    """Decides who may see the pages, and what they may do there.

    Attributes:
        signs_in: whether the pages show a sign-in form of their own.
    """

    signs_in: bool

    def current(self, engine: Engine, request: Request) -> Identity | None:
        """Who sends this request; ``None`` is nobody who may see the pages."""

    def can(self, identity: Identity, action: str, thing: object) -> bool:
        """Whether they may do that; ``thing`` is the record it is about, ``None`` for all of a kind."""

    def sign_in_url(self, back_to: str) -> str | None:
        """Where the host signs people in; ``None`` when there is no such page."""


class _ByRole:
    """What an administrator may do follows from the role."""

    signs_in = False

    def can(self, identity: Identity, action: str, thing: object) -> bool:  # noqa: ARG002 - for subclasses
        """Whether the role allows it."""
        return can(identity.role, action)

    def sign_in_url(self, back_to: str) -> str | None:  # noqa: ARG002 - for subclasses
        """The host knows."""
        return None


class SignIn(_ByRole):
    """The pages' own accounts, made by ``seatguard admin create``.

    The session lies in Flask's signed cookie and ends with the password, with the administrator's being
    switched off, and with signing out.

    Args:
        tenant: id of the tenant whose administrators these are; ``None`` is the default tenant.
    """

    signs_in = True

    def __init__(self, *, tenant: str | None = None) -> None:
        self._tenant = tenant

    def current(self, engine: Engine, request: Request) -> Identity | None:  # noqa: ARG002
        """The administrator of the session, as they are now."""
        kept = session.get(_SESSION)
        if not isinstance(kept, list) or len(kept) != 2:
            return None
        found = engine.administrators.session(self.tenant(engine), str(kept[0]), int(kept[1]))
        return None if found is None else Identity(name=found.name, role=found.role, tenant=self._tenant)

    def tenant(self, engine: Engine) -> str:
        """Whose administrators sign in here."""
        return self._tenant or engine.default_tenant()

    def begin(self, administrator: Administrator) -> None:
        """Begin a session; what another one left in the cookie goes."""
        session.clear()
        session[_SESSION] = [administrator.id, administrator.epoch]

    def end(self) -> None:
        """End the session."""
        session.pop(_SESSION, None)


class FlaskLogin(_ByRole):
    """People whom Flask-Login has signed in.

    Args:
        role: answers the role of a user, or ``None`` for one who may not see the pages.
        name: answers the user's name for the record; left out, ``user.get_id()``.
    """

    def __init__(
        self, *, role: Function[[Any], Role | str | None], name: Function[[Any], str] | None = None
    ) -> None:
        self._role = role
        self._name = name

    def current(self, engine: Engine, request: Request) -> Identity | None:  # noqa: ARG002
        """The signed-in user, if the host gives them a role here."""
        import flask_login

        user = flask_login.current_user
        if not user.is_authenticated:
            return None
        role = self._role(user)
        if role is None:
            return None
        return Identity(name=str(self._name(user) if self._name else user.get_id()), role=role)

    def sign_in_url(self, back_to: str) -> str | None:
        """Flask-Login's own, if the host has set ``login_view``."""
        import flask_login
        from flask import current_app

        manager = getattr(current_app, "login_manager", None)
        if manager is None or not manager.login_view:
            return None
        return str(flask_login.utils.login_url(manager.login_view, next_url=back_to))


class FlaskSecurity(FlaskLogin):
    """People whom Flask-Security has signed in, by the names of their roles.

    Args:
        roles: which role here a role of the host's gives: ``{"admin": "owner", "helpdesk": "support"}``.
            Of several the highest counts.
    """

    def __init__(self, *, roles: Mapping[str, Role | str], name: Function[[Any], str] | None = None) -> None:
        known = {host: _role(ours) for host, ours in roles.items()}
        order = list(Role)

        def highest(user: Any) -> Role | None:
            held = [known[role.name] for role in user.roles if role.name in known]
            return max(held, key=order.index, default=None)

        super().__init__(role=highest, name=name or (lambda user: str(getattr(user, "email", user.get_id()))))


class Callback(_ByRole):
    """Whoever a function of the host's names.

    Args:
        who: is given the request, answers an :class:`Identity`, or ``None`` for nobody.
        sign_in: address of the host's sign-in page.
    """

    def __init__(self, who: Function[[Request], Identity | None], *, sign_in: str | None = None) -> None:
        self._who = who
        self._sign_in = sign_in

    def current(self, engine: Engine, request: Request) -> Identity | None:  # noqa: ARG002
        """What the function answers."""
        answer = self._who(request)
        if answer is not None and not isinstance(answer, Identity):
            raise Misconfigured(
                f"the authorizer answered {type(answer).__name__}: answer an Identity, or None for nobody"
            )
        return answer

    def sign_in_url(self, back_to: str) -> str | None:  # noqa: ARG002
        """Where the host said."""
        return self._sign_in


def _role(value: Role | str) -> Role:
    try:
        return Role(value)
    except ValueError:
        known = ", ".join(repr(role.value) for role in Role)
        raise Misconfigured(f"{value!r} is no role of the admin pages: use one of {known}") from None


def _one_line(name: object) -> str:
    """A name that fits the journal's column and cannot break a line of a log."""
    text = "".join(character for character in str(name) if character.isprintable()).strip()
    return text[:150] or "unnamed"
