"""Which project a request is about, and which user."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from flask import has_request_context, request

from seatguard import keys
from seatguard.actors import Actor
from seatguard.entitlements.model import Where
from seatguard.errors import AuthenticationFailed, NotFound, SeatguardError
from seatguard.ids import is_uuid
from seatguard_flask.declarations import Declarations
from seatguard_flask.exchange import begin
from seatguard_flask.refusals import Manner, key_refused, no_project
from seatguard_flask.state import State

ProjectOf: TypeAlias = str | Callable[[], str | None]
SubjectOf: TypeAlias = str | Callable[[], object]

_WAYS = (
    'say it: @seats.consume(project="acme"), or project=a function that answers its name or id',
    "find it: @seats.project_resolver on a function that answers its name or id",
    "route it: a view argument project_id, as in /projects/<project_id>/users",
    "let the caller prove it: a project key of Seatguard in X-API-Key or Authorization: Bearer",
    "register the host: a domain of the project, with TRUSTED_HOSTS set in app.config",
)


class ProjectNotResolved(SeatguardError):
    """Nothing about a request tells which project it is about.

    Attributes:
        ways: the ways there are of telling.
    """

    def __init__(self) -> None:
        self.ways = _WAYS
        super().__init__("which project is this about? There are five ways to tell: " + "; ".join(_WAYS))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a seat is wanted, and in whose name.

    Attributes:
        name: how the project was named, for people.
    """

    actor: Actor
    where: Where
    name: str


def place(
    state: State,
    declared: ProjectOf | None,
    resolver: Callable[[], str | None] | None,
    arguments: Mapping[str, Any],
) -> Place:
    """The project of the request under way: the first way that knows one.

    Args:
        declared: what the guard says.
        resolver: the instance's hook.
        arguments: of the view.

    Raises:
        ProjectNotResolved: no way knows one.
        NotFound: the guard names a project that there is not.
        ProjectNotFound: something in the request does.
        KeyRefused: the request shows a project key that identifies nobody.
        StorageUnavailable: the store did not answer in time.
    """
    if isinstance(declared, str):
        return _known(state, declared)
    for way in (declared, resolver, lambda: arguments.get("project_id")):
        named = None if way is None else way()
        if named is not None:
            return _asked_for(state, str(named))
    found = (_by_key(state) or _by_host(state)) if has_request_context() else None
    if found is None:
        raise ProjectNotResolved
    return found


def here(state: State, project: str | None, resolver: Callable[[], str | None] | None) -> Place:
    """The project named, or the one that the request under way is about.

    Raises:
        as :func:`place`.
    """
    arguments = request.view_args if has_request_context() else None
    return place(state, project, resolver, arguments or {})


def acting(state: State) -> Actor:
    """The host itself, in the course of the request under way if there is one."""
    kind = "dry_run" if state.switches.dry_run else "host"
    actor = state.engine.actor(kind, state.host)
    return actor.during(begin(state).request_id) if has_request_context() else actor


def subject(wanted: SubjectOf | None, arguments: Mapping[str, Any]) -> str | None:
    """The user that the request is about, as text; ``None`` when it does not say, or names several.

    Args:
        wanted: a function, or the name of a view argument or of a field of the JSON or form body. White
            space around a typed name is dropped, as a form's own reader does.
    """
    found = _named(wanted, arguments)
    return None if isinstance(found, list) else found


def subjects(wanted: SubjectOf | None, arguments: Mapping[str, Any]) -> list[str | None]:
    """The users that the request is about; one ``None`` when it names nobody.

    Args:
        wanted: as in :func:`subject`; a list of names in the JSON body, a field that the form has several
            times, or a list that the function answers, is of several users.
    """
    found = _named(wanted, arguments)
    return (found or [None]) if isinstance(found, list) else [found]


def _named(wanted: SubjectOf | None, arguments: Mapping[str, Any]) -> str | list[str | None] | None:
    if wanted is None:
        return None
    if not isinstance(wanted, str):
        value = wanted()
    elif wanted in arguments:
        value = arguments[wanted]
    elif not has_request_context():
        return None
    elif request.is_json:
        body = request.get_json(silent=True)
        value = _trimmed(body.get(wanted)) if isinstance(body, dict) else None
    else:
        typed = request.form.getlist(wanted)
        value = [_trimmed(one) for one in typed] if len(typed) > 1 else _trimmed(typed[0]) if typed else None
    return [as_name(one) for one in value] if isinstance(value, list | tuple) else as_name(value)


def _trimmed(value: Any) -> Any:
    if isinstance(value, list):
        return [_trimmed(one) for one in value]
    return value.strip() if isinstance(value, str) else value


def as_name(value: object) -> str | None:
    """An identifier as text: a number and a UUID name a user as well as text does."""
    if isinstance(value, bool) or value in (None, ""):
        return None
    if isinstance(value, int | uuid.UUID):
        return str(value)
    return value if isinstance(value, str) else None


def _known(state: State, name: str) -> Place:
    project = Declarations(state).project_id(name)
    return Place(acting(state), state.engine.where(project), name)


def _asked_for(state: State, name: str) -> Place:
    try:
        if is_uuid(name):
            actor = acting(state)
            return Place(actor, state.engine.where(state.engine.projects.get(actor, name).id), name)
        return _known(state, name)
    except NotFound as error:
        raise no_project(Manner(settings=state.settings, project=name)) from error


def _by_key(state: State) -> Place | None:
    presented = request.headers.get("X-API-Key")
    if presented is None and request.authorization is not None and request.authorization.type == "bearer":
        presented = request.authorization.token
    key = keys.parse(presented)
    # A key of another kind is the host's own business. One of 16 digits can be guessed: only the API, which
    # counts failures, takes it. One that manages belongs to no project.
    if presented is None or key is None or key.format == "digits16" or key.mode == keys.MANAGEMENT:
        return None
    try:
        access = state.engine.projects.identify_key(presented)
    except AuthenticationFailed:
        raise key_refused(Manner(settings=state.settings)) from None
    actor = Actor(
        tenant=access.tenant, kind="key", name=access.key_prefix, request_id=begin(state).request_id
    )
    return Place(actor, state.engine.where(access.project, mode=access.mode), access.project_name)


def _by_host(state: State) -> Place | None:
    # Anybody may send any Host header. Without a list of one's own hosts it proves nothing.
    if not request.trusted_hosts:
        return None
    host = request.host.rsplit(":", 1)[0] if _has_port(request.host) else request.host
    actor = acting(state)
    found = state.engine.projects.at_host(actor, host.strip("[]"))
    if len(found) != 1:
        return None
    return Place(actor, state.engine.where(found[0]), host)


def _has_port(host: str) -> bool:
    return host.rpartition("]")[2].count(":") == 1
