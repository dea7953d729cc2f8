"""``flask seatguard doors``: where users can come in without a guard."""

from __future__ import annotations

import dataclasses

import click

from seatguard_flask.cli import output
from seatguard_flask.cli.exits import Exit, told
from seatguard_flask.cli.reconcile import application, instances
from seatguard_flask.cli.session import end, json_option


@click.command()
@click.option(
    "--runtime",
    metavar="FILE",
    multiple=True,
    help="Tell too what `seats.record_doors(FILE)` noted; may be given again.",
)
@json_option
def doors(as_json: bool, runtime: tuple[str, ...]) -> None:
    """Search the application for ways past the guards. Ends with 1 when there is one.

    Reads the source of routes, commands and modules, and runs none of them: it may be wrong both ways, and it
    prints what it cannot see. `seats.record_doors()` watches a running process, and sees other things.
    """
    with told(as_json):
        app = application("doors")
        from seatguard_flask import doorlog
        from seatguard_flask.doors import BLIND, Door
        from seatguard_flask.doors import doors as search

        recorded = doorlog.read(runtime)
        with app.app_context():
            found = search(app, instances(app))
    found += [
        Door(kind="insert", name=place, why=f"was seen to INSERT INTO {table} past the guard")
        for table, place in recorded.places
    ]
    rows = [dataclasses.asdict(door) for door in found]
    blind = {"This search": BLIND} | ({"A recording": doorlog.BLIND} if runtime else {})
    if as_json:
        cannot_see = [one for several in blind.values() for one in several]
        facts = {"ok": not rows, "doors": rows, "recordings": recorded.processes, "cannot_see": cannot_see}
        click.echo(output.as_json(facts))
    else:
        click.echo(output.columns(["kind", "name", "why"], rows, empty="No door was found."))
        if runtime:
            click.echo(f"\nRecorded by {recorded.processes} processes.")
        for who, several in blind.items():
            click.echo(f"\n{who} cannot see:\n" + "\n".join(f"- {one}" for one in several))
    end(Exit.FINDING if rows else Exit.OK)
