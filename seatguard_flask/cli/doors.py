"""``flask seatguard doors``: where users can come in without a guard."""

from __future__ import annotations

import dataclasses

import click

from seatguard_flask.cli import output
from seatguard_flask.cli.exits import Exit, told
from seatguard_flask.cli.reconcile import application, instances
from seatguard_flask.cli.session import end, json_option


@click.command()
@json_option
def doors(as_json: bool) -> None:
    """Search the application for ways past the guards. Ends with 1 when there is one.

    Reads the source of routes, commands and modules, and runs none of them: it may be wrong both ways, and it
    prints what it cannot see. `seats.record_doors()` watches a running process.
    """
    with told(as_json):
        app = application("doors")
        from seatguard_flask.doors import BLIND
        from seatguard_flask.doors import doors as search

        with app.app_context():
            found = search(app, instances(app))
    rows = [dataclasses.asdict(door) for door in found]
    if as_json:
        click.echo(output.as_json({"ok": not rows, "doors": rows, "cannot_see": BLIND}))
    else:
        click.echo(output.columns(["kind", "name", "why"], rows, empty="No door was found."))
        click.echo("\nThis search cannot see:\n" + "\n".join(f"- {one}" for one in BLIND))
    end(Exit.FINDING if rows else Exit.OK)
