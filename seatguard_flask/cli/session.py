"""One run of a command: its engine, its actor, and how it finds what its arguments name."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import click

from seatguard import Actor, InvalidInput, Misconfigured, NotFound, Seatguard
from seatguard.clients.model import Client
from seatguard.manifest.paging import whole
from seatguard.projects.model import Project
from seatguard.subscriptions.model import Subscription
from seatguard_flask.cli.exits import Exit, told
from seatguard_flask.settings import PREFIX, Settings

if TYPE_CHECKING:
    from flask import Flask

P = ParamSpec("P")

storage_option = click.option(
    "--storage",
    metavar="URI",
    help="Where everything is kept, such as sqlite:///seats.db.  [default: $SEATGUARD_STORAGE_URI]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """What a command works with.

    Attributes:
        json: whether it prints for programs.
    """

    engine: Seatguard
    actor: Actor
    settings: Settings
    json: bool

    def client(self, named: str) -> Client:
        """A client by external id, id or name.

        Raises:
            InvalidInput: several clients have that name.
            NotFound: there is none.
        """
        found = self.engine.clients.find(self.actor, external_id=named)
        if found is not None:
            return found
        same = [
            client
            for client in whole(partial(self.engine.clients.list, self.actor))
            if named in (client.name, client.id)
        ]
        if len(same) > 1:
            ids = ", ".join(client.external_id or client.id for client in same)
            raise InvalidInput.single(
                "client", "ambiguous", f"{named!r} names {len(same)} clients: use one of {ids}"
            )
        if not same:
            raise NotFound("client", named)
        return same[0]

    def project(self, named: str) -> Project:
        """A project by id, by its name if no other has it, or as ``client/project``.

        Raises:
            InvalidInput: several projects have that name.
            NotFound: there is none.
        """
        projects = list(whole(partial(self.engine.projects.list, self.actor)))
        same = [project for project in projects if named in (project.name, project.id)]
        if len(same) == 1:
            return same[0]
        if same:
            names = ", ".join(self.full_name(project) for project in same)
            raise InvalidInput.single(
                "project", "ambiguous", f"{named!r} names {len(same)} projects: use an id, or one of {names}"
            )
        client_name, slash, project_name = named.rpartition("/")
        if slash:
            owner = self.client(client_name.strip())
            found = self.engine.projects.find(self.actor, client_id=owner.id, name=project_name.strip())
            if found is not None:
                return found
        raise NotFound("project", named)

    def service(self, named: str) -> Subscription:
        """A service by its number (``service_id``) or its id.

        Raises:
            NotFound: there is none.
        """
        if named.isascii() and named.isdigit() and len(named) < 10:
            return self.engine.subscriptions.numbered(self.actor, int(named))
        try:
            return self.engine.subscriptions.get(self.actor, named)
        except NotFound:
            raise NotFound("service", named) from None

    def full_name(self, project: Project) -> str:
        """``client/project``."""
        return f"{self.engine.clients.get(self.actor, project.client).name}/{project.name}"


def config_for(storage: str | None, *, gate: str | None = None) -> dict[str, Any]:
    """The ``SEATGUARD_*`` keys of a command: of the application under ``flask``, else of the environment.

    Args:
        storage: a storage URI that goes before the one found there, and before its gate.
        gate: a gate URI that goes before the one found there.
    """
    app = host_app()
    if app is not None:
        config = {key: value for key, value in app.config.items() if key.startswith(PREFIX)}
    else:
        # Only what is known: the environment is shared, and a variable of another tool is no error of ours.
        known = [f"{PREFIX}{field.name.upper()}" for field in dataclasses.fields(Settings)]
        config = {key: os.environ[key] for key in known if os.environ.get(key)}
    if storage is not None:
        config.pop(f"{PREFIX}GATE_URI", None)
        config[f"{PREFIX}STORAGE_URI"] = storage
    if gate is not None:
        config[f"{PREFIX}GATE_URI"] = gate
    return config


def host_app() -> Flask | None:
    """The application under whose ``flask`` command this one runs."""
    from flask import current_app, has_app_context
    from flask.cli import ScriptInfo

    if has_app_context():
        return current_app._get_current_object()  # type: ignore[attr-defined, no-any-return]
    info = click.get_current_context().find_object(ScriptInfo)
    return info.load_app() if info is not None else None


def settings_for(storage: str | None) -> Settings:
    """The settings of a command; see :func:`config_for`.

    Raises:
        Misconfigured: a setting cannot be used.
    """
    return Settings.from_config(config_for(storage))


def storage_uri(settings: Settings) -> str:
    """The storage URI, which a command cannot do without.

    Raises:
        Misconfigured: there is none.
    """
    if settings.storage_uri is None:
        raise Misconfigured(
            "no storage is named: give --storage with a URI such as sqlite:///seats.db,"
            " or set SEATGUARD_STORAGE_URI"
        )
    return settings.storage_uri


def operation(run: Callable[Concatenate[Session, P], None]) -> Callable[P, None]:
    """Make a function a command's body: with ``--storage`` and ``--json``, an engine, and told errors."""

    @functools.wraps(run)
    def body(storage: str | None, as_json: bool, **params: Any) -> None:
        with told(as_json):
            settings = settings_for(storage)
            with closing(settings.open_engine(storage_uri(settings))) as engine:
                context = click.get_current_context()
                name = " ".join(context.command_path.split()[1:]).removeprefix("seatguard ")
                run(Session(engine, engine.actor("cli", name), settings, as_json), **params)  # type: ignore[call-arg]

    return storage_option(json_option(body))  # type: ignore[return-value]


def end(code: Exit) -> None:
    """End the command with a code; nothing to do for ``OK``."""
    if code is not Exit.OK:
        click.get_current_context().exit(code)
