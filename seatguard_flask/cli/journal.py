"""``seatguard journal``: move older entries to a file."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from seatguard_flask.cli.options import INSTANT
from seatguard_flask.cli.output import as_json
from seatguard_flask.cli.session import Session, operation


@click.group()
def journal() -> None:
    """The journal's size: move older entries to files."""


@journal.command()
@click.option(
    "--before", type=INSTANT, required=True, help="First time that stays; 31 days ago at the latest."
)
@click.option(
    "--to",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="A new file, such as journal-2027.ndjson.gz; that of an interrupted call to go on with it.",
)
@operation
def archive(session: Session, before: dt.datetime, file: Path) -> None:
    """Move older entries to a compressed file of JSON lines, on record.

    The file is written and read back before an entry leaves the database. Interrupted, the same command goes
    on where it was. Keep the file: `seatguard audit verify --archive FILE` checks it together with the rest.
    """
    made = session.engine.archive(session.actor, before=before, file=file)
    if session.json:
        facts = {"archive": made.id, "before": made.before.isoformat(), "entries": made.entries}
        click.echo(as_json({**facts, "file": str(file)}))
    else:
        click.echo(f"{made.entries} entries of before {made.before:%Y-%m-%d %H:%M} UTC are in {file}")
