"""The extension: gives an app its engine, mounts the API, and knows the host's user models."""

from __future__ import annotations

import logging
import re
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, current_app, has_app_context

from seatguard.engine import Seatguard as Engine
from seatguard.errors import Misconfigured
from seatguard_flask import csrf
from seatguard_flask.calls import RegisterCalls
from seatguard_flask.cli import command_group
from seatguard_flask.declarations import Declarations
from seatguard_flask.late import answer_late_refusals
from seatguard_flask.settings import PREFIX, Settings
from seatguard_flask.state import State
from seatguard_flask.switches import Switches

if TYPE_CHECKING:
    import os

    from sqlalchemy.orm import Session

    from seatguard.catalog.model import Plan
    from seatguard.projects.model import Project
    from seatguard_flask.doorlog import DoorLog
    from seatguard_flask.inviting import Invitations
    from seatguard_flask.models import ModelGuard, Of
    from seatguard_flask.reconciling import Report

KEY = "seatguard"
INSTANCES = "seatguard.instances"
DEFAULT_NAME = "seatguard"

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_warned: set[str] = set()

logger = logging.getLogger("seatguard.flask")


class Seatguard(RegisterCalls):
    """Seat limits for a Flask app.

    Everything an app's instance knows lies in ``app.extensions["seatguard"]`` under the instance's name;
    one ``Seatguard`` may serve several apps, and one app may have several, each with its own name.

    Args:
        app: the app, or ``None`` to call :meth:`init_app` later.
        name: tells several instances on one app apart. The instance ``crm`` reads the settings
            ``CRM_SEATGUARD_*`` and needs a ``CRM_SEATGUARD_URL_PREFIX`` of its own.
        engine: an engine made elsewhere, for tests and for processes that share one; then
            ``SEATGUARD_STORAGE_URI`` is not needed. Whoever made it closes it.

    >>> from flask import Flask
    >>> app = Flask("shop")
    >>> app.config["SEATGUARD_STORAGE_URI"] = "memory:"
    >>> seats = Seatguard(app)
    >>> _ = seats.plan("duo", seats=2)
    >>> _ = seats.project("acme", plan="duo")
    >>> [seats.take("acme", user).allowed for user in ("ada", "bob", "cleo")]
    [True, True, False]
    """

    def __init__(
        self, app: Flask | None = None, *, name: str = DEFAULT_NAME, engine: Engine | None = None
    ) -> None:
        if not _NAME.fullmatch(name):
            raise Misconfigured(f"the name {name!r} is none: use lower-case letters, digits and underscores")
        self.name = name
        self._given_engine = engine
        # Not the apps: their states, and only as long as the apps live. See `_state`.
        self._states: weakref.WeakSet[State] = weakref.WeakSet()
        self.model_guards: list[ModelGuard] = []
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Read the settings and mount the API. No store is opened yet.

        Raises:
            Misconfigured: a setting is unknown, missing or cannot be used; the app has an instance of this
                name already; or two instances would serve the same paths.
        """
        states: dict[str, State] = app.extensions.setdefault(KEY, {})
        if self.name in states:
            raise Misconfigured(
                f"this app has a Seatguard named {self.name!r} already: call init_app once, and give a second"
                ' instance a name of its own, such as Seatguard(name="crm")'
            )
        prefix = PREFIX if self.name == DEFAULT_NAME else f"{self.name.upper()}_{PREFIX}"
        settings = Settings.from_config(app.config, prefix=prefix)
        state = State(
            self.name,
            app.name,
            settings,
            self._storage_uri(app, settings, prefix),
            self._given_engine,
            Switches(app.config, prefix),
        )
        state.holder_loader = lambda: self._holder_loader
        if settings.api_enabled:
            for other in states.values():
                if other.settings.api_enabled and other.settings.url_prefix == settings.url_prefix:
                    raise Misconfigured(
                        f"the Seatguards {other.name!r} and {self.name!r} would both serve"
                        f' {settings.url_prefix}: set {prefix}URL_PREFIX = "/{self.name}/api/v1"'
                    )
            self._mount(app, state)
        if not states:
            app.cli.add_command(command_group())
            answer_late_refusals(app)
            # No routes: only templates, which the app's own of the same names replace.
            app.register_blueprint(Blueprint("seatguard_templates", __name__, template_folder="templates"))
        states[self.name] = state
        self._states.add(state)
        app.extensions.setdefault(INSTANCES, {})[self.name] = self

    @property
    def engine(self) -> Engine:
        """The engine of the current app; its store is opened on first use.

        Outside an application context it is the engine of the one app there is.

        Raises:
            RuntimeError: no app, or several and none of them is current.
            StorageUnavailable: the store did not answer in time.
        """
        return self._state().engine

    @property
    def settings(self) -> Settings:
        """The settings of the current app."""
        return self._state().settings

    def plan(self, slug: str, *, seats: int | None) -> Plan:
        """Declare a plan: it is there afterwards, with that many seats.

        May be said at every start, by several processes at once. Another number than last time becomes the
        plan's next version, and its subscribers follow; holders beyond a lower number keep their seats.

        Args:
            seats: how many users; ``None`` is unlimited, ``0`` is none.

        Raises:
            InvalidInput: slug or number cannot be used.
            StorageUnavailable: the store did not answer in time.
        """
        return Declarations(self._state()).plan(slug, seats=seats)

    def project(
        self,
        name: str,
        *,
        plan: str | None = None,
        limit: int | None = None,
        domains: Sequence[str] = (),
        client: str | None = None,
    ) -> Project:
        """Declare a project with one service: both are there afterwards.

        May be said at every start, by several processes at once. Domains are added, never removed; a lower
        limit than seats are taken lets their users stay and refuses new ones.

        Args:
            name: of the project.
            plan: slug of the plan it is on.
            limit: seats of its own instead of the plan's, or without a plan; ``0`` is none.
            domains: host names from which the project calls the API.
            client: whose project it is, by external id; left out, a client of the project's name.

        Raises:
            InvalidInput: a value cannot be used, or there is neither plan nor limit.
            NotFound: no such plan.
            StorageUnavailable: the store did not answer in time.
        """
        return Declarations(self._state()).project(
            name, plan=plan, limit=limit, domains=tuple(domains), client=client
        )

    def guard(self, model: type[Any], *, project: Of, subject: Of, counts: Of | None = None) -> ModelGuard:
        """Take and free seats with the rows of a user model, through whatever door they come and go.

        Inserting, deleting, switching on or off, renaming and moving a user changes the register in the
        same transaction; a refusal raises and the transaction must be rolled back. Where the model lies in
        another database than Seatguard's, the seat is held first and confirmed after the commit.

        Args:
            model: a mapped class, of Flask-SQLAlchemy or of SQLAlchemy itself.
            project: name or id of the project, or a function of a user that answers one.
            subject: attribute or function that names the user: a login name, an id.
            counts: attribute or function that tells whether a user needs a seat; ``None`` is everybody.

        Raises (in the host's flush or bulk statement):
            Denied: there is no seat for one of the users.
            InvalidInput: project or subject of a user is missing, or a statement cannot be guarded.
            StorageUnavailable: the transaction lost a race; roll back and run it again.
        """
        from seatguard_flask.models import ModelGuard

        return ModelGuard(self, model, project=project, subject=subject, counts=counts)

    def reconcile(
        self,
        model: type[Any] | None = None,
        *,
        project: Of | None = None,
        subject: Of | None = None,
        counts: Of | None = None,
        created: Of | None = None,
        projects: Sequence[str] = (),
        session: Session | None = None,
        repair: bool = False,
        grace: float = 60,
    ) -> Report:
        """Compare the register with your user table, and with ``repair`` bring it in line with the table.

        The table decides; nobody is evicted to make room: a user for whom there is no seat is reported as
        refused. May run during traffic. Needs an application context.

        Args:
            model: a mapped class; ``None`` is all models given to :meth:`guard`. Their rows are always read
                too, since they own seats of the same projects.
            project, subject, counts: as in :meth:`guard`; for a guarded model they may be left out.
            created: attribute or function that tells when a user of the model was made, if there is one.
            projects: to look at besides those that users name; for a project whose last user is gone.
            session: of the host, to find its database; left out, Flask-SQLAlchemy's.
            grace: seconds; younger seats and users are left alone, as they may be in the making.

        Raises:
            Misconfigured: the model is not guarded and nothing says what its users mean; or no session.
            NotFound: no such project.
            StorageUnavailable: a database did not answer in time; running it again is safe.
        """
        from seatguard_flask.models import Meaning
        from seatguard_flask.reconciling import reconcile, tables

        meaning = None
        if model is not None and project is not None and subject is not None:
            meaning = Meaning(model=model, project=project, subject=subject, counts=counts)
        found = tables(self, model, meaning, session, created)
        return reconcile(self, found, projects=projects, repair=repair, grace=grace)

    def record_doors(self, file: str | os.PathLike[str] | None = None) -> DoorLog:
        """Note every INSERT into a guarded model's table that goes past the guard: in the log, and counted.

        For this process, until the log is closed. It refuses nothing.

        Args:
            file: to add a line to for each place; read by ``flask seatguard doors --runtime FILE``.
        """
        from seatguard_flask.doorlog import DoorLog

        return DoorLog(self, file)

    @property
    def invitations(self) -> Invitations:
        """Seats held for days for people who have no account yet."""
        from seatguard_flask.inviting import Invitations

        return Invitations(self)

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document of the mounted routes, for a host that serves it with its own."""
        from seatguard_flask.openapi import document

        return document(self._state().settings.url_prefix)

    def _mount(self, app: Flask, state: State) -> None:
        # Loads pydantic: a host that only imports the extension, or has no API, does not pay for it.
        from seatguard_flask.routes import CONVERTER, AnyText, blueprints
        from seatguard_flask.views import ROUTES

        app.url_map.converters[CONVERTER] = AnyText
        made = blueprints(state, ROUTES)
        for blueprint in made:
            app.register_blueprint(blueprint)
        csrf.exempt(app, made)
        if state.settings.validate_first:
            from seatguard_flask.first import ValidateFirst

            path = f"{state.settings.url_prefix}/validate-subscription"
            app.wsgi_app = ValidateFirst(app.wsgi_app, state, path)  # type: ignore[method-assign]

    def _storage_uri(self, app: Flask, settings: Settings, prefix: str) -> str:
        """Where to keep things; only an app under development may leave it unsaid."""
        key = f"{prefix}STORAGE_URI"
        if settings.storage_uri is not None or self._given_engine is not None:
            return settings.storage_uri or ""
        line = f'app.config["{key}"] = "sqlite:///seatguard.db"'
        if not (app.debug or app.testing):
            raise Misconfigured(f"{key} is not set: tell where seats are kept, for example {line}")
        if key not in _warned and not app.testing:
            _warned.add(key)
            logger.warning(
                "%s is not set: seats are kept in memory and lost at the end. Paste: %s", key, line
            )
        return "memory:"

    def _state(self) -> State:
        """The state of the current app. Declarations are made at import time, without a current app; if
        there is only one app, it is meant."""
        if has_app_context():
            state = current_app.extensions.get(KEY, {}).get(self.name)
            if isinstance(state, State):
                return state
            raise RuntimeError(
                f"the current app has no Seatguard named {self.name!r}: call init_app(app) before"
            )
        states = list(self._states)
        if len(states) == 1:
            return states[0]
        raise RuntimeError(
            "no app is current: use this inside `with app.app_context():`"
            if states
            else "this Seatguard has no app yet: pass it one, or call init_app(app), before using it"
        )
