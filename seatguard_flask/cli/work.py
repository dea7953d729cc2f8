"""``seatguard work``: chores in the background."""

from __future__ import annotations

import signal
import threading

import click

from seatguard_flask.cli.output import as_json
from seatguard_flask.cli.session import Session, operation


@click.command()
@click.option("--once", is_flag=True, help="Do everything once and end.")
@operation
def work(session: Session, once: bool) -> None:
    """Do the chores until stopped: relay, sweep, make due changes, sign checkpoints, drop old replies.

    Needed beside a gate of its own, whose entries it moves into the ledger, and good everywhere: run one or
    two of it. SIGTERM and Ctrl-C end it when what it is doing is done.
    """
    from seatguard.worker import Worker

    worker = Worker(session.engine)
    if once:
        done = dict(worker.once())
        told = ", ".join(f"{name} {count}" for name, count in done.items()) or "nothing to do"
        click.echo(as_json(done) if session.json else told)
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    click.echo(as_json({"working": True}) if session.json else "Seatguard works (stop with Ctrl-C).")
    worker.run(stop)
