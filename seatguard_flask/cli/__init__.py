"""The command line: ``seatguard``, and the same commands under ``flask seatguard``.

Importing this module loads click and nothing else of weight; each command loads what it needs when
it is called, so an application that mounts :func:`command_group` pays nothing for it.
"""

from __future__ import annotations

from importlib import import_module

import click

from seatguard_flask.cli.exits import EPILOG

COMMANDS = {
    "demo": "seatguard_flask.cli.demo:demo",
    "serve": "seatguard_flask.cli.serve:serve",
    "work": "seatguard_flask.cli.work:work",
    "apply": "seatguard_flask.cli.manifests:apply",
    "export": "seatguard_flask.cli.manifests:export",
    "plan": "seatguard_flask.cli.plans:plan",
    "client": "seatguard_flask.cli.clients:client",
    "project": "seatguard_flask.cli.projects:project",
    "service": "seatguard_flask.cli.services:service",
    "change": "seatguard_flask.cli.changes:change",
    "key": "seatguard_flask.cli.keys:key",
    "seats": "seatguard_flask.cli.seats:seats",
    "audit": "seatguard_flask.cli.audit:audit",
    "journal": "seatguard_flask.cli.journal:journal",
    "verify": "seatguard_flask.cli.audit:verify_counters",
    "reconcile": "seatguard_flask.cli.reconcile:reconcile",
    "doors": "seatguard_flask.cli.doors:doors",
    "doctor": "seatguard_flask.cli.doctor:doctor",
    "admin": "seatguard_flask.cli.administrators:admin",
    "db": "seatguard_flask.cli.db:db",
}
"""The commands and where they are."""


class _Commands(click.Group):
    """The commands in the order of their table, each loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


def command_group() -> click.Group:
    """The group of all commands, for ``app.cli.add_command``.

    >>> command_group().name
    'seatguard'
    """
    return _Commands(
        "seatguard",
        help="Seat limits that are never oversold: set them up, look at them, serve them.",
        epilog=EPILOG,
    )


def main() -> None:
    """The console script ``seatguard``."""
    group = click.version_option(package_name="seatguard", message="%(prog)s %(version)s")(command_group())
    group.main(prog_name="seatguard")
